import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { chooseEngine } from "../../harness/engine";
import { runPreview } from "../../harness/fleet";
import { prepareProject } from "../../harness/project";
import { PROJECT_FOLDER } from "../../harness/topology";
import { obtainArtifacts } from "../../rehearsal/artifacts";
import { cloudPackages } from "../../rehearsal/clouds";
import { Store } from "../../rehearsal/clouds/store";
import { kubernetesPackage } from "../../rehearsal/plugins/kubernetes";
import { randomPackage } from "../../rehearsal/plugins/random";
import { serve, type Served } from "../../rehearsal/plugins/server";
import { tlsPackage } from "../../rehearsal/plugins/tls";
import { mergeData } from "../../plan/merge";
import { PretendMachines } from "./pretendMachines";

const CLOUDS = {
  world: "clouds",
  adminCidrs: ["203.0.113.7/32"],
  clusters: { ashburn: { account: "ocid1.compartment.oc1..emulated" } },
};

describe("findings of the plan, by the real engine, for the world of clouds", () => {
  const folder = mkdtempSync(join(tmpdir(), "archipelago-warnings-"));
  const machines = new PretendMachines();
  let served: Served;
  let pulumi: string;

  const overlay = (over: object) =>
    writeFileSync(join(folder, "overlay.json"), JSON.stringify(mergeData(CLOUDS, over)));
  /** The words of a plain `pulumi preview`, and whether it succeeded. */
  const preview = (stack: string): Promise<{ text: string; ok: boolean }> =>
    promisify(execFile)(pulumi, ["preview", "--non-interactive", "-s", stack, "--cwd", join(folder, "project")]).then(
      ({ stdout, stderr }) => ({ text: stdout + stderr, ok: true }),
      ({ stdout, stderr }: { stdout: string; stderr: string }) => ({ text: stdout + stderr, ok: false }),
    );
  const count = (text: string, words: string) => text.split(words).length - 1;

  beforeAll(async () => {
    const artifacts = await obtainArtifacts({
      only: ["engine", "manifests"],
      onProgress: (line) => console.error(line),
    });
    const store = new Store();
    served = await serve([...cloudPackages({ store, machines }), kubernetesPackage(), randomPackage(), tlsPackage()]);
    Object.assign(process.env, {
      PATH: `${artifacts.binFolder}:${process.env.PATH}`,
      PULUMI_HOME: join(folder, "home"),
      PULUMI_BACKEND_URL: `file://${folder}`,
      PULUMI_CONFIG_PASSPHRASE: "for this test alone",
      PULUMI_SKIP_UPDATE_CHECK: "true",
      PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
      PULUMI_DEBUG_PROVIDERS: served.debugProviders,
      ARCHIPELAGO_OVERLAY: join(folder, "overlay.json"),
      ARCHIPELAGO_MANIFESTS: artifacts.manifestsFolder,
      ARCHIPELAGO_PROJECT: join(folder, "project"),
    });
    prepareProject(PROJECT_FOLDER, join(folder, "project"));
    pulumi = (await chooseEngine()).path;
  });

  afterAll(async () => {
    await served?.close();
    await machines.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test("the harness shows each warning once for the fleet, and fails nothing", async () => {
    overlay({});
    const said: string[] = [];
    const report = await runPreview({
      stacks: ["broker", "london", "tokyo"],
      screen: { write: (text) => said.push(text) },
    });
    expect(report.stacks.map(({ outcome }) => outcome)).not.toContain("failed");
    const text = said.join("");
    expect(count(text, "[database-licence]")).toBe(1);
    expect(count(text, "clusters.london and clusters.tokyo: London–Tokyo 214 ms")).toBe(1);
  });

  test("a plain preview shows a stack its own warnings and the fleet's, each once, and succeeds", async () => {
    overlay({});
    const { text, ok } = await preview("broker");
    expect(ok, text).toBe(true);
    // The CLI prints what is said while it works, and again in its summary.
    const summary = text.slice(text.indexOf("\nDiagnostics:"));
    expect(count(summary, "[database-licence]"), text).toBe(1);
    expect(text).not.toContain("[round-trip]");
  });

  test("a plain preview stops at errors before any cloud is asked, with all of them at once and no stack trace", async () => {
    overlay({ domain: "internal", clusters: { oregon: { podCidr: "10.128.0.0/16" } } });
    const { text, ok } = await preview("broker");
    expect(ok).toBe(false);
    for (const rule of ["domain", "cidr-overlap", "database-licence", "round-trip"]) {
      expect(text).toContain(`[${rule}]`);
    }
    expect(text).toContain("docs/topology.md");
    expect(text).not.toMatch(/\n\s+at .+:\d+:\d+/);
    expect(machines.created).toEqual([]);
  });
});
