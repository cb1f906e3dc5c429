import { EXISTING } from "../plan/types";
import type { ClusterObservation, Nature, Tunnel } from "./observation";
import type { Member } from "./members";
import { renderCount, renderTable } from "./text";

/** What is known of one cluster: its stack's outputs and what its API server says. */
export interface ClusterSummary extends Member {
  /** `down`: its stack holds nothing. `unreachable`: its API server does not answer. */
  state: "up" | "down" | "unreachable";
  /** Why it is unreachable. */
  reason?: string;
  /** What to do about it, if more is known than that it does not answer. */
  remedy?: string;
  apiEndpoint?: string;
  podCidr: string;
  serviceCidr: string;
  expectedNodes: string[];
  /** Other regions whose stacks are up. */
  expectedPeers: string[];
  expectedReplicas: number;
  observation?: ClusterObservation;
}

/** Which parts are the thing itself, emulated clouds, or programs of ours in the place of one that cannot be had. */
export interface Natures {
  real: string[];
  emulated: string[];
  standIn: string[];
}

/** Everything that the closing summary shows; the document that `status --json` prints. */
export interface FleetSummary {
  world: string;
  clusters: ClusterSummary[];
  natures: Natures;
  /** Commands for looking around and for taking it down, a line each. */
  lookAround: string[];
  takeDown: string;
}

/** Something that is not as it should be. */
export interface Shortcoming {
  cluster: string;
  problem: string;
  remedy: string;
}

/** What is missing for "all Ready"; empty when everything is. */
export function checkReadiness({ clusters }: FleetSummary): Shortcoming[] {
  return clusters.flatMap((cluster) => checkCluster(cluster));
}

function checkCluster(cluster: ClusterSummary): Shortcoming[] {
  const { name, observation: seen } = cluster;
  const detail = `./archipelago status --stack ${name} --detail`;
  if (cluster.state === "down") {
    return [{ cluster: name, problem: "is not up", remedy: `./archipelago up --stack ${name}` }];
  }
  if (cluster.state === "unreachable" || !seen) {
    const answer =
      cluster.cloud === EXISTING
        ? `see that its owner lets you in and that the kubeconfig is still good (docs/existing-clusters.md), then ${detail}`
        : `see that its server machine runs and that your address is among adminCidrs, then ${detail}`;
    const remedy = cluster.remedy ?? answer;
    return [{ cluster: name, problem: `does not answer: ${cluster.reason ?? "no reason known"}`, remedy }];
  }
  const shortcomings: Shortcoming[] = [];
  const ready = seen.nodes.filter((node) => node.ready).map((node) => node.name);
  const missing = cluster.expectedNodes.filter((node) => !ready.includes(node));
  if (missing.length > 0) {
    shortcomings.push({ cluster: name, problem: `nodes not Ready: ${missing.join(", ")}`, remedy: detail });
  }
  const apart = cluster.expectedPeers.filter((peer) => !connectedTo(seen.tunnels, peer));
  if (apart.length > 0) {
    const remedy = `kubectl -n submariner-operator logs ds/submariner-gateway of ${name}; ${detail}`;
    shortcomings.push({ cluster: name, problem: `no connected tunnel to ${apart.join(", ")}`, remedy });
  }
  const readyPods = seen.databasePods.filter((pod) => pod.ready).length;
  if (readyPods < cluster.expectedReplicas) {
    const problem = `database pods Ready: ${readyPods} of ${cluster.expectedReplicas}`;
    shortcomings.push({ cluster: name, problem, remedy: detail });
  }
  return shortcomings;
}

/** The closing summary: one glance, then (with `detail`) every node, tunnel and pod. */
export function renderSummary(summary: FleetSummary, detail = false): string[] {
  const lines = [renderHeadline(summary), "", ...renderTable(renderClusterRows(summary.clusters))];
  const matrix = renderMatrix(summary.clusters);
  if (matrix.length > 0)
    lines.push("", "round trips between gateways, as Submariner measures them (ms, row to column)", ...matrix);
  if (detail) for (const cluster of summary.clusters) lines.push("", ...renderCluster(cluster));
  const shortcomings = checkReadiness(summary);
  if (shortcomings.length > 0) {
    lines.push("", "not ready:");
    for (const { cluster, problem, remedy } of shortcomings) lines.push(`  ${cluster} ${problem}`, `    → ${remedy}`);
  }
  return [...lines, "", ...renderNatures(summary.natures), "", ...summary.lookAround, summary.takeDown];
}

/** "rehearsal: 5 of 5 clusters up, 6 of 6 nodes Ready, 6 of 6 tunnels connected, 12 of 12 database pods Ready (stand-in)". */
export function renderHeadline({ world, clusters }: FleetSummary): string {
  const up = clusters.filter(({ state }) => state === "up");
  const nodes = up.flatMap(({ observation }) => observation?.nodes ?? []);
  const pods = up.flatMap(({ observation }) => observation?.databasePods ?? []);
  const wanted = (count: (cluster: ClusterSummary) => number): number =>
    clusters.reduce((sum, cluster) => sum + count(cluster), 0);
  const pairs = pairsOf(clusters);
  const joined = pairs.filter(([left, right]) => isJoined(left, right) && isJoined(right, left));
  return [
    `${world}: ${up.length} of ${renderCount(clusters.length, "cluster")} up`,
    `${nodes.filter(({ ready }) => ready).length} of ${renderCount(
      wanted((one) => one.expectedNodes.length),
      "node",
    )} Ready`,
    `${joined.length} of ${renderCount(pairs.length, "tunnel")} connected`,
    `${pods.filter(({ ready }) => ready).length} of ${renderCount(
      wanted((one) => one.expectedReplicas),
      "database pod",
    )} Ready${natureSuffix(pods.map(({ nature }) => nature))}`,
  ].join(", ");
}

/** What is real, emulated and stand-in, a line each. */
export function renderNatures({ real, emulated, standIn }: Natures): string[] {
  const line = (word: string, names: string[]): string => `${word.padEnd(9)} ${names.join(", ") || "nothing"}`;
  return [line("real:", real), line("emulated:", emulated), line("stand-in:", standIn)];
}

function renderClusterRows(clusters: ClusterSummary[]): string[][] {
  const head = ["CLUSTER", "CLOUD", "NODES", "TUNNELS", "RTT", "DATABASE", "API"];
  const rows = clusters.map((cluster) => {
    const { name, cloud, place, state, reason, observation: seen, apiEndpoint = "" } = cluster;
    const where = `${cloud} ${place}`;
    if (state !== "up" || !seen) return [name, where, state, "", "", "", reason ?? apiEndpoint];
    const ready = seen.nodes.filter((node) => node.ready).length;
    const joined = cluster.expectedPeers.filter((peer) => connectedTo(seen.tunnels, peer)).length;
    const readyPods = seen.databasePods.filter((pod) => pod.ready).length;
    const natures = seen.databasePods.map(({ nature }) => nature);
    return [
      name,
      where,
      `${ready}/${cluster.expectedNodes.length}`,
      cluster.part === "broker" ? "-" : `${joined}/${cluster.expectedPeers.length}`,
      renderRange(seen.tunnels.flatMap(({ rttMs }) => rttMs ?? [])),
      cluster.part === "broker" ? "-" : `${readyPods}/${cluster.expectedReplicas}${natureSuffix(natures)}`,
      apiEndpoint,
    ];
  });
  return [head, ...rows];
}

/** Round trips from each region to each other one; a word where there is no connected tunnel. */
export function renderMatrix(clusters: ClusterSummary[]): string[] {
  const regions = clusters.filter(({ part }) => part !== "broker");
  if (regions.length < 2 || regions.every(({ observation }) => !observation)) return [];
  const cell = (from: ClusterSummary, to: ClusterSummary): string => {
    if (from === to) return "-";
    if (!from.observation) return "?";
    const tunnel = connectedTo(from.observation.tunnels, to.name);
    if (tunnel) return tunnel.rttMs === undefined ? "joined" : tunnel.rttMs.toFixed(1);
    return from.observation.tunnels.find(({ cluster }) => cluster === to.name)?.status ?? "none";
  };
  const rows = regions.map((from) => [from.name, ...regions.map((to) => cell(from, to))]);
  return renderTable([["", ...regions.map(({ name }) => name)], ...rows]);
}

/** Everything about one cluster. */
export function renderCluster(cluster: ClusterSummary): string[] {
  const { name, part, cloud, place, observation: seen } = cluster;
  const head = `${name} (${part}, ${cloud} ${place}, pods ${cluster.podCidr}, services ${cluster.serviceCidr})`;
  if (!seen) return [head, `  ${cluster.state}${cluster.reason ? `: ${cluster.reason}` : ""}`];
  const word = (ready: boolean): string => (ready ? "Ready" : "not Ready");
  const tables = [
    renderTable([
      ["NODE", "STATE", "VERSION"],
      ...seen.nodes.map((node) => [node.name, word(node.ready), node.version]),
    ]),
  ];
  if (seen.tunnels.length > 0) {
    const rows = seen.tunnels.map((tunnel) => [
      tunnel.gateway,
      tunnel.cluster,
      tunnel.remoteAddress,
      tunnel.cable,
      tunnel.status,
      tunnel.rttMs === undefined ? "" : `${tunnel.rttMs.toFixed(1)} ms`,
    ]);
    tables.push(renderTable([["GATEWAY", "CLUSTER", "REMOTE-IP", "CABLE", "STATUS", "RTT"], ...rows]));
  }
  const failed = seen.gateways.filter(({ failure }) => failure).map(({ node, failure }) => `${node}: ${failure}`);
  if (failed.length > 0) tables.push(failed);
  if (seen.databasePods.length > 0) {
    const rows = seen.databasePods.map((pod) => [pod.name, word(pod.ready), pod.nature, String(pod.restarts)]);
    tables.push(renderTable([["DATABASE POD", "STATE", "NATURE", "RESTARTS"], ...rows]));
  }
  return [head, ...tables.flatMap((table, index) => [...(index > 0 ? [""] : []), ...table.map((line) => `  ${line}`)])];
}

function connectedTo(tunnels: Tunnel[], peer: string): Tunnel | undefined {
  return tunnels.find(({ cluster, status }) => cluster === peer && status === "connected");
}

function isJoined(from: ClusterSummary, to: ClusterSummary): boolean {
  return connectedTo(from.observation?.tunnels ?? [], to.name) !== undefined;
}

/** Unordered pairs of regions. */
function pairsOf(clusters: ClusterSummary[]): [ClusterSummary, ClusterSummary][] {
  const regions = clusters.filter(({ part }) => part !== "broker");
  return regions.flatMap((left, index) =>
    regions.slice(index + 1).map((right): [ClusterSummary, ClusterSummary] => [left, right]),
  );
}

function natureSuffix(natures: Nature[]): string {
  const kinds = [...new Set(natures)].filter((nature) => nature !== "real");
  return kinds.length > 0
    ? ` (${kinds.map((kind) => (kind === "unknown" ? "nature not labelled" : kind)).join(", ")})`
    : "";
}

function renderRange(values: number[]): string {
  if (values.length === 0) return "-";
  const [low, high] = [Math.min(...values).toFixed(1), Math.max(...values).toFixed(1)];
  return low === high ? `${low} ms` : `${low}–${high} ms`;
}
