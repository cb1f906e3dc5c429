/** What every cloud's firewall resources open, said in one way. */
import { at, listAt, numberAt, type Properties, type Property, textsAt } from "./properties";

export interface Opening {
  protocol: "tcp" | "udp" | "icmp" | "all" | "other";
  /** First and last port, inclusive; 0–65535 for protocols without ports and for all of them. */
  from: number;
  to: number;
  /** CIDRs that are known by now. */
  sources: string[];
}

const EVERYWHERE = ["0.0.0.0/0", "::/0"];
const EVERYTHING: Opening = { protocol: "all", from: 0, to: 65535, sources: EVERYWHERE };

type ReadOpenings = (properties: Properties) => Opening[];

/** By resource type. Equinix Metal has no firewall of its own: the boot script's is there (plan/hostFirewall.ts). */
const READERS: Record<string, ReadOpenings> = {
  "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": (rule) => [
    opening(at(rule, "ipProtocol"), ports(rule, "fromPort", "toPort"), texts(rule, "cidrIpv4", "cidrIpv6")),
  ],
  "aws:ec2/securityGroupRule:SecurityGroupRule": (rule) => (at(rule, "type") === "ingress" ? [awsInline(rule)] : []),
  "aws:ec2/securityGroup:SecurityGroup": (group) => listAt(group, "ingress").map(awsInline),
  "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": (group) => listAt(group, "ingress").map(awsInline),

  "oci:Core/networkSecurityGroupSecurityRule:NetworkSecurityGroupSecurityRule": (rule) =>
    at(rule, "direction") === "INGRESS"
      ? [opening(at(rule, "protocol"), ociPorts(rule, "destinationPortRange"), texts(rule, "source"))]
      : [],
  "oci:Core/securityList:SecurityList": ociList,
  "oci:Core/defaultSecurityList:DefaultSecurityList": ociList,
  // Without lists of its own a subnet takes the network's default one, which admits everybody to SSH.
  "oci:Core/subnet:Subnet": (subnet) =>
    at(subnet, "securityListIds") === undefined ? [{ protocol: "tcp", from: 22, to: 22, sources: ["0.0.0.0/0"] }] : [],

  "vultr:index/firewallRule:FirewallRule": (rule) => [
    opening(at(rule, "protocol"), portText(at(rule, "port")), [
      `${texts(rule, "subnet")[0] ?? ""}/${numberAt(rule, "subnetSize") ?? ""}`,
    ]),
  ],
  "vultr:index/instance:Instance": unlessGiven("firewallGroupId"),

  "civo:index/firewallRule:FirewallRule": (rule) =>
    at(rule, "direction") === "egress"
      ? []
      : [opening(at(rule, "protocol"), ports(rule, "startPort", "endPort"), textsAt(rule, "cidrs"))],
  "civo:index/instance:Instance": unlessGiven("firewallId"),

  "linode:index/firewall:Firewall": (firewall) => [
    ...(at(firewall, "inboundPolicy") === "ACCEPT" ? [EVERYTHING] : []),
    ...listAt(firewall, "inbounds")
      .filter((rule) => at(rule, "action") === "ACCEPT")
      .flatMap((rule) => {
        const sources = [...textsAt(rule, "ipv4s"), ...textsAt(rule, "ipv6s")];
        const given = at(rule, "ports");
        // Several in one rule: "22, 80, 8000-8080".
        const parts: (Property | undefined)[] = typeof given === "string" ? given.split(",") : [given];
        return parts.map((part) => opening(at(rule, "protocol"), portText(part), sources));
      }),
  ],
  "linode:index/instance:Instance": unlessGiven("firewallId"),
  "linode:index/nodeBalancer:NodeBalancer": unlessGiven("firewallId"),
};

/** What a resource opens; nothing for types that open nothing. */
export const openingsOf = (type: string, properties: Properties): Opening[] => READERS[type]?.(properties) ?? [];

/** Whether a CIDR holds more than any one owner has: a block of 2^25 IPv4 addresses or larger, or nearly all of IPv6. */
export function isWorld(cidr: string): boolean {
  const [address = "", length = ""] = cidr.split("/");
  if (!/^\d+$/.test(length)) return false;
  return Number(length) < (address.includes(":") ? 16 : 8);
}

/** A machine without a firewall is open at every port. */
function unlessGiven(field: string): ReadOpenings {
  return (machine) => {
    const given = at(machine, field);
    return given === undefined || given === null || given === "" ? [EVERYTHING] : [];
  };
}

function awsInline(rule: Property): Opening {
  const sources = [...textsAt(rule, "cidrBlocks"), ...textsAt(rule, "ipv6CidrBlocks")];
  return opening(at(rule, "protocol"), ports(rule, "fromPort", "toPort"), sources);
}

function ociList(list: Properties): Opening[] {
  return listAt(list, "ingressSecurityRules").map((rule) =>
    opening(at(rule, "protocol"), ociPorts(rule), texts(rule, "source")),
  );
}

function ociPorts(rule: Property, ...range: string[]): [number, number] | undefined {
  for (const options of ["tcpOptions", "udpOptions"]) {
    const [from, to] = [numberAt(rule, options, ...range, "min"), numberAt(rule, options, ...range, "max")];
    if (from !== undefined && to !== undefined) return [from, to];
  }
  return undefined;
}

function ports(rule: Property, first: string, last: string): [number, number] | undefined {
  const [from, to] = [numberAt(rule, first), numberAt(rule, last)];
  // AWS writes -1 for all, Civo 0 or nothing.
  if (from === undefined || from < 0) return undefined;
  return [from, to ?? from];
}

/** "6443", "8000:8080" or "8000-8080". */
function portText(text: Property | undefined): [number, number] | undefined {
  if (typeof text === "number") return [text, text];
  const [, from, to] = (typeof text === "string" && /^\s*(\d+)(?:\s*[-:]\s*(\d+))?\s*$/.exec(text)) || [];
  return from === undefined ? undefined : [Number(from), Number(to ?? from)];
}

const texts = (holder: Property, ...fields: string[]): string[] =>
  fields.flatMap((field) => {
    const value = at(holder, field);
    return typeof value === "string" ? [value] : [];
  });

const PROTOCOLS: Record<string, Opening["protocol"]> = {
  tcp: "tcp",
  "6": "tcp",
  udp: "udp",
  "17": "udp",
  icmp: "icmp",
  "1": "icmp",
  all: "all",
  "-1": "all",
};

/** Without ports, or with ports not known yet, it is all of them. */
function opening(protocol: Property | undefined, range: [number, number] | undefined, sources: string[]): Opening {
  // What is not known yet may be anything.
  const written = typeof protocol === "string" || typeof protocol === "number" ? `${protocol}`.toLowerCase() : "all";
  const kind = PROTOCOLS[written] ?? "other";
  const [from, to] = kind === "tcp" || kind === "udp" ? (range ?? [0, 65535]) : [0, 65535];
  return { protocol: kind, from, to, sources };
}
