/** Rules on what holds for the whole fleet: names, versions, ports, certificates. */
import { certificateDays } from "./certificates";
import { contains, parseAddress, parseCidr } from "./cidr";
import { isCloud } from "./clouds";
import { NAT_DISCOVERY_PORT } from "./firewall";
import { DEFAULT_CABLE_PORT, DEFAULT_MSS_OCTETS, largestMssOctets } from "./networks";
import { breaks, isAcceptable, isRule, type RuleFinding, type RuleId, RULES } from "./rules";
import type { ClusterShape, FleetShape } from "./shape";
import type { SubmarinerSpec } from "./types";

const DOMAIN = /^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]([a-z0-9-]*[a-z0-9])?$/;
const DOMAIN_LENGTH = 100;
const LABEL_LENGTH = 63;
/** Linode's tags end at 50 characters, and `owner:` stands before it; blanks part tags in Civo. */
const OWNER = /^[\w.-]{1,40}$/;
/** Kept by RFCs 6762, 6761 and 3172, by Kubernetes itself and by the Multi-Cluster Services API. */
const RESERVED_DOMAINS = ["local", "localhost", "arpa", "invalid", "onion"];

/** CoreDNS's forward takes no more. */
const UPSTREAM_LIMIT = 15;

/** Releases with which the whole fleet was put up. */
export const REHEARSED_KUBERNETES = ["v1.37.2"];
const OLDEST_MINOR = 31;
/** Of 0.24: the first one with the fixes. */
const FIXED_SUBMARINER = [0, 24, 2];

const DRIVERS: SubmarinerSpec["cableDriver"][] = ["libreswan", "wireguard", "vxlan"];
/** UDP on a gateway beside the cable. */
const UDP_PORTS: [from: number, to: number, use: string][] = [
  [NAT_DISCOVERY_PORT, NAT_DISCOVERY_PORT, "Submariner's NAT discovery"],
  [4800, 4800, "Submariner inside a cluster"],
  [8472, 8472, "flannel"],
  [53, 53, "DNS"],
  [123, 123, "NTP"],
  [30000, 32767, "Kubernetes' node ports"],
];
const SMALLEST_MSS_OCTETS = 536;

/** Below this an `up` a month would not do. */
const COMFORTABLE_RENEWAL_DAYS = 30;

export function checkFleet(fleet: FleetShape, clusters: Record<string, ClusterShape>): RuleFinding[] {
  const findings: RuleFinding[] = [];
  if (!["clouds", "rehearsal"].includes(fleet.world)) {
    findings.push(breaks("world", "world", fleet.world || "empty", "clouds or rehearsal", "choose one"));
  }
  if (fleet.world === "clouds" && !fleet.protectData) {
    const remedy = "set it to true, except while you take the fleet down";
    findings.push(
      breaks("data-unprotected", "protectData", "false", "true: it guards the database's machines", remedy),
    );
  }
  return [
    ...findings,
    ...checkAccepted(fleet.accepted ?? []),
    ...checkDomain(fleet.domain),
    ...checkOwner(fleet.owner),
    ...checkUpstreams(fleet.upstreamDns, clusters),
    ...checkKubernetes(fleet.kubernetes.version),
    ...checkSubmariner(fleet.submariner, fleet.world),
    ...checkCable(fleet.submariner, clusters),
    ...checkCertificates(fleet.certificates),
  ];
}

function checkAccepted(accepted: string[]): RuleFinding[] {
  const possible = Object.keys(RULES).filter((rule) => isAcceptable(rule as RuleId));
  return accepted.flatMap((name, index) => {
    if (isRule(name) && isAcceptable(name)) return [];
    const value = isRule(name) ? `${name}, which nobody can accept` : name || "empty";
    return [breaks("accepted-rule", `accepted[${index}]`, value, possible.join(", "), "correct or remove it")];
  });
}

function checkOwner(owner: string | undefined): RuleFinding[] {
  if (owner === undefined || OWNER.test(owner)) return [];
  const allowed = "1 to 40 of a-z, A-Z, 0-9, dot, hyphen, underscore";
  return [breaks("owner", "owner", owner || "empty", allowed, "write it as one word, or remove it")];
}

function checkDomain(domain: string): RuleFinding[] {
  const say = (rule: RuleId, allowed: string, remedy: string) => [breaks(rule, "domain", domain, allowed, remedy)];
  if (!DOMAIN.test(domain)) {
    return [
      breaks("domain", "domain", domain || "empty", "a DNS name of at least two labels", "as archipelago.internal"),
    ];
  }
  const labels = domain.split(".");
  if (labels.some((label) => label.length > LABEL_LENGTH)) {
    return say("domain-label", `labels of at most ${LABEL_LENGTH} characters`, "choose a shorter one");
  }
  if (domain.length > DOMAIN_LENGTH) {
    return say("domain-length", `at most ${DOMAIN_LENGTH} characters`, "choose a shorter one");
  }
  const last = labels.at(-1) ?? "";
  if (RESERVED_DOMAINS.includes(last)) {
    const allowed = `a name that does not end in ${RESERVED_DOMAINS.map((name) => `.${name}`).join(", ")}`;
    return say("domain-reserved", allowed, "take a domain you own, or one under .internal");
  }
  return [];
}

function checkUpstreams(upstreams: string[], clusters: Record<string, ClusterShape>): RuleFinding[] {
  const findings = upstreams.flatMap((upstream, index): RuleFinding[] => {
    const place = `upstreamDns[${index}]`;
    const address = parseAddress(upstream);
    if (address === undefined) {
      if (/^\/\S+$/.test(upstream)) return [];
      const allowed = "an IPv4 address, or the path of a resolv.conf";
      return [breaks("upstream-dns", place, upstream || "empty", allowed, "correct it")];
    }
    const own = Object.entries(clusters).find(([, cluster]) =>
      [cluster.podCidr, cluster.serviceCidr].some((text) => {
        const cidr = parseCidr(text);
        return cidr !== undefined && contains(cidr, address);
      }),
    );
    if (!own) return [];
    const allowed = `an address outside the pods and services of ${own[0]}: CoreDNS would ask itself`;
    return [breaks("upstream-dns-loop", place, upstream, allowed, "name a resolver outside the fleet")];
  });
  if (upstreams.length > UPSTREAM_LIMIT) {
    const value = `${upstreams.length} entries`;
    findings.push(breaks("upstream-dns-count", "upstreamDns", value, `at most ${UPSTREAM_LIMIT}`, "remove some"));
  }
  return findings;
}

function checkKubernetes(version: string): RuleFinding[] {
  const place = "kubernetes.version";
  const minor = /^v1\.(0|[1-9]\d*)\.(0|[1-9]\d*)$/.exec(version)?.[1];
  if (minor === undefined) {
    return [breaks("kubernetes-version", place, version || "empty", "a release as v1.37.2", "correct it")];
  }
  if (Number(minor) < OLDEST_MINOR) {
    const allowed = `v1.${OLDEST_MINOR} or newer: kubeadm reads no v1beta4 configuration before`;
    return [breaks("kubernetes-minor", place, version, allowed, `take ${REHEARSED_KUBERNETES[0]}`)];
  }
  if (REHEARSED_KUBERNETES.includes(version)) return [];
  const remedy = "rehearse it first (make rehearsal), then add kubernetes-rehearsed to `accepted`";
  return [breaks("kubernetes-rehearsed", place, version, REHEARSED_KUBERNETES.join(", "), remedy)];
}

function checkSubmariner({ version, repository, cableDriver }: FleetShape["submariner"], world: string): RuleFinding[] {
  const findings: RuleFinding[] = [];
  const numbers = /^(\d+)\.(\d+)\.(\d+)$/.exec(version)?.slice(1).map(Number);
  if (!numbers) {
    const place = "submariner.version";
    findings.push(breaks("submariner-version", place, version || "empty", "a release as 0.24.2", "correct it"));
  } else if (world === "clouds" && isBefore(numbers, FIXED_SUBMARINER)) {
    const allowed = "0.24.2 or newer: CVE-2026-66785, -66786 and -66788 are mended there";
    findings.push(breaks("submariner-vulnerable", "submariner.version", version, allowed, "take 0.24.2"));
  }
  if (!/^[^\s/:@]+(:\d+)?(\/[^\s/:@]+)+$/.test(repository)) {
    const allowed = "an image repository as quay.io/submariner, without tag";
    findings.push(
      breaks("submariner-repository", "submariner.repository", repository || "empty", allowed, "correct it"),
    );
  }
  const place = "submariner.cableDriver";
  if (!(DRIVERS as string[]).includes(cableDriver)) {
    findings.push(breaks("cable-driver", place, cableDriver || "empty", DRIVERS.join(", "), "choose one"));
  } else if (cableDriver === "vxlan" && world === "clouds") {
    const allowed = "libreswan or wireguard: vxlan carries pod traffic in clear over the internet";
    findings.push(breaks("cable-unencrypted", place, cableDriver, allowed, "take libreswan"));
  }
  return findings;
}

const isBefore = (one: number[], other: number[]): boolean => {
  const at = one.findIndex((number, index) => number !== other[index]);
  return at >= 0 && one[at]! < other[at]!;
};

/** Ports and segments of the tunnels. */
function checkCable(submariner: FleetShape["submariner"], clusters: Record<string, ClusterShape>): RuleFinding[] {
  const { cableDriver, cablePort = DEFAULT_CABLE_PORT, mssOctets = DEFAULT_MSS_OCTETS } = submariner;
  const findings: RuleFinding[] = [];
  const taken = UDP_PORTS.find(([from, to]) => cablePort >= from && cablePort <= to);
  const port = "submariner.cablePort";
  if (!Number.isInteger(cablePort) || cablePort < 1 || cablePort > 65_535) {
    findings.push(breaks("port-number", port, String(cablePort), "a whole number from 1 to 65535", "correct it"));
  } else if (taken) {
    const allowed = `a UDP port that is free: ${taken[2]} has it`;
    findings.push(breaks("port-clash", port, String(cablePort), allowed, `take ${DEFAULT_CABLE_PORT}`));
  }
  const mss = "submariner.mssOctets";
  if (!Number.isInteger(mssOctets) || mssOctets < SMALLEST_MSS_OCTETS) {
    const allowed = `a whole number from ${SMALLEST_MSS_OCTETS} up`;
    findings.push(breaks("mss-small", mss, String(mssOctets), allowed, `take ${DEFAULT_MSS_OCTETS}`));
  }
  const driver = DRIVERS.find((known) => known === cableDriver);
  if (!driver) return findings;
  const limits = Object.entries(clusters)
    .flatMap(([name, { cloud, role }]) =>
      role === "region" && isCloud(cloud) ? [{ name, limit: largestMssOctets(cloud, driver) }] : [],
    )
    .filter(({ limit }) => mssOctets > limit)
    .sort((one, other) => one.limit - other.limit);
  const [narrowest] = limits;
  if (narrowest) {
    const allowed = `at most ${narrowest.limit}: more does not pass ${narrowest.name}'s network and the ${driver} cable`;
    findings.push(breaks("mss-large", mss, String(mssOctets), allowed, `take ${DEFAULT_MSS_OCTETS}`));
  }
  return findings;
}

function checkCertificates(given: FleetShape["certificates"]): RuleFinding[] {
  const days = certificateDays({ certificates: given });
  const findings = Object.entries(days)
    .filter(([, count]) => !Number.isInteger(count) || count < 1)
    .map(([field, count]) => {
      const allowed = "a whole number of days from 1 up";
      return breaks("certificate-days", `certificates.${field}`, String(count), allowed, "correct it");
    });
  // Comparing what is no number of days would only repeat the above.
  if (findings.length > 0) return findings;
  const say = (rule: RuleId, field: keyof typeof days, allowed: string, remedy: string) =>
    findings.push(breaks(rule, `certificates.${field}`, `${days[field]} days`, allowed, remedy));
  if (days.ca <= days.leaf) {
    say("certificate-ca", "ca", `more than the ${days.leaf} of what it signs`, "make it ten years: 3650");
    return findings;
  }
  for (const [field, life] of [
    ["caRenewal", days.ca],
    ["leafRenewal", days.leaf],
  ] as const) {
    if (days[field] < life) continue;
    say("certificate-renewal", field, `fewer than the ${life} it lives: every up would renew it`, "make it smaller");
  }
  if (days.caRenewal < days.leaf) {
    const allowed = `at least ${days.leaf}: what is signed on the CA's last day would outlive it`;
    say("certificate-ca-renewal", "caRenewal", allowed, `make it ${days.leaf}`);
  }
  if (days.leafRenewal < COMFORTABLE_RENEWAL_DAYS) {
    const allowed = `at least ${COMFORTABLE_RENEWAL_DAYS}: nothing renews them but the next up`;
    say("certificate-rare", "leafRenewal", allowed, "make it longer, or run up more often than that");
  }
  return findings;
}
