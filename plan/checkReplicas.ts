/**
 * Rules on where the database's replicas lie. A volume never leaves its machine, so nothing may decide by itself that a
 * replica lies elsewhere than yesterday: regions of several nodes say it.
 */
import { renderPlacement, spreadReplicas } from "./replicas";
import { breaks, type RuleFinding } from "./rules";
import type { ClusterShape } from "./shape";
import { EXISTING } from "./types";

/** @param replicas a region's, a whole number. */
export function checkReplicas(replicas: number, clusters: Record<string, ClusterShape>): RuleFinding[] {
  return Object.entries(clusters).flatMap(([name, cluster]) => {
    // Where replicas run in somebody else's cluster follows from their volumes, which its storage class makes.
    if (cluster.cloud === EXISTING) return [];
    return cluster.role === "broker" ? checkBroker(name, cluster) : checkRegion(name, cluster, replicas);
  });
}

function checkBroker(name: string, { nodes }: ClusterShape): RuleFinding[] {
  return Object.entries(nodes).flatMap(([key, node]) => {
    if (!node.replicas || node.replicas.length === 0) return [];
    const place = `clusters.${name}.nodes.${key}.replicas`;
    const value = `${renderList(node.replicas)} on the broker`;
    return [breaks("replica-broker", place, value, "none: the broker holds no database", "remove it")];
  });
}

function checkRegion(name: string, { nodes }: ClusterShape, replicas: number): RuleFinding[] {
  const at = `clusters.${name}.nodes`;
  const findings: RuleFinding[] = [];
  const holders = new Map<number, string[]>();
  for (const [key, node] of Object.entries(nodes)) {
    for (const ordinal of node.replicas ?? []) {
      if (Number.isInteger(ordinal) && ordinal >= 0 && ordinal < replicas) {
        holders.set(ordinal, [...(holders.get(ordinal) ?? []), key]);
        continue;
      }
      const allowed = `whole numbers from 0 to ${replicas - 1}: database.replicas is ${replicas}`;
      findings.push(breaks("replica-range", `${at}.${key}.replicas`, String(ordinal), allowed, "correct or remove it"));
    }
  }
  for (const [ordinal, keys] of holders) {
    if (keys.length === 1) continue;
    const value = `replica ${ordinal} on ${keys.join(" and ")}`;
    const remedy = "leave it on the node that holds its volume, remove it from the others";
    findings.push(breaks("replica-doubled", at, value, "every replica once, on one node", remedy));
  }
  const missing = [...Array(replicas).keys()].filter((ordinal) => !holders.has(ordinal));
  const isAlone = Object.keys(nodes).length === 1 && holders.size === 0;
  if (missing.length > 0 && !isAlone) {
    const value = `replica${missing.length === 1 ? "" : "s"} ${missing.join(", ")} on no node`;
    const allowed = "every replica on one node, by `replicas`; only a region's one node may leave it out";
    findings.push(breaks("replica-missing", at, value, allowed, placementRemedy(nodes, replicas, holders.size > 0)));
  }
  return findings;
}

/** Ready to be pasted; keeps what is placed, and warns of what it cannot know: where volumes already lie. */
function placementRemedy(nodes: ClusterShape["nodes"], replicas: number, isBegun: boolean): string {
  const suggestion = renderPlacement(spreadReplicas(nodes, replicas));
  if (isBegun) return `write nodes: ${suggestion}`;
  const [server] = Object.entries(nodes).find(([, { role }]) => role === "server") ?? [];
  const living = renderPlacement(new Map([[server ?? "server", [...Array(replicas).keys()]]]));
  return `write nodes: ${suggestion}; in a region that is up and had one node, where its volumes are: ${living}`;
}

const renderList = (ordinals: number[]): string => `[${ordinals.join(", ")}]`;
