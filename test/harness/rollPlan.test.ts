import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { planRoll, renderRollCommand, renderRollPlan } from "../../harness/rollPlan";
import { belongsTo } from "../../harness/rollNode";
import { MACHINE_TYPES } from "../../plan/machineTypes";
import { CLOUDS } from "../../plan/types";
import { ADAPTERS } from "../conformance/adapters";
import { EXISTING_LONDON, planWith, replicatedRegion } from "../plan/fixtures";

const plan = planWith();
const GROWN = planWith({
  clusters: {
    oregon: {
      nodes: {
        "gate-1": { role: "worker", gateway: true },
        "worker-1": { replicas: [0] },
        "worker-2": { role: "worker", replicas: [2] },
      },
    },
  },
});
const nodesOf = (...args: Parameters<typeof planRoll>) => planRoll(...args).steps.map(({ node }) => node);

describe("the plan of a roll", () => {
  test("takes every node that may be rolled, gateways last, and says of the others why they stay", () => {
    const { steps, refusals } = planRoll(GROWN, ["oregon"]);
    expect(steps.map(({ node }) => node)).toEqual(["oregon-worker-1", "oregon-worker-2", "oregon-gate-1"]);
    expect(refusals.map(({ node, reason }) => `${node}: ${reason}`)).toEqual([
      "oregon-server: it is the only server of oregon, and its etcd is the cluster",
    ]);
  });

  test("takes only the named ones, by key or by whole name", () => {
    expect(nodesOf(GROWN, ["oregon"], ["worker-2"])).toEqual(["oregon-worker-2"]);
    expect(nodesOf(GROWN, ["oregon"], ["oregon-gate-1", "worker-2"])).toEqual(["oregon-worker-2", "oregon-gate-1"]);
  });

  test("refuses what is named and must not be rolled, with the way out", () => {
    expect(() => planRoll(plan, ["oregon"], ["server"])).toThrow(
      "oregon-server cannot be rolled: it is the only server",
    );
    expect(() => planRoll(plan, ["london"])).toThrow("its etcd is the cluster");
    expect(() => planRoll(plan, ["oregon"], ["worker-9"])).toThrow("There is no node worker-9 in oregon.");
    try {
      planRoll(plan, ["broker"]);
    } catch (error) {
      expect(error).toMatchObject({
        remedy: expect.stringMatching(/three servers, or make the cluster anew/) as string,
      });
    }
    expect.assertions(4);
  });

  test("takes servers where there are several, after the workers, and says what etcd cannot spare meanwhile", () => {
    const planned = planRoll(planWith({ clusters: { oregon: replicatedRegion() } }), ["oregon"]);
    expect(planned.steps.map(({ key, server }) => [key, server])).toEqual([
      ["worker-1", false],
      ["c", true],
      ["a", true],
      ["b", true],
    ]);
    expect(renderRollPlan(planned).join("\n")).toContain("oregon-c: a server: until its successor has joined");
  });

  test("refuses the nodes of an existing cluster, whose machines somebody else has made", () => {
    const existing = planWith({ clusters: { london: EXISTING_LONDON } });
    expect(() => planRoll(existing, ["london"], ["k3s-pool-1"])).toThrow(
      "k3s-pool-1 cannot be rolled: london is an existing cluster, whose machines this program has not made.",
    );
  });

  test("refuses a node whose replicas the database cannot spare", () => {
    const alone = planWith({ database: { survive: null }, clusters: { ashburn: null, london: null, tokyo: null } });
    expect(() => planRoll(alone, ["oregon"], ["worker-1"])).toThrow("only 1 replica would be left");
  });

  test("names every node once, whatever is asked", () => {
    const keys = fc.subarray(["worker-1", "worker-2", "gate-1"], { minLength: 1 });
    fc.assert(
      fc.property(keys, fc.boolean(), (wanted, whole) => {
        const names = wanted.map((key) => (whole ? `oregon-${key}` : key));
        const planned = nodesOf(GROWN, ["oregon"], [...names, ...wanted]);
        expect([...planned].sort()).toEqual(wanted.map((key) => `oregon-${key}`).sort());
      }),
    );
  });

  test("says plainly what is lost", () => {
    const text = renderRollPlan(planRoll(plan, ["oregon"])).join("\n");
    expect(text).toContain("1 machine to be replaced");
    expect(text).toContain(
      "oregon-worker-1: lost with it: the volumes of database replica 0 and 2, made anew from the others",
    );
    expect(text).toContain("oregon-server stays: it is the only server");
  });

  test("gives the command that goes on", () => {
    const { steps } = planRoll(GROWN, ["oregon"]);
    expect(renderRollCommand(steps.slice(1))).toBe("./archipelago roll --stack oregon --node worker-2 --node gate-1");
  });
});

test("only what carries a machine's name, or is its node's patch, may change with it", () => {
  const nodes = ["oregon-worker-1", "oregon-worker-1-b", "oregon-worker-2"].map((name) => ({ name }));
  const own = (name: string) => belongsTo(name, { node: "oregon-worker-1", key: "worker-1" }, nodes);
  expect(["oregon-worker-1", "oregon-worker-1-address", "submariner-node-worker-1"].map(own)).toEqual([
    true,
    true,
    true,
  ]);
  const others = [
    "oregon-worker-1-b",
    "oregon-worker-1-b-address",
    "oregon-worker-12",
    "submariner-node-worker-2",
    "volume-0",
  ];
  expect(others.filter(own)).toEqual([]);
});

test("machines are known by the types that the adapters give them", () => {
  for (const cloud of CLOUDS.filter((name) => name in ADAPTERS)) {
    expect([cloud, MACHINE_TYPES[cloud]]).toEqual([cloud, ADAPTERS[cloud].machineType]);
  }
});
