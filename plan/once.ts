/** What holds for one run only, node by node. The harness tells it in the environment; no state and no file keeps it. */
import type { NodePlan } from "./types";

/** Environment variable that carries it, as JSON. */
export const ONCE_VARIABLE = "ARCHIPELAGO_ONCE";

/** Both count at a machine's creation alone: the inputs they go into are ignored in machines that exist. */
export interface Once {
  /** Which of the place's availability domains to try, counted from 0, where the node names no zone. */
  zoneAttempt?: number;
  /** Private address of a living server that a replaced server joins instead of initialising the cluster anew. */
  joinAddress?: string;
}

/** By the node's name, which is unique in the fleet: what is meant for one stack means nothing to another. */
export type OnceByNode = Record<string, Once>;

/** @throws RangeError when the text is not what `renderOnce` writes. */
export function parseOnce(text: string | undefined): OnceByNode {
  if (!text) return {};
  try {
    const data = JSON.parse(text) as unknown;
    if (typeof data === "object" && data !== null && !Array.isArray(data)) return data as OnceByNode;
  } catch {
    // Said below.
  }
  throw new RangeError(`${ONCE_VARIABLE} is set by ./archipelago alone; it holds no JSON object: ${text}`);
}

export const renderOnce = (once: OnceByNode): string => JSON.stringify(once);

/** What holds for a node in this run. */
export const onceOf = (node: Pick<NodePlan, "name">, environment: Record<string, string | undefined>): Once =>
  parseOnce(environment[ONCE_VARIABLE])[node.name] ?? {};
