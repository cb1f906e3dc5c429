/** The fleet as it was where a change left its base, read by the program's own code of that time. */
import { execFile } from "node:child_process";
import { mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Topology } from "../plan/types";

const run = promisify(execFile);
const DEADLINE_MS = 60_000;

/**
 * The topology at a commit. `undefined` where it cannot be had: it was wrong then, or the program was laid out otherwise.
 * @param folder the checkout; its packages serve the old code, too.
 */
export async function readTopologyAt(folder: string, commit: string): Promise<Topology | undefined> {
  const scratch = await mkdtemp(join(tmpdir(), "archipelago-base-"));
  try {
    const archive = join(scratch, "base.tar");
    await run("git", ["-C", folder, "archive", "--output", archive, "--end-of-options", `${commit}:./`]);
    await run("tar", ["-xf", archive, "-C", scratch]);
    await symlink(join(folder, "node_modules"), join(scratch, "node_modules"));
    const words = ["--import", "tsx", "-e", 'console.log(JSON.stringify(require("./stacks/topology").loadTopology()))'];
    const { stdout } = await run(process.execPath, words, { cwd: scratch, timeout: DEADLINE_MS });
    return JSON.parse(stdout) as Topology;
  } catch {
    return undefined;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
