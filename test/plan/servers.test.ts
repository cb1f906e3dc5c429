import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { contains, overlaps, parseAddress, parseCidr } from "../../plan/cidr";
import { planFleet } from "../../plan/plan";
import { planServerAddresses, planSubnets } from "../../plan/servers";
import type { NodeSpec } from "../../plan/types";
import { replicatedRegion, topologyWith } from "./fixtures";

const LETTERS = [..."abcdefgh"];
const nodeCidr = fc
  .tuple(fc.integer({ min: 16, max: 25 }), fc.nat(255))
  .map(([prefix, octet]) => `10.${octet}.0.0/${prefix}`);
const key = fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/);
const servers = fc.uniqueArray(key, { minLength: 3, maxLength: 3 });
const zones = fc.array(fc.constantFrom(...LETTERS), { minLength: 3, maxLength: 3 });
const nodesOf = (keys: string[], letters: string[]): Record<string, NodeSpec> =>
  Object.fromEntries(keys.map((name, at) => [name, { role: "server", zone: `us-west-2${letters[at]}` }]));
const block = (text: string) => parseCidr(text)!;

describe("the subnets of a cluster", () => {
  test("are disjoint parts of its range, one a zone, and a zone more moves none", () => {
    fc.assert(
      fc.property(nodeCidr, fc.subarray(LETTERS, { minLength: 2 }), fc.constantFrom(...LETTERS), (cidr, used, more) => {
        const nodes = nodesOf(used, used);
        const subnets = planSubnets({ cloud: "aws", nodeCidr: cidr, nodes });
        expect(subnets.map(({ zone }) => zone)).toEqual([...used].sort().map((letter) => `us-west-2${letter}`));
        subnets.forEach((one, at) => {
          expect(contains(block(cidr), block(one.cidr).first) && block(one.cidr).prefix >= block(cidr).prefix).toBe(
            true,
          );
          for (const other of subnets.slice(at + 1)) expect(overlaps(block(one.cidr), block(other.cidr))).toBe(false);
        });
        const grown = { ...nodes, more: { role: "worker", zone: `us-west-2${more}` } as const };
        expect(planSubnets({ cloud: "aws", nodeCidr: cidr, nodes: grown })).toEqual(expect.arrayContaining(subnets));
      }),
    );
  });

  test("are one with the whole range where there is one zone, none is named, or subnets span the place", () => {
    const nodes = nodesOf(["a", "b"], ["a", "a"]);
    expect(planSubnets({ cloud: "aws", nodeCidr: "10.20.0.0/24", nodes })).toEqual([
      { cidr: "10.20.0.0/24", zone: "us-west-2a" },
    ]);
    const unnamed = { server: { role: "server" } } as const;
    expect(planSubnets({ cloud: "aws", nodeCidr: "10.20.0.0/24", nodes: unnamed })).toEqual([{ cidr: "10.20.0.0/24" }]);
    const apart = nodesOf(["a", "b"], ["a", "b"]);
    expect(planSubnets({ cloud: "oci", nodeCidr: "10.20.0.0/24", nodes: apart })).toEqual([{ cidr: "10.20.0.0/24" }]);
  });
});

describe("the addresses of several servers", () => {
  test("are distinct, lie in their subnets, and follow from the servers alone", () => {
    fc.assert(
      fc.property(nodeCidr, servers, zones, fc.constantFrom("aws", "oci", "linode"), (cidr, keys, letters, cloud) => {
        const nodes = nodesOf(keys, letters);
        const addresses = planServerAddresses({ cloud, nodeCidr: cidr, nodes });
        expect(new Set(addresses.values()).size).toBe(3);
        const subnets = planSubnets({ cloud, nodeCidr: cidr, nodes });
        for (const name of keys) {
          const { zone } = nodes[name]!;
          const own = subnets.find((subnet) => subnets.length === 1 || subnet.zone === zone)!;
          const [first, address] = [block(own.cidr).first, parseAddress(addresses.get(name)!)!];
          expect(contains(block(own.cidr), address) && address >= first + 4).toBe(true);
        }
        const others = { ...nodes, "other-worker": { role: "worker", zone: nodes[keys[0]!]!.zone } as const };
        expect(planServerAddresses({ cloud, nodeCidr: cidr, nodes: others })).toEqual(addresses);
      }),
    );
  });

  test("are not planned for a single server, which keeps its own static public address", () => {
    const plan = planFleet(topologyWith());
    expect(plan.primary.nodes.map(({ privateAddress }) => privateAddress)).toEqual([undefined, undefined]);
    expect(plan.primary.subnets).toEqual([{ cidr: "10.20.0.0/24" }]);
  });

  test("stand in the plan of a replicated region, whose servers have no static public address unless they are gateways", () => {
    const plan = planFleet(topologyWith({ clusters: { oregon: replicatedRegion() } }));
    const servers = plan.primary.nodes.filter(({ role }) => role === "server");
    expect(servers.map(({ zone, staticAddress, gateway }) => [zone, staticAddress, gateway])).toEqual([
      ["us-west-2a", true, true],
      ["us-west-2b", true, true],
      ["us-west-2c", false, false],
    ]);
    for (const { privateAddress } of servers) expect(privateAddress).toMatch(/^10\.20\.0\./);
  });
});
