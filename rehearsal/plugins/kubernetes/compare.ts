import type { Difference, Props, ResourceContext } from "../contract";
import { listChanges, renderPath, touches } from "../diff";
import { isObject } from "../encoding";
import { normaliseInputs } from "./names";
import { annotation, annotationOf, isPatch, textAt, valueAt } from "./objects";
import { planReplacements } from "./rules";
import { planSettings } from "./settings";

// "default" and none are the same namespace; an object of the whole cluster has none, whatever its manifest says.
function withNamespace(inputs: Props, outputs: Props): Props {
  if (!isObject(inputs.metadata)) return inputs;
  const { namespace, ...metadata } = inputs.metadata;
  const live = textAt(outputs, "metadata", "namespace");
  return { ...inputs, metadata: live === undefined ? metadata : { ...metadata, namespace: namespace || live } };
}

/** What a change of inputs changes, and whether the object must be made anew; pure. */
export function planChanges(
  ctx: Pick<ResourceContext, "type" | "config">,
  olds: { inputs: Props; outputs: Props },
  news: Props,
): { changes: Difference[]; deleteBeforeReplace: boolean } {
  const before = withNamespace(normaliseInputs(ctx.type, olds.inputs), olds.outputs);
  const after = withNamespace(normaliseInputs(ctx.type, news), olds.outputs);
  const replacing = planReplacements(after, isPatch(ctx.type, after), planSettings(ctx.config));
  const changes = listChanges(before, after).map((change) => ({
    path: renderPath(change.path),
    kind: change.kind,
    replace: replacing.some((field) => touches(change, field)),
  }));
  const keepsPlace = ["name", "namespace"].every(
    (key) => (valueAt(after, "metadata", key) ?? "") === (valueAt(olds.outputs, "metadata", key) ?? ""),
  );
  const autonamed = annotationOf(after, annotation.autonamed) === "true";
  return { changes, deleteBeforeReplace: changes.some((change) => change.replace) && !autonamed && keepsPlace };
}
