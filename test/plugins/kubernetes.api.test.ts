import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Secret, type Props, type ResourceContext, type ResourceKind } from "../../rehearsal/plugins/contract";
import { isObject } from "../../rehearsal/plugins/encoding";
import { PartialFailure } from "../../rehearsal/plugins/failure";
import { closeKubernetes, kubernetesPackage } from "../../rehearsal/plugins/kubernetes";
import { Client } from "../../rehearsal/plugins/kubernetes/client";
import { planAccess } from "../../rehearsal/plugins/kubernetes/kubeconfig";
import { missingBinaries, startApiServer, type ApiServer } from "./kubernetesServer";

const missing = missingBinaries();
if (missing) console.warn(`The tests against a real API server are skipped: ${missing}.`);

const kind = kubernetesPackage().kindOf?.("kubernetes:v1:Any") as Required<ResourceKind>;

function plain(value: unknown): unknown {
  if (value instanceof Secret) return plain(value.value);
  if (Array.isArray(value)) return value.map(plain);
  return isObject(value) ? Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)])) : value;
}

/** One resource in the engine's hands: what it would keep in state. */
interface State {
  ctx: ResourceContext;
  id: string;
  inputs: Props;
  outputs: Props;
}

describe.skipIf(missing !== undefined)("the kubernetes stand-in with a real API server", () => {
  let api: ApiServer;
  let client: Client;

  beforeAll(async () => {
    api = await startApiServer();
    client = new Client(planAccess({ kubeconfig: api.kubeconfig }));
  });

  afterAll(async () => {
    client.close();
    closeKubernetes();
    await api.close();
  });

  const contextOf = (type: string, options: { config?: Props; timeoutSeconds?: number } = {}): ResourceContext => ({
    urn: `urn:pulumi:s::p::${type}::it`,
    type,
    name: "it",
    stack: "s",
    config: { kubeconfig: api.kubeconfig, ...options.config },
    signal: new AbortController().signal,
    timeoutSeconds: options.timeoutSeconds,
  });

  const check = (ctx: ResourceContext, inputs: Props, olds: Props = {}): Props =>
    plain(kind.check(ctx, inputs, olds).inputs) as Props;

  async function create(
    inputs: Props,
    options: { type?: string; config?: Props; timeoutSeconds?: number } = {},
  ): Promise<State> {
    const ctx = contextOf(options.type ?? `kubernetes:${String(inputs.apiVersion)}:${String(inputs.kind)}`, options);
    const checked = check(ctx, inputs);
    const { id, outputs } = await kind.create(ctx, checked);
    return { ctx, id, inputs: checked, outputs: plain(outputs) as Props };
  }

  async function update(state: State, news: Props): Promise<State> {
    const inputs = check(state.ctx, news, state.inputs);
    return { ...state, inputs, outputs: plain(await kind.update(state.ctx, state.id, state, inputs)) as Props };
  }

  const remove = (state: State): Promise<void> => kind.delete(state.ctx, state.id, state.outputs);

  const configMap = (name: string, data: Props, metadata: Props = {}): Props => ({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name, namespace: "default", ...metadata },
    data,
  });

  const liveMap = (name: string) => client.get({ apiVersion: "v1", kind: "ConfigMap", namespace: "default", name });

  it("creates, reads, updates and deletes an object, and drops fields that the program drops", async () => {
    let state = await create(configMap("life", { a: "1", b: "2" }));
    expect(state.id).toBe("default/life");
    expect(state.outputs.metadata).not.toHaveProperty("managedFields");
    expect(state.outputs.__fieldManager).toMatch(/^pulumi-kubernetes-[0-9a-f]{8}$/);

    state = await update(state, configMap("life", { b: "3" }));
    expect(state.outputs.data).toEqual({ b: "3" });
    const managers = (await liveMap("life")).metadata.managedFields?.map(({ manager, operation }) => [
      manager,
      operation,
    ]);
    expect(managers).toEqual([[state.outputs.__fieldManager, "Apply"]]);

    const read = await kind.read(state.ctx, state.id, state.inputs, state.outputs);
    expect(read?.inputs).toEqual(state.inputs);
    await remove(state);
    expect(await kind.read(state.ctx, state.id, state.inputs, state.outputs)).toBeUndefined();
    await remove(state);
  });

  it("shows a change by somebody else after a refresh, and puts it back", async () => {
    const state = await create(configMap("drift", { a: "1" }));
    const path = "/api/v1/namespaces/default/configmaps/drift";
    await client.request("PATCH", path, {
      body: { data: { a: "2", z: "other" } },
      contentType: "application/merge-patch+json",
      query: { fieldManager: "somebody" },
    });
    const read = await kind.read(state.ctx, state.id, state.inputs, state.outputs);
    const inputs = plain(read?.inputs) as Props;
    expect(inputs.data).toEqual({ a: "2" });
    const { changes } = kind.diff(state.ctx, state.id, { inputs, outputs: state.outputs }, state.inputs);
    expect(changes.map((change) => change.path)).toEqual(["data.a"]);
    await expect(update(state, state.inputs)).rejects.toThrow(/field conflict/);
    const forced = configMap("drift", { a: "1" }, { annotations: { "pulumi.com/patchForce": "true" } });
    expect((await update(state, forced)).outputs.data).toEqual({ a: "1", z: "other" });
  });

  it("refuses to create what exists, unless the provider upserts", async () => {
    await create(configMap("twice", { a: "1" }));
    await expect(create(configMap("twice", { a: "1" }))).rejects.toThrow(/already exists.*upsertExistingObjects/s);
    const again = await create(configMap("twice", { a: "1" }), { config: { upsertExistingObjects: true } });
    expect(again.outputs.data).toEqual({ a: "1" });
  });

  it("patches an object that something else made, and lets go of its fields again", async () => {
    await client.request("POST", "/api/v1/nodes", {
      body: { apiVersion: "v1", kind: "Node", metadata: { name: "gateway-1", labels: { own: "yes" } } },
    });
    const patch = (labels: Props): Props => ({
      apiVersion: "v1",
      kind: "Node",
      metadata: { name: "gateway-1", labels },
    });
    let state = await create(patch({ "submariner.io/gateway": "true", extra: "1" }), {
      type: "kubernetes:core/v1:NodePatch",
    });
    expect(state.id).toBe("gateway-1");
    state = await update(state, patch({ "submariner.io/gateway": "true" }));
    const labels = async () =>
      (await client.get({ apiVersion: "v1", kind: "Node", name: "gateway-1" })).metadata.labels;
    expect(await labels()).toEqual({ own: "yes", "submariner.io/gateway": "true" });
    await remove(state);
    expect(await labels()).toEqual({ own: "yes" });
    await client.request("DELETE", "/api/v1/nodes/gateway-1");
    await remove(state);
    await expect(client.get({ apiVersion: "v1", kind: "Node", name: "gateway-1" })).rejects.toThrow(/not found/);
  });

  it("does not create the object that a patch is for", async () => {
    const inputs = { apiVersion: "v1", kind: "Node", metadata: { name: "nobody", labels: { a: "b" } } };
    await expect(create(inputs, { type: "kubernetes:core/v1:NodePatch", timeoutSeconds: 2 })).rejects.toThrow(
      /nodes "nobody" not found/,
    );
    await expect(client.get({ apiVersion: "v1", kind: "Node", name: "nobody" })).rejects.toThrow(/not found/);
  });

  const definition: Props = {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "bridges.test.io", creationTimestamp: null },
    spec: {
      group: "test.io",
      scope: "Namespaced",
      names: { plural: "bridges", singular: "bridge", kind: "Bridge", listKind: "BridgeList" },
      versions: [
        {
          name: "v1",
          served: true,
          storage: true,
          subresources: { status: {} },
          schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
        },
      ],
    },
  };
  const bridge = (name: string, metadata: Props = {}): Props => ({
    apiVersion: "test.io/v1",
    kind: "Bridge",
    metadata: { name, namespace: "islands", ...metadata },
    spec: { to: "london" },
  });

  it("makes a custom resource whose definition and namespace are made at the same time, and replaces a definition in place", async () => {
    const waiting = create(bridge("early"));
    const [made] = await Promise.all([
      create(definition),
      create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "islands" } }),
    ]);
    expect((await waiting).id).toBe("islands/early");
    const versions = (definition.spec as { versions: Props[] }).versions;
    const wider = {
      ...definition,
      spec: {
        ...(definition.spec as Props),
        versions: [
          { ...versions[0], additionalPrinterColumns: [{ name: "To", type: "string", jsonPath: ".spec.to" }] },
        ],
      },
    };
    const { outputs } = await update(made, wider);
    expect(JSON.stringify(outputs)).toContain("additionalPrinterColumns");
    expect(
      (await client.get({ apiVersion: "test.io/v1", kind: "Bridge", namespace: "islands", name: "early" })).spec,
    ).toEqual({ to: "london" });
  });

  it("says which definition is missing", async () => {
    await expect(create({ ...bridge("x"), kind: "Tunnel" }, { timeoutSeconds: 2 })).rejects.toThrow(
      /does not know this kind.*"Tunnel"/,
    );
  });

  it("waits as the annotation pulumi.com/waitFor says", async () => {
    const waiting = create(bridge("slow", { annotations: { "pulumi.com/waitFor": "jsonpath={.status.phase}=Up" } }));
    setTimeout(() => {
      const path = "/apis/test.io/v1/namespaces/islands/bridges/slow/status";
      void client.request("PATCH", path, {
        body: { status: { phase: "Up" } },
        contentType: "application/merge-patch+json",
      });
    }, 1500);
    expect((await waiting).outputs.status).toEqual({ phase: "Up" });
  });

  it("waits for finalizers at deletion, and names them when they do not end", async () => {
    const state = await create(bridge("held", { finalizers: ["test.io/cleanup"] }));
    await expect(kind.delete({ ...state.ctx, timeoutSeconds: 2 }, state.id, state.outputs)).rejects.toThrow(
      /not gone 2 s after.*test\.io\/cleanup.*kubectl get bridge\.test\.io\/held -n islands/,
    );
    const path = "/apis/test.io/v1/namespaces/islands/bridges/held";
    setTimeout(
      () =>
        void client.request("PATCH", path, {
          body: { metadata: { finalizers: [] } },
          contentType: "application/merge-patch+json",
        }),
      1000,
    );
    await remove(state);
    await expect(
      client.get({ apiVersion: "test.io/v1", kind: "Bridge", namespace: "islands", name: "held" }),
    ).rejects.toThrow(/not found/);
  });

  it("takes an object whose definition is gone for gone", async () => {
    const state = await create(bridge("orphan"));
    await client.request("DELETE", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/bridges.test.io");
    await expect
      .poll(() => kind.read(state.ctx, state.id, state.inputs, state.outputs), { timeout: 30_000, interval: 500 })
      .toBeUndefined();
    await remove(state);
  });

  it("waits for the token of a service account", async () => {
    const metadata = { name: "cluster-oregon", namespace: "default" };
    await create({ apiVersion: "v1", kind: "ServiceAccount", metadata });
    const annotations = { "kubernetes.io/service-account.name": "cluster-oregon" };
    const type = "kubernetes.io/service-account-token";
    const state = await create({ apiVersion: "v1", kind: "Secret", type, metadata: { ...metadata, annotations } });
    expect(Object.keys(state.outputs.data as Props).sort()).toEqual(["ca.crt", "namespace", "token"]);
    const { changes } = kind.diff(state.ctx, state.id, state, state.inputs);
    expect(changes).toEqual([]);
  });

  it("keeps a deployment that does not become ready in state, with what was seen last, and finishes by an update", async () => {
    const labels = { app: "web" };
    const inputs: Props = {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "web", namespace: "default" },
      spec: {
        replicas: 1,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: [{ name: "web", image: "none" }] } },
      },
    };
    const failure = await create(inputs, { timeoutSeconds: 3 }).catch((error: unknown) => error);
    if (!(failure instanceof PartialFailure)) throw failure;
    expect(failure.message).toMatch(
      /Deployment default\/web was not ready within 3 s; last seen: 0 of 1 pods ready.*pod web-.*kubectl describe deployment\.apps\/web -n default/,
    );
    expect(failure.partial.id).toBe("default/web");

    // In the place of a kubelet, which is not here.
    const pods = await client.list("v1", "Pod", "default", "app=web");
    expect(pods).toHaveLength(1);
    const path = `/api/v1/namespaces/default/pods/${pods[0]?.metadata.name}/status`;
    const conditions = ["PodScheduled", "Initialized", "ContainersReady", "Ready"].map((type) => ({
      type,
      status: "True",
    }));
    await client.request("PATCH", path, {
      body: { status: { phase: "Running", conditions } },
      contentType: "application/merge-patch+json",
    });
    const ctx = contextOf("kubernetes:apps/v1:Deployment");
    const outputs = plain(failure.partial.outputs) as Props;
    const state = await update({ ctx, id: failure.partial.id, inputs, outputs }, inputs);
    expect(state.outputs.status).toMatchObject({ readyReplicas: 1 });
    await expect(kind.delete({ ...state.ctx, timeoutSeconds: 1 }, state.id, state.outputs)).rejects.toThrow(
      /foregroundDeletion/,
    );
  });

  it("lets the program skip the wait", async () => {
    const labels = { app: "skipped" };
    const spec = {
      replicas: 3,
      serviceName: "db",
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: "db", image: "none" }] } },
    };
    const annotations = { "pulumi.com/skipAwait": "true" };
    const state = await create({
      apiVersion: "apps/v1",
      kind: "StatefulSet",
      metadata: { name: "db", namespace: "default", annotations },
      spec,
    });
    expect(state.id).toBe("default/db");
  });

  it("waits until a namespace is gone with all that is in it", async () => {
    const state = await create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "short" } });
    await create({ ...configMap("inside", { a: "b" }), metadata: { name: "inside", namespace: "short" } });
    await remove(state);
    await expect(client.get({ apiVersion: "v1", kind: "Namespace", name: "short" })).rejects.toThrow(/not found/);
  });

  it("puts objects without a namespace into the provider's", async () => {
    const state = await create(
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
    expect((await create(role, { config: { namespace: "kube-public" } })).id).toBe("wide");
    expect(kind.diff(state.ctx, state.id, state, state.inputs).changes).toEqual([]);
  });

  it("calls a cluster unreachable where nobody listens, and forgets its objects when told to", async () => {
    const kubeconfig = api.kubeconfig.replace(`:${api.port}`, ":1");
    const state = await create(configMap("stranded", {}));
    const away = { ...state, ctx: { ...state.ctx, config: { kubeconfig } } };
    await expect(remove(away)).rejects.toThrow(/unreachable/);
    await expect(kind.read(away.ctx, away.id, away.inputs, away.outputs)).rejects.toThrow(/unreachable/);
    const forgiving = { ...away.ctx, config: { kubeconfig, deleteUnreachable: true } };
    await kind.delete(forgiving, away.id, away.outputs);
    expect(await kind.read(forgiving, away.id, away.inputs, away.outputs)).toBeUndefined();
    await expect(create(configMap("y", {}), { config: { kubeconfig }, timeoutSeconds: 1 })).rejects.toThrow(
      /cluster is unreachable.*ECONNREFUSED/,
    );
  });
});
