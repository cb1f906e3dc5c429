import { createRequire } from "node:module";
import * as pulumi from "@pulumi/pulumi";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { cloudAdapter as CloudAdapter } from "../../components/cloud";
import { planFleet } from "../../plan/plan";
import type { NodeSpec, Plan } from "../../plan/types";
import { EXISTING_LONDON, topologyWith } from "../plan/fixtures";
import { type Run, ScratchStack } from "./scratchStack";

const require = createRequire(__filename);

/** What the suite asks of every cloud (adapters.engine.test.ts) and cannot ask here. */
const NOT_ASKED: [title: string, reason: string][] = [
  [
    "puts them into one network with the planned range",
    "their network is their owner's; up checks its range (live.ts)",
  ],
  [
    "lets in on each machine what the plan says, and nothing else",
    "the firewall is their owner's; up prints what to open",
  ],
  ["opens no port of a plain worker to the outside", "as above"],
  ["gives each node of a pool its pool's size", "no machine is ordered, and the plan refuses a size"],
  ["hands every machine its boot script byte for byte", "nothing boots: there is no boot script"],
  ["names or tags with its cluster whatever has a name", "nothing is made in any cloud"],
  ["with another image and another boot script replaces nothing unasked", "there is neither"],
  ["with user data no cloud takes, the user reads its own words", "there is no user data"],
  ["told to replace one gateway, replaces it alone", "a machine that is not ours cannot be replaced"],
];

/** The same suite's questions, of the adapter that makes nothing. */
describe("the adapter of existing clusters", () => {
  const stack = new ScratchStack();
  const plan = (more: Record<string, NodeSpec> = {}): Plan =>
    planFleet(
      topologyWith({ clusters: { london: { ...EXISTING_LONDON, nodes: { ...EXISTING_LONDON.nodes, ...more } } } }),
    );
  const program =
    (fleet: Plan): pulumi.automation.PulumiFn =>
    () => {
      // Loaded by the same translator as under the engine, so that the adapters' own lazy `require` works.
      require("tsx/cjs");
      const { cloudAdapter } = require("../../components/cloud") as { cloudAdapter: typeof CloudAdapter };
      const cluster = fleet.clusters.london!;
      const parent = new pulumi.ComponentResource("archipelago:conformance:Cluster", cluster.name);
      const boot = (): never => {
        throw new Error("nothing of theirs boots by our script");
      };
      const { machines } = cloudAdapter("existing")({ cluster, boot, protectData: true }, parent);
      const built = machines.map(({ node, publicAddress, resource }) => ({
        node: node.name,
        publicAddress,
        isOurs: resource !== undefined,
      }));
      return Promise.resolve({ built });
    };
  const changes = ({ steps }: Run) => steps.filter(({ op }) => op !== "same").map(({ op, name }) => `${op} ${name}`);
  let first: Run;

  beforeAll(async () => {
    await stack.open();
    first = await stack.up(program(plan()));
  });
  afterAll(() => stack.close());

  test("has every node once, under its own name, the gateway at the stated address, and none that is ours", () => {
    expect(first.errors).toEqual([]);
    expect(first.outputs.built).toEqual([
      { node: "k3s-pool-1", publicAddress: "74.220.20.1", isOurs: false },
      { node: "k3s-pool-2.internal", publicAddress: "", isOurs: false },
    ]);
  });

  test("makes nothing in any cloud", () => {
    expect(stack.store.list()).toEqual([]);
    expect([...stack.machines.machines.keys(), ...stack.machines.segments.keys()]).toEqual([]);
  });

  test("a second preview is empty", async () => {
    const second = await stack.preview(program(plan()));
    expect([second.errors, changes(second)]).toEqual([[], []]);
  });

  test("a node more or less touches nothing", async () => {
    expect(changes(await stack.up(program(plan({ "k3s-pool-3": { role: "worker" } }))))).toEqual([]);
    expect(changes(await stack.up(program(plan())))).toEqual([]);
  });

  test("destroyed, leaves nothing", async () => {
    expect((await stack.destroy()).errors).toEqual([]);
    expect(stack.store.list()).toEqual([]);
  });

  test.for(NOT_ASKED)("%s", ([, reason], { skip }) => skip(reason));
});
