import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { Deadline } from "../../harness/deadline";

const HOUR_MS = 3_600_000;

describe("a stack's deadline", () => {
  it("passes an interruption of the run on, as long as the stack is worked on", () => {
    const run = new AbortController();
    const deadline = new Deadline("oregon", HOUR_MS, run.signal, () => "");
    run.abort();
    expect(deadline.signal.aborted).toBe(true);
    expect(deadline.lastSeen).toBeUndefined();
    deadline.dispose();
  });

  it("leaves nothing behind on the run's signal, however many stacks there are", () => {
    const run = new AbortController();
    for (let stack = 0; stack < 50; stack++) {
      const deadline = new Deadline(`stack-${stack}`, HOUR_MS, run.signal, () => "");
      expect(getEventListeners(run.signal, "abort")).toHaveLength(1);
      deadline.dispose();
    }
    expect(getEventListeners(run.signal, "abort")).toEqual([]);
  });

  it("stops the stack when its time is over, and keeps what was under way then", async () => {
    const deadline = new Deadline("oregon", 1, new AbortController().signal, () => "creating oregon-server");
    await new Promise((resolve) => deadline.signal.addEventListener("abort", resolve));
    expect(deadline.lastSeen).toBe("creating oregon-server");
    deadline.dispose();
  });
});
