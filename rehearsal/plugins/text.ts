/** A value of unknown type as text, for messages and comparisons: a string as it is, all else as JSON. */
export const text = (value: unknown): string =>
  typeof value === "string" ? value : (JSON.stringify(value) ?? "undefined");
