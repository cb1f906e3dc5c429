/** What every stack tells the outside. */
import type * as pulumi from "@pulumi/pulumi";
import type { Cluster } from "../components/kubernetes/cluster";
import { renderOpenings } from "../plan/existing";
import { type ClusterPlan, EXISTING, type Plan } from "../plan/types";

export interface GatewayOutput {
  node: string;
  publicAddress: pulumi.Output<string>;
}

/** The cluster's gateways with their public addresses. */
export const gatewaysOf = (cluster: Cluster): GatewayOutput[] =>
  cluster.machines
    .filter(({ node }) => node.gateway)
    .map(({ node, publicAddress }) => ({ node: node.name, publicAddress }));

export function clusterOutputs(plan: Plan, planned: ClusterPlan, cluster: Cluster): Record<string, unknown> {
  const { podCidr, serviceCidr, nodeCidr, suffix } = planned;
  return {
    kubeconfig: cluster.kubeconfig,
    apiEndpoint: cluster.apiAddress.apply((address) => `https://${address}`),
    gateways: gatewaysOf(cluster),
    podCidr,
    serviceCidr,
    nodeCidr,
    suffix,
    cableDriver: plan.topology.submariner.cableDriver,
    // Of an existing cluster, whose firewall is not ours.
    ...(planned.cloud === EXISTING && { openings: renderOpenings(planned) }),
  };
}
