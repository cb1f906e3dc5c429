import { endEngines } from "./interruption";

/** An engine told to stop gets this long to finish what is under way. */
const GRACE_MS = 120_000;

/** Stops one stack's engine when its time is over or the run is interrupted, and ends it if it does not stop. */
export class Deadline {
  private readonly controller = new AbortController();
  private readonly timers: NodeJS.Timeout[];
  /** What was under way when the time was over; `undefined` while it is not. */
  lastSeen: string | undefined;

  constructor(stack: string, milliseconds: number, interrupted: AbortSignal, observe: () => string) {
    interrupted.addEventListener("abort", () => this.controller.abort(), { once: true });
    const isMeant = (words: string[]): boolean => words[words.indexOf("--stack") + 1] === stack;
    const expire = (): void => {
      this.lastSeen = observe();
      this.controller.abort();
      this.timers.push(setTimeout(() => endEngines(isMeant, "SIGKILL"), GRACE_MS));
    };
    this.timers = [setTimeout(expire, milliseconds)];
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  dispose(): void {
    for (const timer of this.timers) clearTimeout(timer);
  }
}
