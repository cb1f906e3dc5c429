import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  artifactFolder,
  folderBytes,
  hashInputs,
  isCached,
  obtainArtifact,
  type Recipe,
} from "../../rehearsal/artifacts/cache";

let cache: string;
beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), "archipelago-cache-"));
});
afterEach(() => rm(cache, { recursive: true }));

const recipe = (over: Partial<Recipe> = {}): Recipe => ({
  name: "thing",
  inputs: { version: "1" },
  estimatedSeconds: 1,
  estimatedBytes: 1,
  make: async (folder) => {
    await writeFile(join(folder, "file"), "content");
    return "built";
  },
  ...over,
});

/** A process id that no process has. */
const DEAD = 2 ** 22 - 1;

describe("hashInputs", () => {
  it("does not depend on the order of the inputs", () => {
    expect(hashInputs({ a: "1", b: "2" })).toBe(hashInputs({ b: "2", a: "1" }));
  });

  it("tells any two different sets of inputs apart, also where their text runs together", () => {
    expect(hashInputs({ a: "bc" })).not.toBe(hashInputs({ ab: "c" }));
    expect(hashInputs({ a: "1", b: "2" })).not.toBe(hashInputs({ a: "1b2" }));
    const inputs = fc.dictionary(fc.string(), fc.string());
    fc.assert(
      fc.property(inputs, inputs, (one, other) => {
        const same = JSON.stringify(Object.entries(one).sort()) === JSON.stringify(Object.entries(other).sort());
        expect(hashInputs(one) === hashInputs(other)).toBe(same);
      }),
    );
  });
});

describe("obtainArtifact", () => {
  it("makes an artifact once and finds it in the cache afterwards", async () => {
    const first = await obtainArtifact(cache, recipe());
    const second = await obtainArtifact(cache, recipe({ make: () => Promise.reject(new Error("made twice")) }));
    expect(first.report).toMatchObject({ name: "thing", source: "built", bytes: 7 });
    expect(second.report).toMatchObject({ name: "thing", source: "cached", bytes: 7 });
    expect(second.folder).toBe(first.folder);
    expect(await readdir(join(cache, "artifacts"))).toEqual([first.folder.split("/").at(-1)]);
  });

  it("makes it again when an input changes, and keeps the old one", async () => {
    const one = await obtainArtifact(cache, recipe());
    const two = await obtainArtifact(cache, recipe({ inputs: { version: "2" } }));
    expect(two.folder).not.toBe(one.folder);
    expect(existsSync(one.folder)).toBe(true);
  });

  it("leaves nothing under the final name when making it fails", async () => {
    const failing = recipe({
      make: async (folder) => {
        await writeFile(join(folder, "half"), "");
        throw new Error("no network");
      },
    });
    await expect(obtainArtifact(cache, failing)).rejects.toThrow("no network");
    expect(await isCached(cache, failing)).toBe(false);
    expect(await readdir(join(cache, "artifacts"))).toEqual([]);
  });

  it("starts afresh after a run that was killed in the middle", async () => {
    const folder = artifactFolder(cache, recipe());
    await mkdir(`${folder}.draft-${DEAD}`, { recursive: true });
    await writeFile(join(`${folder}.draft-${DEAD}`, "half"), "half a file");
    await writeFile(`${folder}.lock`, String(DEAD));
    const { report } = await obtainArtifact(cache, recipe());
    expect(report.source).toBe("built");
    expect(await readdir(join(cache, "artifacts"))).toEqual([folder.split("/").at(-1)]);
    expect(await readdir(folder)).toEqual(["file"]);
  });

  it("makes it again when it is no longer intact", async () => {
    const { folder } = await obtainArtifact(cache, recipe());
    await writeFile(join(folder, "file"), "spoiled");
    const isIntact = async (f: string) => (await readFile(join(f, "file"), "utf8")) === "content";
    expect((await obtainArtifact(cache, recipe({ isIntact }))).report.source).toBe("built");
    expect(await readFile(join(folder, "file"), "utf8")).toBe("content");
  });

  it("makes it once when two ask for it at the same time", async () => {
    let made = 0;
    const slow = recipe({
      make: async (folder) => {
        made++;
        await new Promise((resolve) => setTimeout(resolve, 100));
        await writeFile(join(folder, "file"), "content");
        return "built";
      },
    });
    const sources = (await Promise.all([obtainArtifact(cache, slow), obtainArtifact(cache, slow)])).map(
      (o) => o.report.source,
    );
    expect(made).toBe(1);
    expect(sources.sort()).toEqual(["built", "cached"]);
  });
});

describe("folderBytes", () => {
  it("counts a file with two names once", async () => {
    await mkdir(join(cache, "sub"));
    await writeFile(join(cache, "one"), "12345");
    const { link } = await import("node:fs/promises");
    await link(join(cache, "one"), join(cache, "sub", "two"));
    expect(await folderBytes(cache)).toBe(5);
  });
});
