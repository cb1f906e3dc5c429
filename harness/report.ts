import type { OpMap } from "@pulumi/pulumi/automation";
import type { Engine } from "./engine";
import { renderChanges, renderPlannedChanges } from "./events";
import type { Part } from "./members";
import { renderDuration, renderTable } from "./text";

export type Verb = "up" | "preview" | "down";
/** `stopped`: not begun, because something it needs is missing or failed. */
export type Outcome = "changed" | "unchanged" | "failed" | "stopped" | "cancelled";

/** What an operation did to one stack. */
export interface StackResult {
  name: string;
  part: Part;
  outcome: Outcome;
  seconds: number;
  changes: OpMap;
  /** One line each, without secrets. */
  errors: string[];
  /** What to do about it. */
  remedy?: string;
}

/** What an operation did to the fleet; the document that `--json` prints. */
export interface FleetReport {
  verb: Verb;
  world: string;
  engine: Pick<Engine, "version" | "source" | "path">;
  stacks: StackResult[];
  seconds: number;
  /** What a month of these stacks costs, in one sentence; `preview` alone says it. */
  month?: string;
  exitCode: ExitCode;
}

/** What a shell sees: done, an operation failed, wrong usage or input, something is not ready. */
export const EXIT = { ok: 0, failed: 1, usage: 2, notReady: 3 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Failure outweighs "not ready". */
export function exitCodeOf(results: Pick<StackResult, "outcome">[]): ExitCode {
  const has = (...outcomes: Outcome[]): boolean => results.some(({ outcome }) => outcomes.includes(outcome));
  if (has("failed", "cancelled")) return EXIT.failed;
  return has("stopped") ? EXIT.notReady : EXIT.ok;
}

/** Words for how one stack ended. */
export function renderOutcome(verb: Verb, result: Pick<StackResult, "outcome" | "changes" | "errors">): string {
  switch (result.outcome) {
    case "unchanged":
      return verb === "down" ? "nothing was there" : "nothing to change";
    case "changed":
      return verb === "preview" ? renderPlannedChanges(result.changes) : renderChanges(result.changes);
    case "failed":
    case "stopped":
    case "cancelled":
      return result.errors[0] ?? "no reason given";
    default:
      return result.outcome satisfies never;
  }
}

/** The closing lines of `up`, `preview` and `down`: a line a stack, the errors, what to do next. */
export function renderReport(report: FleetReport): string[] {
  const rows = report.stacks.map((result) => [
    result.name,
    renderWord(report.verb, result.outcome),
    result.seconds > 0 ? renderDuration(result.seconds * 1000) : "-",
    result.outcome === "changed" || result.outcome === "unchanged" ? renderOutcome(report.verb, result) : "see below",
  ]);
  const lines = ["", ...renderTable([["STACK", "RESULT", "TIME", "CHANGES"], ...rows])];
  // Stacks that suffer from the same thing are named together.
  const troubled = new Map<string, string[]>();
  for (const { name, errors, outcome } of report.stacks.filter((result) => result.errors.length > 0)) {
    const told = [`${outcome}:`, ...errors.map((error) => `  ${error}`)].join("\n");
    troubled.set(told, [...(troubled.get(told) ?? []), name]);
  }
  for (const [told, stacks] of troubled) lines.push("", ...`${stacks.join(", ")} ${told}`.split("\n"));
  if (report.month) lines.push("", report.month);
  return [...lines, "", ...renderNext(report)];
}

function renderWord(verb: Verb, outcome: Outcome): string {
  return verb === "preview" && outcome === "changed" ? "to change" : outcome;
}

/** What to do next, as commands. */
export function renderNext(report: FleetReport): string[] {
  const unfinished = report.stacks.filter(({ outcome }) => outcome !== "changed" && outcome !== "unchanged");
  if (unfinished.length === 0) {
    if (report.verb === "up")
      return ["All done. Look around: ./archipelago status --detail; take it down: ./archipelago down"];
    if (report.verb === "preview") return ["Nothing was changed. To do it: ./archipelago up"];
    return ["All down."];
  }
  const remedies = [...new Set(unfinished.flatMap(({ remedy }) => remedy ?? []))];
  const flags = unfinished.map(({ name }) => `--stack ${name}`).join(" ");
  return [
    "Next:",
    ...remedies.flatMap((remedy) => remedy.split("\n").map((line, index) => (index === 0 ? `- ${line}` : `  ${line}`))),
    `- then ./archipelago ${report.verb} ${flags}   (what is done already is left as it is)`,
  ];
}
