import { Struct } from "google-protobuf/google/protobuf/struct_pb";
import { Secret, type Props } from "./contract";

// The engine's own marks inside otherwise plain JSON (pulumi/sdk/go/common/resource, properties of special meaning).
const SIGNATURE = "4dabf18193072939515e22adb298388d";
const SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270";
const OUTPUT_SIGNATURE = "d0e6a833031e9bbcd3f4e8bde6ca49a4";

/** A value that is not known before the resource exists; what kinds see, and return, at preview. */
export const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

// The engine has one sentinel a JSON type; to a kind they all mean the same.
const UNKNOWNS = new Set([
  UNKNOWN,
  "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
  "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
  "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
  "030794c1-ac77-496b-92df-f27374a8bd58",
  "e48ece36-62e2-4504-bad9-02848725956a",
  "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
]);

export const isObject = (value: unknown): value is Props =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isSecret = (value: unknown): value is { value?: unknown } =>
  isObject(value) && value[SIGNATURE] === SECRET_SIGNATURE;
const isOutput = (value: unknown): value is { value?: unknown; secret?: boolean } =>
  isObject(value) && value[SIGNATURE] === OUTPUT_SIGNATURE;

const wrapSecret = (value: unknown): unknown => (isSecret(value) ? value : { [SIGNATURE]: SECRET_SIGNATURE, value });

/** Whether a value is the sentinel for "not known yet". */
export const isUnknown = (value: unknown): boolean => typeof value === "string" && UNKNOWNS.has(value);

/** Whether anything inside the value is not known yet. */
export function hasUnknown(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(hasUnknown);
  return isObject(value) ? Object.values(value).some(hasUnknown) : isUnknown(value);
}

function hasSecret(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(hasSecret);
  if (!isObject(value)) return false;
  return isSecret(value) || (isOutput(value) && value.secret === true) || Object.values(value).some(hasSecret);
}

/** The message's JSON as the engine wrote it, marks included. */
export const decode = (struct: Struct | undefined): Props => struct?.toJavaScript() ?? {};

/** Without the marks: what a kind works with. Unknown values of every type become UNKNOWN. */
export function unwrap(value: unknown): unknown {
  if (isUnknown(value)) return UNKNOWN;
  if (Array.isArray(value)) return value.map(unwrap);
  if (isSecret(value)) return unwrap(value.value);
  if (isOutput(value)) return "value" in value ? unwrap(value.value) : UNKNOWN;
  return isObject(value) ? unwrapProps(value) : value;
}

/** Every property without the marks. */
export const unwrapProps = (props: Props): Props =>
  Object.fromEntries(Object.entries(props).map(([key, value]) => [key, unwrap(value)]));

/** JSON that protobuf accepts: no undefined (absent instead, null in lists), `Secret` as the engine's mark. */
function wrap(value: unknown): unknown {
  if (value instanceof Secret) return wrapSecret(wrap(value.value));
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map((item) => (item === undefined ? null : wrap(item)));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .map(([key, item]) => [key, wrap(item)]),
  );
}

/** `value` with everything secret that is secret in `marked`. A list with a secret in it is secret as a whole: its order may change. */
function mark(value: unknown, marked: unknown): unknown {
  if (value === undefined || value === null || isSecret(value)) return value;
  if (isSecret(marked) || (isOutput(marked) && marked.secret === true)) return wrapSecret(value);
  if (Array.isArray(marked)) return hasSecret(marked) ? wrapSecret(value) : value;
  if (!isObject(marked) || !hasSecret(marked)) return value;
  if (!isObject(value)) return wrapSecret(value);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mark(item, marked[key])]));
}

/** The message for a kind's answer; what was secret in any of `marked` (as received) is secret again. */
export function encode(props: Props, ...marked: Props[]): Struct {
  const plain = marked.reduce<unknown>((value, source) => mark(value, source), wrap(props));
  return Struct.fromJavaScript(plain as Parameters<typeof Struct.fromJavaScript>[0]);
}
