import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Command, CommanderError, InvalidArgumentError } from "commander";
import { MOST_EGRESS_GB } from "../plan/cost";
import { UserError } from "../plan/errors";
import { runCost } from "./cost";
import { oneLine } from "./diagnostics";
import { NotReadyError } from "./failure";
import { runDown, runPreview, runUp, type FleetOptions } from "./fleet";
import { stateFolder } from "./folders";
import { writeKubeconfigs } from "./kubeconfig";
import { obtainManifests } from "./manifests";
import { EXIT, renderReport, type ExitCode, type FleetReport } from "./report";
import { OWN_POLICY_PACK, runReview } from "./reviewRun";
import { renderRollReport, runRoll } from "./roll";
import { maskOutputs, runKubeconfigs, runOutputs, runStatus } from "./status";
import { renderSummary } from "./summary";
import { renderUpgradeReport, runUpgrade } from "./upgrade";

interface PreviewFlags extends Flags {
  markdown?: boolean | string;
  touched?: string;
  policyPack: string[];
  policies: boolean;
  refresh?: boolean;
}

interface UpgradeFlags extends Flags {
  dryRun?: boolean;
  yes?: boolean;
}

interface RollFlags extends Flags {
  node: string[];
  yes?: boolean;
}

interface Flags {
  stack: string[];
  json?: boolean;
  detail?: boolean;
  parallel?: number;
  deadline?: number;
  folder?: string;
  egressGb?: number;
}

const EXAMPLES = `
Examples:
  $ ./archipelago preview                       what would change, in every stack
  $ ./archipelago preview --markdown --touched origin/main    the same for a pull request's comment
  $ ./archipelago up                            broker, primary, then the others at once
  $ ./archipelago up --stack broker --stack oregon
  $ ./archipelago status                        one line a cluster; --detail for nodes, tunnels and pods
  $ ./archipelago status --json | jq '.clusters[].state'
  $ ./archipelago kubeconfig                    files for kubectl
  $ ./archipelago cost --egress-gb 500          a month's estimate; --detail for every figure and its source
  $ ./archipelago upgrade --dry-run             what it would take to reach the topology's versions
  $ ./archipelago upgrade --stack london        one region first, as a canary; then the same without --stack
  $ ./archipelago roll --stack oregon --node worker-1    a new machine, with today's image and boot script
  $ ./archipelago down --stack london           one region; without --stack everything, the broker last

Exit codes: 0 done, 1 an operation failed, 2 wrong usage or input, 3 something is not ready.`;

/** Builds the command line; `finish` gets the exit code of the verb that ran. */
export function buildProgram(finish: (code: ExitCode) => void): Command {
  const program = new Command("archipelago")
    .description("Kubernetes clusters on several clouds, joined by Submariner, holding one CockroachDB.")
    .addHelpText("after", EXAMPLES)
    .exitOverride();
  const verb = (name: string, description: string, run: (flags: Flags) => Promise<ExitCode>): Command =>
    program
      .command(name)
      .description(description)
      .option("-s, --stack <name>", "only this stack (repeatable)", collect, [])
      .option("--json", "one machine-readable document on stdout; progress stays on stderr")
      .exitOverride()
      .action(async (flags: Flags) => finish(await run(flags)));
  const operation = (
    name: string,
    description: string,
    run: (options: FleetOptions, flags: Flags) => Promise<FleetReport | ExitCode>,
  ): Command =>
    verb(name, description, async (flags) => {
      const ended = await run(optionsOf(flags), flags);
      return typeof ended === "number" ? ended : present(ended, flags);
    })
      .option("--parallel <count>", "stacks at a time (default: CPUs + 1, 2 to 4)", positive)
      .option("--deadline <minutes>", "how long one stack may take", positive, 60);
  operation("up", "put stacks up; what is up already stays as it is", runUp);
  operation("preview", "show what up would change", (options, flags) => preview(options, flags as PreviewFlags))
    .option("--markdown [file]", "a comment for a pull request, on stdout or in a file")
    .option("--touched <commit>", "with --markdown: only stacks that the change since this commit or branch touches")
    .option("--policy-pack <folder>", "check by this policy pack, too (repeatable)", collect, [])
    .option("--no-policies", "with --markdown: leave the project's own policy pack out")
    .option("--refresh", "ask the clouds first what there is, so that drift shows");
  operation("roll", "replace machines, node by node, drained", (options, flags) => roll(options, flags as RollFlags))
    .option("--node <key>", "only this node (repeatable; default: all of the stack that may be)", collect, [])
    .option("--yes", "do not ask");
  operation("down", "take stacks down, the broker last", runDown);
  verb("upgrade", "bring what lives to the topology's versions, one cluster at a time", upgrade)
    .option("--dry-run", "show the plan and what stands against it; touch nothing")
    .option("--yes", "do not ask")
    .option("--deadline <minutes>", "how long one stack's up may take", positive, 60);
  verb("status", "clusters, nodes, tunnels and database pods", showStatus).option(
    "--detail",
    "every node, tunnel and pod",
  );
  verb("outputs", "outputs of the stacks, without secrets", showOutputs);
  verb("kubeconfig", "write one kubeconfig a cluster, readable by you alone", showKubeconfigs).option(
    "--folder <path>",
    "where to write them (default: the state folder)",
  );
  program
    .command("manifests")
    .description('fetch upstream\'s pinned manifests; for plain pulumi: eval "$(./archipelago manifests)"')
    .exitOverride()
    .action(async () => {
      print([`export ARCHIPELAGO_MANIFESTS='${await obtainManifests()}'`]);
      finish(EXIT.ok);
    });
  verb("cost", "what a month costs by the clouds' list prices; asks no cloud", showCost)
    .option("--egress-gb <count>", "GB a month each region sends to each other region (default: 100)", amount)
    .option("--detail", "every machine, disk, address and traffic, with the source of its price");
  return program;
}

/** Runs one command line and answers with its exit code; errors are printed as message and remedy. */
export async function main(words: string[]): Promise<ExitCode> {
  let exitCode: ExitCode = EXIT.ok;
  try {
    await buildProgram((code) => (exitCode = code)).parseAsync(words, { from: "user" });
    return exitCode;
  } catch (error) {
    return reportError(error);
  }
}

/** Prints an error the way users should see it and says which exit code it means. */
export function reportError(error: unknown): ExitCode {
  // commander has printed its message already; help and version are no errors.
  if (error instanceof CommanderError)
    return error.exitCode === 0 || error.code === "commander.help" ? EXIT.ok : EXIT.usage;
  if (error instanceof UserError) {
    process.stderr.write(`error: ${error.message}\n  → ${error.remedy.split("\n").join("\n    ")}\n`);
    return error instanceof NotReadyError ? EXIT.notReady : EXIT.usage;
  }
  process.stderr.write(`error: ${oneLine(error instanceof Error ? error.message : String(error))}\n`);
  if (process.env.ARCHIPELAGO_DEBUG && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  else process.stderr.write("  → this was not foreseen; run it again with ARCHIPELAGO_DEBUG=1 for the details\n");
  return EXIT.failed;
}

/** A comment for reviewers instead of, or with a file's name beside, the report. */
async function preview(options: FleetOptions, flags: PreviewFlags): Promise<FleetReport | ExitCode> {
  const { markdown, touched, policyPack, policies, refresh } = flags;
  if (!markdown) {
    if (touched !== undefined)
      throw new UserError("--touched goes with --markdown.", "Add --markdown, or name the stacks with --stack.");
    return runPreview({ ...options, preview: { policyPacks: policyPack, refresh } });
  }
  const policyPacks = [...(policies ? [OWN_POLICY_PACK] : []), ...policyPack];
  const review = await runReview({ ...options, touched, preview: { policyPacks, refresh, withoutBroker: true } });
  if (markdown === true) process.stdout.write(review.markdown);
  else writeFileSync(markdown, review.markdown);
  return markdown === true || !review.report ? review.exitCode : review.report;
}

async function upgrade(flags: UpgradeFlags): Promise<ExitCode> {
  const { dryRun, yes, json } = flags;
  const report = await runUpgrade({ ...optionsOf(flags), dryRun, yes });
  print(json ? [JSON.stringify(report, null, 2)] : renderUpgradeReport(report));
  return report.exitCode;
}

async function roll(options: FleetOptions, { node: nodes, yes, json }: RollFlags): Promise<ExitCode> {
  const report = await runRoll({ ...options, nodes, yes });
  print(json ? [JSON.stringify(report, null, 2)] : renderRollReport(report));
  return report.exitCode;
}

function present(report: FleetReport, { json }: Flags): ExitCode {
  print(json ? [JSON.stringify(report, null, 2)] : renderReport(report));
  return report.exitCode;
}

async function showStatus(flags: Flags): Promise<ExitCode> {
  const { summary, exitCode } = await runStatus(optionsOf(flags));
  print(flags.json ? [JSON.stringify({ ...summary, exitCode }, null, 2)] : renderSummary(summary, flags.detail));
  return exitCode;
}

async function showOutputs(flags: Flags): Promise<ExitCode> {
  const outputs = Object.entries(await runOutputs(optionsOf(flags)));
  const masked = Object.fromEntries(outputs.map(([name, map]) => [name, maskOutputs(map)]));
  if (flags.json) print([JSON.stringify(masked, null, 2)]);
  else {
    for (const [name, map] of Object.entries(masked)) {
      const lines = Object.entries(map).map(
        ([key, value]) => `  ${key}: ${typeof value === "string" ? value : JSON.stringify(value)}`,
      );
      print([name, ...(lines.length > 0 ? lines : ["  (not up)"])]);
    }
  }
  return EXIT.ok;
}

async function showKubeconfigs(flags: Flags): Promise<ExitCode> {
  const kubeconfigs = await runKubeconfigs(optionsOf(flags));
  if (Object.keys(kubeconfigs).length === 0)
    throw new NotReadyError("No cluster is up yet.", "Put it up first: ./archipelago up");
  const paths = writeKubeconfigs(flags.folder ?? join(stateFolder(), "kubeconfigs"), kubeconfigs);
  const examples = Object.values(paths).map((path) => `KUBECONFIG=${path} kubectl get nodes,pods -A`);
  print(flags.json ? [JSON.stringify(paths, null, 2)] : examples);
  return EXIT.ok;
}

function showCost({ stack, egressGb, json, detail }: Flags): Promise<ExitCode> {
  const { lines, document, exitCode } = runCost({ stacks: stack, egressGb, detail });
  print(json ? [JSON.stringify(document, null, 2)] : lines);
  return Promise.resolve(exitCode);
}

function optionsOf({ stack, parallel, deadline }: Flags): FleetOptions {
  return { stacks: stack, parallel, deadlineMinutes: deadline };
}

function print(lines: string[]): void {
  process.stdout.write(`${lines.join("\n")}\n`);
}

function collect(value: string, previous: string[]): string[] {
  return [...previous, value];
}

function positive(value: string): number {
  const number = Number(value);
  if (!(number > 0)) throw new InvalidArgumentError("It must be a number above 0.");
  return number;
}

function amount(value: string): number {
  const number = Number(value);
  if (value.trim() === "" || !(number >= 0 && number <= MOST_EGRESS_GB))
    throw new InvalidArgumentError(`It must be a number from 0 to ${MOST_EGRESS_GB}.`);
  return number;
}

if (require.main === module) {
  void main(process.argv.slice(2)).then((code) => (process.exitCode = code));
}
