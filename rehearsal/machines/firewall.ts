import ipaddr from "ipaddr.js";
import type { FirewallRule } from "./contract";
import { networkOf, prefixOf } from "./addresses";

/** Table inside the machine's network namespace; no other tool there knows it, none is disturbed by it. */
export const FIREWALL_TABLE = "cloud_firewall";

/** Removes the table whether it is there or not, in the same transaction as what follows. */
const clean = `table inet ${FIREWALL_TABLE}\ndelete table inet ${FIREWALL_TABLE}\n`;

/**
 * The emulated cloud's firewall in front of one machine, as an nftables ruleset for the machine's network namespace.
 *
 * Only what arrives from outside (eth0, eth1) is judged, before the machine's own address translation, so that a
 * NodePort or a pod behind it is judged by the port the sender named. Answers to what the machine began pass; packets of
 * connections begun outside are judged one by one, so that shutting a port also ends what already came through it.
 *
 * @param rules undefined: no cloud firewall at all (everything passes).
 * @throws Error when a rule is not sound.
 */
export function renderMachineFirewall(rules: FirewallRule[] | undefined): string {
  if (rules === undefined) return clean;
  return `${clean}table inet ${FIREWALL_TABLE} {
  counter shut { }
  chain arriving {
    type filter hook prerouting priority mangle; policy accept;
    iifname != { "eth0", "eth1" } accept
    ct direction reply accept
    ct state related accept
    # what an IPsec tunnel brought shows up a second time on the same interface, unwrapped
    meta secpath exists accept
${rules.flatMap(renderRule).join("\n")}
    counter name shut drop
  }
}
`;
}

function renderRule(rule: FirewallRule): string[] {
  const service = renderService(rule);
  return rule.sources.map((source) => {
    const from = renderSource(source);
    // without a condition of its own a rule for everything from everywhere still means IPv4 only
    return `    ${[from, service].filter(Boolean).join(" ") || "meta nfproto ipv4"} accept`;
  });
}

/** The condition that a packet is from there; empty where that is everywhere. @throws Error when it is no IPv4 CIDR. */
export function renderSource(source: string): string {
  if (!ipaddr.IPv4.isValidCIDR(source) && !ipaddr.IPv4.isValidFourPartDecimal(source)) {
    throw new Error(`Firewall source "${source}" is not an IPv4 CIDR.`);
  }
  return prefixOf(source) === 0 ? "" : `ip saddr ${networkOf(source)}`;
}

function renderService(rule: FirewallRule): string {
  switch (rule.protocol) {
    case "all":
      return "";
    case "icmp":
      return "ip protocol icmp";
    case "tcp":
    case "udp": {
      const { protocol, from, to } = rule;
      const sound = [from, to].every((port) => Number.isInteger(port) && port >= 0 && port <= 65535) && from <= to;
      if (!sound) throw new Error(`Firewall ports ${from}–${to} are not a range within 0–65535.`);
      if (from === 0 && to === 65535) return `meta l4proto ${protocol}`;
      return `${protocol} dport ${from === to ? from : `${from}-${to}`}`;
    }
    default: {
      const never: never = rule.protocol;
      throw new Error(`Firewall protocol "${String(never)}" is not known.`);
    }
  }
}
