import type { EngineEvent } from "@pulumi/pulumi/automation";
import { WARNING_MARK } from "../plan/check";
import { renderDiagnostic } from "./diagnostics";
import {
  applyEvent,
  currentPhase,
  longestUnderWay,
  newProgress,
  renderChanges,
  type StackProgress,
  type StackState,
} from "./events";
import { PHASES } from "./phases";
import { renderDuration } from "./text";

const FRAME_MS = 250;
/** Without a terminal, something is said at least this often while stacks are running. */
const SILENCE_MS = 9_000;

export interface Screen {
  write(text: string): unknown;
  isTTY?: boolean;
  columns?: number;
}

/** Shows what happens to the stacks: on a terminal one block that is rewritten, elsewhere plain lines. */
export class ProgressView {
  readonly stacks: Map<string, StackProgress>;
  private readonly live: boolean;
  private timer: NodeJS.Timeout | undefined;
  private drawnLines = 0;
  private saidMs = Date.now();
  private readonly said = new Set<string>();
  private readonly complained = new Map<string, number>();

  constructor(
    names: string[],
    private readonly screen: Screen = process.stderr,
  ) {
    this.stacks = new Map(names.map((name) => [name, newProgress(name)]));
    this.live = screen.isTTY === true && process.env.CI === undefined && process.env.TERM !== "dumb";
  }

  start(): void {
    this.timer = setInterval(() => (this.live ? this.draw() : this.breakSilence()), FRAME_MS);
  }

  stop(): void {
    clearInterval(this.timer);
    if (this.live) this.draw();
    this.drawnLines = 0;
  }

  /** A line that stays. */
  say(line: string): void {
    this.erase();
    this.screen.write(`${line}\n`);
    this.saidMs = Date.now();
    if (this.live && this.timer) this.draw();
  }

  begin(name: string, step: string): void {
    const progress = this.of(name);
    progress.startedMs ??= Date.now();
    progress.state = "running";
    progress.step = step;
    if (!this.live) this.say(renderPlainLine(name, step));
  }

  /** The stack is tried anew: what was complained of counts no more. */
  again(name: string): void {
    this.of(name).diagnostics = [];
    this.complained.delete(name);
  }

  end(name: string, state: StackState, words: string): void {
    const progress = this.of(name);
    progress.endedMs = Date.now();
    progress.state = state;
    progress.step = words;
    progress.underWay.clear();
    if (!this.live) this.say(renderPlainLine(name, `${state}: ${words}${renderTime(progress, Date.now())}`));
  }

  event(name: string, event: EngineEvent): void {
    const progress = this.of(name);
    applyEvent(progress, event, Date.now());
    this.complain(progress);
    const phase = currentPhase(progress);
    const isWork = event.resourcePreEvent !== undefined && event.resourcePreEvent.metadata.op !== "same";
    if (this.live || !isWork || !phase || this.said.has(`${name} ${phase}`)) return;
    this.said.add(`${name} ${phase}`);
    this.say(renderPlainLine(name, phase));
  }

  private of(name: string): StackProgress {
    const progress = this.stacks.get(name);
    if (!progress) throw new Error(`no progress is kept for ${name}`);
    return progress;
  }

  private complain(progress: StackProgress): void {
    const already = this.complained.get(progress.stack) ?? 0;
    this.complained.set(progress.stack, progress.diagnostics.length);
    for (const diagnostic of progress.diagnostics.slice(already)) {
      const message = renderDiagnostic(diagnostic);
      // Every stack's program says what holds for the whole fleet; it was said before they began.
      if (message.startsWith(WARNING_MARK)) continue;
      this.say(renderPlainLine(progress.stack, `${diagnostic.severity}: ${message}`));
    }
  }

  private breakSilence(): void {
    const now = Date.now();
    if (now - this.saidMs < SILENCE_MS) return;
    for (const progress of this.stacks.values()) {
      if (progress.state === "running") this.say(renderPlainLine(progress.stack, renderActivity(progress, now)));
    }
    this.saidMs = now;
  }

  private draw(): void {
    const now = Date.now();
    const width = this.screen.columns || 100;
    const lines = [...this.stacks.values()].map((progress) => renderProgressLine(progress, now).slice(0, width - 1));
    this.erase();
    this.screen.write(lines.map((line) => `${line}\n`).join(""));
    this.drawnLines = lines.length;
  }

  private erase(): void {
    if (this.drawnLines > 0) this.screen.write(`\u001b[${this.drawnLines}A\u001b[J`);
    this.drawnLines = 0;
  }
}

/** One line of the block. */
export function renderProgressLine(progress: StackProgress, nowMs: number): string {
  const marks: Record<StackState, string> = {
    waiting: "·",
    running: "▶",
    changed: "✔",
    unchanged: "✔",
    failed: "✘",
    stopped: "■",
    cancelled: "■",
  };
  const head = `${marks[progress.state]} ${progress.stack.padEnd(10)}`;
  if (progress.state === "waiting") return `${head} waiting`;
  if (progress.state === "running") return `${head} ${renderActivity(progress, nowMs)}`;
  return `${head} ${progress.state}: ${progress.step}${renderTime(progress, nowMs)}`;
}

/** What a running stack does: phase, count, what it waits for. */
export function renderActivity(progress: StackProgress, nowMs: number): string {
  const phase = currentPhase(progress);
  const time = renderTime(progress, nowMs);
  if (!phase) return `${progress.step}${time}`;
  const counts = PHASES.filter((one) => progress.phases[one].seen > 0).map(
    (one) => `${one} ${progress.phases[one].done}/${progress.phases[one].seen}`,
  );
  const longest = longestUnderWay(progress);
  const waitingFor = longest ? ` · ${longest.op} ${longest.name} for ${renderDuration(nowMs - longest.sinceMs)}` : "";
  return `${counts.join(", ")}${time}${waitingFor}`;
}

/** Words for how a stack ended. */
export function renderEnd(progress: StackProgress): string {
  return renderChanges(progress.changes);
}

function renderPlainLine(name: string, words: string): string {
  return `[${name}] ${words}`;
}

function renderTime(progress: StackProgress, nowMs: number): string {
  if (progress.startedMs === undefined) return "";
  return ` (${renderDuration((progress.endedMs ?? nowMs) - progress.startedMs)})`;
}
