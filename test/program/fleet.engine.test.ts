import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { chooseEngine } from "../../harness/engine";
import { runDown, runPreview, runUp } from "../../harness/fleet";
import { prepareProject } from "../../harness/project";
import { PROJECT_FOLDER } from "../../harness/topology";
import { obtainArtifacts } from "../../rehearsal/artifacts";
import { cloudPackages } from "../../rehearsal/clouds";
import { Store } from "../../rehearsal/clouds/store";
import { writeOverlay } from "../../rehearsal/overlay";
import { kubernetesPackage } from "../../rehearsal/plugins/kubernetes";
import { randomPackage } from "../../rehearsal/plugins/random";
import { serve, type Served } from "../../rehearsal/plugins/server";
import { tlsPackage } from "../../rehearsal/plugins/tls";
import { PretendMachines } from "./pretendMachines";

const STACKS = ["broker", "oregon", "ashburn", "london", "tokyo"];
const screen = { write: (text: string) => process.stderr.write(text) };

describe("the program, by the real engine, on emulated clouds without machines", () => {
  const folder = mkdtempSync(join(tmpdir(), "archipelago-engine-"));
  const machines = new PretendMachines();
  const store = new Store();
  let served: Served;
  let pulumi: string;

  const exported = async (stack: string, ...more: string[]): Promise<string> => {
    const args = ["stack", "export", "--stack", stack, "--cwd", join(folder, "project"), ...more];
    return (await promisify(execFile)(pulumi, args, { maxBuffer: 256 * 1024 * 1024 })).stdout;
  };

  beforeAll(async () => {
    const artifacts = await obtainArtifacts({
      only: ["engine", "manifests"],
      onProgress: (line) => console.error(line),
    });
    served = await serve([...cloudPackages({ store, machines }), kubernetesPackage(), randomPackage(), tlsPackage()]);
    writeOverlay(join(folder, "overlay.json"), {
      cableDriver: "vxlan",
      databaseImage: "archipelago.internal/cockroachdb-stand-in:v25.4.14",
      databaseStandIn: true,
    });
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

  test("a preview before anything is up plans the broker, says that the regions wait for it, and creates nothing", async () => {
    const report = await runPreview({ screen });
    const expected = STACKS.map((s) => [s, s === "broker" ? "changed" : "stopped"]);
    expect(report.stacks.map((s) => [s.name, s.outcome])).toEqual(expected);
    expect(machines.created).toEqual([]);
  });

  test("five stacks come up, each machine once", async () => {
    const report = await runUp({ screen });
    expect(report.stacks.map((s) => [s.name, s.outcome, s.errors ?? []])).toEqual(
      STACKS.map((s) => [s, "changed", []]),
    );
    expect([...machines.created].sort()).toEqual(
      ["broker-server", "oregon-server", "oregon-worker-1", "ashburn-server", "london-server", "tokyo-server"].sort(),
    );
  });

  test("a second preview is empty in every stack", async () => {
    const report = await runPreview({ screen });
    expect(report.stacks.map((s) => [s.name, s.outcome, s.errors ?? []])).toEqual(
      STACKS.map((s) => [s, "unchanged", []]),
    );
  });

  test("no secret stands in clear in an exported state", async () => {
    for (const stack of STACKS) {
      const state = await exported(stack);
      expect(state).toContain("v1:"); // there are encrypted values at all
      expect(state).not.toMatch(/PRIVATE KEY/);
      for (const machine of machines.machines.values()) {
        const token = /[a-z0-9]{6}\.[a-z0-9]{16}/.exec(machine.spec.userData)?.[0];
        if (token) expect(state.includes(token), `bootstrap token of ${machine.cluster} in ${stack}`).toBe(false);
      }
      for (const region of STACKS.slice(1)) {
        const bearer = `token-broker-cluster-${region}`;
        expect(
          state.includes(bearer) || state.includes(Buffer.from(bearer).toString("base64")),
          `broker token of ${region} in ${stack}`,
        ).toBe(false);
      }
    }
  });

  test("a region's state holds its own entry of the broker's outputs and no other region's, not even encrypted", async () => {
    for (const region of STACKS.slice(1)) {
      const state = await exported(region, "--show-secrets");
      const holds = (token: string) => state.includes(token) || state.includes(Buffer.from(token).toString("base64"));
      const held = STACKS.slice(1).filter((other) => holds(`token-broker-cluster-${other}-token`));
      expect([region, held]).toEqual([region, [region]]);
      expect(state).not.toContain("join-");
    }
  });

  test("destroy leaves nothing in any cloud", async () => {
    const report = await runDown({ screen });
    expect(report.stacks.map((s) => [s.name, s.outcome, s.errors ?? []])).toEqual(
      STACKS.map((s) => [s, "changed", []]),
    );
    expect([...machines.machines.keys()]).toEqual([]);
    expect([...machines.segments.keys()]).toEqual([]);
    expect(store.list().map((o) => `${o.type} ${o.id}`)).toEqual([]);
  });
});
