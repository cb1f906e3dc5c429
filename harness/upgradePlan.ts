/** From what lives and what the topology says to the steps between them. Pure. */
import type { ClusterPlan, Topology } from "../plan/types";
import type { UpgradeInput } from "../plan/upgradeScript";
import type { Member, Part } from "./members";
import { renderCount, renderTable } from "./text";
import type { LivingCluster, LivingNode } from "./upgradeLook";

export interface NodeStep {
  node: string;
  /** undefined: the node is done, only its cordon was left by a run that was broken off. */
  part?: UpgradeInput["part"];
  /** The kubelet's version now. */
  from: string;
  drain: boolean;
  /** What it means for what runs there. */
  effect: string;
}

export interface Change {
  from: string;
  to: string;
}

/** All that has to happen to one cluster. */
export interface ClusterUpgrade {
  cluster: string;
  part: Part;
  submariner?: Change;
  database?: Change;
  nodes: NodeStep[];
}

/** Broker, then regions one by one, the primary last: it is the one whose trouble would hurt most. */
const ORDER: Part[] = ["broker", "region", "primary"];

/** The steps of the chosen clusters in the order in which they are done; clusters with nothing to do are left out. */
export function planUpgrade(
  topology: Topology,
  clusters: Record<string, ClusterPlan>,
  chosen: Member[],
  living: LivingCluster[],
): ClusterUpgrade[] {
  const upgrades = living.flatMap((one): ClusterUpgrade[] => {
    const member = chosen.find(({ name }) => name === one.cluster);
    const plan = clusters[one.cluster];
    if (!member || !plan) return [];
    const { submariner, database, kubernetes } = topology;
    const isSame = one.submariner === submariner.version && one.submarinerRepository === submariner.repository;
    return [
      {
        cluster: one.cluster,
        part: member.part,
        ...(one.submariner !== undefined &&
          !isSame && { submariner: { from: one.submariner, to: submariner.version } }),
        ...(one.databaseImage !== undefined &&
          one.databaseImage !== database.image && { database: { from: one.databaseImage, to: database.image } }),
        nodes: one.kubeadm === undefined ? [] : planNodes(plan, one, kubernetes.version),
      },
    ];
  });
  return upgrades
    .filter(({ submariner, database, nodes }) => submariner || database || nodes.length > 0)
    .sort((left, right) => ORDER.indexOf(left.part) - ORDER.indexOf(right.part));
}

function planNodes(plan: ClusterPlan, living: LivingCluster, version: string): NodeStep[] {
  const servers = plan.nodes.filter(({ role }) => role === "server").length;
  // kubeadm's own record is written when the first server is done with the control plane; the others take it from there.
  let isApplied = living.kubeadm === version;
  return plan.nodes.flatMap((node): NodeStep[] => {
    const seen = living.nodes.find(({ name }) => name === node.name);
    if (!seen) return [];
    const part = !isApplied && node.role === "server" ? "first server" : "other";
    if (node.role === "server") isApplied = true;
    if (part === "other" && isDone(seen, version)) return leftovers(seen);
    const isOnlyServer = node.role === "server" && servers === 1;
    // A drain beyond one replica would take a second one of the region away while the first waits for its volume.
    const drain = !isOnlyServer && node.replicas.length <= 1;
    const effect = isOnlyServer
      ? "the only server: its API is away for a moment, its pods keep running"
      : drain
        ? "drained, upgraded, uncordoned"
        : `holds ${renderCount(node.replicas.length, "replica")} of the database: not drained, its pods keep running`;
    return [{ node: node.name, part, from: seen.kubelet, drain, effect }];
  });
}

const isDone = ({ kubelet, apiServer = kubelet }: LivingNode, version: string): boolean =>
  kubelet === version && apiServer === version;

function leftovers({ name, kubelet, leftCordoned }: LivingNode): NodeStep[] {
  const effect = "uncordoned: an earlier run was broken off";
  return leftCordoned ? [{ node: name, from: kubelet, drain: false, effect }] : [];
}

/** What is, what will be, a line each. */
export function renderUpgradePlan(upgrades: ClusterUpgrade[], version: string): string[] {
  const rows = upgrades.flatMap(({ cluster, submariner, database, nodes }) => [
    ...(submariner
      ? [[cluster, "Submariner", submariner.from, submariner.to, "its pods are replaced node by node"]]
      : []),
    ...(database ? [[cluster, "database", database.from, database.to, "one replica after the other"]] : []),
    ...nodes.map(({ node, from, effect }) => [cluster, node, from, version, effect]),
  ]);
  return renderTable([["CLUSTER", "WHAT", "IS", "WILL BE", "HOW"], ...rows]);
}
