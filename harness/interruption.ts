import { readdirSync, readFileSync } from "node:fs";

/**
 * Ctrl-C and SIGTERM while engines run. The first asks them to stop after the operations under way; the second ends them.
 * From a terminal the whole foreground group gets the signal anyway, and an engine asked twice drops what it is doing; so
 * then it is not passed on.
 */
export class Interruption {
  private readonly controller = new AbortController();
  private count = 0;
  private readonly handlers: [NodeJS.Signals, () => void][];

  constructor(private readonly say: (line: string) => void) {
    this.handlers = (["SIGINT", "SIGTERM"] as const).map((name) => [name, () => this.receive(name)]);
    for (const [name, handler] of this.handlers) process.on(name, handler);
  }

  get requested(): boolean {
    return this.count > 0;
  }

  /** For the engine processes; fires only if the terminal has not told them already. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  dispose(): void {
    for (const [name, handler] of this.handlers) process.off(name, handler);
  }

  private receive(name: NodeJS.Signals): void {
    this.count++;
    if (this.count === 1) {
      this.say("stopping: the operations under way are finished first; once more to end them at once");
      if (name !== "SIGINT" || !isForeground()) this.controller.abort();
    } else {
      this.say("ending the engines; the next run clears what they leave");
      endEngines(() => true, "SIGKILL");
    }
  }
}

/** Sends a signal to the engine processes this process started, by their command line. */
export function endEngines(isMeant: (words: string[]) => boolean, signal: NodeJS.Signals): void {
  for (const entry of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, "utf8");
      const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
      if (parent !== process.pid || !stat.includes("(pulumi)")) continue;
      const words = readFileSync(`/proc/${entry}/cmdline`, "utf8").split("\0");
      if (isMeant(words)) process.kill(Number(entry), signal);
    } catch {
      // It ended while we were looking.
    }
  }
}

function isForeground(): boolean {
  try {
    const stat = readFileSync("/proc/self/stat", "utf8");
    const [, , group, , , terminalGroup] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return group === terminalGroup;
  } catch {
    return process.stdin.isTTY === true;
  }
}
