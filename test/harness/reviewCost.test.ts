import { describe, expect, it } from "vitest";
import { planCostChange, renderCost, renderDifference, renderTotal } from "../../harness/reviewCost";
import type { Topology } from "../../plan/types";
import { topologyWith } from "../plan/fixtures";

const before = topologyWith();
const findOf = (after: Topology, name: string, base: Topology | undefined = before) =>
  planCostChange(after, base).stacks.find((stack) => stack.name === name);

describe("the cost of a change", () => {
  it("is nothing where nothing changes", () => {
    const change = planCostChange(before, before);
    expect(change.total.after).toBe(change.total.before);
    expect(change.stacks.map(({ name }) => name).sort()).toEqual(Object.keys(before.clusters).sort());
    expect(renderDifference(change)).toEqual([]);
    expect(renderTotal(change)).toMatch(/ USD, as before \(list prices of /);
  });

  it("is a larger machine's, in its stack alone", () => {
    const after = topologyWith({ clusters: { oregon: { nodes: { "worker-1": { size: "t3.xlarge" } } } } });
    const change = planCostChange(after, before);
    const oregon = change.stacks.find(({ name }) => name === "oregon")!;
    expect(oregon.parts.map(({ kind }) => kind)).toEqual(["machine"]);
    expect(oregon.after - oregon.before!).toBeCloseTo(oregon.parts[0]!.usd, 2);
    expect(change.stacks.filter(({ parts }) => parts.length > 0)).toHaveLength(1);
    expect(renderTotal(change)).toContain(`**${oregon.parts[0]!.usd.toFixed(2)} more** than before`);
  });

  it("of a new region is also what the others send to it", () => {
    const sydney = {
      ...before.clusters.oregon!,
      primary: false,
      place: "ap-southeast-2",
      nodeCidr: "10.40.0.0/24",
      podCidr: "10.140.0.0/16",
      serviceCidr: "10.200.0.0/16",
    };
    const change = planCostChange(topologyWith({ clusters: { sydney } }), before);
    expect(change.stacks.find(({ name }) => name === "sydney")).toMatchObject({ before: 0 });
    const oregon = change.stacks.find(({ name }) => name === "oregon")!;
    expect(oregon.parts.map(({ kind }) => kind)).toEqual(["egress"]);
    expect(renderDifference(change).join("\n")).toMatch(/`sydney`: 0\.00 → \d+\.\d\d USD \(machine \+.*, egress \+/);
  });

  it("of a region that goes is less, and that region costs nothing", () => {
    const after = topologyWith({ clusters: { london: null } });
    expect(findOf(after, "london")).toMatchObject({ after: 0 });
    expect(renderTotal(planCostChange(after, before))).toMatch(/\*\*\d+\.\d\d less\*\* than before/);
  });

  it("says what it leaves out: a size without a price, a fleet before that is not known or cannot be planned", () => {
    const after = topologyWith({
      accepted: ["size-unknown"],
      clusters: { oregon: { nodes: { "worker-1": { size: "z9.huge" } } } },
    });
    expect(findOf(after, "oregon")).toMatchObject({ unpriced: 1 });
    expect(renderCost(findOf(after, "oregon"))).toMatch(/^\d+\.\d\d \+ \? \(\*\*−/);
    for (const base of [undefined, { clusters: {} } as Topology]) {
      const change = planCostChange(before, base);
      expect(change.total.before).toBeUndefined();
      expect(renderTotal(change)).toContain("; before the change: not known");
      expect(renderDifference(change)).toEqual([]);
    }
    expect(renderCost(undefined)).toBe("unknown");
  });

  it("of a rehearsed fleet is what it would be on live clouds, and says so", () => {
    expect(planCostChange({ ...before, world: "rehearsal" }).assumption).toContain("were it on live clouds");
  });
});
