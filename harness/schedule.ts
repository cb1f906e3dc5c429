import type { Task } from "./members";

/** What became of a task: `failedBefore` names the task whose failure kept this one from starting. */
export type Ended<T> = { name: string; value: T } | { name: string; failedBefore: string };

/**
 * Runs tasks as soon as everything they wait for has succeeded, at most `parallel` at a time. A task that did not
 * succeed stops the tasks that wait for it (directly or through others) and nothing else.
 * `run` must not throw: it answers with a value, and `succeeded` says what that value means.
 */
export async function runInOrder<T>(
  tasks: Task[],
  parallel: number,
  run: (name: string) => Promise<T>,
  succeeded: (value: T) => boolean,
): Promise<Ended<T>[]> {
  const waiting = new Map(tasks.map((task) => [task.name, new Set(task.after)]));
  const running = new Map<string, Promise<void>>();
  const ended = new Map<string, Ended<T>>();

  const stopDependents = (name: string, cause: string): void => {
    for (const [other, after] of [...waiting]) {
      if (!after.has(name) || !waiting.has(other)) continue;
      waiting.delete(other);
      ended.set(other, { name: other, failedBefore: cause });
      stopDependents(other, cause);
    }
  };

  const start = async (name: string): Promise<void> => {
    const value = await run(name);
    ended.set(name, { name, value });
    if (succeeded(value)) for (const after of waiting.values()) after.delete(name);
    else stopDependents(name, name);
    running.delete(name);
  };

  while (waiting.size > 0 || running.size > 0) {
    for (const [name, after] of [...waiting]) {
      if (running.size >= parallel) break;
      if (after.size > 0) continue;
      waiting.delete(name);
      running.set(name, start(name));
    }
    if (running.size === 0) {
      throw new Error(
        `These tasks wait for each other or for a task that does not exist: ${[...waiting.keys()].join(", ")}`,
      );
    }
    await Promise.race(running.values());
  }
  return tasks.map((task) => ended.get(task.name)!);
}
