import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { parseKubeconfig, writeKubeconfigs } from "../../harness/kubeconfig";
import { planStackSettings, prepareProject, projectFolder } from "../../harness/project";
import { assertPassphrase } from "../../harness/workspace";

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "archipelago-"))));
afterEach(() => rmSync(folder, { recursive: true }));

const read = (path: string): Record<string, unknown> => parse(readFileSync(path, "utf8")) as Record<string, unknown>;

describe("project", () => {
  it("runs the original program from a folder with stack files of its own", () => {
    const copy = join(folder, "copy");
    writeFileSync(join(folder, "Pulumi.yaml"), "name: archipelago\nruntime: nodejs\n");
    writeFileSync(join(folder, "Pulumi.london.yaml"), "encryptionsalt: v1:theirs\nconfig:\n  a:b: 1\n");
    prepareProject(folder, copy);
    expect(read(join(copy, "Pulumi.yaml"))).toEqual({ name: "archipelago", runtime: "nodejs", main: folder });
    expect(read(join(copy, "Pulumi.london.yaml"))).toEqual({ config: { "a:b": 1 } });

    // The engine adds its salt; the user edits the original.
    writeFileSync(join(copy, "Pulumi.london.yaml"), "encryptionsalt: v1:ours\nconfig:\n  a:b: 1\n");
    writeFileSync(join(folder, "Pulumi.london.yaml"), "encryptionsalt: v1:theirs\nconfig:\n  a:b: 2\n");
    prepareProject(folder, copy);
    expect(read(join(copy, "Pulumi.london.yaml"))).toEqual({ encryptionsalt: "v1:ours", config: { "a:b": 2 } });
    expect(readFileSync(join(folder, "Pulumi.london.yaml"), "utf8")).toContain("v1:theirs");
  });

  it("names the policy pack's plugin by a path that holds from the copy, too", () => {
    writeFileSync(
      join(folder, "Pulumi.yaml"),
      "name: archipelago\nplugins:\n  analyzers:\n    - name: policy-archipelago\n      path: policy\n",
    );
    prepareProject(folder, join(folder, "copy"));
    expect(read(join(folder, "copy", "Pulumi.yaml")).plugins).toEqual({
      analyzers: [{ name: "policy-archipelago", path: join(folder, "policy") }],
    });
  });

  it("leaves out values that only the user's own passphrase opens", () => {
    const original = {
      secretsprovider: "awskms://x",
      config: { "aws:token": { secure: "v1:abc" }, "a:b": { c: [{ secure: "x" }, 1] } },
    };
    expect(planStackSettings(original, {})).toEqual({ config: { "a:b": { c: [1] } } });
  });

  it("keeps secrets that were set in the copy, which its own salt opens", () => {
    const original = { encryptionsalt: "v1:theirs", config: { "a:b": 2, "a:token": { secure: "v1:theirs" } } };
    const kept = { encryptionsalt: "v1:ours", config: { "a:b": 1, "a:kubeconfig": { secure: "v1:ours" } } };
    expect(planStackSettings(original, kept)).toEqual({
      encryptionsalt: "v1:ours",
      config: { "a:b": 2, "a:kubeconfig": { secure: "v1:ours" } },
    });
    expect(planStackSettings({}, kept).config).toEqual({ "a:kubeconfig": { secure: "v1:ours" } });
  });

  it("says what to do when ARCHIPELAGO_PROJECT names a folder that is gone", () => {
    process.env.ARCHIPELAGO_PROJECT = join(folder, "gone");
    try {
      expect(() => projectFolder()).toThrow(/no Pulumi.yaml in .*gone/);
    } finally {
      delete process.env.ARCHIPELAGO_PROJECT;
    }
  });

  it("asks for a passphrase before the first stack fails for want of one", () => {
    expect(() => assertPassphrase({ PULUMI_BACKEND_URL: "file:///x" })).toThrow(/passphrase/);
    expect(() => assertPassphrase({ PULUMI_BACKEND_URL: "file:///x", PULUMI_CONFIG_PASSPHRASE: "" })).not.toThrow();
    expect(() => assertPassphrase({})).not.toThrow();
  });
});

describe("kubeconfigs", () => {
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  const text = JSON.stringify({
    "current-context": "london",
    contexts: [{ name: "london", context: { cluster: "c", user: "u" } }],
    clusters: [
      {
        name: "c",
        cluster: {
          server: "https://198.18.4.10:6443",
          "tls-server-name": "api.london",
          "certificate-authority-data": base64("CA"),
        },
      },
    ],
    users: [{ name: "u", user: { "client-certificate-data": base64("CERT"), "client-key-data": base64("KEY") } }],
  });

  it("are read with the name that the server's certificate carries", () => {
    expect(parseKubeconfig(text)).toEqual({
      host: "198.18.4.10",
      port: 6443,
      serverName: "api.london",
      ca: "CA",
      clientCertificate: "CERT",
      clientKey: "KEY",
      token: undefined,
    });
  });

  it("without an authority are refused", () => {
    expect(() => parseKubeconfig("{}")).toThrow(/kubeconfig/);
  });

  it("are written for their owner alone, also over an open file", () => {
    writeFileSync(join(folder, "london.yaml"), "old", { mode: 0o644 });
    const paths = writeKubeconfigs(folder, { london: text });
    expect(statSync(paths.london!).mode & 0o777).toBe(0o600);
    expect(readFileSync(paths.london!, "utf8")).toBe(text);
  });
});
