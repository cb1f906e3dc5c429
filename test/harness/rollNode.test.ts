import type { Stack } from "@pulumi/pulumi/automation";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { ApiError } from "../../harness/apiserver";
import { readDatabaseNodes } from "../../harness/databaseNodes";
import { runPreview, runUp } from "../../harness/fleet";
import type { LivingFleet } from "../../harness/livingFleet";
import type { FleetReport } from "../../harness/report";
import { renderRollReport, type RollReport } from "../../harness/roll";
import { rollNode, type RollContext } from "../../harness/rollNode";
import { planRoll } from "../../harness/rollPlan";
import { planWith } from "../plan/fixtures";

vi.mock("../../harness/fleet");
vi.mock("../../harness/databaseNodes");

const plan = planWith();
const [STEP] = planRoll(plan, ["oregon"]).steps as [ReturnType<typeof planRoll>["steps"][0]];
const URN = `urn:pulumi:oregon::archipelago::aws:ec2/instance:Instance::${STEP.node}`;

describe("rolling one node", () => {
  let changes: string[];
  let machine: { id: string; pendingReplacement?: boolean };
  let remove: () => Promise<void>;
  const context = (): RollContext => ({
    options: {},
    say: () => {},
    stackOf: () =>
      ({
        name: "oregon",
        exportStack: () =>
          Promise.resolve({ deployment: { resources: [{ urn: URN, type: "aws:ec2/instance:Instance", ...machine }] } }),
      }) as unknown as Stack,
    fleet: {
      plan,
      api: () => ({
        get: () => Promise.resolve({ items: [] }),
        patch: (_: string, { spec }: { spec: { unschedulable: unknown } }) =>
          Promise.resolve(void changes.push(spec.unschedulable ? "cordon" : "uncordon")),
        remove: () => remove(),
      }),
    } as unknown as LivingFleet,
  });
  const report = (outcome: "changed" | "failed", errors: string[] = []) =>
    ({ stacks: [{ name: "oregon", outcome, errors }] }) as unknown as FleetReport;

  beforeEach(() => {
    changes = [];
    machine = { id: "i-1" };
    remove = () => Promise.resolve(void changes.push("delete"));
    vi.mocked(readDatabaseNodes).mockResolvedValue([7, 9]);
    vi.mocked(runPreview).mockResolvedValue(report("changed"));
  });

  test("opens a node again that could not be deleted", async () => {
    remove = () => Promise.reject(new ApiError("answered 500", 500));
    await expect(rollNode(context(), STEP)).rejects.toThrow("answered 500");
    expect(changes).toEqual(["cordon", "uncordon"]);
    expect(runUp).not.toHaveBeenCalled();
  });

  test.each([
    ["its machine is gone", { id: "i-1", pendingReplacement: true }, "Go on: ./archipelago up --stack oregon"],
    ["its machine is still there", { id: "i-1" }, `still there: pulumi up -s oregon --replace '${URN}'`],
    ["another machine is there", { id: "i-2" }, "Go on: ./archipelago up --stack oregon"],
  ])("where nothing comes in its place and %s, names all that is left to be done", async (_, then, command) => {
    vi.mocked(runUp).mockImplementationOnce(() => {
      machine = then;
      return Promise.resolve(report("failed", ["no capacity"]));
    });
    const failed = await rollNode(context(), STEP).catch((error: unknown) => error);
    expect(changes).toEqual(["cordon", "delete"]);
    expect(failed).toMatchObject({ message: "drained and deleted, but its machine was not replaced: no capacity" });
    expect((failed as { remedy: string }).remedy.split("\n")).toEqual([
      expect.stringContaining(command),
      expect.stringContaining("cockroach node decommission 7 9"),
    ]);
  });
});

test("the report of a roll that stopped names what is left of every stack", () => {
  const step = (stack: string, key: string) => ({
    stack,
    key,
    node: `${stack}-${key}`,
    gateway: false,
    server: false,
    replicas: [],
  });
  const ended = { seconds: 0, errors: [] };
  const nodes: RollReport["nodes"] = [
    { ...step("oregon", "worker-1"), ...ended, outcome: "failed" },
    { ...step("oregon", "worker-2"), ...ended, outcome: "stopped" },
    { ...step("ashburn", "worker-1"), ...ended, outcome: "stopped" },
  ];
  const lines = renderRollReport({ verb: "roll", world: "rehearsal", nodes, refusals: [], seconds: 0, exitCode: 1 });
  expect(lines.filter((line) => line.includes("the rest"))).toEqual([
    "- the rest: ./archipelago roll --stack oregon --node worker-2",
    "- the rest: ./archipelago roll --stack ashburn --node worker-1",
  ]);
});
