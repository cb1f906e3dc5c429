/** Rules on the fleet's address ranges. */
import {
  type Cidr,
  cidrAround,
  cidrSize,
  contains,
  overlappingPairs,
  overlaps,
  parseAddress,
  parseCidr,
  renderCidr,
} from "./cidr";
import { CLOUD_FACTS, isCloud } from "./clouds";
import { ASSIGNED_RANGES, RESERVED_RANGES } from "./networks";
import { breaks, type RuleFinding, type RuleId } from "./rules";
import { isReplicated, ZONE_PREFIX_BITS } from "./servers";
import type { ClusterShape, FleetShape } from "./shape";
import type { CloudName } from "./types";

const KINDS = ["podCidr", "serviceCidr", "nodeCidr"] as const;
type Kind = (typeof KINDS)[number];

/** Smallest and largest prefix of each kind. */
const PREFIXES: Record<Kind, { rule: RuleId; from: number; to: number; why: string }> = {
  podCidr: { rule: "pod-cidr-prefix", from: 12, to: 20, why: "every node takes a /24 of it" },
  serviceCidr: { rule: "service-cidr-prefix", from: 12, to: 24, why: "Kubernetes allows no larger one than /12" },
  nodeCidr: {
    rule: "node-cidr-prefix",
    from: 16,
    to: 28,
    why: "the clouds' subnets are no larger than /16 and no smaller than /28",
  },
};

const block = (text: string): Cidr => parseCidr(text)!;

/** Ranges no cluster can use, for reasons of their own. */
const FORBIDDEN: { rule: RuleId; range: Cidr; use: string }[] = [
  { rule: "cidr-this-network", range: block("0.0.0.0/8"), use: "this network" },
  { rule: "cidr-loopback", range: block("127.0.0.0/8"), use: "loopback" },
  { rule: "cidr-link-local", range: block("169.254.0.0/16"), use: "link-local: the clouds' metadata services" },
  { rule: "cidr-vtep", range: block("240.0.0.0/7"), use: "the ends of Submariner's tunnels" },
  { rule: "cidr-multicast", range: block("224.0.0.0/4"), use: "multicast" },
  { rule: "cidr-multicast", range: block("242.0.0.0/7"), use: "reserved; Submariner's Globalnet" },
  { rule: "cidr-multicast", range: block("244.0.0.0/6"), use: "reserved" },
  { rule: "cidr-multicast", range: block("248.0.0.0/5"), use: "reserved" },
];
const PRIVATE = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"].map(block);
/** Between a provider and its customers: never routed, but refused by some clouds as a network of one's own. */
const SHARED = block("100.64.0.0/10");
const DOCKER = block("172.17.0.0/16");
/** What a client on the internet never comes from. */
const NEVER_PUBLIC = [...PRIVATE, SHARED, ...["127.0.0.0/8", "169.254.0.0/16", "198.18.0.0/15"].map(block)];

/** Whether somebody on the internet may have the address. */
export function isPublicAddress(text: string): boolean {
  const address = parseAddress(text);
  if (address === undefined) return false;
  return ![...FORBIDDEN.map(({ range }) => range), ...NEVER_PUBLIC].some((range) => contains(range, address));
}

const ADMIN_LIMIT = 40;
const WIDEST_ADMIN_PREFIX = 8;
const POD_PREFIX = 24;
const SMALLEST_SUBNET_PREFIX = 28;

interface Range {
  place: string;
  text: string;
  cidr: Cidr;
  region: boolean;
  kind: Kind;
}

/** Every cluster's ranges, each by itself and against all others. */
export function checkAddresses(clusters: Record<string, ClusterShape>, cableDriver: string | undefined): RuleFinding[] {
  const findings: RuleFinding[] = [];
  const ranges: Range[] = [];
  for (const [name, cluster] of Object.entries(clusters)) {
    for (const kind of KINDS) {
      const place = `clusters.${name}.${kind}`;
      const text = cluster[kind];
      const cidr = parseCidr(text);
      if (!cidr) {
        findings.push(unreadable(place, text));
        continue;
      }
      findings.push(...checkRange(place, kind, cidr, cluster.cloud));
      ranges.push({ place, text, cidr, region: cluster.role === "region", kind });
    }
    findings.push(...checkRoom(name, cluster));
  }
  findings.push(...checkOverlaps(ranges));
  findings.push(...checkBalancers(ranges, clusters));
  // Only this driver makes the tunnel ends' addresses out of the nodes'.
  if (cableDriver === "vxlan") findings.push(...checkTunnelEnds(ranges));
  return findings;
}

/** Who may reach the APIs. */
export function checkAdmins({ adminCidrs, world }: FleetShape): RuleFinding[] {
  if (adminCidrs.length === 0) {
    const allowed = "at least one IPv4 CIDR: from there the Kubernetes APIs are reached, also by pulumi itself";
    const remedy = "add your own public address as <address>/32 under archipelago:fleet in Pulumi.yaml";
    return [breaks("admin-missing", "adminCidrs", "empty", allowed, remedy)];
  }
  const findings = adminCidrs.flatMap((text, index) => checkAdmin(text, `adminCidrs[${index}]`, world));
  if (adminCidrs.length > ADMIN_LIMIT) {
    const allowed = `at most ${ADMIN_LIMIT}: AWS counts one rule for each, and grants 60`;
    findings.push(
      breaks("admin-count", "adminCidrs", `${adminCidrs.length} entries`, allowed, "join them to larger ranges"),
    );
  }
  return findings;
}

function checkAdmin(text: string, place: string, world: string): RuleFinding[] {
  const cidr = parseCidr(text);
  if (!cidr) return [{ ...unreadable(place, text), rule: "admin-malformed" }];
  if (cidr.prefix < WIDEST_ADMIN_PREFIX) {
    const remedy = "name your own addresses; if the APIs shall be open to everybody, add admin-open to `accepted`";
    return [breaks("admin-open", place, text, `/${WIDEST_ADMIN_PREFIX} or narrower`, remedy)];
  }
  if (world === "clouds" && NEVER_PUBLIC.some((range) => overlaps(range, cidr))) {
    const allowed = "public addresses, from which the APIs' public addresses are reached";
    return [breaks("admin-private", place, text, allowed, "name the address your network shows to the internet")];
  }
  return [];
}

function unreadable(place: string, text: string): RuleFinding {
  const around = cidrAround(text);
  if (around) {
    const allowed = "the first address of its block";
    return breaks("cidr-unaligned", place, text, allowed, `write ${renderCidr(around)}`);
  }
  const allowed = "an IPv4 CIDR, as 10.20.0.0/24";
  return breaks("cidr-malformed", place, text || "empty", allowed, "correct it");
}

function checkRange(place: string, kind: Kind, cidr: Cidr, cloud: string): RuleFinding[] {
  const value = renderCidr(cidr);
  const { rule, from, to, why } = PREFIXES[kind];
  const findings: RuleFinding[] = [];
  if (cidr.prefix < from || cidr.prefix > to) {
    const remedy = `choose a prefix between /${from} and /${to}`;
    findings.push(breaks(rule, place, value, `/${from} to /${to} (${why})`, remedy));
  }
  findings.push(...checkUse(place, kind, cidr));
  if (kind === "nodeCidr" && isCloud(cloud)) findings.push(...checkCloudRanges(place, cidr, cloud));
  return findings;
}

function checkUse(place: string, kind: Kind, cidr: Cidr): RuleFinding[] {
  const value = renderCidr(cidr);
  const remedy = "choose one from 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16";
  const taken = FORBIDDEN.find(({ range }) => overlaps(cidr, range));
  if (taken) {
    return [breaks(taken.rule, place, value, `a range outside ${renderCidr(taken.range)} (${taken.use})`, remedy)];
  }
  const homes = kind === "nodeCidr" ? PRIVATE : [...PRIVATE, SHARED];
  if (!homes.some((home) => home.prefix <= cidr.prefix && contains(home, cidr.first))) {
    return [breaks("cidr-public", place, value, homes.map(renderCidr).join(", "), remedy)];
  }
  if (overlaps(cidr, DOCKER)) {
    const allowed = `a range outside ${renderCidr(DOCKER)}: a machine with Docker cannot reach it`;
    return [breaks("cidr-docker", place, value, allowed, remedy)];
  }
  return [];
}

function checkCloudRanges(place: string, cidr: Cidr, cloud: CloudName): RuleFinding[] {
  const value = renderCidr(cidr);
  const findings = (RESERVED_RANGES[cloud] ?? [])
    .filter(({ range }) => overlaps(cidr, block(range)))
    .map(({ range, use }) => breaks("cidr-cloud", place, value, `a range outside ${range} (${use})`, "choose another"));
  const assigned = ASSIGNED_RANGES[cloud];
  if (assigned && !(assigned.prefixes.includes(cidr.prefix) && overlaps(cidr, block(assigned.within)))) {
    const remedy = "look up what the cloud assigned, and write that";
    const allowed = `${assigned.what}: ${CLOUD_FACTS[cloud].label} assigns it, the topology only says which it was`;
    findings.push(breaks("node-cidr-assigned", place, value, allowed, remedy));
  }
  return findings;
}

function checkRoom(name: string, cluster: ClusterShape): RuleFinding[] {
  const count = Object.keys(cluster.nodes).length;
  const findings: RuleFinding[] = [];
  const remedy = "choose a larger range or fewer nodes";
  const nodes = parseCidr(cluster.nodeCidr);
  const { reservedAddresses = 0, subnetPerZone } = isCloud(cluster.cloud) ? CLOUD_FACTS[cluster.cloud] : {};
  const zones = new Map<string | undefined, number>();
  for (const { zone } of Object.values(cluster.nodes)) zones.set(zone, (zones.get(zone) ?? 0) + 1);
  const place = `clusters.${name}.nodeCidr`;
  if (nodes && subnetPerZone && zones.size > 1) {
    const part = nodes.prefix + ZONE_PREFIX_BITS;
    const room = part > SMALLEST_SUBNET_PREFIX ? 0 : 2 ** (32 - part) - reservedAddresses;
    for (const [zone, length] of zones) {
      if (zone === undefined || length <= room) continue;
      const value = `a /${part} of ${cluster.nodeCidr} for ${length} nodes in ${zone}`;
      const allowed = `at most ${room} nodes a zone: each has an eighth of the range, and no subnet is smaller than /${SMALLEST_SUBNET_PREFIX}`;
      findings.push(breaks("node-cidr-room", place, value, allowed, remedy));
    }
  } else if (nodes && cidrSize(nodes) - reservedAddresses < count) {
    const room = Math.max(0, cidrSize(nodes) - reservedAddresses);
    const value = `${cluster.nodeCidr} for ${count} nodes`;
    findings.push(breaks("node-cidr-room", place, value, `at most ${room} nodes`, remedy));
  }
  const pods = parseCidr(cluster.podCidr);
  if (pods && pods.prefix <= POD_PREFIX && 2 ** (POD_PREFIX - pods.prefix) < count) {
    const room = 2 ** (POD_PREFIX - pods.prefix);
    const value = `${cluster.podCidr} for ${count} nodes`;
    const allowed = `at most ${room} nodes, a /${POD_PREFIX} each`;
    findings.push(breaks("pod-cidr-room", `clusters.${name}.podCidr`, value, allowed, remedy));
  }
  return findings;
}

function checkOverlaps(ranges: Range[]): RuleFinding[] {
  const allowed = "ranges that are disjoint over the whole fleet: the tunnels route by them";
  return pairsOf(ranges, ({ cidr }) => cidr).map(([one, other]) => {
    const value = `${one.text} overlaps ${other.text}`;
    return breaks("cidr-overlap", `${one.place} and ${other.place}`, value, allowed, "change one of the two");
  });
}

/** The nodes of a region have routes to the pods and services of all regions: none may lead away from its load balancer. */
function checkBalancers(ranges: Range[], clusters: Record<string, ClusterShape>): RuleFinding[] {
  return Object.entries(clusters).flatMap(([name, { cloud, nodes }]) => {
    const several = isCloud(cloud) && isReplicated({ nodes: Object.values(nodes) });
    const source = several ? CLOUD_FACTS[cloud].balancerSource : undefined;
    if (source === undefined) return [];
    const allowed = `a range outside ${source}: from there the load balancer of ${name} dials its servers, which could not answer`;
    return ranges
      .filter(({ kind, region, cidr }) => kind !== "nodeCidr" && region && overlaps(cidr, block(source)))
      .map(({ place, text }) => breaks("cidr-balancer", place, text, allowed, "choose another"));
  });
}

/** A tunnel's end is 241.<last three octets of the node's address>. */
function checkTunnelEnds(ranges: Range[]): RuleFinding[] {
  const nodes = ranges.filter(({ kind, region, cidr }) => kind === "nodeCidr" && region && cidr.prefix >= 8);
  const allowed = "node ranges that differ in their last three octets: the vxlan cable makes its own addresses of them";
  return pairsOf(nodes, ({ cidr }) => ({ first: cidr.first % 2 ** 24, prefix: cidr.prefix }))
    .filter(([one, other]) => !overlaps(one.cidr, other.cidr))
    .map(([one, other]) => {
      const value = `${one.text} and ${other.text}`;
      return breaks("vtep-collision", `${one.place} and ${other.place}`, value, allowed, "change one of the two");
    });
}

const pairsOf = (ranges: Range[], cidrOf: (range: Range) => Cidr): [Range, Range][] =>
  overlappingPairs(ranges.map(cidrOf)).map(([one, other]) => [ranges[one]!, ranges[other]!]);
