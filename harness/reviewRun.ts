/** `preview --markdown`: the fleet's preview, told to reviewers. */
import { UserError } from "../plan/errors";
import type { Topology } from "../plan/types";
import { loadTopology, PROJECT_FOLDER } from "../stacks/topology";
import { runPreview, type FleetOptions } from "./fleet";
import { renderMarkdown, type CostChange, type ReviewDocument } from "./markdown";
import { membersOf, planSelection, type Member } from "./members";
import { EXIT, type FleetReport } from "./report";
import { readTopologyAt } from "./reviewBase";
import { newReview, takeEvent, type StackReview } from "./review";
import { cleanText, secretsOf } from "./reviewText";
import { planTouched, readAncestor, readChangedFiles } from "./reviewTouched";

export interface ReviewOptions extends FleetOptions {
  /** Only stacks that the change since this commit or branch touches. */
  touched?: string;
  /** A stack's estimated cost a month in US dollars; `undefined` where no price is known. Default: no cost is shown. */
  costOf?: (topology: Topology, stack: string) => number | undefined;
}

export interface ReviewResult {
  markdown: string;
  /** Missing when nothing was previewed: the topology is wrong, or no stack is touched. */
  report?: FleetReport;
  exitCode: FleetReport["exitCode"];
}

/**
 * Previews the chosen stacks and tells it as one comment. What is wrong with the topology is told in it too; what is wrong
 * with the call (an unknown stack, no engine, no backend) is thrown as `UserError`.
 */
export async function runReview(options: ReviewOptions = {}): Promise<ReviewResult> {
  const known = secretsOf(process.env);
  const withDrift = options.preview?.refresh;
  let topology: Topology;
  try {
    topology = options.topology ?? loadTopology();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const planError = { message: cleanText(error.message, known), remedy: cleanText(error.remedy, known) };
    const document: ReviewDocument = { world: worldOf(process.env), stacks: [], planError, withDrift, known };
    return { markdown: renderMarkdown(document), exitCode: EXIT.usage };
  }
  const { world } = topology;
  const members = membersOf(topology);
  const ancestor = options.touched === undefined ? undefined : await readAncestor(PROJECT_FOLDER, options.touched);
  const { chosen, scope } = await choose(members, options.stacks, ancestor);
  if (chosen.length === 0) {
    return { markdown: renderMarkdown({ world, stacks: [], scope, withDrift, known }), exitCode: EXIT.ok };
  }
  const reviews = new Map<string, StackReview>(chosen.map(({ name }) => [name, newReview(name)]));
  const report = await runPreview({
    ...options,
    topology,
    stacks: chosen.map(({ name }) => name),
    onEvent: (stack, event) => takeEvent(reviews.get(stack)!, event, known),
  });
  const costs = await readCosts(options.costOf, topology, report, ancestor);
  const stacks = report.stacks.map(({ name, outcome, errors, remedy }) => {
    const member = members.find((one) => one.name === name)!;
    const said = { errors: errors.map((line) => cleanText(line, known)), remedy: remedy && cleanText(remedy, known) };
    return { member, outcome, ...said, review: reviews.get(name)!, cost: costs.get(name) };
  });
  const engine = `real pulumi ${report.engine.version}`;
  const markdown = renderMarkdown({ world, engine, stacks, scope, withDrift, known });
  return { markdown, report, exitCode: report.exitCode };
}

async function choose(
  members: Member[],
  names: string[] | undefined,
  ancestor: string | undefined,
): Promise<{ chosen: Member[]; scope?: string }> {
  const asked = planSelection(members, names);
  if (ancestor === undefined) return { chosen: asked };
  const { stacks, why } = planTouched(await readChangedFiles(PROJECT_FOLDER, ancestor), members);
  return { chosen: asked.filter(({ name }) => stacks.includes(name)), scope: why };
}

/** What the stacks cost, and cost before the change where that can be known. */
async function readCosts(
  costOf: ReviewOptions["costOf"],
  topology: Topology,
  { stacks }: FleetReport,
  ancestor: string | undefined,
): Promise<Map<string, CostChange>> {
  const costs = new Map<string, CostChange>();
  if (!costOf) return costs;
  const base = ancestor === undefined ? undefined : await readTopologyAt(PROJECT_FOLDER, ancestor);
  for (const { name } of stacks) {
    const after = costOf(topology, name);
    if (after === undefined) continue;
    const before = base && (base.clusters[name] ? costOf(base, name) : 0);
    costs.set(name, { before, after });
  }
  return costs;
}

/** Before the topology is known: emulated clouds are attached, real ones are plugins. */
function worldOf(environment: NodeJS.ProcessEnv): Topology["world"] {
  return environment.ARCHIPELAGO_OVERLAY ? "rehearsal" : "clouds";
}
