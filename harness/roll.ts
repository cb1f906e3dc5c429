/** Replaces machines on purpose, node by node, so that a new image or boot script reaches them. */
import type { Stack } from "@pulumi/pulumi/automation";
import { UserError } from "../plan/errors";
import { planFleet } from "../plan/plan";
import { loadTopology } from "../stacks/topology";
import { assertWanted, type Question } from "./confirm";
import { chooseEngine } from "./engine";
import { errorLines, NotReadyError } from "./failure";
import type { FleetOptions } from "./fleet";
import { openLivingFleet, type LivingFleet } from "./livingFleet";
import { membersOf, planSelection } from "./members";
import { projectFolder } from "./project";
import { EXIT, type ExitCode } from "./report";
import { rollNode, type RollContext } from "./rollNode";
import { planRoll, renderRollCommand, renderRollPlan, type Refusal, type RollStep } from "./rollPlan";
import { renderDuration } from "./text";
import { isUp, openBackend, openStacks } from "./workspace";

export interface RollOptions extends FleetOptions, Question {
  /** Keys of the nodes to roll; default all of the chosen stacks that may be. */
  nodes?: string[];
  /** How long one node may take to be drained; default 900. */
  drainSeconds?: number;
  /** How long nodes, tunnels and replicas may take to be Ready again; default 900. */
  readySeconds?: number;
}

/** What became of one node. `stopped`: not begun, because an earlier one failed. */
export interface RolledNode extends RollStep {
  outcome: "rolled" | "failed" | "stopped";
  seconds: number;
  /** One line each, without secrets. */
  errors: string[];
  remedy?: string;
}

/** The document that `roll --json` prints. */
export interface RollReport {
  verb: "roll";
  world: string;
  nodes: RolledNode[];
  /** Nodes that stay as they are, and why. */
  refusals: Refusal[];
  seconds: number;
  exitCode: ExitCode;
}

const BEGIN_SECONDS = 60;

/**
 * Rolls the nodes of the chosen stacks, never two at once, and stops at the first failure.
 *
 * @throws UserError when there is nothing that may be rolled, and NotReadyError when something is not Ready beforehand.
 */
export async function runRoll(options: RollOptions): Promise<RollReport> {
  const startedMs = Date.now();
  if (!options.stacks || options.stacks.length === 0)
    throw new UserError("roll replaces machines: it wants to be told where.", "Name the stack: --stack london.");
  const topology = options.topology ?? loadTopology();
  const chosen = planSelection(membersOf(topology), options.stacks).map(({ name }) => name);
  const { steps, refusals } = planRoll(planFleet(topology), chosen, options.nodes);
  const screen = options.screen ?? process.stderr;
  const say = (line: string): void => void screen.write(`${line}\n`);
  renderRollPlan({ steps, refusals }).forEach(say);
  const fleet = await openLivingFleet(topology, options);
  try {
    const stackOf = await openChosen(options, chosen);
    await assertReady(options, fleet, say);
    await assertWanted(options);
    const nodes: RolledNode[] = [];
    for (const step of steps) {
      const isStopped = nodes.some(({ outcome }) => outcome !== "rolled");
      if (isStopped) nodes.push({ ...step, outcome: "stopped", seconds: 0, errors: [] });
      else nodes.push(await attempt({ options, fleet, say, stackOf }, step));
    }
    const exitCode = nodes.every(({ outcome }) => outcome === "rolled") ? EXIT.ok : EXIT.failed;
    const seconds = (Date.now() - startedMs) / 1000;
    return { verb: "roll", world: topology.world, nodes, refusals, seconds, exitCode };
  } finally {
    fleet.close();
  }
}

/** The chosen stacks, all of which must be up. */
async function openChosen(options: RollOptions, chosen: string[]): Promise<RollContext["stackOf"]> {
  const backend = await openBackend(options.folder ?? projectFolder(), await chooseEngine(options));
  const down = chosen.filter((name) => !isUp(backend, name));
  if (down.length > 0)
    throw new NotReadyError(`Not up: ${down.join(", ")}.`, `Put it up first: ./archipelago up --stack ${down[0]}`);
  const stacks = await openStacks(backend, chosen);
  return (name): Stack => stacks.get(name)!;
}

async function attempt(context: RollContext, step: RollStep): Promise<RolledNode> {
  const startedMs = Date.now();
  const seconds = () => (Date.now() - startedMs) / 1000;
  try {
    await rollNode(context, step);
    context.say(`[${step.stack}] ${step.node} rolled in ${renderDuration(Date.now() - startedMs)}`);
    return { ...step, outcome: "rolled", seconds: seconds(), errors: [] };
  } catch (error) {
    const remedy = error instanceof UserError ? error.remedy : `Mend what the error of ${step.node} names.`;
    return { ...step, outcome: "failed", seconds: seconds(), errors: errorLines(error), remedy };
  }
}

/** Nothing is replaced while something else is already missing. */
async function assertReady(
  { readySeconds = BEGIN_SECONDS }: RollOptions,
  fleet: LivingFleet,
  say: (line: string) => void,
): Promise<void> {
  try {
    await fleet.gate(Math.min(BEGIN_SECONDS, readySeconds), [], say);
  } catch (error) {
    if (!(error instanceof NotReadyError)) throw error;
    throw new NotReadyError(
      `Nothing is rolled while the fleet is not whole: ${error.message}`,
      `${error.remedy}\nA node that an interrupted drain has left closed takes pods again after: kubectl uncordon <node>`,
    );
  }
}

/** The closing lines: a line a node, the errors, what to do next. */
export function renderRollReport({ nodes }: RollReport): string[] {
  const lines = nodes.map(
    ({ node, outcome, seconds }) => `${node}  ${outcome}${seconds > 0 ? `  ${renderDuration(seconds * 1000)}` : ""}`,
  );
  const failed = nodes.find(({ outcome }) => outcome === "failed");
  if (!failed) return ["", ...lines, "", "All rolled. Look around: ./archipelago status --detail"];
  const left = nodes.filter(({ outcome }) => outcome === "stopped");
  const stacks = [...new Set(left.map(({ stack }) => stack))];
  const rest = stacks.map((name) => `the rest: ${renderRollCommand(left.filter(({ stack }) => stack === name))}`);
  const next = [...(failed.remedy?.split("\n") ?? []), ...rest];
  return [
    "",
    ...lines,
    "",
    ...failed.errors.map((error) => `${failed.node}: ${error}`),
    "Next:",
    ...next.map((line) => `- ${line}`),
  ];
}
