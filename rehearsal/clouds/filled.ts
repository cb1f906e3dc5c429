import { listDifferences } from "../plugins/changes";
import type { Difference, Props, ResourceKind } from "../plugins/contract";

const isFilled = (value: unknown): boolean => value !== undefined && value !== null && value !== "" && value !== false;

/**
 * Compares as Terraform's providers do: what the cloud has filled into an input that the program leaves out, and that the
 * schema does not call computed, is a difference.
 */
export function diffWithFilled(
  notComputed: string[],
  kind: ResourceKind,
  olds: { inputs: Props; outputs: Props },
  news: Props,
): { changes: Difference[]; deleteBeforeReplace?: boolean } {
  const filled = notComputed.filter((path) => news[path] === undefined && isFilled(olds.outputs[path]));
  const removals = filled.map((path): Difference => {
    return { path, kind: "delete", replace: kind.replaceOn?.includes(path) ?? false };
  });
  return {
    changes: [...listDifferences(olds.inputs, news, kind), ...removals],
    deleteBeforeReplace: kind.deleteBeforeReplace,
  };
}
