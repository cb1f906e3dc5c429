import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runDown, runPreview, runUp } from "../../harness/fleet";
import { EmulatedWorld } from "./emulatedWorld";

const STACKS = ["broker", "oregon", "ashburn", "london", "tokyo"];
const screen = { write: (text: string) => process.stderr.write(text) };

describe("the program, by the real engine, on emulated clouds without machines", () => {
  const world = new EmulatedWorld();
  const { machines, store } = world;
  const exported = async (stack: string, ...more: string[]): Promise<string> =>
    (await world.pulumi(["stack", "export", "--stack", stack, ...more])).text;

  beforeAll(() => world.open());
  afterAll(() => world.close());

  test("a preview before anything is up plans the broker, says that the regions wait for it, and creates nothing", async () => {
    const report = await runPreview({ screen });
    const expected = STACKS.map((s) => [s, s === "broker" ? "changed" : "stopped"]);
    expect(report.stacks.map((s) => [s.name, s.outcome])).toEqual(expected);
    expect(machines.created).toEqual([]);
  });

  test("five stacks come up, each machine once", async () => {
    const report = await runUp({ screen });
    expect(report.stacks.map((s) => [s.name, s.outcome, s.errors ?? []])).toEqual(
      STACKS.map((s) => [s, "changed", []]),
    );
    expect([...machines.created].sort()).toEqual(
      ["broker-server", "oregon-server", "oregon-worker-1", "ashburn-server", "london-server", "tokyo-server"].sort(),
    );
  });

  test("a second preview is empty in every stack", async () => {
    const report = await runPreview({ screen });
    expect(report.stacks.map((s) => [s.name, s.outcome, s.errors ?? []])).toEqual(
      STACKS.map((s) => [s, "unchanged", []]),
    );
  });

  test("no secret stands in clear in an exported state", async () => {
    for (const stack of STACKS) {
      const state = await exported(stack);
      expect(state).toContain("v1:"); // there are encrypted values at all
      expect(state).not.toMatch(/PRIVATE KEY/);
      for (const machine of machines.machines.values()) {
        const token = /[a-z0-9]{6}\.[a-z0-9]{16}/.exec(machine.spec.userData)?.[0];
        if (token) expect(state.includes(token), `bootstrap token of ${machine.cluster} in ${stack}`).toBe(false);
      }
      for (const region of STACKS.slice(1)) {
        const bearer = `token-broker-cluster-${region}`;
        expect(
          state.includes(bearer) || state.includes(Buffer.from(bearer).toString("base64")),
          `broker token of ${region} in ${stack}`,
        ).toBe(false);
      }
    }
  });

  test("a region's state holds its own entry of the broker's outputs and no other region's, not even encrypted", async () => {
    for (const region of STACKS.slice(1)) {
      const state = await exported(region, "--show-secrets");
      const holds = (token: string) => state.includes(token) || state.includes(Buffer.from(token).toString("base64"));
      const held = STACKS.slice(1).filter((other) => holds(`token-broker-cluster-${other}-token`));
      expect([region, held]).toEqual([region, [region]]);
      expect(state).not.toContain("join-");
    }
  });

  test("destroy leaves nothing in any cloud", async () => {
    const report = await runDown({ screen });
    expect(report.stacks.map((s) => [s.name, s.outcome, s.errors ?? []])).toEqual(
      STACKS.map((s) => [s, "changed", []]),
    );
    expect([...machines.machines.keys()]).toEqual([]);
    expect([...machines.segments.keys()]).toEqual([]);
    expect(store.list().map((o) => `${o.type} ${o.id}`)).toEqual([]);
  });
});
