/** The pod network: upstream's flannel manifest with this cluster's range and the nodes' private addresses. */
import type * as pulumi from "@pulumi/pulumi";
import type { ClusterPlan } from "../../plan/types";
import { createFromManifest, type KubeObject, type Manifests } from "../manifests";

export function createFlannel(
  cluster: ClusterPlan,
  manifests: Manifests,
  opts: pulumi.CustomResourceOptions,
): pulumi.Resource[] {
  const isNamespace = (object: KubeObject) => object.kind === "Namespace";
  const namespaces = manifests.flannel.filter(isNamespace).map((object) => createFromManifest("flannel", object, opts));
  const rest = manifests.flannel
    .filter((object) => !isNamespace(object))
    .map((object) =>
      // Nothing can be put into a namespace that does not exist yet.
      createFromManifest("flannel", object, { ...opts, dependsOn: [...dependencies(opts), ...namespaces] }, (copy) =>
        adaptFlannel(copy, cluster.podCidr),
      ),
    );
  return [...namespaces, ...rest];
}

const dependencies = ({ dependsOn }: pulumi.CustomResourceOptions): pulumi.Resource[] =>
  dependsOn === undefined ? [] : ([dependsOn].flat() as pulumi.Resource[]);

/** Upstream's object with the cluster's pod range, bound to the address the kubelet uses (machines may have two). */
export function adaptFlannel(object: KubeObject, podCidr: string): KubeObject {
  if (object.kind === "ConfigMap") {
    const data = object.data as Record<string, string>;
    const network = { ...(JSON.parse(data["net-conf.json"] ?? "{}") as object), Network: podCidr };
    return { ...object, data: { ...data, "net-conf.json": JSON.stringify(network) } };
  }
  if (object.kind !== "DaemonSet") return object;
  const { spec } = object as KubeObject & { spec: { template: { spec: { containers: Container[] } } } };
  for (const container of spec.template.spec.containers) {
    if (container.name !== "kube-flannel") continue;
    container.env = [
      ...(container.env ?? []),
      { name: "NODE_IP", valueFrom: { fieldRef: { fieldPath: "status.hostIP" } } },
    ];
    container.args = [...(container.args ?? []), "--iface=$(NODE_IP)"];
  }
  return object;
}

interface Container {
  name: string;
  env?: object[];
  args?: string[];
}
