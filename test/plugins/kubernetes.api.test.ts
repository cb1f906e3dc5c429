import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Props } from "../../rehearsal/plugins/contract";
import { configMap, kind, plain, PretendEngine, skipReason } from "./kubernetesEngine";

describe.skipIf(skipReason() !== undefined)("the kubernetes stand-in with a real API server", () => {
  let engine: PretendEngine;

  beforeAll(async () => {
    engine = await PretendEngine.start();
  });

  afterAll(() => engine?.stop());

  const liveMap = (name: string) =>
    engine.client.get({ apiVersion: "v1", kind: "ConfigMap", namespace: "default", name });

  it("creates, reads, updates and deletes an object, and drops fields that the program drops", async () => {
    let state = await engine.create(configMap("life", { a: "1", b: "2" }));
    expect(state.id).toBe("default/life");
    expect(state.outputs.metadata).not.toHaveProperty("managedFields");
    expect(state.outputs.__fieldManager).toMatch(/^pulumi-kubernetes-[0-9a-f]{8}$/);

    state = await engine.update(state, configMap("life", { b: "3" }));
    expect(state.outputs.data).toEqual({ b: "3" });
    const managers = (await liveMap("life")).metadata.managedFields?.map(({ manager, operation }) => [
      manager,
      operation,
    ]);
    expect(managers).toEqual([[state.outputs.__fieldManager, "Apply"]]);

    const read = await kind.read(state.ctx, state.id, state.inputs, state.outputs);
    expect(read?.inputs).toEqual(state.inputs);
    await engine.remove(state);
    expect(await kind.read(state.ctx, state.id, state.inputs, state.outputs)).toBeUndefined();
    await engine.remove(state);
  });

  it("shows a change by somebody else after a refresh, and puts it back", async () => {
    const state = await engine.create(configMap("drift", { a: "1" }));
    const path = "/api/v1/namespaces/default/configmaps/drift";
    await engine.client.request("PATCH", path, {
      body: { data: { a: "2", z: "other" } },
      contentType: "application/merge-patch+json",
      query: { fieldManager: "somebody" },
    });
    const read = await kind.read(state.ctx, state.id, state.inputs, state.outputs);
    const inputs = plain(read?.inputs) as Props;
    expect(inputs.data).toEqual({ a: "2" });
    const { changes } = kind.diff(state.ctx, state.id, { inputs, outputs: state.outputs }, state.inputs);
    expect(changes.map((change) => change.path)).toEqual(["data.a"]);
    await expect(engine.update(state, state.inputs)).rejects.toThrow(/field conflict/);
    const forced = configMap("drift", { a: "1" }, { annotations: { "pulumi.com/patchForce": "true" } });
    expect((await engine.update(state, forced)).outputs.data).toEqual({ a: "1", z: "other" });
  });

  it("refuses to create what exists, unless the provider upserts", async () => {
    await engine.create(configMap("twice", { a: "1" }));
    await expect(engine.create(configMap("twice", { a: "1" }))).rejects.toThrow(
      /already exists.*upsertExistingObjects/s,
    );
    const again = await engine.create(configMap("twice", { a: "1" }), { config: { upsertExistingObjects: true } });
    expect(again.outputs.data).toEqual({ a: "1" });
  });

  it("patches an object that something else made, and lets go of its fields again", async () => {
    await engine.client.request("POST", "/api/v1/nodes", {
      body: { apiVersion: "v1", kind: "Node", metadata: { name: "gateway-1", labels: { own: "yes" } } },
    });
    const patch = (labels: Props): Props => ({
      apiVersion: "v1",
      kind: "Node",
      metadata: { name: "gateway-1", labels },
    });
    let state = await engine.create(patch({ "submariner.io/gateway": "true", extra: "1" }), {
      type: "kubernetes:core/v1:NodePatch",
    });
    expect(state.id).toBe("gateway-1");
    state = await engine.update(state, patch({ "submariner.io/gateway": "true" }));
    const labels = async () =>
      (await engine.client.get({ apiVersion: "v1", kind: "Node", name: "gateway-1" })).metadata.labels;
    expect(await labels()).toEqual({ own: "yes", "submariner.io/gateway": "true" });
    await engine.remove(state);
    expect(await labels()).toEqual({ own: "yes" });
    await engine.client.request("DELETE", "/api/v1/nodes/gateway-1");
    await engine.remove(state);
    await expect(engine.client.get({ apiVersion: "v1", kind: "Node", name: "gateway-1" })).rejects.toThrow(/not found/);
  });

  it("does not create the object that a patch is for", async () => {
    const inputs = { apiVersion: "v1", kind: "Node", metadata: { name: "nobody", labels: { a: "b" } } };
    await expect(engine.create(inputs, { type: "kubernetes:core/v1:NodePatch", timeoutSeconds: 2 })).rejects.toThrow(
      /nodes "nobody" not found/,
    );
    await expect(engine.client.get({ apiVersion: "v1", kind: "Node", name: "nobody" })).rejects.toThrow(/not found/);
  });

  it("puts objects without a namespace into the provider's", async () => {
    const state = await engine.create(
      { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "placed" } },
      { config: { namespace: "kube-public" } },
    );
    expect(state.id).toBe("kube-public/placed");
    const role = {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRole",
      metadata: { name: "wide" },
      rules: [],
    };
    expect((await engine.create(role, { config: { namespace: "kube-public" } })).id).toBe("wide");
    expect(kind.diff(state.ctx, state.id, state, state.inputs).changes).toEqual([]);
  });

  it("calls a cluster unreachable where nobody listens, and forgets its objects when told to", async () => {
    const kubeconfig = engine.api.kubeconfig.replace(`:${engine.api.port}`, ":1");
    const state = await engine.create(configMap("stranded", {}));
    const away = { ...state, ctx: { ...state.ctx, config: { kubeconfig } } };
    await expect(engine.remove(away)).rejects.toThrow(/unreachable/);
    await expect(kind.read(away.ctx, away.id, away.inputs, away.outputs)).rejects.toThrow(/unreachable/);
    const forgiving = { ...away.ctx, config: { kubeconfig, deleteUnreachable: true } };
    await kind.delete(forgiving, away.id, away.outputs);
    expect(await kind.read(forgiving, away.id, away.inputs, away.outputs)).toBeUndefined();
    await expect(engine.create(configMap("y", {}), { config: { kubeconfig }, timeoutSeconds: 1 })).rejects.toThrow(
      /cluster is unreachable.*ECONNREFUSED/,
    );
  });
});
