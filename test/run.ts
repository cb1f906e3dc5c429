/**
 * The project's tests, from cheap to dear: format, lint, types, Go, unit, real engine, full rehearsal.
 * Ends with one line "N passed, N failed". `--quick` leaves the rehearsal out and says so; `--upgrades` adds that of upgrades.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cacheFolder } from "../harness/folders";
import { readWorld } from "../rehearsal/world";

interface Tally {
  passed: number;
  failed: number;
  skipped: number;
}

const total: Tally = { passed: 0, failed: 0, skipped: 0 };
const scratch = mkdtempSync(join(tmpdir(), "archipelago-test-"));
const started = Date.now();

function note(stage: string, tally: Tally): void {
  total.passed += tally.passed;
  total.failed += tally.failed;
  total.skipped += tally.skipped;
  const skipped = tally.skipped ? `, ${tally.skipped} skipped (reasons above)` : "";
  console.log(
    `== ${stage}: ${tally.passed} ok, ${tally.failed} failed${skipped} (${Math.round((Date.now() - started) / 1000)} s since start)`,
  );
}

function run(command: string, args: string[]): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ["ignore", "inherit", "inherit"] });
    child.once("error", (error) => {
      console.error(`${command}: ${error.message}`);
      resolve(false);
    });
    child.once("close", (code) => resolve(code === 0));
  });
}

/** A command that counts as one test. */
async function check(stage: string, command: string, args: string[]): Promise<void> {
  console.log(`== ${stage}`);
  const ok = await run(command, args);
  note(stage, { passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 });
}

interface VitestReport {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTotalTests: number;
  success: boolean;
}

/** One vitest project; a run that executed nothing or broke outside its tests counts as a failure. */
async function vitest(project: string, wrap: string[] = []): Promise<boolean> {
  console.log(`== ${project} tests`);
  const file = join(scratch, `${project}.json`);
  const command = [
    ...wrap,
    "npx",
    "vitest",
    "run",
    "--project",
    project,
    project === "unit" ? "--reporter=default" : "--reporter=verbose",
    "--reporter=json",
    `--outputFile.json=${file}`,
  ];
  const ok = await run(command[0] as string, command.slice(1));
  let tally: Tally = { passed: 0, failed: 1, skipped: 0 };
  try {
    const report = JSON.parse(readFileSync(file, "utf8")) as VitestReport;
    tally = { passed: report.numPassedTests, failed: report.numFailedTests, skipped: report.numPendingTests };
    if ((!ok || report.numTotalTests === 0) && tally.failed === 0) tally.failed = 1;
  } catch {
    console.error(`${project}: vitest left no report`);
  }
  note(project, tally);
  return tally.failed === 0;
}

/** A network namespace where the whole emulated internet is local: nothing these tests send can leave it. */
const ISOLATED = [
  "unshare",
  "--net",
  "--",
  "sh",
  "-c",
  'ip link set lo up && ip route add local 198.18.0.0/15 dev lo && exec "$@"',
  "isolated",
];

async function main(): Promise<void> {
  const quick = process.argv.includes("--quick");
  await check("format", "npx", ["prettier", "--check", "--log-level", "warn", "."]);
  await check("lint", "npx", ["eslint", "."]);
  await check("types", "npx", ["tsc", "-p", "tsconfig.json"]);
  await check("database stand-in (go vet)", "go", ["-C", "rehearsal/standin", "vet", "./..."]);
  await check("database stand-in (go test)", "go", ["-C", "rehearsal/standin", "test", "./..."]);
  await vitest("unit");
  if (quick) {
    console.log("== engine, machine and rehearsal tests: left out by --quick");
    return;
  }
  await check("artifacts", "./rehearse", ["artifacts"]);
  const bin = join(cacheFolder(), "bin");
  process.env.PATH = `${bin}:${process.env.PATH ?? ""}`;
  process.env.ARCHIPELAGO_KUBE_BIN = bin;
  await vitest("engine", ISOLATED);
  await vitest("machines");
  await rehearse();
  if (process.argv.includes("--upgrades")) await rehearseUpgrades();
  else
    console.log(
      "== upgrade tests: left out, two more Kubernetes would be built; node --import tsx test/run.ts --upgrades",
    );
}

/** The whole fleet: up, asked, changed, down. Whatever fails, it is taken down. */
async function rehearse(): Promise<void> {
  if (readWorld()) {
    console.error("a rehearsal lives on this host, and these tests take one down at their end: make down first");
    note("rehearsal", { passed: 0, failed: 1, skipped: 0 });
    return;
  }
  await check("make rehearsal", "./rehearse", ["up"]);
  await vitest("rehearsal");
  await vitest("life");
  await vitest("roll");
  await check("no packet for an emulated address tried to leave this host", "./rehearse", ["leaked"]);
  await check("make down leaves nothing behind", "./rehearse", ["down"]);
  // One of three servers loses its power, and the one that made the cluster is rolled.
  await rehearseOther("a rehearsal with three servers", "replicated");
  // A cluster that the program did not make joins as a region, and is left again.
  await rehearseOther("a rehearsal that waits for a cluster of somebody else", "existing");
}

/** Broker and primary by another topology, test/rehearsal/<project>.json: up, what the project does to it, down. */
async function rehearseOther(stage: string, project: string): Promise<void> {
  const overlay = ["--overlay", `test/rehearsal/${project}.json`];
  await check(stage, "./rehearse", ["up", "--stack", "broker", "--stack", "oregon", ...overlay]);
  await vitest(project);
  await check("no packet tried to leave this host", "./rehearse", ["leaked"]);
  await check("down leaves nothing of it behind", "./rehearse", ["down"]);
}

/** A small fleet that begins with earlier versions, upgraded twice, then taken down. */
async function rehearseUpgrades(): Promise<void> {
  if (readWorld()) {
    console.error("a rehearsal lives on this host: the rehearsal of upgrades puts up one of its own");
    note("upgrade", { passed: 0, failed: 1, skipped: 0 });
    return;
  }
  const stacks = ["broker", "oregon", "ashburn"].flatMap((name) => ["--stack", name]);
  await check("artifacts with earlier versions", "./rehearse", ["artifacts", "--only", "earlier"]);
  await check("a fleet with earlier versions", "./rehearse", ["up", "--earlier", ...stacks]);
  await vitest("upgrade");
  await check("no packet for an emulated address tried to leave this host", "./rehearse", ["leaked"]);
  await check("make down leaves nothing behind", "./rehearse", ["down"]);
}

main()
  .catch((error: unknown) => {
    console.error(error);
    total.failed += 1;
  })
  .finally(() => {
    rmSync(scratch, { recursive: true, force: true });
    console.log(`${total.passed} passed, ${total.failed} failed${total.skipped ? `, ${total.skipped} skipped` : ""}`);
    process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1;
  });
