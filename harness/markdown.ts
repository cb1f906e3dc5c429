/** A preview of the fleet as one comment on a pull request: what hurts first, folded details, never longer than a comment may be. */
import type { Member } from "./members";
import type { Outcome } from "./report";
import type { ChangeKind, PolicyFinding, PropertyChange, Remark, ResourceChange, StackReview } from "./review";
import { block, code, maskKnown, word } from "./reviewText";
import { renderCount } from "./text";

/** By this line the comment is found again and edited. */
export const MARKER = "<!-- archipelago:preview -->";
/** GitHub takes 65,536 characters; the rest is for what a workflow adds. */
export const SIZE_LIMIT = 64_000;

/** Estimates for a month, in US dollars. */
export interface CostChange {
  /** Missing where the fleet before the change is not known. */
  before?: number;
  after: number;
}

/** One stack of the comment. */
export interface ReviewedStack {
  member: Member;
  outcome: Outcome;
  /** Said by the harness itself, when the engine said nothing. */
  errors: string[];
  remedy?: string;
  review: StackReview;
  cost?: CostChange;
}

export interface ReviewDocument {
  world: "clouds" | "rehearsal";
  /** "real pulumi 3.250.0". */
  engine?: string;
  stacks: ReviewedStack[];
  /** What is wrong with the topology; then there are no stacks. */
  planError?: { message: string; remedy: string };
  /** What the plan warns of, a line each. */
  planWarnings?: string[];
  /** Which stacks the change touches and why, in one sentence. */
  scope?: string;
  /** Whether the clouds were asked what there is. */
  withDrift?: boolean;
  /** Secrets to mask by value in the finished text. */
  known?: string[];
}

/** A part of the document that is there as a whole or not at all. */
interface Section {
  /** How it is called when it is left out. */
  what: string;
  stack?: string;
  /** The higher, the longer it stays. */
  importance: number;
  text: string;
}

const SECTION_LIMIT = 12_000;
const LEFT_OUT_LIMIT = 1_500;
const TABLE_ROWS = 200;
const KINDS: ChangeKind[] = ["create", "update", "replace", "delete", "import"];
const WORDS: Record<ChangeKind, string> = {
  create: "created",
  update: "updated",
  replace: "replaced",
  delete: "deleted",
  import: "imported",
};

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
export function renderTitle({ world, stacks, planError, withDrift }: ReviewDocument): string {
  const place = world === "clouds" ? "live clouds" : "emulated clouds";
  const what = withDrift ? "Drift" : "Preview";
  if (planError) return `${what} on ${place}: the topology is wrong`;
  const failed = stacks.filter(({ outcome }) => !isDone(outcome));
  const trouble = failed.length > 0 ? `; ${renderCount(failed.length, "stack")} without a result` : "";
  if (stacks.length === 0) return `${what} on ${place}: no stack is touched`;
  return `${what} on ${place}: ${renderCounts(stacks.flatMap(changesOf))}${trouble}`;
}

function planSections(document: ReviewDocument): Section[] {
  const { planError, planWarnings = [], stacks } = document;
  const sections: Section[] = [];
  const add = (importance: number, what: string, text: string, stack?: string): void => {
    if (text) sections.push({ what, stack, importance, text });
  };
  const addEach = (importance: number, what: string, render: (stack: ReviewedStack) => string): void => {
    for (const stack of stacks) add(importance, what, render(stack), stack.member.name);
  };
  if (planError)
    add(100, "the topology's errors", `### ❌ Topology\n\n${block(planError.message)}\n\n${block(planError.remedy)}`);
  if (stacks.length > 0) add(95, "the table of stacks", renderStackTable(stacks));
  // What cannot be undone comes before everything else that can be read.
  addEach(90, "losses", renderLosses);
  addEach(85, "errors", renderErrors);
  addEach(80, "policy violations", (stack) => renderPolicies(stack, true));
  addEach(70, "drift", renderDrift);
  const warned = planWarnings.map((line) => code(line, 600));
  add(65, "the plan's warnings", warned.length > 0 ? renderList("⚠️ Plan", warned) : "");
  addEach(60, "policy advice", (stack) => renderPolicies(stack, false));
  const shared = sharedWarnings(stacks);
  add(55, "warnings of several stacks", renderSharedWarnings(shared));
  addEach(55, "warnings", (stack) => renderWarnings(stack, shared));
  const importance: Record<ChangeKind, number> = { replace: 50, delete: 45, update: 40, import: 35, create: 30 };
  for (const stack of stacks) {
    for (const kind of ["replace", "delete", "update", "import", "create"] as const) {
      add(importance[kind], `resources to ${kind}`, renderFold(stack, kind), stack.member.name);
    }
  }
  return sections;
}

function renderStackTable(stacks: ReviewedStack[]): string {
  const withCost = stacks.some(({ cost }) => cost);
  const head = [
    "stack",
    "cloud",
    "create",
    "update",
    "replace",
    "delete",
    ...(withCost ? ["cost a month"] : []),
    "result",
  ];
  const rows = stacks.slice(0, TABLE_ROWS).map(({ member, outcome, review, cost }) => {
    const counts = countKinds([...review.changes.values()]);
    const loud = (count: number): string => (count > 0 ? `**${count}**` : "0");
    return [
      word(member.name),
      word(`${member.cloud} ${member.place}`),
      String(counts.create + counts.import),
      String(counts.update),
      loud(counts.replace),
      loud(counts.delete),
      ...(withCost ? [renderCost(cost)] : []),
      outcome === "changed" ? "to change" : outcome === "unchanged" ? "no changes" : `**${outcome}**`,
    ];
  });
  const lines = [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`);
  const total = withCost ? [`\nCost of these stacks: ${renderCost(sumCosts(stacks.map(({ cost }) => cost)))}`] : [];
  const more = stacks.length > TABLE_ROWS ? [`\n… and ${renderCount(stacks.length - TABLE_ROWS, "more stack")}`] : [];
  return [...lines, ...more, ...total].join("\n");
}

/** "+12.40 to 301.20 USD". */
export function renderCost(cost: CostChange | undefined): string {
  if (!cost || !Number.isFinite(cost.after)) return "unknown";
  const total = `${cost.after.toFixed(2)} USD`;
  if (cost.before === undefined || !Number.isFinite(cost.before)) return total;
  const change = cost.after - cost.before;
  if (Math.abs(change) < 0.005) return `${total}, as before`;
  return `${change > 0 ? "+" : "−"}${Math.abs(change).toFixed(2)} to ${total}`;
}

/** Unknown as soon as one of them is. */
function sumCosts(costs: (CostChange | undefined)[]): CostChange | undefined {
  return costs.reduce<CostChange | undefined>(
    (sum, cost) =>
      sum &&
      cost && {
        before: sum.before === undefined || cost.before === undefined ? undefined : sum.before + cost.before,
        after: sum.after + cost.after,
      },
    { before: 0, after: 0 },
  );
}

/** Replaced or deleted, and something is lost with it: not folded. */
function renderLosses(stack: ReviewedStack): string {
  const lost = changesOf(stack).filter(({ kind, state }) => state && (kind === "replace" || kind === "delete"));
  if (lost.length === 0) return "";
  const lines = lost.map((change) => {
    const why = change.properties.filter(({ replaces }) => replaces).map(({ path }) => code(path));
    const because = why.length > 0 ? `, because of ${why.slice(0, 5).join(", ")}` : "";
    const held = change.isProtected ? "; it is protected, so the deployment will refuse" : "";
    return `**${change.kind}** ${renderThing(change)}: ${change.state}${because}${held}`;
  });
  return renderList(`🛑 ${word(stack.member.name)}: what holds state is replaced or deleted`, lines);
}

function renderErrors({ member, outcome, errors, remedy, review }: ReviewedStack): string {
  const told = review.errors.length > 0 ? review.errors.map(renderRemark) : errors;
  const own = told.filter((line) => !line.startsWith("policy "));
  if (own.length === 0 && (isDone(outcome) || review.policies.length > 0)) return "";
  const lines = own.length > 0 ? own : ["no reason given"];
  return `### ❌ ${word(member.name)}: ${isDone(outcome) ? "errors" : outcome}\n\n${block(lines.join("\n"))}${remedy ? `\n\n${block(remedy, 1_000)}` : ""}`;
}

function renderPolicies({ member, review }: ReviewedStack, isMandatory: boolean): string {
  const findings = review.policies.filter((finding) => finding.isMandatory === isMandatory);
  if (findings.length === 0) return "";
  const line = ({ policy, resource, message }: PolicyFinding): string =>
    `${code(policy)}${resource ? ` on ${code(resource)}` : ""}: ${code(message, 600)}`;
  const title = isMandatory ? "❌ {}: policy violations (mandatory)" : "⚠️ {}: policy advice";
  return renderList(
    title.replace("{}", () => word(member.name)),
    findings.map(line),
  );
}

/** Stacks by what more than one of them warns of: the plan's warnings come out of every stack's program. */
function sharedWarnings(stacks: ReviewedStack[]): Map<string, string[]> {
  const said = new Map<string, string[]>();
  for (const { member, review } of stacks) {
    for (const remark of review.warnings) {
      said.set(renderRemark(remark), [...(said.get(renderRemark(remark)) ?? []), member.name]);
    }
  }
  return new Map([...said].filter(([, names]) => names.length > 1));
}

function renderSharedWarnings(shared: Map<string, string[]>): string {
  if (shared.size === 0) return "";
  const lines = [...shared].map(([warning, names]) => `${code(warning, 600)} (${renderCount(names.length, "stack")})`);
  return renderList("⚠️ Warnings of several stacks", lines);
}

function renderWarnings({ member, review }: ReviewedStack, shared: Map<string, string[]>): string {
  const own = review.warnings.map(renderRemark).filter((warning) => !shared.has(warning));
  if (own.length === 0) return "";
  return renderList(
    `⚠️ ${word(member.name)}: warnings`,
    own.map((warning) => code(warning, 600)),
  );
}

function renderDrift({ member, review }: ReviewedStack): string {
  if (review.drift.size === 0) return "";
  const lines = [...review.drift.values()].map((change) =>
    change.kind === "delete"
      ? `${renderThing(change)} **is gone**${change.state ? `: ${change.state}` : ""}`
      : `${renderThing(change)}: ${renderProperties(change.properties)}`,
  );
  return renderList(`🌊 ${word(member.name)}: the cloud differs from the state`, lines);
}

function renderFold(stack: ReviewedStack, kind: ChangeKind): string {
  const changes = changesOf(stack).filter((change) => change.kind === kind);
  if (changes.length === 0) return "";
  // What holds state first.
  const ordered = [...changes].sort((left, right) => Number(Boolean(right.state)) - Number(Boolean(left.state)));
  const lines = ordered.map((change) => {
    const properties = renderProperties(change.properties);
    return `${renderThing(change)}${properties ? `: ${properties}` : ""}`;
  });
  const title = `${word(stack.member.name)}: ${changes.length} to be ${WORDS[kind]}`;
  return `<details><summary>${title}</summary>\n\n${renderItems(lines)}\n\n</details>`;
}

function renderProperties(properties: PropertyChange[]): string {
  const shown = properties.slice(0, 12).map(({ path, kind, replaces, before, after }) => {
    const values =
      kind === "changed" && before !== undefined && after !== undefined
        ? ` ${code(before)} → ${code(after)}`
        : kind === "added" && after !== undefined
          ? ` ${code(after)} (added)`
          : kind === "removed" && before !== undefined
            ? ` ${code(before)} (removed)`
            : ` (${kind})`;
    return `${code(path)}${values}${replaces ? " **(replaces)**" : ""}`;
  });
  const more = properties.length > shown.length ? [`${properties.length - shown.length} more`] : [];
  return [...shown, ...more].join(", ");
}

const renderThing = ({ name, type }: ResourceChange): string => `${code(name)} (${code(type)})`;

const renderRemark = ({ resource, message }: Remark): string =>
  resource && !message.includes(resource) ? `${resource}: ${message}` : message;

function renderList(title: string, lines: string[]): string {
  return `### ${title}\n\n${renderItems(lines)}`;
}

/** As many items as a section may hold; how many more there are is said. */
function renderItems(lines: string[]): string {
  const items: string[] = [];
  let room = SECTION_LIMIT;
  for (const line of lines) {
    room -= sizeOf(line) + 3;
    if (room < 0) break;
    items.push(`- ${line}`);
  }
  if (items.length < lines.length) items.push(`- … and ${lines.length - items.length} more`);
  return items.join("\n");
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

function renderFoot({ world, engine }: ReviewDocument): string {
  const natures =
    world === "clouds"
      ? "Clouds: real. Values known only after the deployment and secrets are not shown."
      : "Clouds: emulated; no account was asked and none can be changed. Values known only after the deployment and secrets are not shown.";
  return `<sub>${natures}${engine ? ` Engine: ${word(engine)}.` : ""}</sub>`;
}

function changesOf({ review }: ReviewedStack): ResourceChange[] {
  return [...review.changes.values()];
}

function countKinds(changes: ResourceChange[]): Record<ChangeKind, number> {
  const counts = { create: 0, update: 0, replace: 0, delete: 0, import: 0 };
  for (const { kind } of changes) counts[kind]++;
  return counts;
}

function renderCounts(changes: ResourceChange[]): string {
  const counts = countKinds(changes);
  const parts = KINDS.filter((kind) => counts[kind] > 0).map((kind) => `${counts[kind]} to ${kind}`);
  return parts.join(", ") || "no changes";
}

function isDone(outcome: Outcome): boolean {
  return outcome === "changed" || outcome === "unchanged";
}

function sizeOf(text: string): number {
  return Buffer.byteLength(text);
}
