import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { chooseEngine, findOnPath, isAtLeast, MINIMUM_ENGINE, renderEngine } from "../../harness/engine";

let folder: string;
const path = process.env.PATH;

/** A `pulumi` that only knows its version. */
function pretendEngine(name: string, version: string, languageHost = true): string {
  mkdirSync(join(folder, name));
  const engine = join(folder, name, "pulumi");
  writeFileSync(engine, `#!/bin/sh\necho ${version}\n`);
  chmodSync(engine, 0o755);
  if (languageHost) writeFileSync(join(folder, name, "pulumi-language-nodejs"), "", { mode: 0o755 });
  return engine;
}

beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "archipelago-"))));
afterEach(() => {
  process.env.PATH = path;
  rmSync(folder, { recursive: true });
});

describe("engine", () => {
  it("is the one on PATH if it is new enough", async () => {
    const engine = pretendEngine("new", "v3.250.0");
    process.env.PATH = `${join(folder, "new")}:/usr/bin:/bin`;
    const obtainEngine = vi.fn();
    const chosen = await chooseEngine({ obtainEngine, download: false });
    expect(chosen).toMatchObject({ path: engine, version: "3.250.0", source: "path" });
    expect(renderEngine(chosen)).toBe(`engine: real pulumi 3.250.0, found on PATH (${engine})`);
    expect(obtainEngine).not.toHaveBeenCalled();
  });

  it("is built when the one on PATH is too old, and comes first on PATH then", async () => {
    pretendEngine("old", "v3.100.0");
    const built = pretendEngine("built", "v3.250.0");
    process.env.PATH = `${join(folder, "old")}:/usr/bin:/bin`;
    const chosen = await chooseEngine({ obtainEngine: () => Promise.resolve(built), download: false });
    expect(chosen).toMatchObject({ path: built, version: "3.250.0", source: "built" });
    expect(findOnPath("pulumi")).toBe(built);
  });

  it("that cannot be had ends in one message with everything that was tried", async () => {
    pretendEngine("old", "v3.100.0");
    process.env.PATH = `${join(folder, "old")}:/usr/bin:/bin`;
    await expect(chooseEngine({ download: false })).rejects.toThrow(`3.100.0 on PATH is older than ${MINIMUM_ENGINE}`);
    process.env.PATH = "/usr/bin:/bin";
    await expect(chooseEngine({ download: false })).rejects.toThrow("no pulumi on PATH");
  });

  it("without its language host is refused before any stack is touched", async () => {
    pretendEngine("half", "v3.250.0", false);
    process.env.PATH = `${join(folder, "half")}:/usr/bin:/bin`;
    await expect(chooseEngine({ download: false })).rejects.toThrow("no Node language host");
  });

  it.each([
    ["3.240.0", true],
    ["v3.250.1", true],
    ["4.0.0", true],
    ["3.239.9", false],
    ["3.241.0-alpha.1", true],
    ["dev", false],
  ])("version %s is new enough: %s", (version, expected) => expect(isAtLeast(version, MINIMUM_ENGINE)).toBe(expected));
});
