import { overlap } from "./addresses";

/** An address range the rehearsal uses, and for what ("pods of oregon"). */
export interface Range {
  cidr: string;
  use: string;
}

/** An entry of `ip -json address`. */
export interface HostAddress {
  ifname: string;
  addr_info: { family?: string; local?: string; prefixlen?: number }[];
}

/** An entry of `ip -json route`. */
export interface HostRoute {
  dst: string;
  type?: string;
  dev?: string;
  gateway?: string;
  protocol?: string;
  table?: string;
  nexthops?: { dev?: string }[];
}

export interface Conflict {
  range: Range;
  device: string;
  text: string;
}

/**
 * Where the host's own addresses and routes meet the rehearsal's ranges. Default routes are no conflict, in one piece or in
 * two halves (as VPNs lay them); neither is what the rehearsal itself laid (`own`), nor a route that only refuses.
 */
export function findConflicts(
  ranges: Range[],
  links: HostAddress[],
  routes: HostRoute[],
  own: { link: string; protocol: string },
): Conflict[] {
  const taken = [
    ...links
      .filter((link) => link.ifname !== own.link)
      .flatMap((link) =>
        link.addr_info
          .filter((info) => info.local !== undefined && (info.family ?? "inet") === "inet")
          .map((info) => ({
            cidr: `${info.local}/${info.prefixlen ?? 32}`,
            device: link.ifname,
            what: `${link.ifname} has the address ${info.local}/${info.prefixlen ?? 32}`,
          })),
      ),
    ...routes
      .filter((route) => (route.type ?? "unicast") === "unicast" && route.protocol !== own.protocol)
      .filter((route) => !isDefault(route.dst))
      .map((route) => ({ route, device: route.dev ?? route.nexthops?.[0]?.dev ?? "unknown" }))
      .filter(({ device }) => device !== own.link)
      .map(({ route, device }) => ({ cidr: route.dst, device, what: `a route to ${route.dst} goes by ${device}` })),
  ];
  const conflicts = ranges.flatMap((range) =>
    taken
      .filter((entry) => overlap(entry.cidr, range.cidr))
      .map((entry) => ({
        range,
        device: entry.device,
        text: `${range.cidr} (${range.use}): ${entry.what}`,
      })),
  );
  // an address and the route that came with it are one conflict, not two
  return conflicts.filter(
    (conflict, index) =>
      conflicts.findIndex((other) => other.range === conflict.range && other.device === conflict.device) === index,
  );
}

const isDefault = (dst: string): boolean => dst === "default" || dst.endsWith("/0") || dst.endsWith("/1");
