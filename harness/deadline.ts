import { endEngines } from "./interruption";

/** An engine told to stop gets this long to finish what is under way. */
const GRACE_MS = 120_000;

/** Stops one stack's engine when its time is over or the run is interrupted, and ends it if it does not stop. */
export class Deadline {
  private readonly controller = new AbortController();
  private readonly timers: NodeJS.Timeout[];
  /** What was under way when the time was over; `undefined` while it is not. */
  lastSeen: string | undefined;

  private readonly stop = (): void => this.controller.abort();

  constructor(
    stack: string,
    milliseconds: number,
    private readonly interrupted: AbortSignal,
    observe: () => string,
  ) {
    interrupted.addEventListener("abort", this.stop, { once: true });
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
    // The run's signal outlives every stack's deadline: a fleet of dozens would leave a listener each.
    this.interrupted.removeEventListener("abort", this.stop);
  }
}
