import type { Props, ResourceContext } from "../../rehearsal/plugins/contract";

/** What a kind is told of a resource, when no engine is there. */
export function contextFor(name: string, type = "test:index:Thing", config: Props = {}): ResourceContext {
  const urn = `urn:pulumi:stack::project::${type}::${name}`;
  return { urn, type, name, stack: "stack", config, signal: new AbortController().signal };
}
