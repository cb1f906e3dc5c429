/** The harness's verbs, run as a user runs them, against the living rehearsal. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { podman } from "../../rehearsal/podman";
import { REGIONS } from "./kube";

export const ROOT = join(__dirname, "..", "..");
export const STACKS = ["broker", ...REGIONS];

interface FleetReport {
  stacks: { name: string; outcome: string; errors?: string[] }[];
}

/** One harness verb with --json; the report is its standard output, progress goes through. */
export async function harness<T = FleetReport>(...words: string[]): Promise<T> {
  const child = promisify(execFile)(join(ROOT, "archipelago"), [...words, "--json"], { maxBuffer: 64 * 1024 * 1024 });
  child.child.stderr?.pipe(process.stderr, { end: false });
  // a verb that fails still prints its report
  const { stdout } = await child.catch((error: { stdout: string }) => error);
  return JSON.parse(stdout) as T;
}

/** What became of each stack, with its errors. */
export const outcomes = (report: FleetReport): string[][] =>
  report.stacks.map((s) => [s.name, s.outcome, ...(s.errors ?? [])]);

/** Machines of the rehearsal whose names hold this part. */
export async function machinesNamed(part: string): Promise<string[]> {
  const names = await podman(["ps", "--all", "--filter", "label=archipelago=1", "--format", "{{.Names}}"]);
  return names.split("\n").filter((name) => name.includes(part));
}
