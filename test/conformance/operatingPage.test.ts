import { describe, expect, test } from "vitest";
import { CLOUD_FACTS } from "../../plan/clouds";
import { FAULT_KINDS, FAULTS } from "../../plan/faults";
import { CLOUDS } from "../../plan/types";
import { pageTable } from "./pageTable";

const rows = (mark: string): string[][] => pageTable("docs/operating.md", mark);

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
