import type { EngineEvent, OpMap } from "@pulumi/pulumi/automation";
import { diagnosticOf, type Diagnostic } from "./diagnostics";
import { nameOf, phaseOf, PHASES, type Phase } from "./phases";

export type StackState = "waiting" | "running" | "changed" | "unchanged" | "failed" | "stopped" | "cancelled";

interface UnderWay {
  name: string;
  phase: Phase | undefined;
  op: string;
  sinceMs: number;
}

/** What is known about one stack while an operation runs on it. */
export interface StackProgress {
  stack: string;
  state: StackState;
  /** What the harness itself is doing before or after the engine, for instance "creating the stack". */
  step: string;
  startedMs?: number;
  endedMs?: number;
  phases: Record<Phase, { seen: number; done: number }>;
  /** Resource operations begun and not ended, by URN. */
  underWay: Map<string, UnderWay>;
  changes: OpMap;
  diagnostics: Diagnostic[];
}

export function newProgress(stack: string): StackProgress {
  const phases = Object.fromEntries(PHASES.map((phase) => [phase, { seen: 0, done: 0 }]));
  return {
    stack,
    state: "waiting",
    step: "",
    phases: phases as StackProgress["phases"],
    underWay: new Map(),
    changes: {},
    diagnostics: [],
  };
}

/** Takes one engine event into the picture. Replacements come in several steps; each counts. */
export function applyEvent(progress: StackProgress, event: EngineEvent, nowMs: number): void {
  const { resourcePreEvent, resOutputsEvent, resOpFailedEvent, summaryEvent } = event;
  if (resourcePreEvent) {
    const { urn, type, op } = resourcePreEvent.metadata;
    const phase = phaseOf(urn, type);
    if (phase) progress.phases[phase].seen++;
    progress.underWay.set(urn, { name: nameOf(urn), phase, op, sinceMs: nowMs });
  }
  const ended = (resOutputsEvent ?? resOpFailedEvent)?.metadata;
  if (ended) {
    const begun = progress.underWay.get(ended.urn);
    progress.underWay.delete(ended.urn);
    // Components end a second time when they register outputs; only what began can end.
    if (begun?.phase && resOutputsEvent) progress.phases[begun.phase].done++;
  }
  if (summaryEvent) progress.changes = summaryEvent.resourceChanges ?? {};
  const diagnostic = diagnosticOf(event);
  const repeated = progress.diagnostics.some((one) => one.message === diagnostic?.message);
  if (diagnostic && !repeated) progress.diagnostics.push(diagnostic);
}

/** The phase that work is going on in: the earliest one with something under way, else the last one reached. */
export function currentPhase(progress: StackProgress): Phase | undefined {
  const working = [...progress.underWay.values()].filter(({ op }) => op !== "same").map(({ phase }) => phase);
  const reached = PHASES.filter((phase) => progress.phases[phase].seen > 0);
  return PHASES.find((phase) => working.includes(phase)) ?? reached[reached.length - 1];
}

/** The operation under way for the longest time; that is what everyone is waiting for. */
export function longestUnderWay(progress: StackProgress): UnderWay | undefined {
  const real = [...progress.underWay.values()].filter(({ op, phase }) => op !== "same" && phase !== undefined);
  return real.sort((left, right) => left.sinceMs - right.sinceMs)[0];
}

/** Whether an operation left everything as it was. */
export function isUnchanged(changes: OpMap): boolean {
  return Object.entries(changes).every(([op, count]) => op === "same" || op === "read" || !count);
}

/** "12 created, 3 updated, 40 unchanged". */
export function renderChanges(changes: OpMap): string {
  const words: Record<string, string> = {
    create: "created",
    update: "updated",
    delete: "deleted",
    replace: "replaced",
    same: "unchanged",
    refresh: "refreshed",
    import: "imported",
    read: "read",
  };
  const order = Object.keys(words);
  const parts = Object.entries(changes)
    .filter(([op, count]) => count && order.includes(op))
    .sort(([left], [right]) => order.indexOf(left) - order.indexOf(right))
    .map(([op, count]) => `${count} ${words[op]}`);
  return parts.join(", ") || "nothing to do";
}

/** "3 to create, 1 to replace", for a preview. */
export function renderPlannedChanges(changes: OpMap): string {
  const parts = Object.entries(changes)
    .filter(([op, count]) => count && ["create", "update", "delete", "replace", "import"].includes(op))
    .map(([op, count]) => `${count} to ${op}`);
  return parts.join(", ") || "no changes";
}
