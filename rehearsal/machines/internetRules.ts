import { EMULATED_INTERNET, OPERATOR, publicGateway } from "./addresses";
import { type Balancing, renderBalancing, renderHiding } from "./balancers";
import type { Balancer, MachineSpec, Segment } from "./contract";
import { bridgeName, OPERATOR_LINK, publicLink } from "./names";

/** A machine as the network sees it. */
export type Host = Omit<MachineSpec, "userData">;

/** Everything the emulated internet knows; kept in internet.json. */
export interface InternetState {
  segments: Segment[];
  hosts: Host[];
  /** By cloud. */
  balancers?: Record<string, Balancer[]>;
}

export const ROUTER_TABLE = "internet";

/**
 * The router's whole ruleset: 1:1 translation of public addresses and who may speak to whom. Loaded in one transaction, it
 * replaces the one before it without a gap.
 *
 * - A public address of a "nat" machine is translated to its private one, both ways, also for a neighbour in the same
 *   segment and for the machine itself.
 * - A machine speaks only by an address that is its own: others are dropped, as clouds drop spoofed sources. One without a
 *   public address therefore reaches its segment and nothing else.
 * - Into a private range nothing passes that was not sent to a public address.
 * - The operator is reached by answers only.
 * - A balancer's connections go to one of its targets and are judged by that machine's firewall; some balancers judge
 *   their clients themselves, and show the machines an address of their own.
 */
export function renderRouterRules(state: InternetState, balancing: Balancing[] = []): string {
  const reachable = state.hosts.flatMap((host) =>
    host.publicAddress === undefined ? [] : [{ ...host, publicAddress: host.publicAddress }],
  );
  const translated = reachable.filter((host) => host.publicMode === "nat");
  const direct = reachable.filter((host) => host.publicMode === "interface");
  const inbound = translated.map((host) => `${host.publicAddress} : ${host.privateAddress}`);
  const outbound = translated.map((host) => `${host.privateAddress} : ${host.publicAddress}`);
  const speakers = [
    ...translated.map((host) => `${host.privateAddress} . "${bridgeName(host.segment)}"`),
    ...direct.map((host) => `${host.publicAddress} . "${publicLink(host.id)}"`),
    `${OPERATOR.host} . "${OPERATOR_LINK}"`,
  ];
  return `table ip ${ROUTER_TABLE}
delete table ip ${ROUTER_TABLE}
table ip ${ROUTER_TABLE} {
  map inbound { type ipv4_addr : ipv4_addr; ${elements(inbound)} }
  map outbound { type ipv4_addr : ipv4_addr; ${elements(outbound)} }
  set direct { type ipv4_addr; ${elements(direct.map((host) => host.publicAddress))} }
  set speakers { type ipv4_addr . ifname; ${elements(speakers)} }
  counter strangers { }
  counter unasked { }
  chain towards {
    type nat hook prerouting priority dstnat; policy accept;
    ${balancing.flatMap(renderBalancing).join("\n    ")}
    dnat to ip daddr map @inbound
  }
  chain from {
    type nat hook postrouting priority srcnat; policy accept;
    ${balancing.flatMap(renderHiding).join("\n    ")}
    snat to ip saddr map @outbound
  }
  chain through {
    type filter hook forward priority filter; policy drop;
    ct state established,related accept
    ip saddr . iifname != @speakers counter name strangers drop
    ct status dnat accept
    ip daddr @direct accept
    counter name unasked drop
  }
  chain own {
    # the router is asked for nothing but an echo
    type filter hook input priority filter; policy drop;
    iifname "lo" accept
    ct state established,related accept
    ip protocol icmp accept
  }
}
`;
}

const elements = (list: string[]): string => (list.length === 0 ? "" : `elements = { ${list.join(", ")} };`);

/** Commands in the router for the public side of a machine whose address lies on its own interface. */
export function renderPublicRoutes(host: Host, before: string | undefined): string[] {
  const link = publicLink(host.id);
  const lines = before && before !== host.publicAddress ? [`route del ${before}/32 dev ${link}`] : [];
  if (host.publicAddress === undefined) return lines;
  lines.push(`addr replace ${publicGateway(host.publicAddress)}/32 dev ${link}`);
  lines.push(`route replace ${host.publicAddress}/32 dev ${link}`);
  return lines;
}

/** Commands inside the machine's namespace that give its eth0 the public address, or take it away. */
export function renderPublicInterface(publicAddress: string | undefined): string[] {
  const lines = ["addr flush dev eth0", "route flush dev eth0"];
  if (publicAddress === undefined) return lines;
  const gateway = publicGateway(publicAddress);
  // A host address: a mask would make the machine look for its neighbours on the link, where nobody is.
  lines.push(`addr add ${publicAddress}/32 dev eth0`);
  lines.push(`route replace ${gateway}/32 dev eth0 scope link src ${publicAddress}`);
  lines.push(`route replace default via ${gateway} dev eth0 src ${publicAddress}`);
  return lines;
}

/** Commands on the host for its only way into the world. */
export const renderHostLink = (link: string): string[] => [
  `addr replace ${OPERATOR.host}/24 dev ${link}`,
  `link set ${link} up`,
  `route replace ${EMULATED_INTERNET} via ${OPERATOR.router} dev ${link} src ${OPERATOR.host}`,
];
