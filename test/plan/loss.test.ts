import { describe, expect, test } from "vitest";
import { checkLoss } from "../../plan/loss";
import { planWith } from "./fixtures";

const lossOf = (over: object, stack = "oregon", key = "worker-1") => {
  const plan = planWith(over);
  const cluster = plan.clusters[stack]!;
  return checkLoss(
    plan,
    cluster,
    cluster.nodes.find((node) => node.key === key)!,
  );
};
const ALONE = { ashburn: null, london: null, tokyo: null };

describe("the loss of a machine", () => {
  test("is borne by the tree's own fleet, and by any where it holds no replica", () => {
    expect(lossOf({})).toBeUndefined();
    const nodes = { server: { replicas: [0, 1, 2] }, "worker-1": { replicas: [] } };
    expect(lossOf({ clusters: { ...ALONE, oregon: { nodes } } })).toBeUndefined();
  });

  test("is not borne where fewer than three replicas would be left", () => {
    expect(lossOf({ database: { survive: null }, clusters: ALONE })).toBe(
      "only 1 replica would be left in the fleet, and 3 are needed to agree",
    );
  });

  test("is not borne where the survival goal would be hurt", () => {
    expect(lossOf({ database: { replicas: 6 }, clusters: { ...ALONE, ashburn: {} } })).toContain("survive a region");
    expect(lossOf({ database: { survive: "zone" } })).toContain("only 1 of oregon's machines would hold replicas");
    const nodes = { "worker-1": { replicas: [0] }, "worker-2": { role: "worker", replicas: [2] } };
    expect(lossOf({ database: { survive: "zone" }, clusters: { oregon: { nodes } } })).toBeUndefined();
  });
});
