import { UserError } from "../../plan/errors";
import { EMULATED_RANGE, networkOf } from "./addresses";
import { command, ipBatch, ipJson, nftLoad } from "./command";
import { findConflicts, type HostAddress, type HostRoute, type Range } from "./conflicts";
import { WORLD, type WorldNames } from "./names";

/** Above every metric a real route has: the blackhole counts only where nothing else does. */
const BLACKHOLE_METRIC = 4278198272;

const COUNTER = "leaked";

/**
 * Keeps emulated addresses on this host, also when a machine, a network or the whole world is gone. Goes up first, comes
 * down last.
 *
 * Two means: a blackhole route for each range, so that nothing falls through to the default route; and a rule on the way
 * out of the host that drops and counts what would leave by any link but the world's own.
 */
export class Guard {
  private readonly ranges: Range[];

  /**
   * @param ranges Pod, service and node ranges of every cluster with what they are for; the emulated internet is always
   * among them.
   */
  constructor(
    ranges: Range[],
    private readonly names: WorldNames = WORLD,
  ) {
    const all = [{ cidr: EMULATED_RANGE, use: "the emulated internet" }, ...ranges];
    this.ranges = all.filter((range, index) => all.findIndex((other) => sameRange(other, range)) === index);
  }

  /** @throws UserError naming every range that the host itself uses, by which interface, and what to do. */
  async assertFree(): Promise<void> {
    const host = this.names.hostNamespace;
    const links = await ipJson<HostAddress>(host, ["-4", "address", "show"]);
    const routes = await ipJson<HostRoute>(host, ["-4", "route", "show", "table", "all"]);
    const conflicts = findConflicts(this.ranges, links, routes, {
      link: this.names.hostLink,
      protocol: String(this.names.routeProtocol),
    });
    if (conflicts.length === 0) return;
    const interfaces = [...new Set(conflicts.map((conflict) => conflict.device))];
    throw new UserError(
      `This host itself uses addresses of the rehearsal:\n${conflicts.map((conflict) => `  ${conflict.text}`).join("\n")}`,
      `Take ${interfaces.join(", ")} down while the rehearsal lives (ip link set ${interfaces[0] ?? "NAME"} down), or give the cluster another range in its Pulumi.<stack>.yaml.`,
    );
  }

  /** Checks the ranges and closes the host; repeating it keeps the counter. */
  async install(): Promise<void> {
    await this.assertFree();
    const { hostNamespace, routeProtocol } = this.names;
    const lines = this.ranges.map(
      (range) => `route replace blackhole ${networkOf(range.cidr)} proto ${routeProtocol} metric ${BLACKHOLE_METRIC}`,
    );
    await ipBatch(hostNamespace, lines);
    const packets = (await this.counted()) ?? 0;
    await nftLoad(hostNamespace, this.render(packets));
  }

  /**
   * Packets for (or from) emulated addresses that tried to leave the host since the guard went up; they were dropped.
   * @throws Error when the guard is not up, since then nobody counts.
   */
  async leakedPackets(): Promise<number> {
    const packets = await this.counted();
    if (packets === undefined) throw new Error(`The guard (nft table inet ${this.names.guardTable}) is not up.`);
    return packets;
  }

  /** Opens the host again; the last act of taking a world down. */
  async release(): Promise<void> {
    await releaseGuard(this.names);
  }

  private async counted(): Promise<number | undefined> {
    const { guardTable, hostNamespace } = this.names;
    const text = await command("nft", ["-j", "list", "counter", "inet", guardTable, COUNTER], {
      namespace: hostNamespace,
      mayFail: true,
    });
    if (text.trim() === "") return undefined;
    const answer = JSON.parse(text) as { nftables: { counter?: { packets: number } }[] };
    return answer.nftables.find((entry) => entry.counter)?.counter?.packets;
  }

  private render(packets: number): string {
    return renderGuard(
      this.ranges.map((range) => range.cidr),
      this.names,
      packets,
    );
  }
}

const sameRange = (one: Range, other: Range): boolean => networkOf(one.cidr) === networkOf(other.cidr);

/** The guard's ruleset. Pure. */
export function renderGuard(cidrs: string[], names: WorldNames, packets = 0): string {
  const { guardTable: table, hostLink } = names;
  const inside = `{ "lo", "${hostLink}" }`;
  return `table inet ${table}
delete table inet ${table}
table inet ${table} {
  counter ${COUNTER} { packets ${packets} bytes 0 }
  set emulated {
    type ipv4_addr
    flags interval
    auto-merge
    elements = { ${cidrs.map(networkOf).join(", ")} }
  }
  chain leaving {
    # after every address translation: what is judged is what would stand on the wire
    type filter hook postrouting priority 400; policy accept;
    oifname ${inside} accept
    ip daddr @emulated counter name ${COUNTER} drop
    ip saddr @emulated counter name ${COUNTER} drop
  }
  chain through {
    # the host is no way out for machines, even where it forwards for others
    type filter hook forward priority -400; policy accept;
    iifname "${hostLink}" counter name ${COUNTER} drop
  }
}
`;
}

/** Removes the guard by its names alone: routes by their protocol number, rules by their table. */
export async function releaseGuard(names: WorldNames): Promise<void> {
  const { guardTable, hostNamespace, routeProtocol } = names;
  const own = ["-4", "route", "show", "table", "all", "proto", String(routeProtocol)];
  const routes = await ipJson<HostRoute>(hostNamespace, own, true);
  await ipBatch(
    hostNamespace,
    routes.map((route) => `route del blackhole ${route.dst} proto ${routeProtocol} metric ${BLACKHOLE_METRIC}`),
  );
  await nftLoad(hostNamespace, `table inet ${guardTable}\ndelete table inet ${guardTable}\n`);
}
