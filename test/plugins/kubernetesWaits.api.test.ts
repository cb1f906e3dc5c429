import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Props } from "../../rehearsal/plugins/contract";
import { PartialFailure } from "../../rehearsal/plugins/failure";
import { configMap, kind, plain, PretendEngine, skipReason } from "./kubernetesEngine";

describe.skipIf(skipReason() !== undefined)("waits of the kubernetes stand-in with a real API server", () => {
  let engine: PretendEngine;

  beforeAll(async () => {
    engine = await PretendEngine.start();
  });

  afterAll(() => engine?.stop());

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
    const waiting = engine.create(bridge("early"));
    const [made] = await Promise.all([
      engine.create(definition),
      engine.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "islands" } }),
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
    const { outputs } = await engine.update(made, wider);
    expect(JSON.stringify(outputs)).toContain("additionalPrinterColumns");
    expect(
      (await engine.client.get({ apiVersion: "test.io/v1", kind: "Bridge", namespace: "islands", name: "early" })).spec,
    ).toEqual({ to: "london" });
  });

  it("says which definition is missing", async () => {
    await expect(engine.create({ ...bridge("x"), kind: "Tunnel" }, { timeoutSeconds: 2 })).rejects.toThrow(
      /does not know this kind.*"Tunnel"/,
    );
  });

  it("waits as the annotation pulumi.com/waitFor says", async () => {
    const waiting = engine.create(
      bridge("slow", { annotations: { "pulumi.com/waitFor": "jsonpath={.status.phase}=Up" } }),
    );
    setTimeout(() => {
      const path = "/apis/test.io/v1/namespaces/islands/bridges/slow/status";
      void engine.client.request("PATCH", path, {
        body: { status: { phase: "Up" } },
        contentType: "application/merge-patch+json",
      });
    }, 1500);
    expect((await waiting).outputs.status).toEqual({ phase: "Up" });
  });

  it("waits for finalizers at deletion, and names them when they do not end", async () => {
    const state = await engine.create(bridge("held", { finalizers: ["test.io/cleanup"] }));
    await expect(kind.delete({ ...state.ctx, timeoutSeconds: 2 }, state.id, state.outputs)).rejects.toThrow(
      /not gone 2 s after.*test\.io\/cleanup.*kubectl get bridge\.test\.io\/held -n islands/,
    );
    const path = "/apis/test.io/v1/namespaces/islands/bridges/held";
    setTimeout(
      () =>
        void engine.client.request("PATCH", path, {
          body: { metadata: { finalizers: [] } },
          contentType: "application/merge-patch+json",
        }),
      1000,
    );
    await engine.remove(state);
    await expect(
      engine.client.get({ apiVersion: "test.io/v1", kind: "Bridge", namespace: "islands", name: "held" }),
    ).rejects.toThrow(/not found/);
  });

  it("takes an object whose definition is gone for gone", async () => {
    const state = await engine.create(bridge("orphan"));
    await engine.client.request("DELETE", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/bridges.test.io");
    await expect
      .poll(() => kind.read(state.ctx, state.id, state.inputs, state.outputs), { timeout: 30_000, interval: 500 })
      .toBeUndefined();
    await engine.remove(state);
  });

  it("waits for the token of a service account", async () => {
    const metadata = { name: "cluster-oregon", namespace: "default" };
    await engine.create({ apiVersion: "v1", kind: "ServiceAccount", metadata });
    const annotations = { "kubernetes.io/service-account.name": "cluster-oregon" };
    const type = "kubernetes.io/service-account-token";
    const state = await engine.create({
      apiVersion: "v1",
      kind: "Secret",
      type,
      metadata: { ...metadata, annotations },
    });
    expect(Object.keys(state.outputs.data as Props).sort()).toEqual(["ca.crt", "namespace", "token"]);
    const { changes } = kind.diff(state.ctx, state.id, state, state.inputs);
    expect(changes).toEqual([]);
  });

  it("keeps a deployment that is not ready in state, with what was seen last, and finishes by an update", async () => {
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
    const failure = await engine.create(inputs, { timeoutSeconds: 3 }).catch((error: unknown) => error);
    if (!(failure instanceof PartialFailure)) throw failure;
    expect(failure.message).toMatch(
      /Deployment default\/web was not ready within 3 s; last seen: 0 of 1 pods ready.*kubectl describe deployment\.apps\/web -n default.*pod web-/,
    );
    expect(failure.partial.id).toBe("default/web");

    // In the place of a kubelet, which is not here.
    const pods = await engine.client.list("v1", "Pod", "default", "app=web");
    expect(pods).toHaveLength(1);
    const path = `/api/v1/namespaces/default/pods/${pods[0]?.metadata.name}/status`;
    const conditions = ["PodScheduled", "Initialized", "ContainersReady", "Ready"].map((type) => ({
      type,
      status: "True",
    }));
    await engine.client.request("PATCH", path, {
      body: { status: { phase: "Running", conditions } },
      contentType: "application/merge-patch+json",
    });
    const ctx = engine.context("kubernetes:apps/v1:Deployment");
    const outputs = plain(failure.partial.outputs) as Props;
    const state = await engine.update({ ctx, id: failure.partial.id, inputs, outputs }, inputs);
    expect(state.outputs.status).toMatchObject({ readyReplicas: 1 });
    await engine.remove(state);
    expect(await engine.client.list("v1", "Pod", "default", "app=web")).toEqual([]);
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
    const state = await engine.create({
      apiVersion: "apps/v1",
      kind: "StatefulSet",
      metadata: { name: "db", namespace: "default", annotations },
      spec,
    });
    expect(state.id).toBe("default/db");
  });

  it("waits until a namespace is gone with all that is in it", async () => {
    const state = await engine.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "short" } });
    await engine.create({ ...configMap("inside", { a: "b" }), metadata: { name: "inside", namespace: "short" } });
    await engine.remove(state);
    await expect(engine.client.get({ apiVersion: "v1", kind: "Namespace", name: "short" })).rejects.toThrow(
      /not found/,
    );
  });
});
