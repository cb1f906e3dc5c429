/** A preview of the fleet as one comment on a pull request: what hurts first, folded details, never longer than a comment may be. */
import type { ChangeKind, ResourceChange } from "./review";
import { renderDifference, renderTotal } from "./reviewCost";
import { changesOf, countKinds, isDone, type ReviewDocument, type ReviewedStack, sizeOf } from "./reviewDocument";
import {
  renderDetails,
  renderDrift,
  renderErrors,
  renderFold,
  renderLeaving,
  renderList,
  renderLosses,
  renderPolicies,
  renderSharedWarnings,
  renderStackTable,
  renderWarnings,
  sharedWarnings,
} from "./reviewSections";
import { block, code, maskKnown, word } from "./reviewText";
import { renderCount } from "./text";

/** By this line the comment is found again and edited. */
export const MARKER = "<!-- archipelago:preview -->";
/** GitHub takes 65,536 characters; the rest is for what a workflow adds. */
export const SIZE_LIMIT = 64_000;

/** A part of the document that is there as a whole or not at all. */
interface Section {
  /** How it is called when it is left out. */
  what: string;
  stack?: string;
  /** The higher, the longer it stays. */
  importance: number;
  text: string;
}

const LEFT_OUT_LIMIT = 1_500;
const KINDS: ChangeKind[] = ["create", "update", "replace", "delete", "import"];

/** The whole document, at most `limit` bytes long; what does not fit is left out by whole sections and named. */
export function renderMarkdown(document: ReviewDocument, limit = SIZE_LIMIT): string {
  const head = [MARKER, `## ${renderTitle(document)}`, ...(document.scope ? [document.scope] : [])].join("\n\n");
  const foot = renderFoot(document);
  const sections = planSections(document).map((section) => {
    return { ...section, text: maskKnown(section.text, document.known ?? []) };
  });
  let room = limit - sizeOf(head) - sizeOf(foot) - LEFT_OUT_LIMIT;
  const kept = new Set<Section>();
  const byImportance = [...sections].sort((left, right) => right.importance - left.importance);
  // Never a lesser section instead of a greater one that did not fit: what is missing is always the least.
  let isFull = false;
  for (const section of byImportance) {
    const size = sizeOf(section.text) + 2;
    isFull ||= size > room;
    if (isFull) continue;
    kept.add(section);
    room -= size;
  }
  const missing = byImportance.filter((section) => !kept.has(section));
  const shown = sections.filter((section) => kept.has(section)).map(({ text }) => text);
  const parts = [head, ...shown, ...(missing.length > 0 ? [renderMissing(missing)] : []), foot];
  return `${maskKnown(parts.join("\n\n"), document.known ?? [])}\n`;
}

/** "Preview on live clouds: 2 to create, 1 to replace". */
export function renderTitle({ world, stacks, planError, withDrift, leaving = [] }: ReviewDocument): string {
  const place = world === "clouds" ? "live clouds" : "emulated clouds";
  const what = withDrift ? "Drift" : "Preview";
  if (planError) return `${what} on ${place}: the topology is wrong`;
  const failed = stacks.filter(({ outcome }) => !isDone(outcome));
  const trouble = failed.length > 0 ? `; ${renderCount(failed.length, "stack")} without a result` : "";
  const gone = leaving.length > 0 ? `; ${renderCount(leaving.length, "stack")} leaving the topology` : "";
  if (stacks.length === 0) return `${what} on ${place}: no stack is touched${gone}`;
  return `${what} on ${place}: ${renderCounts(stacks.flatMap(changesOf))}${gone}${trouble}`;
}

function planSections(document: ReviewDocument): Section[] {
  const { planError, planWarnings = [], stacks, leaving = [], cost } = document;
  const sections: Section[] = [];
  const add = (importance: number, what: string, text: string, stack?: string): void => {
    if (text) sections.push({ what, stack, importance, text });
  };
  const addEach = (importance: number, what: string, render: (stack: ReviewedStack) => string): void => {
    for (const stack of stacks) add(importance, what, render(stack), stack.member.name);
  };
  if (planError)
    add(100, "the topology's errors", `### ❌ Topology\n\n${block(planError.message)}\n\n${block(planError.remedy)}`);
  if (stacks.length > 0) add(95, "the table of stacks", renderStackTable(stacks, cost));
  if (cost) add(94, "the sum of costs", renderTotal(cost));
  // What cannot be undone comes before everything else that can be read.
  add(92, "stacks that leave", renderLeaving(leaving));
  addEach(90, "losses", renderLosses);
  addEach(85, "errors", renderErrors);
  addEach(80, "policy violations", (stack) => renderPolicies(stack, true));
  addEach(70, "drift", renderDrift);
  const warned = (isNew: boolean): string[] =>
    planWarnings.filter((warning) => warning.isNew === isNew).map(({ text }) => code(text, 600));
  const [fresh, standing] = [warned(true), warned(false)];
  add(65, "the topology's warnings", fresh.length > 0 ? renderList("⚠️ Topology: doubtful", fresh) : "");
  addEach(60, "policy advice", (stack) => renderPolicies(stack, false));
  const shared = sharedWarnings(stacks);
  add(55, "warnings of several stacks", renderSharedWarnings(shared));
  addEach(55, "warnings", (stack) => renderWarnings(stack, shared));
  add(
    52,
    "the topology's earlier warnings",
    renderDetails(`Topology: ${renderCount(standing.length, "doubt")}, as before`, standing),
  );
  add(51, "differences in cost", renderDetails("Cost: what makes the difference", cost ? renderDifference(cost) : []));
  const importance: Record<ChangeKind, number> = { replace: 50, delete: 45, update: 40, import: 35, create: 30 };
  for (const stack of stacks) {
    for (const kind of ["replace", "delete", "update", "import", "create"] as const) {
      add(importance[kind], `resources to ${kind}`, renderFold(stack, kind), stack.member.name);
    }
  }
  return sections;
}

/** What is missing by its kind; the stack is named where it is one. */
function renderMissing(missing: Section[]): string {
  const kinds = [...new Set(missing.map(({ what }) => what))].reverse();
  const named = kinds.map((kind) => {
    const stacks = missing.filter(({ what }) => what === kind).flatMap(({ stack }) => stack ?? []);
    const where = stacks.length === 1 ? ` of ${word(stacks[0]!)}` : ` of ${stacks.length} stacks`;
    return `${kind}${stacks.length > 0 ? where : ""}`;
  });
  return `> **Left out, because a comment has a limit:** ${named.join(", ")}. The preview's own output has them.`;
}

function renderFoot({ world, engine, policyPacks, stacks, planError }: ReviewDocument): string {
  if (planError)
    return "<sub>No engine and no cloud was asked: nothing is previewed until the topology is right.</sub>";
  const natures =
    world === "clouds"
      ? "Clouds: real. Values known only after the deployment and secrets are not shown."
      : "Clouds: emulated; no account was asked and none can be changed. Values known only after the deployment and secrets are not shown.";
  const count = stacks.reduce((sum, { review }) => sum + review.policies.length, 0);
  const found = count === 0 ? "no finding" : renderCount(count, "finding");
  // Silence of a pack that was never asked would look like its consent.
  const checked =
    policyPacks === undefined || stacks.length === 0
      ? ""
      : policyPacks.length === 0
        ? " No policy pack was asked."
        : ` Policy packs: ${policyPacks.map((name) => word(name)).join(", ")}: ${found}.`;
  return `<sub>${natures}${engine ? ` Engine: ${word(engine)}.` : ""}${checked}</sub>`;
}

function renderCounts(changes: ResourceChange[]): string {
  const counts = countKinds(changes);
  const parts = KINDS.filter((kind) => counts[kind] > 0).map((kind) => `${counts[kind]} to ${kind}`);
  return parts.join(", ") || "no changes";
}
