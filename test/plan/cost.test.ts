import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { COST_KINDS, DEFAULT_ASSUMPTIONS, type FleetCost, planCost, selectCost, sumUsd } from "../../plan/cost";
import { planFleet } from "../../plan/plan";
import { PRICES, TABLE_DATE } from "../../plan/prices";
import { findSize, knownPlaces, knownSizes, rootDiskGib } from "../../plan/sizes";
import type { CloudName, ClusterSpec, NodeSpec, Topology } from "../../plan/types";
import { planWith, replicatedRegion, topologyWith } from "./fixtures";

const priced = Object.keys(PRICES) as CloudName[];
const sold = priced.filter((cloud) => !PRICES[cloud]?.ended);
const stackOf = (cost: FleetCost, name: string) => cost.stacks.find((stack) => stack.name === name)!;

/** Fleets of known and unknown sizes in known and unknown places; nothing here looks at their addresses. */
const node = (cloud: CloudName, role: NodeSpec["role"]): fc.Arbitrary<NodeSpec> =>
  fc.record({
    role: fc.constant(role),
    gateway: fc.boolean(),
    size: fc.option(fc.constantFrom(...knownSizes(cloud), "nonesuch", "__proto__"), { nil: undefined }),
  });
const cluster = (role: ClusterSpec["role"], primary: boolean): fc.Arbitrary<ClusterSpec> =>
  fc.constantFrom(...priced).chain((cloud) =>
    fc
      .record({
        place: fc.constantFrom(...knownPlaces(cloud), "nowhere"),
        server: node(cloud, "server"),
        workers: fc.array(node(cloud, "worker"), { maxLength: 4 }),
      })
      .map(({ place, server, workers }) => ({
        cloud,
        place,
        role,
        primary,
        podCidr: "10.128.0.0/16",
        serviceCidr: "10.192.0.0/16",
        nodeCidr: "10.10.0.0/24",
        nodes: Object.fromEntries([
          ["server", server],
          ...workers.map((one, index) => [`worker-${index}`, one]),
        ]) as Record<string, NodeSpec>,
      })),
  );
const fleet: fc.Arbitrary<Topology> = fc
  .record({
    world: fc.constantFrom("clouds" as const, "rehearsal" as const),
    broker: cluster("broker", false),
    primary: cluster("region", true),
    others: fc.array(cluster("region", false), { maxLength: 6 }),
  })
  .map(({ world, broker, primary, others }) => ({
    ...topologyWith(),
    world,
    clusters: { broker, primary, ...Object.fromEntries(others.map((one, index) => [`region-${index}`, one])) },
  }));
const traffic = fc.double({ min: 0, max: 1e7, noNaN: true });

describe("a month's estimate", () => {
  it("of three servers has their load balancer and its address, which is their only static one beside the gateways'", () => {
    const lines = stackOf(planCost(planWith({ clusters: { oregon: replicatedRegion() } })), "oregon").lines;
    const addresses = lines.filter(({ kind }) => kind === "address");
    expect(addresses.filter(({ node }) => node === undefined).map(({ what, usd }) => [what, usd])).toEqual([
      ["load balancer before the API", PRICES.aws?.balancer?.usd],
      ["public address, the load balancer's", PRICES.aws?.staticAddress.usd],
    ]);
    expect(addresses.filter(({ what }) => what === "public address, static").map(({ node }) => node)).toEqual([
      "oregon-a",
      "oregon-b",
    ]);
  });

  it.each([
    ["jp-tyo-3", 10],
    ["br-gru", 14],
  ])("of three servers on Linode has a NodeBalancer, whose address costs nothing more: in %s $%d", (place, usd) => {
    const nodes = {
      server: { replicas: [0] },
      "server-2": { role: "server", replicas: [1] },
      "server-3": { role: "server", replicas: [2] },
    };
    const { lines } = stackOf(planCost(planWith({ clusters: { tokyo: { place, nodes } } })), "tokyo");
    const balancer = lines.filter(({ what }) => what.includes("load balancer"));
    expect(balancer.map((line) => [line.what, line.usd])).toEqual([
      ["load balancer before the API", usd],
      ["public address, the load balancer's", 0],
    ]);
  });

  it("of the tree's own fleet is the sum of what its machines, disks, addresses and traffic cost at list prices", () => {
    const cost = planCost(planWith());
    expect(cost.findings).toEqual([]);
    expect(stackOf(cost, "oregon").usd).toEqual({
      machine: sumUsd([60.74, 60.74]), // t3.large: $0.0832 an hour, 730 hours
      disk: 12.8, // 80 GiB each at $0.08
      address: 7.3, // $0.005 an hour each
      egress: 18, // 3 × 100 GB, the first 100 GB free, $0.09
    });
    expect(stackOf(cost, "ashburn").usd).toEqual({ machine: 55.48, disk: 3.4, address: 0, egress: 0 });
    expect(stackOf(cost, "broker").usd).toEqual({ machine: 20, disk: 0, address: 3, egress: 0 });
    expect(stackOf(cost, "london").totalUsd).toBe(43.45);
    expect(stackOf(cost, "tokyo").totalUsd).toBe(48);
    expect(cost.totalUsd).toBe(332.91);
  });

  it("says what it assumes and how old its prices are", () => {
    const cost = planCost(planWith());
    expect(cost).toMatchObject({
      currency: "USD",
      hours: 730,
      tableDate: TABLE_DATE,
      assumptions: DEFAULT_ASSUMPTIONS,
    });
    expect(cost.uncheckedUsd).toBeGreaterThan(0);
    expect(cost.uncheckedUsd).toBeLessThan(cost.totalUsd);
  });

  it("adds up, line by line, kind by kind and stack by stack, and is never less than nothing", () => {
    fc.assert(
      fc.property(fleet, traffic, (topology, egressGbPerPair) => {
        const cost = planCost(planFleet(topology), { egressGbPerPair });
        for (const { lines, usd, totalUsd } of cost.stacks) {
          for (const line of lines) {
            expect(Number.isFinite(line.usd) && line.usd >= 0).toBe(true);
            expect(line.provenance.length).toBeGreaterThan(0);
          }
          for (const kind of COST_KINDS)
            expect(usd[kind]).toBe(sumUsd(lines.filter((line) => line.kind === kind).map((line) => line.usd)));
          expect(totalUsd).toBe(sumUsd(lines.map((line) => line.usd)));
        }
        expect(cost.totalUsd).toBe(sumUsd(cost.stacks.map(({ totalUsd }) => totalUsd)));
        expect(cost.totalUsd).toBe(sumUsd(Object.values(cost.usd)));
        expect(cost.uncheckedUsd).toBeLessThanOrEqual(cost.totalUsd);
        expect(JSON.stringify(cost)).not.toMatch(/null|NaN|Infinity/);
      }),
    );
  });

  it("does not fall when more is sent, in any stack", () => {
    fc.assert(
      fc.property(fleet, traffic, traffic, (topology, some, more) => {
        const plan = planFleet(topology);
        const [less, most] = [Math.min(some, more), Math.max(some, more)];
        const before = planCost(plan, { egressGbPerPair: less });
        const after = planCost(plan, { egressGbPerPair: most });
        for (const stack of before.stacks)
          expect(stackOf(after, stack.name).totalUsd).toBeGreaterThanOrEqual(stack.totalUsd);
      }),
    );
  });

  it("rises by exactly the new node when a worker is added and nothing is sent", () => {
    fc.assert(
      fc.property(fleet, (topology) => {
        const { primary } = topology.clusters;
        const nodes = { ...primary!.nodes, added: { role: "worker" as const } };
        const larger = { ...topology, clusters: { ...topology.clusters, primary: { ...primary!, nodes } } };
        const quiet = { egressGbPerPair: 0 };
        const [before, after] = [topology, larger].map((one) => planCost(planFleet(one), quiet));
        const own = stackOf(after!, "primary").lines.filter((line) => line.node === "primary-added");
        expect(after!.totalUsd).toBe(sumUsd([before!.totalUsd, ...own.map(({ usd }) => usd)]));
      }),
    );
  });

  it("names a size or a place it does not know as a finding for each, and goes on without it", () => {
    const cost = planCost(
      planWith({ clusters: { oregon: { place: "us-moon-1", nodes: { "worker-1": { size: "t9.large" } } } } }),
    );
    expect(cost.findings.map(({ place, value }) => [place, value])).toEqual([
      ["clusters.oregon.place", "us-moon-1"],
      ["clusters.oregon.nodes.worker-1.size", "t9.large"],
    ]);
    expect(cost.findings[0]?.allowed).toContain("us-west-1");
    expect(cost.findings[1]?.allowed).toMatch(/^a size in the table of 2026-11: t3\.large, .* or one of \d+ more$/);
    expect(stackOf(cost, "oregon").usd.machine).toBe(60.74);
    expect(stackOf(cost, "london").totalUsd).toBe(43.45);
  });

  it("counts what a cloud gives away once, for all stacks that lie there", () => {
    const inAws = { cloud: "aws", place: "us-west-2" };
    const cost = planCost(planWith({ clusters: { london: inAws, tokyo: inAws } }));
    const sent = 3 * 3 * 100;
    const usd = ["oregon", "london", "tokyo"].map((name) => stackOf(cost, name).usd.egress);
    expect(sumUsd(usd)).toBeCloseTo((sent - 100) * 0.09, 1);
    expect(new Set(usd).size).toBe(1);
  });

  it("has no price for a cloud that has ended, and says so", () => {
    const tokyo = { cloud: "equinix-metal", place: "ty", nodeCidr: "10.70.0.0/25", account: "project" };
    const cost = planCost(planWith({ clusters: { tokyo } }));
    expect(stackOf(cost, "tokyo").totalUsd).toBe(0);
    expect(cost.findings).toHaveLength(1);
    expect(cost.findings[0]).toMatchObject({ place: "clusters.tokyo.cloud", value: "equinix-metal" });
    expect(cost.findings[0]?.allowed).toContain("ended on 2026-06-30");
    expect(cost.findings[0]?.remedy).toContain("linode");
  });

  it("prices a rehearsed stack of an ended cloud as its live replacement", () => {
    const tokyo = { cloud: "equinix-metal", place: "ty", nodeCidr: "10.70.0.0/25", account: "project" };
    const rehearsed = stackOf(planCost(planWith({ world: "rehearsal", clusters: { tokyo } })), "tokyo");
    const live = stackOf(planCost(planWith()), "tokyo");
    expect(rehearsed).toMatchObject({ cloud: "linode", place: "jp-tyo-3", totalUsd: live.totalUsd, findings: [] });
    expect(rehearsed.insteadOf).toEqual({ cloud: "equinix-metal", place: "ty", endedOn: "2026-06-30" });
  });

  it("of some stacks is the same for these as in the whole fleet", () => {
    const cost = planCost(planWith());
    const some = selectCost(cost, ["oregon", "london"]);
    expect(some.stacks).toEqual([stackOf(cost, "oregon"), stackOf(cost, "london")]);
    expect(some.totalUsd).toBe(203.03);
  });

  it.each([-1, Number.NaN, Infinity, 1e12])("refuses %d GB as an assumption", (egressGbPerPair) => {
    expect(() => planCost(planWith(), { egressGbPerPair })).toThrow(RangeError);
  });
});

describe("price tables", () => {
  it.each(priced)(
    "of %s name each size and place once, know their default, and say where every figure is from",
    (cloud) => {
      const prices = PRICES[cloud]!;
      expect(new Set(knownSizes(cloud)).size).toBe(prices.sizes.length);
      expect(new Set(knownPlaces(cloud)).size).toBe(prices.places.length);
      expect(knownPlaces(cloud).length).toBeGreaterThan(0);
      expect(findSize(cloud, prices.defaultSize)).toBeDefined();
      const figures = [
        prices.staticAddress,
        prices.ephemeralAddress,
        prices.egress,
        ...(prices.disk ? [prices.disk] : []),
        ...(prices.balancer ? [prices.balancer] : []),
      ];
      const lists = [{ provenance: prices.lists.sizes }, { provenance: prices.lists.places }];
      for (const { provenance } of [...prices.sizes, ...prices.places, ...figures, ...lists]) {
        expect(provenance.source).toMatch(/^https:\/\//);
        if ("checked" in provenance) {
          expect(provenance.checked).toMatch(/^20\d\d-(0[1-9]|1[0-2])$/);
          expect(provenance.checked <= TABLE_DATE).toBe(true);
          expect(provenance.copy).not.toBe("");
        } else expect(provenance.from).toContain("unverified");
      }
    },
  );

  it.each(sold)("of %s price every size by the hour or by the month, not both, and only what they know", (cloud) => {
    for (const { name, arm, usdPerHour, usdPerMonth } of PRICES[cloud]!.sizes) {
      const figures = [usdPerHour, usdPerMonth].filter((usd) => usd !== undefined);
      expect(figures.every((usd) => usd > 0)).toBe(true);
      // Nobody looked this one up; Arm is refused.
      const unpriced = arm === true || name === "g7-premium-16";
      expect([name, figures.length]).toEqual([name, unpriced ? 0 : 1]);
    }
  });

  it.each(priced)("of %s give every machine cores, memory and a disk", (cloud) => {
    for (const size of PRICES[cloud]!.sizes) {
      expect(size.vcpus > 0 && size.memoryGib > 0).toBe(true);
      expect(rootDiskGib(cloud, size)).toBeGreaterThan(0);
      // Half a core more or less a name would be seen here: most clouds put them into it.
      const told = /-(\d+)c-(\d+)gb/.exec(size.name);
      if (told) expect([size.vcpus, size.memoryGib]).toEqual(told.slice(1).map(Number));
    }
  });

  it("leave out of the sum what has no price, a machine or a whole place, and say so", () => {
    const unpriced = { cloud: "linode", place: "jp-tyo-3", nodes: { server: { size: "g7-premium-16" } } };
    const cost = planCost(planWith({ clusters: { tokyo: unpriced, oregon: { place: "ap-east-2" } } }));
    expect(stackOf(cost, "tokyo").usd.machine).toBe(0);
    expect(stackOf(cost, "oregon").usd.machine).toBe(stackOf(planCost(planWith()), "oregon").usd.machine);
    expect(cost.findings.map(({ place, value }) => [place, value])).toEqual([
      ["clusters.oregon.place", "ap-east-2"],
      ["clusters.tokyo.nodes.server.size", "g7-premium-16"],
    ]);
  });

  it("know nothing of clouds they do not have", () => {
    for (const cloud of ["", "gcp", "constructor", "__proto__"]) {
      expect(knownSizes(cloud)).toEqual([]);
      expect(knownPlaces(cloud)).toEqual([]);
    }
  });

  it("give a replacement for an ended cloud that exists", () => {
    const { instead } = PRICES["equinix-metal"]!.ended!;
    for (const place of [...Object.values(instead.places), instead.otherwise])
      expect(knownPlaces(instead.cloud)).toContain(place);
    for (const place of Object.keys(instead.places)) expect(knownPlaces("equinix-metal")).toContain(place);
  });
});
