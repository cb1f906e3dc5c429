import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { CLOUD_FACTS } from "../../plan/clouds";
import { FAULT_KINDS, FAULTS } from "../../plan/faults";
import { CLOUDS } from "../../plan/types";

const PAGE = readFileSync(join(__dirname, "../../docs/operating.md"), "utf8");

/** Rows of the table between two marks, cell by cell, without its head. */
function rows(mark: string): string[][] {
  const text = new RegExp(`<!-- ${mark} -->\n([\\s\\S]*?)<!-- end -->`).exec(PAGE)?.[1];
  if (!text) throw new Error(`docs/operating.md has no table "${mark}"`);
  const lines = text.split("\n").filter((line) => line.startsWith("|"));
  return lines.slice(2).map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

describe("the page on operating", () => {
  test("lists every refusal of a cloud with what the program says of it", () => {
    expect(rows("faults")).toEqual(
      FAULT_KINDS.map((kind) => {
        const { means, act, waits } = FAULTS[kind];
        return [kind, means("the cloud", ""), act, waits ? "perhaps" : "no, but it goes on then"];
      }),
    );
  });

  test("lists what to do at each cloud", () => {
    expect(rows("faults by cloud")).toEqual(
      CLOUDS.map((cloud) => [
        CLOUD_FACTS[cloud].label,
        ...(["quota", "credentials", "permission"] as const).map((kind) => FAULTS[kind].details?.[cloud]),
      ]),
    );
  });
});
