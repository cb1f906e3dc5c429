import { readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { afterAll, describe, expect, test, vi } from "vitest";
import { MARKER } from "../../harness/markdown";
import { previewOnly } from "../../rehearsal/previewOnly";

/** What a fork's pull request gets: no machines, no account, nothing that was up before. */
describe("the preview without machines", () => {
  const before = { ...process.env };
  const leftovers = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith("archipelago-preview-"));
  afterAll(() => {
    process.env = before;
    vi.restoreAllMocks();
  });

  test("shows a region alone as the comment, without its broker being up, and leaves nothing", async () => {
    let written = "";
    vi.spyOn(process.stdout, "write").mockImplementation((text) => {
      written += String(text);
      return true;
    });
    const earlier = leftovers();
    expect(await previewOnly({ stacks: ["london"] })).toBe(0);
    expect(written.startsWith(`${MARKER}\n\n## Preview on emulated clouds: `)).toBe(true);
    expect(written).toMatch(/\| london \| civo LON1 \| \d{2} \| 0 \| 0 \| 0 \| 43\.45 \| to change \|/);
    expect(written).toContain("Policy packs: policy: no finding.");
    expect(written).not.toContain("| broker |");
    expect(written).toContain("`london-server` (`civo:index/instance:Instance`)");
    expect(leftovers()).toEqual(earlier);
  });
});
