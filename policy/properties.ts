/** A resource's properties as plain data in which secrets and what is not yet known keep their marks. */

/** A value that is only known once a cloud has answered: nothing can be said of it in this preview. */
export const UNKNOWN = Symbol("unknown");

/** A value that the engine encrypts in the state and never shows. */
export class Sealed {
  constructor(readonly value: Property) {}
}

export type Property =
  null | boolean | number | string | typeof UNKNOWN | Sealed | Property[] | { [key: string]: Property | undefined };

export type Properties = Record<string, Property | undefined>;

/** Marks in the engine's wire format (github.com/pulumi/pulumi, sdk/nodejs/runtime/rpc.ts). */
const SIGNATURE = "4dabf18193072939515e22adb298388d";
const SECRET = "1b47061264138c4ac30d75fd1eb44270";
const UNKNOWNS = new Set([
  "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7", // boolean
  "3eeb2bf0-c639-47a8-9e75-3b44932eb421", // number
  "04da6b54-80e4-46f7-96ec-b56ff0331ba9", // string
  "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2", // array
  "030794c1-ac77-496b-92df-f27374a8bd58", // asset
  "e48ece36-62e2-4504-bad9-02848725956a", // archive
  "dd056dcd-154b-4c76-9bd3-c8f88648b5ff", // object
]);

/** What the engine sent, with its marks turned into `UNKNOWN` and `Sealed`. */
export function readProperty(sent: unknown): Property {
  if (typeof sent === "string") return UNKNOWNS.has(sent) ? UNKNOWN : sent;
  if (Array.isArray(sent)) return sent.map(readProperty);
  if (typeof sent === "object" && sent !== null) {
    const holder = sent as Record<string, unknown>;
    if (holder[SIGNATURE] === SECRET) return new Sealed(readProperty(holder.value));
    return readProperties(holder);
  }
  return typeof sent === "number" || typeof sent === "boolean" ? sent : null;
}

export const readProperties = (sent: Record<string, unknown>): Properties =>
  Object.fromEntries(Object.entries(sent).map(([key, value]) => [key, readProperty(value)]));

const open = (value: Property | undefined): Exclude<Property, Sealed> | undefined =>
  value instanceof Sealed ? open(value.value) : value;

/** The value at a path, sealed or not; undefined where the path ends early, UNKNOWN where it cannot be followed yet. */
export function at(holder: Property | undefined, ...path: (string | number)[]): Exclude<Property, Sealed> | undefined {
  let value = open(holder);
  for (const key of path) {
    if (value === UNKNOWN) return UNKNOWN;
    if (typeof value !== "object" || value === null) return undefined;
    value = open((value as Record<string | number, Property | undefined>)[key]);
  }
  return value;
}

/** A list at a path; empty when there is none or when it is not known yet. */
export function listAt(holder: Property | undefined, ...path: (string | number)[]): Property[] {
  const value = at(holder, ...path);
  return Array.isArray(value) ? value : [];
}

/** The texts of a list at a path, without those that are not known yet. */
export const textsAt = (holder: Property | undefined, ...path: (string | number)[]): string[] =>
  listAt(holder, ...path).flatMap((item) => (typeof item === "string" ? [item] : []));

/** A number, or a text that is one ("6443"). */
export function numberAt(holder: Property | undefined, ...path: (string | number)[]): number | undefined {
  const value = at(holder, ...path);
  if (typeof value === "number") return value;
  return typeof value === "string" && /^-?\d+$/.test(value) ? Number(value) : undefined;
}

/** A text found without a seal on it or above it, and where. */
export interface OpenText {
  path: string;
  text: string;
}

/** Every text that anybody can read who can read the state. */
export function openTexts(value: Property | undefined, path = ""): OpenText[] {
  if (typeof value === "string") return [{ path, text: value }];
  if (value instanceof Sealed || typeof value !== "object" || value === null) return [];
  const entries = Array.isArray(value)
    ? value.map((item, index) => [`${path}[${index}]`, item] as const)
    : Object.entries(value).map(([key, item]) => [path ? `${path}.${key}` : key, item] as const);
  return entries.flatMap(([place, item]) => openTexts(item, place));
}
