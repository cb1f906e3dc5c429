import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { PROJECT_FOLDER } from "../../harness/topology";
import { RULES } from "../../policy/pack";
import { EmulatedWorld } from "../program/emulatedWorld";

const PACK = join(PROJECT_FOLDER, "policy");

describe("the policy pack, by the real engine, on emulated clouds without machines", () => {
  const world = new EmulatedWorld();
  const { machines } = world;
  const preview = (stack: string, ...more: string[]) =>
    world.pulumi(["preview", "--stack", stack, "--policy-pack", PACK, ...more]);
  /** The fleet as it would be on live clouds. */
  const live = (over: object = {}): void => world.overlay({ ...LIVE, ...over });

  beforeAll(async () => {
    await world.open();
    for (const stack of ["broker", "oregon"]) await world.pulumi(["stack", "init", stack]);
  });
  afterAll(() => world.close());

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
      const { code, text } = await world.pulumi([
        "up",
        "--yes",
        "--skip-preview",
        "--stack",
        stack,
        "--policy-pack",
        PACK,
      ]);
      expect(text).not.toMatch(/\[(mandatory|advisory)\]/);
      expect(code, text).toBe(0);
    }
    expect([...machines.created].sort()).toEqual(["broker-server", "oregon-server", "oregon-worker-1"]);
    const { code, text } = await preview("oregon", "--expect-no-changes");
    expect(code, text).toBe(0);
  });

  test("lets a region's API be open to everybody only where the topology accepts that", async () => {
    world.propose({ adminCidrs: ["0.0.0.0/0"], accepted: ["admin-open"] });
    const accepted = await preview("oregon");
    expect(accepted.code, accepted.text).toBe(0);
    expect(accepted.text).toContain("oregon-server-gateway-api-0-0-0-0-0");
    world.propose({ adminCidrs: ["0.0.0.0/0"] });
    const { code, text } = await preview("oregon");
    world.propose();
    expect(code).not.toBe(0);
    // The plan refuses it, and so does the pack that reads the same topology.
    expect(text).toMatch(/policy pack .* failed to start/);
  });

  test("blocks the program itself where live data would go unprotected, which the plan only warns of", async () => {
    live({ protectData: false });
    const { code, text } = await preview("oregon");
    world.propose();
    expect(code).not.toBe(0);
    expect(text).toMatch(/\[mandatory\].*stateful-resources-protected/);
    expect(text).toMatch(/oregon-worker-1: database replica 0 and 2, not protected/);
    expect(text).not.toContain("submariner-version-safe");
  });

  test("reads its settings: a warning can be made to block, further tags, a lower cost ceiling", async () => {
    const config = join(world.folder, "settings.json");
    const settings = {
      "tags-present": { enforcementLevel: "mandatory", keys: ["owner"] },
      "cost-ceiling": { monthlyUsd: 1 },
    };
    writeFileSync(config, JSON.stringify(settings));
    const { code, text } = await preview("oregon", "--policy-pack-config", config);
    expect(code).not.toBe(0);
    expect(text).toMatch(/\[mandatory\].*tags-present/);
    expect(text).toContain("oregon-server.tags: no owner");
    expect(text).toMatch(/stack oregon: about \d+ USD a month; allowed: 1 USD/);
  });

  test("blocks a careless program at every point at once", async () => {
    const careless = join(world.folder, "careless");
    mkdirSync(careless);
    symlinkSync(join(PROJECT_FOLDER, "node_modules"), join(careless, "node_modules"));
    symlinkSync(PACK, join(careless, "policy"));
    writeFileSync(
      join(careless, "Pulumi.yaml"),
      stringify({
        name: "careless",
        runtime: { name: "nodejs", options: { typescript: false } },
        main: "main.cjs",
        plugins: { analyzers: [{ name: "policy-archipelago", path: "policy" }] },
      }),
    );
    writeFileSync(join(careless, "main.cjs"), CARELESS);
    live();
    await world.pulumi(["stack", "init", "oregon"], { cwd: careless });
    const words = ["preview", "--stack", "oregon", "--policy-pack", "policy"];
    const { code, text } = await world.pulumi(words, { cwd: careless });
    expect(code).not.toBe(0);
    for (const policy of [
      "no-management-port-open-to-the-world",
      "disks-encrypted",
      "metadata-service-version-2",
      "tags-present",
      "volumes-retained",
      "secrets-are-secret",
      "no-secret-in-state",
      "submariner-version-safe",
    ]) {
      expect(RULES.map(({ name }) => name)).toContain(policy);
      expect(text).toContain(policy);
    }
    expect(text).toContain("opens SSH for everybody");
    expect(text).not.toContain("hunter2");
  });
});

/** The tree's own fleet on live clouds, with what a user has to fill in. */
const LIVE = {
  adminCidrs: ["203.0.113.7/32"],
  clusters: { ashburn: { account: "ocid1.compartment.oc1..example" } },
};

/** What nobody should write. */
const CARELESS = `
const ec2 = require("@pulumi/aws/ec2");
const vpc = require("@pulumi/aws/vpc");
const k8s = require("@pulumi/kubernetes");
new k8s.apiextensions.CustomResource("mesh", {
  apiVersion: "submariner.io/v1alpha1", kind: "Submariner", metadata: { name: "mesh" }, spec: { version: "0.24.0" },
});
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
