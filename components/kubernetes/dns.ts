/** Names: CoreDNS answers for its own cluster and asks the peers' CoreDNS, through the tunnels, for theirs. */
import { ConfigMap } from "@pulumi/kubernetes/core/v1/configMap";
import type * as pulumi from "@pulumi/pulumi";
import { renderCorefile } from "../../plan/corefile";
import type { ClusterPlan } from "../../plan/types";

/** Takes kubeadm's ConfigMap over. Made before the pod network, so that CoreDNS's first start already reads it. */
export function createDns(
  cluster: ClusterPlan,
  upstreamDns: string[],
  opts: pulumi.CustomResourceOptions,
): pulumi.Resource {
  return new ConfigMap(
    "coredns",
    {
      metadata: {
        name: "coredns",
        namespace: "kube-system",
        // kubeadm wrote it first and would otherwise own the field.
        annotations: { "pulumi.com/patchForce": "true" },
      },
      data: { Corefile: renderCorefile(cluster, upstreamDns) },
    },
    opts,
  );
}
