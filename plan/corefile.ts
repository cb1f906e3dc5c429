/** CoreDNS's configuration, pure. */
import type { ClusterPlan } from "./types";

/**
 * kubeadm's own Corefile plus one server block for every peer's zone.
 *
 * @param upstreamDns addresses or a resolv.conf; with none, names outside the fleet are refused.
 */
export function renderCorefile(cluster: Pick<ClusterPlan, "suffix" | "peers">, upstreamDns: string[]): string {
  const upstream =
    upstreamDns.length === 0 ? [] : [`forward . ${upstreamDns.join(" ")} {`, "   max_concurrent 1000", "}"];
  const own = block(".:53", [
    "errors",
    "health {",
    "   lameduck 5s",
    "}",
    "ready",
    `kubernetes ${cluster.suffix} in-addr.arpa ip6.arpa {`,
    "   pods insecure",
    "   fallthrough in-addr.arpa ip6.arpa",
    "   ttl 30",
    "}",
    "prometheus :9153",
    ...upstream,
    "cache 30 {",
    `   disable success ${cluster.suffix}`,
    `   disable denial ${cluster.suffix}`,
    "}",
    "loop",
    "reload",
    "loadbalance",
  ]);
  return [own, ...peerBlocks(cluster.peers, 53)].join("");
}

/**
 * The fleet's resolver in an existing cluster: the fleet's zone of that cluster, the peers' zones, and for everything
 * else whoever the cluster's own DNS is (the pod's resolv.conf names it).
 */
export function renderResolverCorefile(cluster: Pick<ClusterPlan, "suffix" | "peers">, port: number): string {
  const own = block(`.:${port}`, [
    "errors",
    "health {",
    "   lameduck 5s",
    "}",
    "ready",
    `kubernetes ${cluster.suffix} {`,
    "   pods insecure",
    "   ttl 30",
    "}",
    "forward . /etc/resolv.conf {",
    "   max_concurrent 1000",
    "}",
    "cache 30 {",
    `   disable success ${cluster.suffix}`,
    `   disable denial ${cluster.suffix}`,
    "}",
    "reload",
    "loadbalance",
  ]);
  return [own, ...peerBlocks(cluster.peers, port)].join("");
}

// No cache: a peer's pod that was missing a moment ago must be found as soon as it is there.
const peerBlocks = (peers: ClusterPlan["peers"], port: number): string[] =>
  peers.map((peer) => block(`${peer.suffix}:${port}`, ["errors", `forward . ${peer.dnsAddress}`]));

const block = (head: string, lines: string[]): string =>
  [`${head} {`, ...lines.map((line) => `    ${line}`), "}", ""].join("\n");
