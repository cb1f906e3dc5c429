import { describe, expect, it } from "vitest";
import { Secret, type Props } from "../../rehearsal/plugins/contract";
import { UNKNOWN } from "../../rehearsal/plugins/encoding";
import { planTakeOver } from "../../rehearsal/plugins/kubernetes/apply";
import { planAccess, pointsElsewhere } from "../../rehearsal/plugins/kubernetes/kubeconfig";
import { parseQuantity, planLiveInputs, planOutputs } from "../../rehearsal/plugins/kubernetes/live";
import type { KubeObject } from "../../rehearsal/plugins/kubernetes/objects";
import { renderObstacles } from "../../rehearsal/plugins/kubernetes/remove";

describe("state of kubernetes objects", () => {
  const live: KubeObject = {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "web", namespace: "shop", uid: "u", managedFields: [{ manager: "m" }] },
    spec: {
      replicas: 5,
      paused: undefined,
      template: { cpu: "500m", extra: "from a default", list: [{ a: 1, b: 2 }, { c: 3 }] },
    },
    status: { replicas: 5 },
  };

  it("refreshes inputs with live values at their own paths, keeping the spelling of what means the same", () => {
    const template = { cpu: 0.5, list: [{ a: 1 }], none: [], gone: "x" };
    const metadata = { name: "web", namespace: "shop" };
    const inputs = { apiVersion: "apps/v1", kind: "Deployment", metadata, spec: { replicas: 2, template } };
    expect(planLiveInputs(live, inputs)).toEqual({
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "web", namespace: "shop" },
      spec: { replicas: 5, template: { cpu: 0.5, list: [{ a: 1 }], none: [] } },
    });
  });

  it("reads quantities in every unit", () => {
    expect(["1", "500m", "1Gi", "2e3", ".5k"].map(parseQuantity)).toEqual([1, 0.5, 1073741824, 2000, 500]);
    expect(["", "x", "1Z"].map(parseQuantity)).toEqual([undefined, undefined, undefined]);
  });

  it("keeps managed fields out of outputs and marks the data of Secrets", () => {
    const outputs = planOutputs(live, "pulumi-kubernetes-01234567");
    expect(outputs.metadata).toEqual({ name: "web", namespace: "shop", uid: "u" });
    expect(outputs).toMatchObject({ __fieldManager: "pulumi-kubernetes-01234567", __initialApiVersion: "apps/v1" });
    const secret = { apiVersion: "v1", kind: "Secret", metadata: { name: "s" }, data: { k: "dg==" } };
    expect(planOutputs(secret, "m").data).toEqual(new Secret({ k: "dg==" }));
  });

  it("hands the fields of the creator to the resource's own manager, and only those", () => {
    const entry = (manager: string, operation: string, fields: Props, rest: Props = {}) => ({
      manager,
      operation,
      apiVersion: "v1",
      fieldsV1: fields,
      ...rest,
    });
    const managed = [
      entry("pulumi-kubernetes", "Update", { "f:data": { "f:a": {} } }),
      entry("kubectl", "Update", { "f:data": { "f:b": {} } }),
      entry("kubectl", "Update", { "f:status": {} }, { subresource: "status" }),
      entry("controller", "Update", { "f:x": {} }),
      entry("mine", "Apply", { "f:data": { "f:c": {} } }),
    ];
    expect(planTakeOver(managed, "mine")).toEqual([
      managed[2],
      managed[3],
      entry("mine", "Apply", { "f:data": { "f:a": {}, "f:b": {}, "f:c": {} } }),
    ]);
    expect(planTakeOver([entry("x", "Update", {})], "mine")).toEqual([entry("x", "Update", {})]);
  });

  it("says what holds up a deletion", () => {
    const metadata = { name: "n", finalizers: ["controllers.submariner.io/cleanup"] };
    expect(renderObstacles({ apiVersion: "v1", kind: "X", metadata })).toContain("controllers.submariner.io/cleanup");
    const conditions = [
      { type: "NamespaceContentRemaining", status: "True", message: "pods. has 3 resource instances" },
    ];
    const namespace = {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: "n" },
      spec: { finalizers: ["kubernetes"] },
      status: { conditions },
    };
    expect(renderObstacles(namespace)).toMatch(/kubernetes are not done; pods. has 3 resource instances/);
  });
});

describe("kubeconfigs", () => {
  const kubeconfig = (over: { server?: string; ca?: string; cert?: string; user?: Props } = {}): string =>
    JSON.stringify({
      "current-context": "c",
      clusters: [
        {
          name: "k",
          cluster: {
            server: over.server ?? "https://198.18.1.1:6443",
            "tls-server-name": "kubernetes",
            "certificate-authority-data": over.ca ?? "Y2E=",
          },
        },
      ],
      users: [
        {
          name: "u",
          user: over.user ?? { "client-certificate-data": over.cert ?? "Y2VydA==", "client-key-data": "a2V5" },
        },
      ],
      contexts: [
        { name: "c", context: { cluster: "k", user: "u", namespace: "n" } },
        { name: "broken", context: { cluster: "none", user: "u" } },
      ],
    });

  it("reads server, server name, login and namespace", () => {
    expect(planAccess({ kubeconfig: kubeconfig() })).toMatchObject({
      server: "https://198.18.1.1:6443",
      tlsServerName: "kubernetes",
      ca: "ca",
      certificate: "cert",
      key: "key",
      namespace: "n",
    });
    expect(planAccess({ kubeconfig: kubeconfig(), namespace: "mine" }).namespace).toBe("mine");
  });

  it("refuses a missing kubeconfig, a context without a cluster, and login helpers, without quoting any of it", () => {
    expect(() => planAccess({})).toThrow(/no ambient kubeconfig/);
    expect(() => planAccess({ kubeconfig: kubeconfig(), context: "broken" })).toThrow(
      /no cluster for its context "broken"/,
    );
    expect(() => planAccess({ kubeconfig: kubeconfig({ user: { exec: {} } }) })).toThrow(/login helpers/);
    expect(() => planAccess({ kubeconfig: "secret: [unclosed" })).toThrow(
      /^The provider's kubeconfig is neither a file nor YAML.$/,
    );
  });

  it("takes another server or CA for another cluster, but not a renewed client certificate", () => {
    const old = { kubeconfig: kubeconfig() };
    expect(pointsElsewhere(old, { kubeconfig: kubeconfig({ cert: "bmV3" }) })).toBe(false);
    expect(pointsElsewhere(old, { kubeconfig: kubeconfig({ server: "https://198.18.1.2:6443" }) })).toBe(true);
    expect(pointsElsewhere(old, { kubeconfig: kubeconfig({ ca: "bmV3" }) })).toBe(true);
    expect(pointsElsewhere(old, { kubeconfig: UNKNOWN })).toBe(true);
    const named = { clusterIdentifier: "oregon" };
    expect(pointsElsewhere({ ...old, ...named }, { kubeconfig: kubeconfig({ ca: "bmV3" }), ...named })).toBe(false);
  });
});
