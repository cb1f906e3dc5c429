import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { transformSync } from "esbuild";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { chooseEngine, findOnPath } from "../../harness/engine";
import { runDown, runPreview, runUp, type FleetOptions } from "../../harness/fleet";
import { endEngines } from "../../harness/interruption";
import { prepareProject } from "../../harness/project";
import { runOutputs, runStatus } from "../../harness/status";
import { DEFAULT_TOPOLOGY } from "../../stacks/topology";
import { obtainArtifacts } from "../../rehearsal/artifacts";

/** The harness, by the real engine, on a program that needs no cloud: order, failure, kill -9, recovery. */
describe("the harness with the real engine", () => {
  const folder = mkdtempSync(join(tmpdir(), "archipelago-harness-"));
  const source = join(folder, "source");
  const before = { ...process.env };
  let said = "";
  const fleet = (stacks: string[] = []): FleetOptions => ({
    stacks,
    folder: join(folder, "project"),
    topology: { ...DEFAULT_TOPOLOGY, adminCidrs: ["198.18.0.0/24"] },
    screen: { write: (text) => (said += text) },
    download: false,
  });
  const outcomes = (report: { stacks: { name: string; outcome: string }[] }) =>
    Object.fromEntries(report.stacks.map(({ name, outcome }) => [name, outcome]));
  const created = (): string[] =>
    existsSync(join(folder, "creates")) ? readFileSync(join(folder, "creates"), "utf8").trim().split("\n") : [];
  const locks = (): string[] =>
    readdirSync(join(folder, "backend"), { recursive: true, encoding: "utf8" }).filter((path) =>
      /locks\/.*\.json$/.test(path),
    );
  const exported = (stack: string) => {
    const text = execFileSync("pulumi", ["-C", join(folder, "project"), "stack", "export", "-s", stack], {
      encoding: "utf8",
    });
    return JSON.parse(text) as { deployment: { resources?: { urn: string }[]; pending_operations?: unknown[] } };
  };

  beforeAll(async () => {
    for (const name of ["source", "home", "backend", "bin"]) mkdirSync(join(folder, name));
    const { code } = transformSync(readFileSync(join(__dirname, "smallFleet.ts")), {
      loader: "ts",
      format: "cjs",
      target: "node20",
    });
    writeFileSync(join(source, "main.cjs"), code);
    writeFileSync(join(source, "Pulumi.yaml"), "name: archipelago\nruntime: nodejs\nmain: main.cjs\n");
    symlinkSync(resolve("node_modules"), join(source, "node_modules"));
    // Dynamic resources need the shim that npm ships, under its name on PATH.
    const shim = join(dirname(require.resolve("@pulumi/pulumi/package.json")), "pulumi-resource-pulumi-nodejs");
    writeFileSync(join(folder, "bin", "pulumi-resource-pulumi-nodejs"), `#!/bin/sh\nexec sh ${shim} "$@"\n`, {
      mode: 0o755,
    });
    if (!findOnPath("pulumi")) {
      const { binFolder } = await obtainArtifacts({ only: ["engine"], onProgress: (line) => console.error(line) });
      process.env.PATH = `${binFolder}:${process.env.PATH}`;
    }
    Object.assign(process.env, {
      PATH: `${process.env.PATH}:${join(folder, "bin")}`,
      PULUMI_HOME: join(folder, "home"),
      PULUMI_BACKEND_URL: `file://${join(folder, "backend")}`,
      PULUMI_CONFIG_PASSPHRASE: "for this test alone",
      PULUMI_SKIP_UPDATE_CHECK: "true",
      PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
      SMALL_FLEET_FOLDER: folder,
    });
    delete process.env.PULUMI_DEBUG_PROVIDERS;
    prepareProject(source, join(folder, "project"));
    await chooseEngine({ download: false });
  });
  afterEach(() => (said = ""));
  afterAll(() => {
    process.env = before;
    rmSync(folder, { recursive: true, force: true });
  });

  it("refuses a region while the broker is not up, before anything is made", async () => {
    await expect(runUp(fleet(["london"]))).rejects.toThrow(/broker stack "broker" is not up/);
    expect(created()).toEqual([]);
  });

  it("previews what it can and says why the rest has to wait", async () => {
    const report = await runPreview(fleet());
    expect(outcomes(report)).toEqual({
      broker: "changed",
      oregon: "stopped",
      ashburn: "stopped",
      london: "stopped",
      tokyo: "stopped",
    });
    expect(report.exitCode).toBe(3);
    expect(created()).toEqual([]);
  });

  it("stops the dependents of a failure and nothing else, and tells the reason without its secrets", async () => {
    writeFileSync(join(folder, "fail-ashburn"), "");
    const report = await runUp(fleet());
    expect(outcomes(report)).toEqual({
      broker: "changed",
      oregon: "changed",
      ashburn: "failed",
      london: "changed",
      tokyo: "changed",
    });
    expect(report.exitCode).toBe(1);
    expect(report.stacks[2]?.errors).toEqual(["ashburn-server: out of host capacity, token: [secret]"]);
    const runs = readFileSync(join(folder, "runs"), "utf8").trim().split("\n");
    expect(runs.slice(0, 3)).toEqual(["broker", "broker", "oregon"]);
  });

  it("finishes what was left and changes nothing else", async () => {
    rmSync(join(folder, "fail-ashburn"));
    const before = created().length;
    const report = await runUp(fleet());
    expect(outcomes(report)).toEqual({
      broker: "unchanged",
      oregon: "unchanged",
      ashburn: "changed",
      london: "unchanged",
      tokyo: "unchanged",
    });
    expect(created().slice(before)).toEqual(["ashburn-server"]);
    expect(said).toContain("engine: real pulumi");
    expect(said).not.toContain("nobody may read this");
  });

  it("leaves the original project's files alone", () => {
    expect(readdirSync(source).sort()).toEqual(["Pulumi.yaml", "main.cjs", "node_modules"]);
  });

  it("ends as if nothing had happened when the engine is killed in the middle and up runs again", async () => {
    await runDown(fleet(["tokyo"]));
    writeFileSync(join(folder, "slow-tokyo"), "");
    const before = created().length;
    const killed = runUp(fleet(["tokyo"]));
    await until(() => created().length > before);
    endEngines((words) => words.includes("up"), "SIGKILL");
    const first = await killed;
    expect(outcomes(first)).toEqual({ tokyo: "failed" });
    expect(first.stacks[0]?.errors).toEqual(["the engine was ended by SIGKILL before it was done"]);
    expect(exported("tokyo").deployment.pending_operations).toHaveLength(1);
    expect(locks()).toHaveLength(1);

    rmSync(join(folder, "slow-tokyo"));
    const second = await runUp(fleet(["tokyo"]));
    expect(outcomes(second)).toEqual({ tokyo: "changed" });
    expect(said).toContain("taking away the lock of a dead process");
    expect(said).toContain("cleared 1 interrupted operation");
    const { resources, pending_operations: pending } = exported("tokyo").deployment;
    expect(pending ?? []).toEqual([]);
    expect(resources?.filter(({ urn }) => urn.endsWith("::tokyo-server"))).toHaveLength(1);
    expect(locks()).toEqual([]);
    expect(outcomes(await runUp(fleet(["tokyo"])))).toEqual({ tokyo: "unchanged" });
  });

  it("says of a stack without a kubeconfig that its cluster cannot be looked at, instead of failing", async () => {
    const { summary, exitCode } = await runStatus(fleet());
    expect(summary.clusters.map(({ state }) => state)).toEqual(Array(5).fill("unreachable"));
    expect(exitCode).toBe(3);
    expect((await runOutputs(fleet(["london"]))).london?.join).toMatchObject({ secret: true });
  });

  it("keeps the broker while regions are up, and takes it down last", async () => {
    await expect(runDown(fleet(["broker"]))).rejects.toThrow(
      /cannot go while regions are up: oregon, ashburn, london, tokyo/,
    );
    const report = await runDown(fleet());
    expect(new Set(Object.values(outcomes(report)))).toEqual(new Set(["changed"]));
    expect(said.lastIndexOf("[broker] starting")).toBeGreaterThan(said.lastIndexOf("[london] changed"));
    for (const stack of ["broker", "london"]) expect(exported(stack).deployment.resources ?? []).toEqual([]);
    expect(outcomes(await runDown(fleet(["london"])))).toEqual({ london: "unchanged" });
  });
});

async function until(isTrue: () => boolean, seconds = 120): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  while (!isTrue()) {
    if (Date.now() > deadline) throw new Error(`not so within ${seconds} s`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
