import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { checkTopology } from "../../plan/check";
import { mergeData } from "../../plan/merge";
import { renderPlacement, spreadReplicas } from "../../plan/replicas";
import type { NodeSpec, Topology } from "../../plan/types";
import { topologyWith } from "./fixtures";

const workersOf = (count: number): Record<string, NodeSpec> =>
  Object.fromEntries([...Array(count).keys()].map((index) => [`worker-${index}`, { role: "worker" }]));
const allOf = (replicas: number) => [...Array(replicas).keys()];

describe("the placement that is suggested", () => {
  test("puts every replica on exactly one node, workers first, evenly", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 6 }), fc.integer({ min: 3, max: 9 }), (workers, replicas) => {
        const held = spreadReplicas({ server: { role: "server" }, ...workersOf(workers) }, replicas);
        expect([...held.values()].flat().sort((one, other) => one - other)).toEqual(allOf(replicas));
        const [server = 0, ...rest] = [...held.values()].map((ordinals) => ordinals.length);
        expect(Math.max(server, ...rest) - Math.min(server, ...rest)).toBeLessThanOrEqual(1);
        for (const count of rest) expect(count).toBeGreaterThanOrEqual(server);
      }),
    );
  });

  test("is one a node where there are nodes enough", () => {
    const held = spreadReplicas({ server: { role: "server" }, ...workersOf(3) }, 3);
    expect([...held.values()]).toEqual([[], [0], [1], [2]]);
  });

  test("keeps what is stated and deals only the rest", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -1, max: 3 }), { minLength: 3, maxLength: 9 }), (holders) => {
        const nodes = workersOf(4);
        for (const [ordinal, holder] of holders.entries()) {
          if (holder >= 0) (nodes[`worker-${holder}`]!.replicas ??= []).push(ordinal);
        }
        const held = spreadReplicas(nodes, holders.length);
        for (const [key, node] of Object.entries(nodes)) {
          expect(held.get(key)).toEqual(expect.arrayContaining(node.replicas ?? []));
        }
        expect([...held.values()].flat().sort((one, other) => one - other)).toEqual(allOf(holders.length));
      }),
    );
  });
});

describe("a region to which a node is added", () => {
  const grown = (over: object): Topology => topologyWith({ clusters: { london: { nodes: over } } });
  const findings = (topology: Topology) => checkTopology(topology).filter(({ rule }) => rule.startsWith("replica-"));

  test("keeps its placement or is refused, however many it had", () => {
    expect(findings(topologyWith({ clusters: { oregon: { nodes: { "worker-2": { role: "worker" } } } } }))).toEqual([]);
    expect(findings(grown({ "worker-1": { role: "worker" } })).map(({ rule }) => rule)).toEqual(["replica-missing"]);
  });

  test("is sound with either placement of the remedy, as it is printed", () => {
    const topology = grown({ "worker-1": { role: "worker" } });
    const [finding] = findings(topology);
    const printed = [...finding!.remedy.matchAll(/\{ .+? \} \}/g)].map(([text]) => parse(text) as object);
    expect(printed).toEqual([
      { server: { replicas: [1] }, "worker-1": { replicas: [0, 2] } },
      { server: { replicas: [0, 1, 2] } },
    ]);
    for (const nodes of printed) {
      expect(findings(mergeData(topology, { clusters: { london: { nodes } } }) as Topology)).toEqual([]);
    }
  });
});

test("a placement is written as it stands in a topology", () => {
  const placement = new Map([
    ["server", [1]],
    ["worker-1", []],
    ["worker-2", [0, 2]],
  ]);
  expect(renderPlacement(placement)).toBe("{ server: { replicas: [1] }, worker-2: { replicas: [0, 2] } }");
});
