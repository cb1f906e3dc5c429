import type { Props } from "../contract";
import { isObject } from "../encoding";
import { hideSecretData } from "./names";
import { fromWire, type KubeObject } from "./objects";

// prettier-ignore
const UNITS: Record<string, number> = {
  "": 1, n: 1e-9, u: 1e-6, m: 1e-3, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18,
  Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50, Ei: 2 ** 60,
};

/** A Kubernetes quantity as a number: "500m" is 0.5. Undefined when it is none. */
export function parseQuantity(value: unknown): number | undefined {
  const [, number, unit] =
    /^([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$/.exec(String(value)) ?? [];
  if (number === undefined) return undefined;
  return Number(number) * (UNITS[unit ?? ""] ?? Number.NaN);
}

const isScalar = (value: unknown): value is string | number | boolean =>
  typeof value === "string" || typeof value === "number" || typeof value === "boolean";

/** Whether the API server may have made one of the other by writing the same thing its own way. */
function isSame(live: unknown, input: unknown): boolean {
  if (live === input) return true;
  if (!isScalar(live) || !isScalar(input)) return false;
  if (String(live) === String(input)) return true;
  const [a, b] = [parseQuantity(live), parseQuantity(input)];
  return a !== undefined && a === b;
}

// The API server leaves empty values out of what it stores.
function isEmpty(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  if (isObject(value)) return Object.values(value).every(isEmpty);
  return value === undefined || value === null || value === "" || value === false || value === 0;
}

/**
 * The live values at the paths of the inputs: what a refresh takes for the new inputs. Values that mean the same keep
 * the spelling of the inputs; a path that is no longer there is left out, so that the next preview shows it as drift.
 */
export function pruneLive(live: unknown, input: unknown): unknown {
  if (isObject(live) && isObject(input)) {
    const entries = Object.entries(input).flatMap(([key, value]) => {
      if (key in live) return [[key, pruneLive(live[key], value)] as const];
      return isEmpty(value) ? [[key, value] as const] : [];
    });
    return Object.fromEntries(entries);
  }
  if (Array.isArray(live) && Array.isArray(input)) {
    // Lists are compared by position; what others added behind ours (finalizers, taints) is theirs.
    return input.slice(0, live.length).map((value, at) => pruneLive(live[at], value));
  }
  return isSame(live, input) || (isEmpty(live) && isEmpty(input)) ? input : live;
}

/** Inputs as a refresh writes them: live values where the program gave any. apiVersion and kind stay as they were. */
export function planLiveInputs(live: KubeObject, inputs: Props): Props {
  const pruned = pruneLive(live, inputs) as Props;
  return hideSecretData({
    ...pruned,
    apiVersion: inputs.apiVersion ?? live.apiVersion,
    kind: inputs.kind ?? live.kind,
  });
}

/** What goes to state: the live object without its managed fields, the data of a Secret marked, our own notes. */
export function planOutputs(live: KubeObject, fieldManager: string): Props {
  const { managedFields: _managedFields, ...metadata } = live.metadata;
  return {
    ...fromWire(hideSecretData({ ...live, metadata })),
    __fieldManager: fieldManager,
    __initialApiVersion: live.apiVersion,
  };
}
