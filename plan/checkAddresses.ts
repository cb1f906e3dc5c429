/** Rules on the fleet's address ranges. */
import { type Cidr, cidrSize, overlaps, parseCidr, renderCidr } from "./cidr";
import { CLOUD_FACTS } from "./clouds";
import type { ClusterShape } from "./shape";
import type { CloudName, Finding } from "./types";

const KINDS = ["podCidr", "serviceCidr", "nodeCidr"] as const;
type Kind = (typeof KINDS)[number];

/** Smallest and largest prefix of each kind. */
const PREFIXES: Record<Kind, { from: number; to: number; why: string }> = {
  podCidr: { from: 12, to: 20, why: "every node takes a /24 of it" },
  serviceCidr: { from: 12, to: 24, why: "Kubernetes allows no larger one than /12" },
  nodeCidr: { from: 16, to: 28, why: "the clouds' subnets are no larger than /16 and no smaller than /28" },
};

/** Ranges no cluster can use. */
const FORBIDDEN: [string, string][] = [
  ["0.0.0.0/8", "this network"],
  ["127.0.0.0/8", "loopback"],
  ["169.254.0.0/16", "link-local: the clouds' metadata services"],
  ["224.0.0.0/3", "multicast and reserved"],
];

interface Range {
  place: string;
  text: string;
  cidr: Cidr;
}

export function checkAddresses(adminCidrs: string[], clusters: Record<string, ClusterShape>): Finding[] {
  const findings = checkAdmins(adminCidrs);
  const ranges: Range[] = [];
  for (const [name, cluster] of Object.entries(clusters)) {
    for (const kind of KINDS) {
      const range = { place: `clusters.${name}.${kind}`, text: cluster[kind], cidr: parseCidr(cluster[kind]) };
      if (!range.cidr) {
        findings.push(malformed(range.place, range.text));
        continue;
      }
      findings.push(...checkSize(kind, range.place, range.cidr), ...checkForbidden(range.place, range.cidr));
      ranges.push({ ...range, cidr: range.cidr });
    }
    findings.push(...checkRoom(name, cluster));
  }
  return [...findings, ...checkOverlaps(ranges)];
}

const malformed = (place: string, value: string): Finding => ({
  place,
  value: value || "empty",
  allowed: "an IPv4 CIDR that begins with its block's first address, as 10.20.0.0/24",
  remedy: "correct it",
});

function checkAdmins(adminCidrs: string[]): Finding[] {
  if (adminCidrs.length === 0) {
    return [
      {
        place: "adminCidrs",
        value: "empty",
        allowed: "at least one IPv4 CIDR: from there the Kubernetes APIs are reached, also by pulumi itself",
        remedy: "add your own public address as <address>/32 under archipelago:fleet in Pulumi.yaml",
      },
    ];
  }
  return adminCidrs.flatMap((text, index) => (parseCidr(text) ? [] : [malformed(`adminCidrs[${index}]`, text)]));
}

function checkSize(kind: Kind, place: string, cidr: Cidr): Finding[] {
  const { from, to, why } = PREFIXES[kind];
  if (cidr.prefix >= from && cidr.prefix <= to) return [];
  const value = renderCidr(cidr);
  return [
    { place, value, allowed: `/${from} to /${to} (${why})`, remedy: `choose a prefix between /${from} and /${to}` },
  ];
}

function checkForbidden(place: string, cidr: Cidr): Finding[] {
  return FORBIDDEN.filter(([text]) => overlaps(cidr, parseCidr(text) as Cidr)).map(([text, use]) => ({
    place,
    value: renderCidr(cidr),
    allowed: `a range outside ${text} (${use})`,
    remedy: "choose one from 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16",
  }));
}

function checkRoom(name: string, cluster: ClusterShape): Finding[] {
  const count = Object.keys(cluster.nodes).length;
  const findings: Finding[] = [];
  const nodes = parseCidr(cluster.nodeCidr);
  const reserved = CLOUD_FACTS[cluster.cloud as CloudName]?.reservedAddresses ?? 5;
  if (nodes && cidrSize(nodes) - reserved < count) {
    const room = Math.max(0, cidrSize(nodes) - reserved);
    const value = `${cluster.nodeCidr} for ${count} nodes`;
    const remedy = "choose a larger range or fewer nodes";
    findings.push({ place: `clusters.${name}.nodeCidr`, value, allowed: `at most ${room} nodes`, remedy });
  }
  const pods = parseCidr(cluster.podCidr);
  if (pods && pods.prefix <= 24 && 2 ** (24 - pods.prefix) < count) {
    const room = 2 ** (24 - pods.prefix);
    const value = `${cluster.podCidr} for ${count} nodes`;
    const remedy = "choose a larger range or fewer nodes";
    findings.push({ place: `clusters.${name}.podCidr`, value, allowed: `at most ${room} nodes, a /24 each`, remedy });
  }
  return findings;
}

function checkOverlaps(ranges: Range[]): Finding[] {
  return ranges.flatMap((one, index) =>
    ranges
      .slice(index + 1)
      .filter((other) => overlaps(one.cidr, other.cidr))
      .map((other) => ({
        place: `${one.place} and ${other.place}`,
        value: `${one.text} overlaps ${other.text}`,
        allowed: "ranges that are disjoint over the whole fleet: the tunnels route by them",
        remedy: "change one of the two",
      })),
  );
}
