import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { chooseEngine } from "../../harness/engine";
import { prepareProject } from "../../harness/project";
import { PROJECT_FOLDER } from "../../harness/topology";
import { mergeData } from "../../plan/merge";
import { RULES } from "../../policy/pack";
import { obtainArtifacts } from "../../rehearsal/artifacts";
import { cloudPackages } from "../../rehearsal/clouds";
import { Store } from "../../rehearsal/clouds/store";
import { planOverlay } from "../../rehearsal/overlay";
import { kubernetesPackage } from "../../rehearsal/plugins/kubernetes";
import { randomPackage } from "../../rehearsal/plugins/random";
import { serve, type Served } from "../../rehearsal/plugins/server";
import { tlsPackage } from "../../rehearsal/plugins/tls";
import { PretendMachines } from "../program/pretendMachines";

const PACK = join(PROJECT_FOLDER, "policy");

interface Ended {
  code: number | null;
  text: string;
}

describe("the policy pack, by the real engine, on emulated clouds without machines", () => {
  const folder = mkdtempSync(join(tmpdir(), "archipelago-policy-"));
  const project = join(folder, "project");
  const machines = new PretendMachines();
  const store = new Store();
  let served: Served;
  let engine: string;

  /** One run of the engine, as a person at a shell would start it. */
  const pulumi = (cwd: string, ...words: string[]): Promise<Ended> =>
    new Promise((resolve, reject) => {
      const child = spawn(engine, [...words, "--non-interactive", "--color=never"], { cwd });
      let text = "";
      const note = (chunk: Buffer) => void (text += chunk.toString());
      child.stdout.on("data", note);
      child.stderr.on("data", note);
      child.once("error", reject);
      child.once("close", (code) => resolve({ code, text }));
    });
  const preview = (stack: string, ...more: string[]) =>
    pulumi(project, "preview", "--stack", stack, "--policy-pack", PACK, ...more);

  const overlayWith = (over: object): void =>
    writeFileSync(join(folder, "overlay.json"), JSON.stringify(mergeData(REHEARSED, over)));

  beforeAll(async () => {
    const artifacts = await obtainArtifacts({
      only: ["engine", "manifests"],
      onProgress: (line) => console.error(line),
    });
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
    });
    overlayWith({});
    prepareProject(PROJECT_FOLDER, project);
    engine = (await chooseEngine()).path;
    for (const stack of ["broker", "oregon"]) await pulumi(project, "stack", "init", stack);
  });

  afterAll(async () => {
    await served?.close();
    await machines.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test("lets the program's own stacks through before anything is up", async () => {
    for (const stack of ["broker", "oregon"]) {
      const { code, text } = await preview(stack);
      expect(text).toMatch(/archipelago@v[\d.]+ .*local/);
      expect(text).not.toMatch(/\[(mandatory|advisory)\]/);
      expect(code, text).toBe(0);
    }
    expect(machines.created).toEqual([]);
  });

  test("lets them be put up, when every secret is known, and finds each of them sealed", async () => {
    for (const stack of ["broker", "oregon"]) {
      const { code, text } = await pulumi(
        project,
        "up",
        "--yes",
        "--skip-preview",
        "--stack",
        stack,
        "--policy-pack",
        PACK,
      );
      expect(text).not.toMatch(/\[(mandatory|advisory)\]/);
      expect(code, text).toBe(0);
    }
    expect([...machines.created].sort()).toEqual(["broker-server", "oregon-server", "oregon-worker-1"]);
    const { code, text } = await preview("oregon", "--expect-no-changes");
    expect(code, text).toBe(0);
  });

  test("blocks a preview that would open a region's API to everybody, and says where", async () => {
    overlayWith({ adminCidrs: ["0.0.0.0/0"] });
    const { code, text } = await preview("oregon");
    overlayWith({});
    expect(code).not.toBe(0);
    expect(text).toMatch(/\[mandatory\].*no-management-port-open-to-the-world/);
    expect(text).toContain("opens the Kubernetes API for everybody (0.0.0.0/0)");
    // The broker's is stated in the plan, so it is never named.
    expect(text).not.toContain("broker-server");
  });

  test("blocks an unsafe Submariner and unprotected data where the clouds are live", async () => {
    overlayWith({
      world: "clouds",
      clusters: { tokyo: { cloud: "linode", place: "jp-tyo-3", nodeCidr: "10.50.0.0/24", account: undefined } },
    });
    const { code, text } = await preview("oregon");
    overlayWith({});
    expect(code).not.toBe(0);
    expect(text).toMatch(/\[mandatory\].*submariner-version-safe/);
    expect(text).toMatch(/\[mandatory\].*stateful-resources-protected/);
    expect(text).toMatch(/oregon-worker-1: database replica 0 and 2, not protected/);
  });

  test("reads its settings: a warning can be made to block, with further tags", async () => {
    const config = join(folder, "settings.json");
    writeFileSync(config, JSON.stringify({ "tags-present": { enforcementLevel: "mandatory", keys: ["owner"] } }));
    const { code, text } = await preview("oregon", "--policy-pack-config", config);
    expect(code).not.toBe(0);
    expect(text).toMatch(/\[mandatory\].*tags-present/);
    expect(text).toContain("oregon-server.tags: no owner");
  });

  test("blocks a careless program at every point at once", async () => {
    const careless = join(folder, "careless");
    mkdirSync(careless);
    symlinkSync(join(PROJECT_FOLDER, "node_modules"), join(careless, "node_modules"));
    writeFileSync(
      join(careless, "Pulumi.yaml"),
      stringify({
        name: "careless",
        runtime: { name: "nodejs", options: { typescript: false } },
        main: "main.cjs",
        plugins: { analyzers: [{ name: "policy-archipelago", path: PACK }] },
      }),
    );
    writeFileSync(join(careless, "main.cjs"), CARELESS);
    await pulumi(careless, "stack", "init", "oregon");
    const { code, text } = await pulumi(careless, "preview", "--stack", "oregon", "--policy-pack", PACK);
    expect(code).not.toBe(0);
    for (const policy of [
      "no-management-port-open-to-the-world",
      "disks-encrypted",
      "metadata-service-version-2",
      "tags-present",
      "volumes-retained",
      "secrets-are-secret",
      "no-secret-in-state",
    ]) {
      expect(RULES.map(({ name }) => name)).toContain(policy);
      expect(text).toContain(policy);
    }
    expect(text).toContain("opens SSH for everybody");
    expect(text).not.toContain("hunter2");
  });
});

const REHEARSED = planOverlay({
  cableDriver: "vxlan",
  databaseImage: "archipelago.internal/cockroachdb-stand-in:v25.4.14",
  databaseStandIn: true,
});

/** What nobody should write. */
const CARELESS = `
const ec2 = require("@pulumi/aws/ec2");
const vpc = require("@pulumi/aws/vpc");
const k8s = require("@pulumi/kubernetes");
const group = new ec2.SecurityGroup("group", {});
new vpc.SecurityGroupIngressRule("ssh", {
  securityGroupId: group.id, ipProtocol: "tcp", fromPort: 20, toPort: 23, cidrIpv4: "0.0.0.0/0",
});
new ec2.Instance("machine", {
  ami: "ami-1", instanceType: "t3.large", userData: "#!/bin/bash\\nPASSWORD=hunter2",
  rootBlockDevice: { encrypted: false }, metadataOptions: { httpTokens: "optional" },
});
new k8s.core.v1.PersistentVolume("volume", { spec: { persistentVolumeReclaimPolicy: "Delete" } });
module.exports = { kubeconfig: "users: []" };
`;
