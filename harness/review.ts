/** What reviewers of a change want to know of one stack, gathered from the engine's events; every text in it is masked. */
import type { EngineEvent } from "@pulumi/pulumi/automation";
import { WARNING_MARK } from "../plan/check";
import { diagnosticOf } from "./diagnostics";
import { nameOf } from "./phases";
import { stateOf } from "./reviewState";
import { cleanText, isSecretProperty } from "./reviewText";

export type ChangeKind = "create" | "update" | "replace" | "delete" | "import";

/** A property that changes. `before` and `after` are shown values; missing where they say nothing or must not be shown. */
export interface PropertyChange {
  path: string;
  kind: "added" | "removed" | "changed";
  /** It is why the resource is replaced. */
  replaces: boolean;
  before?: string;
  after?: string;
}

export interface ResourceChange {
  kind: ChangeKind;
  urn: string;
  name: string;
  type: string;
  properties: PropertyChange[];
  /** Why losing it hurts; `undefined` for what can be made again as it was. */
  state?: string;
  isProtected: boolean;
}

export interface PolicyFinding {
  pack: string;
  policy: string;
  isMandatory: boolean;
  resource: string;
  message: string;
}

/** A diagnostic of the engine, a provider or the program. */
export interface Remark {
  resource: string;
  message: string;
}

export interface StackReview {
  stack: string;
  changes: Map<string, ResourceChange>;
  /** What the clouds hold otherwise than the state says; only with `refresh`. */
  drift: Map<string, ResourceChange>;
  policies: PolicyFinding[];
  errors: Remark[];
  warnings: Remark[];
}

type Metadata = NonNullable<EngineEvent["resourcePreEvent"]>["metadata"];
type Bag = Record<string, unknown> | undefined;

const KINDS: Partial<Record<Metadata["op"], ChangeKind>> = {
  create: "create",
  update: "update",
  delete: "delete",
  import: "import",
  replace: "replace",
  "create-replacement": "replace",
  "delete-replaced": "replace",
  "import-replacement": "replace",
};

/** What the engine puts where a value is known only after the deployment: text, truth value, number, list, map. */
const UNKNOWN = new Set([
  "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
  "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
  "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
  "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
  "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
]);
const VALUE_LIMIT = 80;
const NAME_LIMIT = 300;

export function newReview(stack: string): StackReview {
  return { stack, changes: new Map(), drift: new Map(), policies: [], errors: [], warnings: [] };
}

/**
 * Takes one engine event into the review.
 * @param known secrets to mask by value, see `secretsOf`.
 */
export function takeEvent(review: StackReview, event: EngineEvent, known: string[] = []): void {
  const clean = (text: string): string => cleanText(text, known);
  if (event.resourcePreEvent) takeStep(review.changes, event.resourcePreEvent.metadata, clean);
  const ended = event.resOutputsEvent?.metadata;
  if (ended?.op === "refresh") takeDrift(review.drift, ended, clean);
  if (event.policyEvent) {
    const { policyPackName, policyName, enforcementLevel, resourceUrn, message } = event.policyEvent;
    review.policies.push({
      pack: clean(policyPackName),
      policy: clean(policyName),
      isMandatory: enforcementLevel === "mandatory",
      resource: clean(shortName(resourceUrn)),
      message: clean(message),
    });
    return;
  }
  // Masked before it is cut to one line: the first half of a secret is one too.
  const said = event.diagnosticEvent;
  const diagnostic = said && diagnosticOf({ ...event, diagnosticEvent: { ...said, message: clean(said.message) } });
  // The comment has the topology's warnings already, once for all stacks.
  if (!diagnostic || diagnostic.message.startsWith(WARNING_MARK)) return;
  const remarks = diagnostic.severity === "error" ? review.errors : review.warnings;
  const remark = { resource: clean(diagnostic.resource), message: diagnostic.message };
  if (!remarks.some(({ message }) => message === remark.message)) remarks.push(remark);
}

function takeStep(changes: Map<string, ResourceChange>, step: Metadata, clean: (text: string) => string): void {
  const kind = KINDS[step.op];
  // What the engine adds by itself it does not count either.
  if (!kind || (step.type.startsWith("pulumi:providers:") && nameOf(step.urn).startsWith("default"))) return;
  const earlier = changes.get(step.urn);
  const properties = planProperties(step, clean);
  // A replacement comes in up to three steps; the one that knows the properties counts.
  if (earlier && (kind !== "replace" || properties.length <= earlier.properties.length)) return;
  const isProtected = step.old?.protect === true;
  changes.set(step.urn, {
    kind,
    urn: step.urn,
    name: clean(nameOf(step.urn).slice(0, NAME_LIMIT)),
    type: clean(step.type.slice(0, NAME_LIMIT)),
    properties,
    state: stateOf(step.type, isProtected),
    isProtected,
  });
}

function takeDrift(drift: Map<string, ResourceChange>, step: Metadata, clean: (text: string) => string): void {
  if (step.type.startsWith("pulumi:")) return;
  const isGone = Boolean(step.old) && !step.new;
  // What clouds compute may differ at any time; only what the provider itself calls a difference is drift.
  const differs = Object.keys(step.detailedDiff ?? {}).length > 0 || (step.diffs ?? []).length > 0;
  if (!isGone && !differs) return;
  const properties = isGone ? [] : planProperties(step, clean);
  const common = { urn: step.urn, name: clean(nameOf(step.urn).slice(0, NAME_LIMIT)), type: clean(step.type) };
  const isProtected = step.old?.protect === true;
  const state = stateOf(step.type, isProtected);
  drift.set(step.urn, { kind: isGone ? "delete" : "update", ...common, properties, state, isProtected });
}

/** The properties that change, by the provider's own diff, else by comparing what the program says with what it said. */
function planProperties(step: Metadata, clean: (text: string) => string): PropertyChange[] {
  const [before, after] = [step.old?.inputs as Bag, step.new?.inputs as Bag];
  if (!before || !after) return [];
  const detailed = Object.entries(step.detailedDiff ?? {});
  const replacing = new Set(step.keys ?? []);
  const paths =
    detailed.length > 0 ? detailed : (step.diffs ?? changedKeys(before, after)).map((path) => [path] as const);
  return paths.map(([path, diff]) => {
    const kind = String(diff?.diffKind ?? "");
    const [old, now] = [valueAt(before, path), valueAt(after, path)];
    const hidden = isSecretProperty(step.type, path) || isMasked(before, path) || isMasked(after, path);
    const shown = (value: unknown): string | undefined => (hidden ? undefined : renderValue(value, clean));
    const isAdded = kind ? kind.startsWith("add") : old === undefined;
    const isRemoved = kind ? kind.startsWith("delete") : now === undefined;
    return {
      path: clean(path.slice(0, NAME_LIMIT)),
      kind: isAdded ? "added" : isRemoved ? "removed" : "changed",
      replaces: kind.endsWith("replace") || replacing.has(path.split(/[.[]/)[0]!),
      before: isAdded ? undefined : shown(old),
      after: isRemoved ? undefined : shown(now),
    };
  });
}

function changedKeys(before: NonNullable<Bag>, after: NonNullable<Bag>): string[] {
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys].filter((key) => JSON.stringify(before[key]) !== JSON.stringify(after[key]));
}

/** `a.b[0]["c.d"]` → a, b, 0, c.d. */
function stepsOf(path: string): string[] {
  return [...path.matchAll(/\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|([^.[\]]+)/g)].map(
    ([, quoted, index, name]) => quoted?.replace(/\\(.)/g, "$1") ?? index ?? name ?? "",
  );
}

function valueAt(bag: unknown, path: string): unknown {
  let value = bag;
  for (const key of stepsOf(path)) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}

/** Whether the engine masked the value or anything it lies in. */
function isMasked(bag: unknown, path: string): boolean {
  let value = bag;
  const steps = stepsOf(path);
  for (const key of ["", ...steps]) {
    if (key !== "") value = (value as Record<string, unknown>)[key];
    if (value === "[secret]") return true;
    if (typeof value !== "object" || value === null) return false;
  }
  return JSON.stringify(value).includes("[secret]");
}

/** Short values as they are; long and nested ones say nothing in a list. */
function renderValue(value: unknown, clean: (text: string) => string): string | undefined {
  if (typeof value === "string" && UNKNOWN.has(value)) return "known after the deployment";
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  const text = typeof value === "string" ? value : Array.isArray(value) ? JSON.stringify(value) : undefined;
  if (text === undefined || text.length > VALUE_LIMIT) return undefined;
  const shown = clean(text);
  return shown === "" ? '""' : shown;
}

function shortName(urn: string | undefined): string {
  return urn && !urn.includes("::pulumi:pulumi:Stack::") ? nameOf(urn).slice(0, NAME_LIMIT) : "";
}
