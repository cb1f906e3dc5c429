/** The parts of a comment that tell of one stack each, and its table of stacks. */
import type { ChangeKind, PolicyFinding, PropertyChange, Remark, ResourceChange } from "./review";
import { renderCost, type FleetCostChange } from "./reviewCost";
import { changesOf, countKinds, isDone, type LeavingStack, type ReviewedStack, sizeOf } from "./reviewDocument";
import { block, code, word } from "./reviewText";
import { renderCount } from "./text";

const SECTION_LIMIT = 12_000;
const TABLE_ROWS = 200;
const WORDS: Record<ChangeKind, string> = {
  create: "created",
  update: "updated",
  replace: "replaced",
  delete: "deleted",
  import: "imported",
};

export function renderStackTable(stacks: ReviewedStack[], cost?: FleetCostChange): string {
  const head = ["stack", "cloud", "create", "update", "replace", "delete", ...(cost ? ["USD a month"] : []), "result"];
  const rows = stacks.slice(0, TABLE_ROWS).map(({ member, outcome, review }) => {
    const counts = countKinds([...review.changes.values()]);
    const loud = (count: number): string => (count > 0 ? `**${count}**` : "0");
    return [
      word(member.name),
      word(`${member.cloud} ${member.place}`),
      String(counts.create + counts.import),
      String(counts.update),
      loud(counts.replace),
      loud(counts.delete),
      ...(cost ? [renderCost(cost.stacks.find(({ name }) => name === member.name))] : []),
      outcome === "changed" ? "to change" : outcome === "unchanged" ? "no changes" : `**${outcome}**`,
    ];
  });
  const lines = [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`);
  const more = stacks.length > TABLE_ROWS ? [`\n… and ${renderCount(stacks.length - TABLE_ROWS, "more stack")}`] : [];
  return [...lines, ...more].join("\n");
}

/** Nothing takes down what is in no topology any more, and nobody would see it but on the bill. */
export function renderLeaving(leaving: LeavingStack[]): string {
  if (leaving.length === 0) return "";
  const lines = leaving.map(({ name, cloud, place }) => {
    const stack = word(name);
    return `${code(stack)} (${word(`${cloud} ${place}`)}): ${code(`./archipelago down --stack ${stack}`)}`;
  });
  const why =
    "A deployment of this change does not take them down: their machines stay, and stay on the bill. " +
    "Before merging, move the data off and run, where the base is checked out:";
  return `### 🛑 Leaving the topology: ${renderCount(leaving.length, "stack")}\n\n${why}\n\n${renderItems(lines)}`;
}

/** Replaced or deleted, and something is lost with it: not folded. */
export function renderLosses(stack: ReviewedStack): string {
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

export function renderErrors({ member, outcome, errors, remedy, review }: ReviewedStack): string {
  const told = review.errors.length > 0 ? review.errors.map(renderRemark) : errors;
  const own = told.filter((line) => !line.startsWith("policy "));
  if (own.length === 0 && (isDone(outcome) || review.policies.length > 0)) return "";
  const lines = own.length > 0 ? own : ["no reason given"];
  return `### ❌ ${word(member.name)}: ${isDone(outcome) ? "errors" : outcome}\n\n${block(lines.join("\n"))}${remedy ? `\n\n${block(remedy, 1_000)}` : ""}`;
}

export function renderPolicies({ member, review }: ReviewedStack, isMandatory: boolean): string {
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
export function sharedWarnings(stacks: ReviewedStack[]): Map<string, string[]> {
  const said = new Map<string, string[]>();
  for (const { member, review } of stacks) {
    for (const remark of review.warnings) {
      said.set(renderRemark(remark), [...(said.get(renderRemark(remark)) ?? []), member.name]);
    }
  }
  return new Map([...said].filter(([, names]) => names.length > 1));
}

export function renderSharedWarnings(shared: Map<string, string[]>): string {
  if (shared.size === 0) return "";
  const lines = [...shared].map(([warning, names]) => `${code(warning, 600)} (${renderCount(names.length, "stack")})`);
  return renderList("⚠️ Warnings of several stacks", lines);
}

export function renderWarnings({ member, review }: ReviewedStack, shared: Map<string, string[]>): string {
  const own = review.warnings.map(renderRemark).filter((warning) => !shared.has(warning));
  if (own.length === 0) return "";
  return renderList(
    `⚠️ ${word(member.name)}: warnings`,
    own.map((warning) => code(warning, 600)),
  );
}

export function renderDrift({ member, review }: ReviewedStack): string {
  if (review.drift.size === 0) return "";
  const lines = [...review.drift.values()].map((change) =>
    change.kind === "delete"
      ? `${renderThing(change)} **is gone**${change.state ? `: ${change.state}` : ""}`
      : `${renderThing(change)}: ${renderProperties(change.properties)}`,
  );
  return renderList(`🌊 ${word(member.name)}: the cloud differs from the state`, lines);
}

export function renderFold(stack: ReviewedStack, kind: ChangeKind): string {
  const changes = changesOf(stack).filter((change) => change.kind === kind);
  if (changes.length === 0) return "";
  // What holds state first.
  const ordered = [...changes].sort((left, right) => Number(Boolean(right.state)) - Number(Boolean(left.state)));
  const lines = ordered.map((change) => {
    const properties = renderProperties(change.properties);
    return `${renderThing(change)}${properties ? `: ${properties}` : ""}`;
  });
  const title = `${word(stack.member.name)}: ${changes.length} to be ${WORDS[kind]}`;
  return renderDetails(title, lines);
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

export function renderList(title: string, lines: string[]): string {
  return `### ${title}\n\n${renderItems(lines)}`;
}

/** Folded; nothing where there is nothing to unfold. */
export function renderDetails(title: string, lines: string[]): string {
  return lines.length === 0 ? "" : `<details><summary>${title}</summary>\n\n${renderItems(lines)}\n\n</details>`;
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
