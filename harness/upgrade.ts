/** Brings living clusters to the versions that the topology names, one cluster at a time, with a health gate between. */
import { checkUpgrade } from "../plan/checkUpgrade";
import { renderFinding } from "../plan/check";
import { UserError } from "../plan/errors";
import type { Topology } from "../plan/types";
import { loadTopology } from "../stacks/topology";
import { assertWanted, type Question } from "./confirm";
import { errorLines } from "./failure";
import { runUp, type FleetOptions } from "./fleet";
import { openLivingFleet, type LivingFleet } from "./livingFleet";
import { membersOf, planSelection } from "./members";
import { EXIT, type ExitCode } from "./report";
import { renderDuration, renderTable } from "./text";
import type { LivingCluster } from "./upgradeLook";
import { reopenNode, upgradeNode } from "./upgradeNode";
import { planUpgrade, renderUpgradePlan, type ClusterUpgrade } from "./upgradePlan";

export interface UpgradeOptions extends FleetOptions, Question {
  /** Print the plan and end. */
  dryRun?: boolean;
}

export type UpgradeOutcome = "upgraded" | "failed" | "not begun" | "planned";

export interface UpgradeReport {
  verb: "upgrade";
  world: string;
  /** In the order in which they are done; clusters that are what the topology says are left out. */
  clusters: (ClusterUpgrade & { outcome: UpgradeOutcome; seconds: number; errors: string[]; remedy?: string })[];
  seconds: number;
  /** What was asked for; empty: everything that is up. */
  stacks: string[];
  exitCode: ExitCode;
}

const BEGIN_SECONDS = 60;
const GATE_SECONDS = 600;

/**
 * Plans, asks and does it. Stops at the first failure; run again, it goes on where it stopped.
 *
 * @throws UserError for versions that cannot be reached in one step, all at once; NotReadyError when something is not
 * ready before anything was touched.
 */
export async function runUpgrade(options: UpgradeOptions = {}): Promise<UpgradeReport> {
  const started = Date.now();
  const topology = options.topology ?? loadTopology();
  const chosen = planSelection(membersOf(topology), options.stacks);
  const screen = options.screen ?? process.stderr;
  const say = (line: string): void => void screen.write(`${line}\n`);
  const fleet = await openLivingFleet(topology, options);
  try {
    const living = await fleet.versions(chosen);
    const findings = checkUpgrade(living, topology);
    if (findings.length > 0) throw refused(findings.map(renderFinding));
    const upgrades = planUpgrade(topology, fleet.plan.clusters, chosen, living);
    const report = (clusters: UpgradeReport["clusters"]): UpgradeReport => {
      const failed = clusters.some(({ outcome }) => outcome === "failed");
      const exitCode = failed ? EXIT.failed : EXIT.ok;
      const { stacks = [] } = options;
      const seconds = (Date.now() - started) / 1000;
      return { verb: "upgrade", world: topology.world, clusters, seconds, stacks, exitCode };
    };
    const planned = upgrades.map((one) => ({ ...one, outcome: "planned" as const, seconds: 0, errors: [] }));
    if (upgrades.length > 0) renderUpgradePlan(upgrades, topology.kubernetes.version).forEach(say);
    if (options.dryRun || upgrades.length === 0) return report(planned);
    await assertWanted(options);
    const isReopened = await reopenLeft(fleet, living, say);
    await fleet.gate(isReopened ? GATE_SECONDS : BEGIN_SECONDS, [], say);
    const done: UpgradeReport["clusters"] = [];
    for (const upgrade of upgrades) {
      const isStopped = done.some(({ outcome }) => outcome === "failed");
      if (isStopped) done.push({ ...upgrade, outcome: "not begun", seconds: 0, errors: [] });
      else done.push(await upgradeCluster(upgrade, topology, fleet, options, say));
    }
    return report(done);
  } finally {
    fleet.close();
  }
}

/**
 * Opens the nodes that a run which was broken off has left cordoned: a replica whose volume lies there waits for its node,
 * and the gate would wait for the replica. Answers whether there were any.
 */
async function reopenLeft(fleet: LivingFleet, living: LivingCluster[], say: (line: string) => void): Promise<boolean> {
  let isReopened = false;
  for (const { cluster, nodes } of living) {
    for (const { name } of nodes.filter(({ leftCordoned }) => leftCordoned)) {
      say(`[${cluster}] ${name}: uncordoned, an earlier run was broken off`);
      await reopenNode(fleet.api(cluster), name);
      isReopened = true;
    }
  }
  return isReopened;
}

async function upgradeCluster(
  upgrade: ClusterUpgrade,
  topology: Topology,
  fleet: LivingFleet,
  options: UpgradeOptions,
  say: (line: string) => void,
): Promise<UpgradeReport["clusters"][number]> {
  const started = Date.now();
  const { cluster } = upgrade;
  const end = (outcome: UpgradeOutcome, errors: string[] = [], remedy?: string) => {
    const milliseconds = Date.now() - started;
    say(`[${cluster}] ${outcome}${errors[0] ? `: ${errors[0]}` : ""} (${renderDuration(milliseconds)})`);
    return { ...upgrade, outcome, seconds: milliseconds / 1000, errors, remedy };
  };
  const tell = (line: string): void => say(`[${cluster}] ${line}`);
  try {
    await fleet.gate(GATE_SECONDS, [], tell);
    const { stacks } = await runUp({ ...options, topology, stacks: [cluster] });
    const failed = stacks.find(({ errors }) => errors.length > 0);
    if (failed) return end("failed", failed.errors, failed.remedy);
    await fleet.gate(GATE_SECONDS, [cluster], tell);
    for (const step of upgrade.nodes) {
      await upgradeNode(fleet.api(cluster), step, topology.kubernetes.version, tell);
      // The next node may only go when this one's replica is back.
      await fleet.gate(GATE_SECONDS, [cluster], tell);
    }
    return end("upgraded");
  } catch (error) {
    return end("failed", errorLines(error), error instanceof UserError ? error.remedy : undefined);
  }
}

function refused(lines: string[]): UserError {
  const head =
    lines.length === 1 ? "This upgrade cannot be done:" : `${lines.length} things stand against this upgrade:`;
  return new UserError(
    [head, ...lines.map((line) => `  ${line}`)].join("\n"),
    "Correct the versions in stacks/topology.ts or Pulumi.yaml (archipelago:fleet); nothing was touched. See docs/upgrades.md.",
  );
}

/** The closing lines: a line a cluster, then what to do next. */
export function renderUpgradeReport({ clusters, seconds, stacks }: UpgradeReport): string[] {
  const again = ["./archipelago upgrade", ...stacks.map((name) => `--stack ${name}`)].join(" ");
  if (clusters.length === 0) return ["Nothing to upgrade: every cluster that is up is what the topology says."];
  if (clusters.every(({ outcome }) => outcome === "planned")) return [`Nothing was changed. To do it: ${again}`];
  const rows = clusters.map((one) => [
    one.cluster,
    one.outcome,
    one.seconds > 0 ? renderDuration(one.seconds * 1000) : "-",
  ]);
  const lines = ["", ...renderTable([["CLUSTER", "RESULT", "TIME"], ...rows])];
  const failed = clusters.find(({ outcome }) => outcome === "failed");
  if (!failed)
    return [...lines, "", `All done in ${renderDuration(seconds * 1000)}. Look around: ./archipelago status --detail`];
  return [
    ...lines,
    "",
    `${failed.cluster} failed:`,
    ...failed.errors.flatMap((error) => error.split("\n")).map((line) => `  ${line}`),
    "",
    "Next:",
    ...(failed.remedy ? [`- ${failed.remedy}`] : []),
    `- then ${again}   (it looks at what is there and goes on where it stopped)`,
  ];
}
