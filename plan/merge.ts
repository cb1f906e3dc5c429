/** Plain data laid over plain data: objects are merged by key, everything else (lists too) is replaced; null removes. */
export function mergeData(base: unknown, over: unknown): unknown {
  if (over === undefined) return base;
  if (!isObject(over)) return over;
  const merged: Record<string, unknown> = isObject(base) ? { ...base } : {};
  for (const [key, value] of Object.entries(over)) {
    if (value === null) delete merged[key];
    else merged[key] = mergeData(merged[key], value);
  }
  return merged;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
