import type { Props } from "./contract";
import { isObject } from "./encoding";

/** Where a property lies: object keys as strings, list positions as numbers, "*" for every one. */
export type Path = (string | number)[];

export interface Change {
  path: Path;
  kind: "add" | "delete" | "update";
  /** What was added or deleted, which may be a whole object. */
  value?: unknown;
}

/** Reads `a.b[0]["c.d"]`, the engine's way to write a path. */
export function parsePath(text: string): Path {
  const path: Path = [];
  for (const [, name, index, quoted] of text.matchAll(/([^.[\]]+)|\[(\d+|\*)\]|\["((?:[^"\\]|\\.)*)"\]/g)) {
    if (name !== undefined) path.push(name);
    else if (quoted !== undefined) path.push(quoted.replace(/\\(.)/g, "$1"));
    else path.push(index === "*" ? "*" : Number(index));
  }
  return path;
}

/** The reverse of parsePath. */
export function renderPath(path: Path): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === "number") return `${text}[${part}]`;
    if (!/^[A-Za-z_$][\w$-]*$/.test(part)) return `${text}[${JSON.stringify(part)}]`;
    return text === "" ? part : `${text}.${part}`;
  }, "");
}

/** Whether `prefix` names the property itself or something it lies in. */
export function startsWith(path: Path, prefix: Path): boolean {
  return prefix.length <= path.length && prefix.every((part, at) => part === "*" || part === path[at]);
}

/** Whether the change concerns the property: lies in it, or adds or deletes an object that has it. */
export function touches(change: Change, property: Path): boolean {
  if (startsWith(change.path, property)) return true;
  const rest = property.slice(change.path.length);
  return matches(change.path, property.slice(0, change.path.length)) && has(change.value, rest);
}

const matches = (path: Path, pattern: Path): boolean => path.length === pattern.length && startsWith(path, pattern);

function has(value: unknown, [part, ...rest]: Path): boolean {
  if (part === undefined) return !isAbsent(value);
  if (Array.isArray(value)) return (part === "*" ? value : [value[Number(part)]]).some((item) => has(item, rest));
  return isObject(value) && has(value[part], rest);
}

/** Every property that differs, at the deepest place where it does. Keys beginning with `__` are the engine's business. */
export function listChanges(olds: Props, news: Props): Change[] {
  const changes: Change[] = [];
  const visit = (old: unknown, now: unknown, path: Path): void => {
    if (isAbsent(old) && isAbsent(now)) return;
    if (isAbsent(old)) changes.push({ path, kind: "add", value: now });
    else if (isAbsent(now)) changes.push({ path, kind: "delete", value: old });
    else if (Array.isArray(old) && Array.isArray(now)) {
      for (let at = 0; at < Math.max(old.length, now.length); at++) visit(old[at], now[at], [...path, at]);
    } else if (isObject(old) && isObject(now)) {
      const keys = new Set([...Object.keys(old), ...Object.keys(now)].filter((key) => !key.startsWith("__")));
      for (const key of keys) visit(old[key], now[key], [...path, key]);
    } else if (old !== now) changes.push({ path, kind: "update" });
  };
  visit(olds, news, []);
  return changes;
}

// null and absent mean the same to every cloud: "not given".
const isAbsent = (value: unknown): value is null | undefined => value === undefined || value === null;
