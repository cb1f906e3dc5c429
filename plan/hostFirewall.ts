/** The machine's own packet filter as nftables text. */
import type { PortRule } from "./types";

/** Replaced by the boot script with the quoted names of the interfaces that face the outside. */
export const INTERFACES_MARK = "@INTERFACES@";

/**
 * One table of our own, replaced as a whole; other programs' tables (kube-proxy's, flannel's) are never touched.
 *
 * @param rules the node's openings where the cloud has no firewall; undefined: the cloud filters.
 */
export function renderHostFirewall(rules: PortRule[] | undefined): string {
  return [
    "table inet archipelago {}",
    "delete table inet archipelago",
    "table inet archipelago {",
    "  chain forward {",
    "    type filter hook forward priority -5; policy accept;",
    // The metadata service serves the user data, which holds the join token: no pod may read it.
    "    ip daddr 169.254.169.254 tcp dport 80 drop",
    "  }",
    ...(rules ? inputChain(rules) : []),
    "}",
    "",
  ].join("\n");
}

function inputChain(rules: PortRule[]): string[] {
  return [
    "  chain input {",
    "    type filter hook input priority -5; policy drop;",
    "    ct state established,related accept",
    // Loopback, pods and what has come out of a tunnel.
    `    iifname != { ${INTERFACES_MARK} } accept`,
    "    udp sport 67 udp dport 68 accept",
    "    meta l4proto ipv6-icmp accept",
    ...rules.map((rule) => `    ${renderRule(rule)} accept`),
    "  }",
  ];
}

function renderRule({ protocol, from, to, sources }: PortRule): string {
  const anywhere = sources.includes("0.0.0.0/0");
  const source = anywhere ? "" : `ip saddr { ${sources.join(", ")} } `;
  if (protocol === "icmp") return `${source}ip protocol icmp`;
  return `${source}${protocol} dport ${from === to ? from : `${from}-${to}`}`;
}
