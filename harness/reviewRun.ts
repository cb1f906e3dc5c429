/** `preview --markdown`: the fleet's preview, told to reviewers. */
import { basename, join } from "node:path";
import { renderFinding, topologyWarnings } from "../plan/check";
import { UserError } from "../plan/errors";
import type { Topology } from "../plan/types";
import { loadTopology, PROJECT_FOLDER } from "../stacks/topology";
import { runPreview, type FleetOptions } from "./fleet";
import { renderMarkdown } from "./markdown";
import { membersOf, planSelection, type Member } from "./members";
import { EXIT, type FleetReport } from "./report";
import { readTopologyAt } from "./reviewBase";
import { planCostChange } from "./reviewCost";
import type { LeavingStack, ReviewDocument } from "./reviewDocument";
import { newReview, takeEvent, type StackReview } from "./review";
import { cleanText, secretsOf } from "./reviewText";
import { planTouched, readAncestor, readChangedFiles } from "./reviewTouched";

/** The policy pack that the project brings. */
export const OWN_POLICY_PACK = join(PROJECT_FOLDER, "policy");

export interface ReviewOptions extends FleetOptions {
  /** Only stacks that the change since this commit or branch touches. */
  touched?: string;
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
  const base = ancestor === undefined ? undefined : await readTopologyAt(PROJECT_FOLDER, ancestor);
  const { chosen, scope } = await choose(members, options.stacks, ancestor);
  const common = {
    world,
    scope,
    withDrift,
    known,
    cost: planCostChange(topology, base),
    ...planLeaving(topology, base),
  };
  if (chosen.length === 0) return { markdown: renderMarkdown({ ...common, stacks: [] }), exitCode: EXIT.ok };
  const names = chosen.map(({ name }) => name);
  const reviews = new Map<string, StackReview>(names.map((name) => [name, newReview(name)]));
  const report = await runPreview({
    ...options,
    topology,
    stacks: names,
    onEvent: (stack, event) => {
      takeEvent(reviews.get(stack)!, event, known);
      options.onEvent?.(stack, event);
    },
  });
  const stacks = report.stacks.map(({ name, outcome, errors, remedy }) => {
    const member = members.find((one) => one.name === name)!;
    const said = { errors: errors.map((line) => cleanText(line, known)), remedy: remedy && cleanText(remedy, known) };
    return { member, outcome, ...said, review: reviews.get(name)! };
  });
  const markdown = renderMarkdown({
    ...common,
    engine: `real pulumi ${report.engine.version}`,
    stacks,
    planWarnings: planWarnings(topology, base, names, known),
    policyPacks: (options.preview?.policyPacks ?? []).map((folder) => basename(folder)),
  });
  return { markdown, report, exitCode: report.exitCode };
}

/** Stacks of the fleet before that the fleet after does not have. */
function planLeaving(topology: Topology, base: Topology | undefined): { leaving: LeavingStack[] } {
  const gone = Object.entries(base?.clusters ?? {}).filter(([name]) => !Object.hasOwn(topology.clusters, name));
  return { leaving: gone.map(([name, { cloud, place }]) => ({ name, cloud, place })) };
}

/** What the topology warns of, told apart by whether it did so before the change; all of it is new where that is not known. */
function planWarnings(
  topology: Topology,
  base: Topology | undefined,
  stacks: string[],
  known: string[],
): ReviewDocument["planWarnings"] {
  const standing = new Set(base ? topologyWarnings(base).map(renderFinding) : []);
  return topologyWarnings(topology, stacks).map((finding) => {
    const text = renderFinding(finding);
    return { text: cleanText(text, known), isNew: !standing.has(text) };
  });
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

/** Before the topology is known: emulated clouds are attached, real ones are plugins. */
function worldOf(environment: NodeJS.ProcessEnv): Topology["world"] {
  return environment.ARCHIPELAGO_OVERLAY ? "rehearsal" : "clouds";
}
