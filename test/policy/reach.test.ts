import { describe, expect, test } from "vitest";
import { openingsOf } from "../../policy/openings";
import { type Properties, UNKNOWN } from "../../policy/properties";
import { designedOpenings, managementPorts, otherPorts } from "../../policy/reach";
import { fleetOf, findingsOf, resource } from "./subjects";

const ANYWHERE = "0.0.0.0/0";
const AWS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule";
const OCI = "oci:Core/networkSecurityGroupSecurityRule:NetworkSecurityGroupSecurityRule";
const aws = (port: number, cidrIpv4: string): Properties => ({
  ipProtocol: "tcp",
  fromPort: port,
  toPort: port,
  cidrIpv4,
});
const oci = (port: number, source: string): Properties => ({
  direction: "INGRESS",
  protocol: "6",
  source,
  tcpOptions: { destinationPortRange: { min: port, max: port } },
});

/** Each opens SSH to everybody in its cloud's own words; the same with a narrow source does not. */
const SSH: [type: string, open: (source: string) => Properties][] = [
  [AWS, (source) => aws(22, source)],
  [AWS, (cidrIpv4) => ({ ipProtocol: "-1", cidrIpv4 })],
  [AWS, (cidrIpv4) => ({ ipProtocol: "tcp", fromPort: 20, toPort: 23, cidrIpv4 })],
  [
    "aws:ec2/securityGroup:SecurityGroup",
    (source) => ({ ingress: [{ protocol: "tcp", fromPort: 22, toPort: 22, cidrBlocks: [source] }] }),
  ],
  [
    "aws:ec2/securityGroupRule:SecurityGroupRule",
    (source) => ({ type: "ingress", protocol: "tcp", fromPort: 0, toPort: 65535, cidrBlocks: [source] }),
  ],
  [OCI, (source) => oci(22, source)],
  [OCI, (source) => ({ direction: "INGRESS", protocol: "all", source })],
  [
    "oci:Core/securityList:SecurityList",
    (source) => ({ ingressSecurityRules: [{ protocol: "6", source, tcpOptions: { min: 22, max: 22 } }] }),
  ],
  [
    "vultr:index/firewallRule:FirewallRule",
    (source) => ({
      protocol: "tcp",
      port: "22",
      subnet: source.split("/")[0],
      subnetSize: Number(source.split("/")[1]),
    }),
  ],
  [
    "civo:index/firewallRule:FirewallRule",
    (source) => ({ direction: "ingress", protocol: "tcp", startPort: "22", endPort: "22", cidrs: [source] }),
  ],
  [
    "linode:index/firewall:Firewall",
    (source) => ({
      inboundPolicy: "DROP",
      inbounds: [{ action: "ACCEPT", protocol: "TCP", ports: "80, 20-25", ipv4s: [source] }],
    }),
  ],
];

describe("no management port open to the world", () => {
  test.each(SSH)("finds SSH open to everybody in a %s", (type, open) => {
    expect(findingsOf(managementPorts, resource(type, open(ANYWHERE)))).toMatchObject([
      { place: "subject", value: expect.stringMatching(/SSH.* for everybody \(0\.0\.0\.0\/0\)/) as string },
    ]);
  });

  test.each(SSH)("lets a %s for one network pass", (type, open) => {
    expect(findingsOf(managementPorts, resource(type, open("203.0.113.0/24")))).toEqual([]);
  });

  test("lets the broker's API pass, because the plan states why it is open, and no region's", () => {
    const api = resource(AWS, aws(6443, ANYWHERE));
    expect(findingsOf(managementPorts, api, fleetOf("broker"))).toEqual([]);
    expect(findingsOf(managementPorts, api, fleetOf("oregon"))).toHaveLength(1);
  });

  test("does not take administrators from everywhere for a statement", () => {
    const fleet = fleetOf("oregon", { adminCidrs: [ANYWHERE] });
    expect(fleet.cluster?.firewall.find(({ name }) => name === "api")?.sources).toContain(ANYWHERE);
    expect(findingsOf(managementPorts, resource(AWS, aws(6443, ANYWHERE)), fleet)).toHaveLength(1);
  });

  test("takes the topology's own acceptance for one, for the API and nothing else", () => {
    const fleet = fleetOf("oregon", { adminCidrs: [ANYWHERE], accepted: ["admin-open"] });
    expect(findingsOf(managementPorts, resource(AWS, aws(6443, ANYWHERE)), fleet)).toEqual([]);
    expect(findingsOf(managementPorts, resource(AWS, aws(22, ANYWHERE)), fleet)).toHaveLength(1);
  });

  test("takes a statement of the settings for its cluster and port alone, and none without a reason", () => {
    const api = resource(AWS, aws(6443, ANYWHERE));
    const stating = (over: object) => ({
      stated: [{ protocol: "tcp", port: 6443, why: "administrators travel", cluster: "oregon", ...over }],
    });
    expect(findingsOf(managementPorts, api, fleetOf("oregon"), stating({}))).toEqual([]);
    for (const other of [{ cluster: "london" }, { port: 6444 }, { protocol: "udp" }, { why: " " }])
      expect(findingsOf(managementPorts, api, fleetOf("oregon"), stating(other))).toHaveLength(1);
  });

  test("sees through halves of the internet and IPv6", () => {
    expect(findingsOf(managementPorts, resource(AWS, aws(22, "128.0.0.0/1")))).toHaveLength(1);
    const six = { ipProtocol: "tcp", fromPort: 22, toPort: 22, cidrIpv6: "::/0" };
    expect(findingsOf(managementPorts, resource(AWS, six))).toHaveLength(1);
    expect(findingsOf(managementPorts, resource(AWS, { ...six, cidrIpv6: "2001:db8::/32" }))).toEqual([]);
  });

  test.each([
    ["vultr:index/instance:Instance", "firewallGroupId"],
    ["civo:index/instance:Instance", "firewallId"],
    ["linode:index/instance:Instance", "firewallId"],
    ["linode:index/nodeBalancer:NodeBalancer", "firewallId"],
  ])("finds a %s without a firewall, and not one whose firewall is still to come", (type, field) => {
    expect(findingsOf(managementPorts, resource(type, {}))).toHaveLength(1);
    expect(findingsOf(managementPorts, resource(type, { [field]: UNKNOWN }))).toEqual([]);
  });

  test("finds an OCI subnet that would take the default list with its open SSH", () => {
    const type = "oci:Core/subnet:Subnet";
    expect(findingsOf(managementPorts, resource(type, {}))).toHaveLength(1);
    expect(findingsOf(managementPorts, resource(type, { securityListIds: UNKNOWN }))).toEqual([]);
  });

  test("finds a Linode firewall that lets in what no rule names", () => {
    const type = "linode:index/firewall:Firewall";
    expect(findingsOf(managementPorts, resource(type, { inboundPolicy: "ACCEPT" }))).toHaveLength(1);
    expect(findingsOf(managementPorts, resource(type, { inboundPolicy: "DROP" }))).toEqual([]);
  });

  test("looks at what comes in, not at what goes out", () => {
    expect(openingsOf(OCI, { ...oci(22, ANYWHERE), direction: "EGRESS" })).toEqual([]);
    const out = { direction: "egress", protocol: "tcp", startPort: "22", cidrs: [ANYWHERE] };
    expect(openingsOf("civo:index/firewallRule:FirewallRule", out)).toEqual([]);
  });
});

describe("only planned ports open to the world", () => {
  test("lets the tunnels and ping pass in a region, and warns of the same on the broker", () => {
    const cable = resource(AWS, { ipProtocol: "udp", fromPort: 4500, toPort: 4500, cidrIpv4: ANYWHERE });
    const ping = resource(AWS, { ipProtocol: "icmp", fromPort: -1, toPort: -1, cidrIpv4: ANYWHERE });
    expect(findingsOf(otherPorts, cable)).toEqual([]);
    expect(findingsOf(otherPorts, ping)).toEqual([]);
    expect(findingsOf(otherPorts, cable, fleetOf("broker"))).toHaveLength(1);
  });

  test("follows the tunnels to another port", () => {
    const fleet = fleetOf("oregon", { submariner: { cablePort: 4600 } });
    const cable = (port: number) =>
      resource(AWS, { ipProtocol: "udp", fromPort: port, toPort: port, cidrIpv4: ANYWHERE });
    expect(findingsOf(otherPorts, cable(4600), fleet)).toEqual([]);
    expect(findingsOf(otherPorts, cable(4500), fleet)).toHaveLength(1);
  });

  test("warns of a public port that the plan does not know", () => {
    expect(findingsOf(otherPorts, resource(AWS, aws(8080, ANYWHERE)))).toMatchObject([
      { value: "opens tcp 8080 for everybody (0.0.0.0/0)" },
    ]);
  });

  test("knows of no opening to everybody without a reason", () => {
    const rules = ["broker", "oregon"].flatMap((cluster) => designedOpenings(fleetOf(cluster)));
    expect(rules.map(({ name }) => name).sort()).toEqual(["api", "cable", "nat-discovery", "ping", "ping"]);
  });
});
