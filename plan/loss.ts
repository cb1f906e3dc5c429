/** Whether the fleet bears the loss of one machine with all that lies on it. Pure. */
import type { ClusterPlan, NodePlan, Plan } from "./types";

/** Of live replicas, from which those that are lost are made anew. */
const FEWEST_LEFT = 3;

/**
 * Why a node's replicas must not be lost, in words; undefined when they may, all others being alive.
 *
 * @param cluster the node's region.
 */
export function checkLoss(plan: Plan, cluster: ClusterPlan, node: NodePlan): string | undefined {
  if (node.replicas.length === 0) return undefined;
  const all = plan.regions.flatMap(({ nodes }) => nodes.flatMap(({ replicas }) => replicas));
  const left = all.length - node.replicas.length;
  if (left < FEWEST_LEFT)
    return `only ${left} replica${left === 1 ? "" : "s"} would be left in the fleet, and ${FEWEST_LEFT} are needed to agree`;
  const { survive } = plan.topology.database;
  if (survive === "region" && plan.regions.length < 3)
    return "the database shall survive a region, and two others would not be left to agree";
  const holders = cluster.nodes.filter(({ replicas }) => replicas.length > 0).length;
  if (survive === "zone" && holders < 3)
    return `the database shall survive a zone, and only ${holders - 1} of ${cluster.name}'s machines would hold replicas`;
  return undefined;
}
