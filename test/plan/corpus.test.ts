import * as fs from "node:fs";
import * as path from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { checkTopology, renderFinding } from "../../plan/check";
import { RULES } from "../../plan/rules";
import { topologyWith } from "./fixtures";

const ROOT = path.resolve(__dirname, "../..");
const FOLDER = path.join(ROOT, "test/fixtures/topologies");

interface Fixture {
  rule: string;
  /** Laid over the tree's own topology on clouds, with what a user has to fill in (test/plan/fixtures.ts). */
  overlay: object;
  expect: { place: string; contains: string }[];
}

const names = fs.readdirSync(FOLDER).map((file) => path.basename(file, ".yaml"));
const read = (name: string) => parse(fs.readFileSync(path.join(FOLDER, `${name}.yaml`), "utf8")) as Fixture;

describe("the corpus of invalid topologies", () => {
  test("has one file for each rule, and none for anything else", () => {
    expect([...names].sort()).toEqual(Object.keys(RULES).sort());
    expect(names.length).toBeGreaterThanOrEqual(60);
    for (const name of names) expect(read(name).rule).toBe(name);
  });

  test.each(names)("%s is found at its places and with its words, and nothing else is found", (name) => {
    const fixture = read(name);
    expect(fixture.expect.length).toBeGreaterThan(0);
    const found = checkTopology(topologyWith(fixture.overlay));
    expect(found.map(({ place, rule }) => `${rule} at ${place}`).sort()).toEqual(
      fixture.expect.map(({ place }) => `${name} at ${place}`).sort(),
    );
    for (const { place, contains } of fixture.expect) {
      const finding = found.find((one) => one.place === place)!;
      expect(renderFinding(finding)).toContain(contains);
      expect(finding.severity).toBe(RULES[finding.rule].severity);
      for (const part of [finding.value, finding.allowed, finding.remedy]) expect(part).not.toBe("");
    }
  });

  test("has a line for each rule in docs/topology.md, with its severity and what must hold", () => {
    const text = fs.readFileSync(path.join(ROOT, "docs/topology.md"), "utf8");
    const lines = text.split("\n").flatMap((line) => {
      const cells = line.split("|").map((cell) => cell.trim());
      return /^`[a-z-]+`$/.test(cells[1] ?? "") && cells.length === 5 ? [cells.slice(1, 4)] : [];
    });
    const rules = Object.entries<{ severity: string; holds: string; unlessAccepted?: true }>(RULES);
    expect(lines).toEqual(
      rules.map(([name, { severity, holds, unlessAccepted }]) => [
        `\`${name}\``,
        unlessAccepted ? "error unless accepted" : severity,
        holds,
      ]),
    );
  });
});
