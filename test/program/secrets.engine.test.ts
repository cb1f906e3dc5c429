import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runDown, runUp } from "../../harness/fleet";
import { renderReport, type FleetReport } from "../../harness/report";
import { runReview } from "../../harness/reviewRun";
import { maskOutputs, runOutputs } from "../../harness/status";
import type { CloudObject } from "../../rehearsal/clouds/store";
import { EmulatedWorld } from "./emulatedWorld";
import { assertNoSecretIn, findSecrets, secretsOfRun } from "./runSecrets";

const ZONE = { zone: "us-west-2b" };
/** Two ways in which clouds take user data: as plain text and packed. Every adapter's state: test/conformance. */
const STACKS = ["broker", "oregon"];
/** A whole life of them: more than other tests' hooks take. */
const DEADLINE_MS = 1_500_000;

/** Where each cloud's machine carries its user data; beside it, clouds are told no secret. */
const USER_DATA: Record<string, string> = {
  "aws:ec2/instance:Instance": "userDataBase64",
  "vultr:index/instance:Instance": "userData",
};

/** A whole life of the rehearsed fleet, and everything anybody could have read of it. */
describe("no secret of a run stands in clear", () => {
  const world = new EmulatedWorld();
  const read: Record<string, string> = {};
  const note = (place: string, text: string): void => void (read[place] = (read[place] ?? "") + text);
  const screen = { write: (text: string) => note("the harness's screen", text) };
  const onEvent = (_: string, event: unknown): void => note("engine events", `${JSON.stringify(event)}\n`);
  const take = (report: FleetReport): void => {
    note("the harness's report", renderReport(report).join("\n"));
    note("the harness's --json", JSON.stringify(report));
  };
  const ask = async (...words: string[]): Promise<void> => {
    const { code, text } = await world.pulumi([...words, "--stack", "oregon"]);
    expect(code, text).toBe(0);
    note("pulumi's console", text);
  };
  let secrets = new Set<string>();

  beforeAll(async () => {
    await world.open();
    const up = await runUp({ screen, onEvent, stacks: STACKS });
    expect(up.stacks.map(({ outcome, errors }) => [outcome, errors])).toEqual(STACKS.map(() => ["changed", []]));
    take(up);
    secrets = await secretsOfRun(world, STACKS);
    note("the emulated clouds' store", JSON.stringify(world.store.list().map(withoutUserData)));
    for (const file of readdirSync(join(world.folder, "backend"), { recursive: true, encoding: "utf8" })) {
      if (/\.(json|bak|attrs)$/.test(file))
        note("the backend's files", readFileSync(join(world.folder, "backend", file), "utf8"));
    }
    for (const words of [["stack"], ["stack", "output"], ["stack", "output", "--json"], ["stack", "export"]])
      await ask(...words);
    // A change that would replace machines is told with all they are made of.
    world.propose({
      kubernetes: { version: "v1.37.1" },
      clusters: { oregon: { nodes: { server: ZONE, "worker-1": ZONE } } },
    });
    await ask("preview", "--diff");
    world.propose({ owner: "platform" });
    const review = await runReview({ screen, onEvent, stacks: STACKS, preview: { refresh: true } });
    note("the comment", review.markdown);
    take(await runUp({ screen, onEvent, stacks: ["broker"] }));
    note(
      "the harness's outputs",
      JSON.stringify(Object.values(await runOutputs({ screen, stacks: STACKS })).map(maskOutputs)),
    );
    take(await runDown({ screen, onEvent, stacks: STACKS }));
    note("the emulated clouds' log", world.log.join("\n"));
  }, DEADLINE_MS);
  afterAll(() => world.close());

  test("and there are secrets of every kind to look for", () => {
    expect(secrets.size).toBeGreaterThan(30);
    // Not a text that holds none of them because the search finds none.
    const scripts = [...new Set(world.machines.scripts)];
    expect(scripts).toHaveLength(3);
    for (const script of scripts) expect(findSecrets(script, secrets).length).toBeGreaterThan(0);
  });

  test.each([
    "engine events",
    "the harness's screen",
    "the harness's report",
    "the harness's --json",
    "the harness's outputs",
    "the comment",
    "pulumi's console",
    "the backend's files",
    "the emulated clouds' store",
    "the emulated clouds' log",
  ])("in %s", (place) => {
    expect(read[place]?.length ?? 0).toBeGreaterThan(100);
    assertNoSecretIn(place, read[place]!, secrets);
  });
});

/** What a cloud keeps of a machine beside its user data, which it has to be told, and the password that it made itself. */
function withoutUserData(object: CloudObject): CloudObject {
  const field = USER_DATA[object.type];
  if (field === undefined) return object;
  if (object.inputs[field] === undefined) throw new Error(`${object.type} has no ${field}`);
  const strike = (properties: CloudObject["inputs"]) => ({
    ...properties,
    [field]: undefined,
    defaultPassword: undefined,
  });
  return { ...object, inputs: strike(object.inputs), computed: strike(object.computed) };
}
