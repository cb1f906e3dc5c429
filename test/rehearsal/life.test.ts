import { type ChildProcess, execFile, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { stateFolder } from "../../harness/folders";
import { conditionOf, list, REGIONS } from "./kube";
import { announcedRegions } from "./mesh";
import { harness, machinesNamed, outcomes, ROOT, STACKS } from "./verbs";

/** Waits until the store of the emulated clouds shows that the machine is being made; fails at the deadline. */
async function awaitMachine(part: string, deadlineSeconds: number): Promise<void> {
  for (let passed = 0; passed < deadlineSeconds; passed += 0.2) {
    if ((await machinesNamed(part)).length > 0) return;
    await sleep(200);
  }
  throw new Error(`no machine ${part} after ${deadlineSeconds} s`);
}

/** Process ids of the engines that work on a stack. */
async function enginesOf(stack: string): Promise<number[]> {
  const { stdout } = await promisify(execFile)("pgrep", ["-x", "pulumi"]).catch(() => ({ stdout: "" }));
  return stdout
    .split("\n")
    .filter(Boolean)
    .map(Number)
    .filter((pid) => {
      try {
        const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
        return words.includes("up") && words.includes(stack);
      } catch {
        return false;
      }
    });
}

const ended = (child: ChildProcess): Promise<number | null> =>
  new Promise((resolve) => (child.exitCode === null ? child.once("close", resolve) : resolve(child.exitCode)));

describe("the life of a rehearsal", () => {
  test("a second up changes nothing", async () => {
    expect(outcomes(await harness("up"))).toEqual(STACKS.map((s) => [s, "unchanged"]));
  });

  test("a preview of every stack is empty", async () => {
    expect(outcomes(await harness("preview"))).toEqual(STACKS.map((s) => [s, "unchanged"]));
  });

  test("plain pulumi works from a shell with the printed environment, and leaves the checkout as it was", async () => {
    const stackFile = join(ROOT, "Pulumi.london.yaml");
    const before = readFileSync(stackFile, "utf8");
    const script =
      'eval "$(./rehearse env)"; pulumi preview -s london --non-interactive && pulumi up -s london --yes --skip-preview --non-interactive';
    const { stdout } = await promisify(execFile)("bash", ["-c", script], { cwd: ROOT, maxBuffer: 64 * 1024 * 1024 });
    expect(stdout.match(/\d+ unchanged/g)).toHaveLength(2);
    expect(stdout).not.toMatch(/to (create|update|replace|delete)/);
    expect(readFileSync(stackFile, "utf8")).toBe(before);
  });

  test("one region goes alone: nothing of it stays in its cloud or on the broker", async () => {
    expect(outcomes(await harness("down", "--stack", "london"))).toEqual([["london", "changed"]]);
    expect(await machinesNamed("london")).toEqual([]);
    for (const kind of ["clusters", "endpoints"] as const)
      expect([kind, await announcedRegions(kind)]).toEqual([kind, REGIONS.filter((r) => r !== "london").sort()]);
  });

  test("an engine killed while it makes a machine leaves no duplicate: up again ends as if nothing had happened", async () => {
    const up = spawn(join(ROOT, "archipelago"), ["up", "--stack", "london"], {
      stdio: ["ignore", "inherit", "inherit"],
    });
    await awaitMachine("london", 120);
    const engines = await enginesOf("london");
    expect(engines.length).toBeGreaterThan(0);
    for (const pid of engines) process.kill(pid, "SIGKILL");
    expect(await ended(up)).not.toBe(0);

    expect(outcomes(await harness("up", "--stack", "london"))).toEqual([["london", "changed"]]);
    expect(await machinesNamed("london")).toHaveLength(1);
    // its new machine has another address
    await promisify(execFile)(join(ROOT, "archipelago"), ["kubeconfig"]);
    const pods = await list("london", "pods", "-n", "cockroachdb");
    expect(pods.filter((p) => conditionOf(p, "Ready") === "True")).toHaveLength(3);
    expect(await announcedRegions("endpoints")).toEqual([...REGIONS].sort());
    expect(outcomes(await harness("up", "--stack", "london"))).toEqual([["london", "unchanged"]]);
  });

  test("no secret stands in clear in the rehearsal's logs or in the backend's files", async () => {
    const { stdout } = await promisify(execFile)("grep", ["-rlE", "PRIVATE KEY", join(stateFolder(), "pulumi")]).catch(
      (error: { stdout: string }) => error,
    );
    expect(stdout).toBe("");
  });
});
