import { describe, expect, it } from "vitest";
import { Secret, type Props, type ResourceContext } from "../../rehearsal/plugins/contract";
import { UNKNOWN } from "../../rehearsal/plugins/encoding";
import { kubernetesPackage } from "../../rehearsal/plugins/kubernetes";
import { planChanges } from "../../rehearsal/plugins/kubernetes/compare";
import { checkInputs, normaliseInputs } from "../../rehearsal/plugins/kubernetes/names";
import { fromWire, idOf, kubectlName, parseToken } from "../../rehearsal/plugins/kubernetes/objects";

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
    const served = kubernetesPackage();
    const { version } = served;
    const kindOf = (type: string): unknown => served.kindOf?.(type);
    expect(kindOf("kubernetes:submariner.io/v1alpha1:Broker")).toBeDefined();
    expect(kindOf("kubernetes:helm.sh/v3:Release")).toBeUndefined();
    expect(kindOf("kubernetes:yaml/v2:ConfigFile")).toBeUndefined();
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
