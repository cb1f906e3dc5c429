import { describe, expect, it } from "vitest";
import { Secret, type Props, type ResourceContext } from "../../rehearsal/plugins/contract";
import { UNKNOWN } from "../../rehearsal/plugins/encoding";
import { kubernetesPackage } from "../../rehearsal/plugins/kubernetes";
import { planTakeOver } from "../../rehearsal/plugins/kubernetes/apply";
import { planChanges } from "../../rehearsal/plugins/kubernetes/compare";
import { planAccess, pointsElsewhere } from "../../rehearsal/plugins/kubernetes/kubeconfig";
import { parseQuantity, planLiveInputs, planOutputs } from "../../rehearsal/plugins/kubernetes/live";
import { checkInputs, normaliseInputs } from "../../rehearsal/plugins/kubernetes/names";
import { fromWire, idOf, kubectlName, parseToken, type KubeObject } from "../../rehearsal/plugins/kubernetes/objects";
import { renderObstacles } from "../../rehearsal/plugins/kubernetes/remove";

const context = (type: string, name = "thing", config: Props = {}): ResourceContext => ({
  urn: `urn:pulumi:s::p::${type}::${name}`,
  type,
  name,
  stack: "s",
  config,
  signal: new AbortController().signal,
});

const deploymentType = "kubernetes:apps/v1:Deployment";
const deployment = (spec: Props = {}, metadata: Props = { name: "web", namespace: "shop" }): Props => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata,
  spec: { replicas: 2, selector: { matchLabels: { app: "web" } }, ...spec },
});

const changesOf = (type: string, before: Props, after: Props, config: Props = {}, live: Props = before) =>
  planChanges({ type, config }, { inputs: before, outputs: live }, after);

describe("names of kubernetes objects", () => {
  it("gives an object without a name its logical name and eight hexadecimal digits, and keeps that afterwards", () => {
    const type = "kubernetes:core/v1:ConfigMap";
    const { inputs } = checkInputs(context(type, "settings"), { metadata: { labels: { a: "b" } }, data: {} }, {});
    expect(inputs).toMatchObject({ apiVersion: "v1", kind: "ConfigMap", metadata: { labels: { a: "b" } } });
    const name = (inputs.metadata as Props).name as string;
    expect(name).toMatch(/^settings-[0-9a-f]{8}$/);
    const again = checkInputs(context(type, "settings"), { data: { k: "v" } }, inputs).inputs;
    expect(again.metadata).toEqual({ name, annotations: { "pulumi.com/autonamed": "true" } });
  });

  it("does not take over an old name that the program gave and then dropped", () => {
    const olds = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "mine" } };
    const { inputs } = checkInputs(context("kubernetes:core/v1:ConfigMap", "cm"), {}, olds);
    expect((inputs.metadata as Props).name).toMatch(/^cm-[0-9a-f]{8}$/);
  });

  it("refuses generateName and a patch of something unnamed, as the real plugin does", () => {
    const generated = checkInputs(context("kubernetes:core/v1:Pod"), { metadata: { generateName: "x-" } }, {});
    expect(generated.failures?.map(({ property }) => property)).toEqual(["metadata.generateName"]);
    const patch = checkInputs(context("kubernetes:core/v1:NodePatch"), { apiVersion: "v1", kind: "Node" }, {});
    expect(patch.failures?.map(({ property }) => property)).toEqual(["metadata.name"]);
  });

  it("takes apiVersion and kind from the type token where the inputs have none", () => {
    expect(parseToken("kubernetes:core/v1:Secret")).toEqual({ apiVersion: "v1", kind: "Secret" });
    expect(parseToken("kubernetes:v1:ServiceAccount")).toEqual({ apiVersion: "v1", kind: "ServiceAccount" });
    expect(parseToken("kubernetes:submariner.io/v1alpha1:Submariner").apiVersion).toBe("submariner.io/v1alpha1");
  });

  it("serves every object kind and leaves charts and manifest files alone", () => {
    const { kindOf, version } = kubernetesPackage();
    expect(kindOf?.("kubernetes:submariner.io/v1alpha1:Broker")).toBeDefined();
    expect(kindOf?.("kubernetes:helm.sh/v3:Release")).toBeUndefined();
    expect(kindOf?.("kubernetes:yaml/v2:ConfigFile")).toBeUndefined();
    expect(version).toBe("4.34.2");
  });

  it("writes the id as the real plugin does, and the name as kubectl takes it", () => {
    expect(idOf({ metadata: { name: "n", namespace: "s" } })).toBe("s/n");
    expect(idOf({ metadata: { name: "n" } })).toBe("n");
    expect(kubectlName(deployment())).toBe("deployment.apps/web -n shop");
  });
});

describe("inputs of kubernetes objects", () => {
  it("turns a Secret's stringData into data at once and marks it secret", () => {
    const inputs = {
      metadata: { name: "s" },
      data: { old: "eA==", both: "eA==" },
      stringData: { both: "y", new: "z" },
    };
    const checked = checkInputs(context("kubernetes:core/v1:Secret"), inputs, {}).inputs;
    expect(checked.stringData).toBeUndefined();
    expect(checked.data).toEqual(new Secret({ old: "eA==", both: "eQ==", new: "eg==" }));
  });

  it("leaves a Secret that is not wholly known as it is", () => {
    const checked = checkInputs(
      context("kubernetes:core/v1:Secret"),
      { metadata: { name: "s" }, stringData: { k: UNKNOWN } },
      {},
    );
    expect(checked.inputs.stringData).toEqual(new Secret({ k: UNKNOWN }));
  });

  it("drops what only the API server writes, from a manifest that was exported", () => {
    const metadata = { name: "x", creationTimestamp: null, uid: "u", resourceVersion: "1" };
    const spec = { group: "g", preserveUnknownFields: false };
    const crd = { apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition", metadata, spec, status: {} };
    expect(normaliseInputs("kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition", crd)).toEqual({
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      metadata: { name: "x" },
      spec: { group: "g" },
    });
  });

  it("spells x-kubernetes fields with dashes on the wire and with underscores in outputs", () => {
    const schema = { x_kubernetes_preserve_unknown_fields: true, x_other: 1 };
    const sent = normaliseInputs("kubernetes:a/v1:B", { spec: { schema: [schema] } });
    expect(sent.spec).toEqual({ schema: [{ "x-kubernetes-preserve-unknown-fields": true, x_other: 1 }] });
    expect(fromWire(sent).spec).toEqual({ schema: [schema] });
  });
});

describe("differences of kubernetes objects", () => {
  it("finds none in the same inputs, however the namespace default and stringData are written", () => {
    expect(changesOf(deploymentType, deployment(), deployment()).changes).toEqual([]);
    const live = { metadata: { name: "s", namespace: "default" } };
    const before = { apiVersion: "v1", kind: "Secret", metadata: { name: "s" }, data: { k: "dg==" } };
    const after = {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "s", namespace: "default" },
      stringData: { k: "v" },
    };
    expect(changesOf("kubernetes:core/v1:Secret", before, after, {}, live).changes).toEqual([]);
  });

  it("ignores a namespace on an object of the whole cluster", () => {
    const role = { apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole", metadata: { name: "r" } };
    const placed = { ...role, metadata: { name: "r", namespace: "n" } };
    expect(changesOf("kubernetes:rbac.authorization.k8s.io/v1:ClusterRole", role, placed, {}, role).changes).toEqual(
      [],
    );
  });

  it("updates what may change and replaces what may not", () => {
    const more = changesOf(deploymentType, deployment(), deployment({ replicas: 3 }));
    expect(more).toEqual({
      changes: [{ path: "spec.replicas", kind: "update", replace: false }],
      deleteBeforeReplace: false,
    });
    const other = changesOf(deploymentType, deployment(), deployment({ selector: { matchLabels: { app: "api" } } }));
    expect(other.changes).toEqual([{ path: "spec.selector.matchLabels.app", kind: "update", replace: true }]);
    expect(other.deleteBeforeReplace).toBe(true);
  });

  it.each([
    ["apps/v1", "StatefulSet", "spec.serviceName"],
    ["apps/v1", "StatefulSet", "spec.volumeClaimTemplates"],
    ["batch/v1", "Job", "spec.template"],
    ["v1", "PersistentVolume", "spec.local"],
    ["v1", "PersistentVolumeClaim", "spec.storageClassName"],
    ["v1", "Service", "spec.clusterIP"],
    ["v1", "Secret", "type"],
    ["storage.k8s.io/v1", "StorageClass", "provisioner"],
    ["rbac.authorization.k8s.io/v1", "RoleBinding", "roleRef"],
  ])("replaces a %s %s when %s changes", (apiVersion, kind, path) => {
    const [first = "", second] = path.split(".");
    const at = (value: string): Props => ({
      apiVersion,
      kind,
      metadata: { name: "x", namespace: "n" },
      [first]: second === undefined ? value : { [second]: { deep: value } },
    });
    const { changes } = changesOf(`kubernetes:${apiVersion}:${kind}`, at("a"), at("b"));
    expect(changes).toHaveLength(1);
    expect(changes[0]?.replace).toBe(true);
  });

  it("replaces Secrets and ConfigMaps whose data changes, unless the provider lets them be changed", () => {
    const map = (value: string): Props => ({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "c", namespace: "n" },
      data: { k: value },
    });
    const type = "kubernetes:core/v1:ConfigMap";
    expect(changesOf(type, map("1"), map("2")).changes[0]?.replace).toBe(true);
    expect(changesOf(type, map("1"), map("2"), { enableConfigMapMutable: true }).changes[0]?.replace).toBe(false);
    const frozen = { ...map("2"), immutable: true };
    expect(
      changesOf(type, { ...map("1"), immutable: true }, frozen, { enableConfigMapMutable: "true" }).changes[0]?.replace,
    ).toBe(true);
  });

  it("replaces without deleting first when the new object has another name or was named by the plugin", () => {
    const renamed = changesOf(deploymentType, deployment(), deployment({}, { name: "site", namespace: "shop" }));
    expect(renamed).toMatchObject({ changes: [{ path: "metadata.name", replace: true }], deleteBeforeReplace: false });
    const annotations = { "pulumi.com/autonamed": "true" };
    const auto = (app: string): Props =>
      deployment({ selector: { matchLabels: { app } } }, { name: "w-1", namespace: "shop", annotations });
    expect(changesOf(deploymentType, auto("a"), auto("b")).deleteBeforeReplace).toBe(false);
  });

  it("updates a patch in place whatever it patches", () => {
    const patch = (name: string): Props => ({
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "x", namespace: "n" },
      spec: { selector: name },
    });
    expect(changesOf("kubernetes:apps/v1:DeploymentPatch", patch("a"), patch("b")).changes[0]?.replace).toBe(false);
  });

  it("shows an unknown value as a change", () => {
    const { changes } = changesOf(deploymentType, deployment(), deployment({ replicas: UNKNOWN }));
    expect(changes).toEqual([{ path: "spec.replicas", kind: "update", replace: false }]);
  });
});

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
    const inputs = deployment({ template: { cpu: 0.5, list: [{ a: 1 }], none: [], gone: "x" } });
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
