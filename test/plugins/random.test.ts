import { describe, expect, test } from "vitest";
import { Secret, type Props } from "../../rehearsal/plugins/contract";
import { randomPackage } from "../../rehearsal/plugins/random";
import { contextFor } from "./context";

const { resources } = randomPackage();

function kindOf(name: string) {
  const kind = resources[`random:index/random${name}:Random${name}`];
  if (!kind) throw new Error(name);
  return kind;
}
const make = (name: string, inputs: Props) => kindOf(name).create(contextFor("r"), inputs);
const textOf = (value: unknown): string => String(value instanceof Secret ? value.value : value);

describe("the random stand-in", () => {
  test("makes passwords of the length and classes asked for, as secrets", async () => {
    const inputs = { length: 20, special: false, minUpper: 3, minNumeric: 4 };
    const { outputs } = await make("Password", inputs);
    expect(outputs.result).toBeInstanceOf(Secret);
    const text = textOf(outputs.result);
    expect(text).toMatch(/^[A-Za-z0-9]{20}$/);
    expect(text.replace(/[^A-Z]/g, "").length).toBeGreaterThanOrEqual(3);
    expect(text.replace(/\D/g, "").length).toBeGreaterThanOrEqual(4);
  });

  test("keeps strings in clear, as the real plugin does, and within the characters given", async () => {
    const { id, outputs } = await make("String", {
      length: 30,
      upper: false,
      lower: false,
      numeric: false,
      overrideSpecial: "xy",
    });
    expect(outputs.result).toMatch(/^[xy]{30}$/);
    expect(id).toBe(outputs.result);
  });

  test("never makes the same value twice", async () => {
    const made = await Promise.all(Array.from({ length: 50 }, () => make("Bytes", { length: 16 })));
    expect(new Set(made.map(({ outputs }) => textOf(outputs.hex))).size).toBe(50);
  });

  test("gives bytes in two encodings of the same bytes", async () => {
    const { outputs } = await make("Bytes", { length: 48 });
    expect(Buffer.from(textOf(outputs.base64), "base64").toString("hex")).toBe(textOf(outputs.hex));
    expect(textOf(outputs.hex)).toHaveLength(96);
  });

  test("gives ids in four forms with their prefix", async () => {
    const { id, outputs } = await make("Id", { byteLength: 8, prefix: "p-" });
    expect(outputs.hex).toBe(`p-${Buffer.from(id, "base64url").toString("hex")}`);
    expect(outputs.dec).toBe(`p-${BigInt(`0x${Buffer.from(id, "base64url").toString("hex")}`)}`);
  });

  test("makes pets of as many words as asked", async () => {
    const { id } = await make("Pet", { length: 3, separator: "_", prefix: "isle" });
    expect(id).toMatch(/^isle_[a-z]+_[a-z]+_[a-z]+$/);
  });

  test("refuses a length below what the classes need", () => {
    const checked = kindOf("Password").check?.(contextFor("r"), { length: 3, minLower: 2, minUpper: 2 }, {});
    expect(checked?.failures).toEqual([expect.objectContaining({ property: "length" })]);
  });

  test("replaces on every change: no kind can be updated in place", () => {
    expect(Object.values(resources).every((kind) => kind.update === undefined)).toBe(true);
  });
});
