import { setTimeout as sleep } from "node:timers/promises";

/** Pause before look number `poll` (from 0) at something awaited: short at first, then a second. */
export const planPollSeconds = (poll: number): number => Math.min(1, 0.1 * 2 ** poll);

/** When a wait ends, and its pauses; an engine that cancels ends both. */
export class Deadline {
  private readonly endMs: number;

  constructor(
    readonly seconds: number,
    private readonly signal?: AbortSignal,
  ) {
    this.endMs = Date.now() + seconds * 1000;
  }

  get passed(): boolean {
    return Date.now() >= this.endMs;
  }

  get remainingSeconds(): number {
    return Math.max(0, (this.endMs - Date.now()) / 1000);
  }

  /** Sleeps, but not beyond the end. Throws when the engine cancels. */
  async pause(seconds: number): Promise<void> {
    try {
      await sleep(Math.min(seconds, this.remainingSeconds) * 1000, undefined, { signal: this.signal });
    } catch {
      throw new Error("cancelled by the engine");
    }
  }
}
