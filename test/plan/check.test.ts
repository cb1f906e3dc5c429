import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { assertTopology, checkTopology } from "../../plan/check";
import { parseCidr, overlaps } from "../../plan/cidr";
import { UserError } from "../../plan/errors";
import { mergeData } from "../../plan/merge";
import { topologyWith } from "./fixtures";

const places = (over: object) => checkTopology(topologyWith(over)).map((finding) => finding.place);
const only = (over: object) => {
  const findings = checkTopology(topologyWith(over));
  expect(findings, JSON.stringify(findings, null, 1)).toHaveLength(1);
  return findings[0]!;
};

describe("the tree's own topology", () => {
  test("lacks nothing once the user's own values are filled in", () => {
    expect(checkTopology(topologyWith())).toEqual([]);
  });

  test("asks for what nobody but the user can know", () => {
    expect(places({ adminCidrs: [], clusters: { ashburn: { account: null } } })).toEqual([
      "clusters.ashburn.account",
      "adminCidrs",
    ]);
  });
});

describe("a bad topology", () => {
  test("has all its faults told at once, each with place, value, what is allowed and what to do", () => {
    const bad = topologyWith({
      domain: "internal",
      database: { replicas: 2 },
      clusters: {
        oregon: { podCidr: "10.128.0.0/16" },
        london: { cloud: "cirrus", nodes: { server: { gateway: false } } },
      },
    });
    let thrown: unknown;
    try {
      assertTopology(bad);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(UserError);
    const { message, remedy } = thrown as UserError;
    expect(message).toContain("5 things are wrong");
    expect(message).toContain("database.replicas: 2; allowed: 3 to 9 a region");
    expect(message).toContain(
      "clusters.london.cloud: cirrus; allowed: aws, oci, vultr, equinix-metal, civo, linode. Do: choose",
    );
    expect(message).toContain("clusters.london.nodes: no gateway");
    expect(message).toContain(
      "clusters.broker.podCidr and clusters.oregon.podCidr: 10.128.0.0/16 overlaps 10.128.0.0/16",
    );
    expect(remedy).toContain("stacks/topology.ts");
  });

  test("is refused where two ranges of the fleet overlap, and nowhere else", () => {
    const range = fc
      .tuple(fc.nat(255), fc.integer({ min: 16, max: 20 }))
      .map(([octet, prefix]) => `10.${octet}.0.0/${prefix}`);
    fc.assert(
      fc.property(range, (podCidr) => {
        const topology = topologyWith({ clusters: { tokyo: { podCidr } } });
        const others = Object.entries(topology.clusters).flatMap(([name, cluster]) =>
          name === "tokyo"
            ? [cluster.serviceCidr, cluster.nodeCidr]
            : [cluster.podCidr, cluster.serviceCidr, cluster.nodeCidr],
        );
        const clashes = others.filter((other) => overlaps(parseCidr(podCidr)!, parseCidr(other)!));
        expect(checkTopology(topology)).toHaveLength(clashes.length);
      }),
    );
  });

  test.each([
    [
      "a range that does not begin at its first address",
      { clusters: { oregon: { nodeCidr: "10.20.0.1/24" } } },
      "clusters.oregon.nodeCidr",
    ],
    [
      "a pod range too small for a node",
      { clusters: { oregon: { podCidr: "10.129.0.0/25" } } },
      "clusters.oregon.podCidr",
    ],
    [
      "a range the internet does not route",
      { clusters: { oregon: { nodeCidr: "169.254.8.0/24" } } },
      "clusters.oregon.nodeCidr",
    ],
    [
      "an upper-case cluster name",
      { clusters: { Tokyo: topologyWith().clusters.tokyo, tokyo: null } },
      "clusters.Tokyo",
    ],
    [
      "a node name that is no label",
      { clusters: { oregon: { nodes: { worker_2: { role: "worker" } } } } },
      "clusters.oregon.nodes.worker_2",
    ],
    ["two servers", { clusters: { oregon: { nodes: { "server-2": { role: "server" } } } } }, "clusters.oregon.nodes"],
    ["no server", { clusters: { broker: { nodes: { server: { role: "worker" } } } } }, "clusters.broker.nodes"],
    ["two primaries", { clusters: { tokyo: { primary: true } } }, "clusters.*.primary"],
    ["no primary", { clusters: { oregon: { primary: false } } }, "clusters.*.primary"],
    ["no broker", { clusters: { broker: null } }, "clusters.*.role"],
    [
      "a broker whose address is not known before boot",
      { clusters: { broker: { cloud: "civo" } } },
      "clusters.broker.cloud",
    ],
    [
      "a gateway in the broker",
      { clusters: { broker: { nodes: { server: { gateway: true } } } } },
      "clusters.broker.nodes.server.gateway",
    ],
    [
      "zones where there are none",
      { clusters: { london: { nodes: { server: { zone: "a" } } } } },
      "clusters.london.nodes.server.zone",
    ],
    [
      "AWS nodes in two zones",
      { clusters: { oregon: { nodes: { server: { zone: "us-west-2a" } } } } },
      "clusters.oregon.nodes.*.zone",
    ],
    ["a misspelt field", { clusters: { oregon: { palce: "x" } } }, "clusters.oregon.palce"],
    ["a text for a number", { database: { replicas: "3" } }, "database.replicas"],
    ["a missing field", { clusters: { oregon: { place: null } } }, "clusters.oregon.place"],
    ["an unknown cable driver", { submariner: { cableDriver: "ipip" } }, "submariner.cableDriver"],
    ["an image without a tag", { database: { image: "cockroach" } }, "database.image"],
    ["an administrator's address without its prefix", { adminCidrs: ["203.0.113.7"] }, "adminCidrs[0]"],
  ])("with %s is refused at its place", (_, over, place) => {
    expect(only(over).place).toBe(place);
  });

  test("names the last day of Equinix Metal and what to do, in the real clouds only", () => {
    const metal = { clusters: { tokyo: { cloud: "equinix-metal", place: "ty", account: "p" } } };
    const finding = only(metal);
    expect(finding.value).toContain("Equinix Metal ended on 2026-06-30");
    expect(finding.remedy).toContain("jp-tyo-3");
    expect(places({ ...metal, world: "rehearsal" })).toEqual([]);
  });

  test("never throws anything but a list, whatever the data is", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (data) => {
        for (const topology of [data, mergeData(topologyWith(), data), topologyWith({ clusters: { oregon: data } })]) {
          for (const finding of checkTopology(topology)) {
            expect(Object.values(finding).every((text) => typeof text === "string")).toBe(true);
          }
        }
      }),
    );
  });

  test("has too many nodes for its subnet told as such", () => {
    const workers = Object.fromEntries([...Array(12).keys()].map((index) => [`worker-${index}`, { role: "worker" }]));
    const finding = only({
      clusters: { oregon: { nodeCidr: "10.20.0.0/28", nodes: { "worker-1": null, ...workers } } },
    });
    expect(finding).toMatchObject({ place: "clusters.oregon.nodeCidr", allowed: "at most 11 nodes" });
  });
});
