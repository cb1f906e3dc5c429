import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { assertTopology, checkTopology } from "../../plan/check";
import { type Cidr, overlaps, parseCidr, renderCidr } from "../../plan/cidr";
import { planFleet } from "../../plan/plan";
import { EXISTING, type Topology } from "../../plan/types";
import { topologyWith } from "./fixtures";
import { draw, fleetOf } from "./generatedFleet";

const KINDS = ["podCidr", "serviceCidr", "nodeCidr"] as const;
const RUNS = 40;

/** Four clusters up to two hundred; large ones as often as small ones. */
const draws = fc.oneof(
  fc.array(draw, { minLength: 4, maxLength: 12 }),
  fc.array(draw, { minLength: 100, maxLength: 200, size: "max" }),
);
const replicas = fc.integer({ min: 3, max: 9 });
const fleet = fc
  .tuple(draws, replicas, fc.constantFrom("libreswan" as const, "wireguard" as const, "vxlan" as const))
  .map(([clusters, count, cableDriver]) => {
    const { database, submariner } = topologyWith();
    return fleetOf(clusters, {
      database: { ...database, replicas: count, storageGib: 1 },
      submariner: { ...submariner, cableDriver },
    });
  });

interface Placed {
  cluster: string;
  kind: (typeof KINDS)[number];
  cidr: Cidr;
}

const rangesOf = (topology: Topology): Placed[] =>
  Object.entries(topology.clusters).flatMap(([cluster, spec]) =>
    KINDS.map((kind) => ({ cluster, kind, cidr: parseCidr(spec[kind])! })),
  );
const placeOf = ({ cluster, kind }: Placed) => `clusters.${cluster}.${kind}`;

/** The slow and obvious way. */
function pairsOf(ranges: Placed[]): string[] {
  const pairs: string[] = [];
  for (let one = 0; one < ranges.length; one++) {
    for (let other = one + 1; other < ranges.length; other++) {
      const [a, b] = [ranges[one]!, ranges[other]!];
      if (overlaps(a.cidr, b.cidr)) pairs.push(`${placeOf(a)} and ${placeOf(b)}`);
    }
  }
  return pairs;
}

describe("any valid topology of up to 200 clusters", () => {
  test("is let through, and planned with a static public address on every gateway", () => {
    fc.assert(
      fc.property(fleet, (topology) => {
        expect(checkTopology(topology).filter(({ severity }) => severity === "error")).toEqual([]);
        const { clusters, regions } = planFleet(assertTopology(topology));
        expect(Object.keys(clusters)).toEqual(Object.keys(topology.clusters));
        for (const region of regions) {
          const gateways = region.nodes.filter(({ gateway }) => gateway);
          expect(gateways.length).toBeGreaterThan(0);
          expect(gateways.every(({ staticAddress }) => staticAddress)).toBe(true);
          // Somebody else's scheduler puts them where their volumes are.
          const expected = region.cloud === EXISTING ? 0 : topology.database.replicas;
          const { nodes } = topology.clusters[region.name]!;
          const held = region.nodes.flatMap((node) => node.replicas).sort((one, other) => one - other);
          expect(held).toEqual([...Array(expected).keys()]);
          for (const node of region.nodes) expect(node.replicas).toEqual(nodes[node.key]!.replicas ?? []);
          expect(region.peers).toHaveLength(regions.length - 1);
        }
      }),
      { numRuns: RUNS },
    );
  });

  test("is refused once two of its ranges overlap, whichever they are and however they lie, at exactly these places", () => {
    const forced = fc.tuple(fleet, fc.nat(), fc.nat(), fc.constantFrom("same", "inside", "around"), fc.nat());
    let seen = 0;
    fc.assert(
      fc.property(forced, ([topology, one, other, how, offset]) => {
        const ranges = rangesOf(topology);
        const fixed = ranges[one % ranges.length]!;
        const moved = ranges[other % ranges.length]!;
        fc.pre(fixed !== moved);
        const { first, prefix } = fixed.cidr;
        const narrow = Math.min(prefix + 1 + (offset % 3), 30);
        const wide = Math.max(prefix - 1 - (offset % 3), 9);
        const inside = first + (offset % 2 ** (narrow - prefix)) * 2 ** (32 - narrow);
        const cidr =
          how === "same"
            ? fixed.cidr
            : how === "inside"
              ? { first: inside, prefix: narrow }
              : { first: first - (first % 2 ** (32 - wide)), prefix: wide };
        topology.clusters[moved.cluster]![moved.kind] = renderCidr(cidr);
        const found = checkTopology(topology).filter(({ rule }) => rule === "cidr-overlap");
        expect(found.map(({ place }) => place)).toEqual(pairsOf(rangesOf(topology)));
        expect(found.length).toBeGreaterThan(0);
        expect(() => assertTopology(topology)).toThrow(/\[cidr-overlap\]/);
        seen++;
      }),
      { numRuns: RUNS },
    );
    expect(seen).toBe(RUNS);
  });

  test("has its tunnel ends told apart where the vxlan cable makes them, and only there", () => {
    const collision = fc.tuple(fc.array(draw, { minLength: 5, maxLength: 30 }), fc.nat(), fc.boolean());
    fc.assert(
      fc.property(collision, ([clusters, index, vxlan]) => {
        const topology = fleetOf(clusters);
        topology.submariner = { ...topology.submariner, cableDriver: vxlan ? "vxlan" : "libreswan" };
        const names = Object.keys(topology.clusters);
        const moved = names[2 + (index % (names.length - 2))]!;
        // 10.16.0.0 and 172.16.0.0 have the same last three octets.
        topology.clusters[names[1]!]!.nodeCidr = "10.255.240.0/24";
        topology.clusters[moved]!.nodeCidr = "172.31.240.0/24";
        const far = checkTopology(topology).filter(({ rule }) => rule === "vtep-collision");
        expect(far).toEqual([]);
        topology.clusters[names[1]!]!.nodeCidr = "10.31.240.0/24";
        const near = checkTopology(topology).filter(({ rule }) => rule === "vtep-collision");
        expect(near.some(({ place }) => place.includes(`clusters.${moved}.nodeCidr`))).toBe(vxlan);
      }),
      { numRuns: RUNS },
    );
  });
});
