import { ONCE_VARIABLE, parseOnce, renderOnce, type OnceByNode } from "../plan/once";

/**
 * Lets the engines that `run` starts know what holds this once. Stacks run at the same time in one process, so only the
 * own nodes are added and taken away again.
 */
export async function withOnce<T>(once: OnceByNode, run: () => Promise<T>): Promise<T> {
  set({ ...parseOnce(process.env[ONCE_VARIABLE]), ...once });
  try {
    return await run();
  } finally {
    const left = parseOnce(process.env[ONCE_VARIABLE]);
    set(Object.fromEntries(Object.entries(left).filter(([node]) => !(node in once))));
  }
}

function set(once: OnceByNode): void {
  if (Object.keys(once).length === 0) delete process.env[ONCE_VARIABLE];
  else process.env[ONCE_VARIABLE] = renderOnce(once);
}
