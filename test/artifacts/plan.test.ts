import { linkSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { planArtifacts, renderPulse, renderReport, renderStart } from "../../rehearsal/artifacts";
import { renderContainersConf, renderStorageConf, writeWhole } from "../../rehearsal/podman";

const before = { ...process.env };
let cache: string;
beforeAll(() => {
  cache = mkdtempSync(join(tmpdir(), "archipelago-plan-"));
  process.env.ARCHIPELAGO_CACHE = cache;
  // nobody is asked whether releases can be had
  process.env.ARCHIPELAGO_SOURCE = "modules";
});
afterAll(() => {
  process.env = before;
  rmSync(cache, { recursive: true });
});

describe("planArtifacts", () => {
  it("lists every artifact with its cost, and finds nothing in an empty cache", async () => {
    const plan = await planArtifacts();
    expect(plan.map((a) => a.name)).toEqual(
      expect.arrayContaining(["pulumi", "kubernetes", "submariner-operator", "debian", "machine-image", "manifests"]),
    );
    for (const artifact of plan) {
      expect(artifact.cached, artifact.name).toBe(false);
      expect(artifact.estimatedSeconds, artifact.name).toBeGreaterThan(0);
      expect(artifact.estimatedBytes, artifact.name).toBeGreaterThan(0);
    }
  });
});

describe("progress lines", () => {
  it("say name, source, seconds and size", () => {
    expect(renderReport({ name: "etcd", source: "built", seconds: 23.4, bytes: 24_793_250 })).toMatch(
      /^etcd +built +23 s +25 MB$/,
    );
    expect(renderReport({ name: "kubernetes", source: "built", seconds: 433, bytes: 172e6 })).toMatch(
      / 7 min +172 MB$/,
    );
    expect(renderReport({ name: "manifests", source: "downloaded", seconds: 1, bytes: 112e3 })).toMatch(/ 112 kB$/);
  });

  it("say beforehand and every minute how long it will take", () => {
    expect(renderStart({ name: "kubernetes", estimatedSeconds: 440 })).toMatch(/^kubernetes .*about 7 min/);
    expect(renderPulse({ name: "kubernetes", estimatedSeconds: 440 }, 180)).toMatch(
      /^kubernetes .*3 min of about 7 min$/,
    );
  });
});

describe("podman's configuration", () => {
  it("keeps everything below the folders given to it", () => {
    const text = renderStorageConf("/cache/podman", "/run/p") + renderContainersConf("/cache/podman", "/run/p");
    const paths = [...text.matchAll(/= "(\/[^"]*)"/g)].map((m) => m[1] ?? "");
    expect(paths.length).toBeGreaterThan(4);
    for (const path of paths) expect(path).toMatch(/^\/(cache\/podman|run\/p)\//);
  });

  it("is never seen half written by a podman that starts meanwhile: a file is put in place whole, or left alone", () => {
    const path = join(cache, "some.conf");
    writeWhole(path, "old");
    // Whoever has opened the old file reads it to its end.
    linkSync(path, `${path}.opened`);
    writeWhole(path, "new");
    expect([readFileSync(`${path}.opened`, "utf8"), readFileSync(path, "utf8")]).toEqual(["old", "new"]);
    const { ino } = statSync(path);
    writeWhole(path, "new");
    expect(statSync(path).ino).toBe(ino);
    expect(readdirSync(cache).filter((name) => name.includes("draft"))).toEqual([]);
  });
});
