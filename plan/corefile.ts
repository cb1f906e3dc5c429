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
  // No cache: a peer's pod that was missing a moment ago must be found as soon as it is there.
  const peers = cluster.peers.map((peer) => block(`${peer.suffix}:53`, ["errors", `forward . ${peer.dnsAddress}`]));
  return [own, ...peers].join("");
}

const block = (head: string, lines: string[]): string =>
  [`${head} {`, ...lines.map((line) => `    ${line}`), "}", ""].join("\n");
