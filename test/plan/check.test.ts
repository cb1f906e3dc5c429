import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { planStatefulSet } from "../../components/cockroachdb/objects";
import { certificateDays, DEFAULT_CERTIFICATES } from "../../plan/certificates";
import { assertTopology, checkTopology, topologyWarnings } from "../../plan/check";
import { REPLICA_REQUEST } from "../../plan/checkDatabase";
import { parseCidr, overlaps } from "../../plan/cidr";
import { UserError } from "../../plan/errors";
import { mergeData } from "../../plan/merge";
import { linodeLabel } from "../../plan/networks";
import { planWith, topologyWith } from "./fixtures";

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
      "clusters.london.cloud: cirrus; allowed: aws, oci, vultr, equinix-metal, civo, linode, existing. Do: choose",
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

  test("names the last day of Equinix Metal and what to do, in the real clouds only", () => {
    const metal = {
      clusters: {
        tokyo: {
          cloud: "equinix-metal",
          place: "ty",
          account: "7f0e2c1a-5b1d-4f6e-9a51-0c4a8b1f2d3e",
          nodeCidr: "10.70.0.0/25",
        },
      },
    };
    const finding = only(metal);
    expect(finding.value).toContain("Equinix Metal ended on 2026-06-30");
    expect(finding.remedy).toContain("jp-tyo-3");
    expect(places({ ...metal, world: "rehearsal" })).toEqual([]);
  });

  test.each(["constructor", "toString", "__proto__"])(
    "that names %s as a cloud is told that there is none",
    (cloud) => {
      expect(checkTopology(topologyWith({ clusters: { london: { cloud } } })).map(({ rule }) => rule)).toEqual([
        "cloud-unknown",
      ]);
    },
  );

  test("never throws anything but a list, whatever the data is", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (data) => {
        const odd = typeof data === "string" ? { cloud: data, place: data, role: data } : data;
        for (const topology of [data, mergeData(topologyWith(), data), topologyWith({ clusters: { oregon: odd } })]) {
          for (const finding of checkTopology(topology)) {
            expect(Object.values(finding).every((text) => typeof text === "string")).toBe(true);
          }
        }
      }),
    );
  });
});

describe("warnings", () => {
  const bare = topologyWith({ accepted: [], database: { licensed: null } });

  test("do not stop a topology", () => {
    expect(assertTopology(bare)).toBe(bare);
    expect(topologyWarnings(bare).map(({ rule }) => rule)).toEqual(["database-licence", "round-trip"]);
  });

  test("are told to the stacks they concern, and those of the whole fleet to every stack", () => {
    const rules = (cluster: string) => topologyWarnings(bare, [cluster]).map(({ rule }) => rule);
    expect(rules("oregon")).toEqual(["database-licence"]);
    expect(rules("tokyo")).toEqual(["database-licence", "round-trip"]);
    expect(rules("london")).toEqual(["database-licence", "round-trip"]);
  });

  test("are silent once accepted, as are the errors that may be accepted, and no others", () => {
    const accepted = ["database-licence", "round-trip", "admin-open", "place-unknown"];
    const over = { accepted, adminCidrs: ["0.0.0.0/0"], clusters: { oregon: { place: "us-west-9" } } };
    expect(checkTopology(mergeData(bare, over))).toEqual([]);
    const clash = { accepted: ["round-trip", "cidr-overlap"], clusters: { oregon: { podCidr: "10.128.0.0/16" } } };
    expect(checkTopology(topologyWith(clash)).map(({ rule }) => rule)).toEqual(["accepted-rule", "cidr-overlap"]);
  });

  test("about live accounts are not given in a rehearsal", () => {
    const over = { world: "rehearsal", submariner: { cableDriver: "vxlan", version: "0.24.0" }, protectData: false };
    expect(topologyWarnings(topologyWith({ ...over, accepted: [] }))).toEqual([]);
  });

  test("are listed after the errors when there are both", () => {
    let message = "";
    try {
      assertTopology(mergeData(bare, { domain: "internal" }));
    } catch (error) {
      ({ message } = error as UserError);
    }
    expect(message).toMatch(
      /^One thing is wrong with the topology:\n {2}domain: internal;.*\[domain\]\n2 things are doubtful:/,
    );
  });
});

describe("what a rule compares with", () => {
  test("a label as Linode's adapter cuts it: firewalls of a long name that differ beyond the limit stay two", () => {
    const server = { role: "server", size: "g6-standard-8" };
    const tokyo = {
      ...topologyWith().clusters.tokyo!,
      nodes: { one: { ...server, gateway: true, replicas: [0, 1, 2] }, two: server, three: server },
    };
    expect(checkTopology(topologyWith({ clusters: { tokyo: null, "tokyo-of-many-rivers": tokyo } }))).toEqual([]);
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z][a-z0-9-]{0,18}[a-z0-9]$/), (cluster) => {
        const labels = ["server", "server-gateway", "gateway", "worker", "balancer"].map((profile) =>
          linodeLabel(`archi-${cluster.replace(/-+/g, "-")}-${profile}`),
        );
        expect(new Set(labels).size).toBe(labels.length);
        for (const label of labels) expect(label).toMatch(/^(?=.{3,32}$)[a-z0-9]+(-[a-z0-9]+)*$/);
      }),
    );
  });

  test("requests: what the plan reckons for a replica is what the StatefulSet asks", () => {
    const real = planWith({ database: { standIn: false } });
    const text = JSON.stringify(planStatefulSet(real, real.primary, "hash"));
    expect(text).toContain(
      `"requests":{"cpu":"${REPLICA_REQUEST.cpus * 1000}m","memory":"${REPLICA_REQUEST.memoryGib}Gi"}`,
    );
  });

  test("certificates: what the plan checks is what is issued", () => {
    expect(certificateDays({})).toEqual(DEFAULT_CERTIFICATES);
    expect(certificateDays({ certificates: { leaf: 30 } }).leaf).toBe(30);
  });
});
