import { readFileSync } from "node:fs";
import { deflateRawSync } from "node:zlib";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { collectObjects, parseObjects, sortObjects } from "../../harness/kustomize";
import { pinnedModules, renderManifests } from "../../harness/manifests";
import { escapeModulePath, moduleSum, readZip } from "../../harness/moduleZip";

const object = (kind: string, name: string, rest = "") =>
  `apiVersion: v1\nkind: ${kind}\nmetadata:\n  name: ${name}\n${rest}`;
const binding = (kind: string, name: string) =>
  object(kind, name, "subjects:\n- kind: ServiceAccount\n  name: operator\n- kind: Group\n  name: people\n");

const FILES: Record<string, string> = {
  "config/default/kustomization.yaml": "namespace: submariner-operator\nresources: [../crd, ../rbac, ../manager]\n",
  "config/crd/kustomization.yaml": "resources: [crd.yaml]\n",
  "config/crd/crd.yaml": object("CustomResourceDefinition", "submariners.submariner.io"),
  "config/rbac/kustomization.yaml": "resources: [account.yaml, role.yaml, bindings.yaml]\n",
  "config/rbac/account.yaml": object("ServiceAccount", "operator"),
  "config/rbac/role.yaml": `${object("ClusterRole", "operator")}---\n${object("Role", "operator")}`,
  "config/rbac/bindings.yaml": `${binding("ClusterRoleBinding", "operator")}---\n${binding("RoleBinding", "operator")}`,
  "config/manager/kustomization.yaml": "resources: [manager.yaml]\npatches:\n- path: vendor-images.yaml\n",
  "config/manager/manager.yaml": `---\n${object("Namespace", "system", "  labels: {a: b}\n")}---\n${object("Deployment", "operator", "  namespace: system\n")}`,
  "config/broker/kustomization.yaml": "namespace: submariner-k8s-broker\nresources: [namespace.yaml, role.yaml]\n",
  "config/broker/namespace.yaml": object("Namespace", "submariner-k8s-broker"),
  "config/broker/role.yaml": object("Role", "submariner-k8s-broker-cluster"),
  "deploy/crds/submariner.io_clusters.yaml": object("CustomResourceDefinition", "clusters.submariner.io"),
  "deploy/crds/submariner.io_endpoints.yaml": object("CustomResourceDefinition", "endpoints.submariner.io"),
  "config/crd/multicluster.x-k8s.io_serviceimports.yaml": object(
    "CustomResourceDefinition",
    "serviceimports.multicluster.x-k8s.io",
  ),
  "Documentation/kube-flannel.yml": "# upstream's own text\nkind: DaemonSet\n",
};
const read = (path: string) => FILES[path];

describe("collectObjects", () => {
  const objects = collectObjects(read, "config/default");
  const find = (kind: string) => objects.find((o) => o.kind === kind);

  it("follows folders and files, and finds every document", () => {
    expect(objects.map((o) => o.kind).sort()).toEqual([
      ...["ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "Deployment"],
      ...["Namespace", "Role", "RoleBinding", "ServiceAccount"],
    ]);
  });

  it("puts the namespace on what has one, on the Namespace itself and on the accounts of bindings", () => {
    expect(find("Namespace")?.metadata).toEqual({ name: "submariner-operator", labels: { a: "b" } });
    expect(find("Deployment")?.metadata.namespace).toBe("submariner-operator");
    expect(find("Role")?.metadata.namespace).toBe("submariner-operator");
    for (const kind of ["ClusterRole", "CustomResourceDefinition", "ClusterRoleBinding"]) {
      expect(find(kind)?.metadata.namespace).toBeUndefined();
    }
    for (const kind of ["ClusterRoleBinding", "RoleBinding"]) {
      expect(find(kind)?.subjects?.map((s) => s.namespace)).toEqual(["submariner-operator", undefined]);
    }
  });

  it("names the file that is missing", () => {
    expect(() => collectObjects(read, "config/nowhere")).toThrow("config/nowhere/kustomization.yaml is missing");
  });

  it("orders objects so that what others need comes first", () => {
    const kinds = sortObjects(objects).map((o) => o.kind);
    expect(kinds.slice(0, 3)).toEqual(["Namespace", "CustomResourceDefinition", "ServiceAccount"]);
    expect(kinds.at(-1)).toBe("Deployment");
  });
});

describe("renderManifests", () => {
  const files = renderManifests(() => read);

  it("makes the three files the program reads, flannel's untouched", () => {
    expect(Object.keys(files).sort()).toEqual(["flannel.yaml", "submariner-broker.yaml", "submariner-operator.yaml"]);
    expect(files["flannel.yaml"]).toBe(FILES["Documentation/kube-flannel.yml"]);
  });

  it("gives the broker its namespace, Role and the definitions of what is exchanged there", () => {
    expect(parseObjects(files["submariner-broker.yaml"] ?? "").map((o) => `${o.kind}/${o.metadata.name}`)).toEqual([
      "Namespace/submariner-k8s-broker",
      "CustomResourceDefinition/clusters.submariner.io",
      "CustomResourceDefinition/endpoints.submariner.io",
      "CustomResourceDefinition/serviceimports.multicluster.x-k8s.io",
      "Role/submariner-k8s-broker-cluster",
    ]);
  });

  it("lets the operator's namespace run privileged pods and changes nothing else", () => {
    const objects = parseObjects(files["submariner-operator.yaml"] ?? "");
    const labels = objects.find((o) => o.kind === "Namespace")?.metadata.labels;
    expect(labels).toMatchObject({ a: "b", "pod-security.kubernetes.io/enforce": "privileged" });
    expect(objects).toHaveLength(collectObjects(read, "config/default").length);
  });

  it("says which file a module lacks", () => {
    const without = (path: string) => (path.endsWith("clusters.yaml") ? undefined : read(path));
    expect(() => renderManifests(() => without)).toThrow("submariner has no deploy/crds/submariner.io_clusters.yaml");
  });
});

describe("pinned modules", () => {
  const goSum = (program: string) =>
    readFileSync(resolve(__dirname, `../../rehearsal/artifacts/go/${program}/go.sum`), "utf8");

  it("are the very ones the programs are built from", () => {
    const programs: Record<string, string> = {
      "github.com/flannel-io/flannel": "flannel",
      "github.com/submariner-io/submariner": "submariner",
      "github.com/submariner-io/submariner-operator": "submariner-operator",
      "sigs.k8s.io/mcs-api": "submariner-operator",
    };
    expect(
      pinnedModules()
        .map((m) => m.path)
        .sort(),
    ).toEqual(Object.keys(programs).sort());
    for (const { path, version, sum } of pinnedModules()) {
      expect(goSum(programs[path] ?? "").split("\n")).toContain(`${path} ${version} ${sum}`);
    }
  });
});

describe("module archives", () => {
  /** A zip as Go's proxy makes them: local headers, one deflated and one stored file, a central directory. */
  const zip = (files: Record<string, string>): Buffer => {
    const locals: Buffer[] = [];
    const central: Buffer[] = [];
    let offset = 0;
    for (const [index, [name, text]] of Object.entries(files).entries()) {
      const deflated = index % 2 === 0;
      const data = deflated ? deflateRawSync(Buffer.from(text)) : Buffer.from(text);
      const local = Buffer.alloc(30 + name.length + 4);
      local.writeUInt32LE(0x04034b50, 0);
      local.writeUInt16LE(name.length, 26);
      local.writeUInt16LE(4, 28); // an extra field the central directory does not have
      local.write(name, 30);
      const header = Buffer.alloc(46 + name.length);
      header.writeUInt32LE(0x02014b50, 0);
      header.writeUInt16LE(deflated ? 8 : 0, 10);
      header.writeUInt32LE(data.length, 20);
      header.writeUInt32LE(text.length, 24);
      header.writeUInt16LE(name.length, 28);
      header.writeUInt32LE(offset, 42);
      header.write(name, 46);
      locals.push(local, data);
      central.push(header);
      offset += local.length + data.length;
    }
    const end = Buffer.alloc(22);
    end.writeUInt32LE(0x06054b50, 0);
    end.writeUInt16LE(central.length, 10);
    end.writeUInt32LE(offset, 16);
    return Buffer.concat([...locals, ...central, end]);
  };

  it("are read file by file, packed or not", () => {
    const files = readZip(zip({ "m@v1/a.yaml": "a".repeat(1000), "m@v1/b": "b" }));
    expect([...files.entries()].map(([name, content]) => [name, content.toString()])).toEqual([
      ["m@v1/a.yaml", "a".repeat(1000)],
      ["m@v1/b", "b"],
    ]);
    expect(() => readZip(Buffer.from("<html>not found</html>"))).toThrow("not a zip archive");
  });

  it("have the checksum go.sum pins, whatever the order of their files", () => {
    // computed by golang.org/x/mod/sumdb/dirhash.Hash1 over the same two files
    const expected = "h1:MWSSXcbrBPE25cl41I8+R7Y9hAxuY9Be76nDJvg0pks=";
    const files = { "m@v1/b": "b\n", "m@v1/a": "a\n" };
    expect(moduleSum(readZip(zip(files)))).toBe(expected);
    expect(moduleSum(readZip(zip({ "m@v1/a": "a\n", "m@v1/b": "b\n" })))).toBe(expected);
    expect(moduleSum(readZip(zip({ ...files, "m@v1/a": "changed\n" })))).not.toBe(expected);
  });

  it("are asked for by names without capitals", () => {
    expect(escapeModulePath("github.com/Azure/azure-sdk")).toBe("github.com/!azure/azure-sdk");
  });
});
