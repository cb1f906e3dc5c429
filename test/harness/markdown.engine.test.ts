import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { chooseEngine } from "../../harness/engine";
import { runUp } from "../../harness/fleet";
import { MARKER, SIZE_LIMIT } from "../../harness/markdown";
import { prepareProject } from "../../harness/project";
import { runReview, type ReviewOptions } from "../../harness/reviewRun";
import { PROJECT_FOLDER } from "../../harness/topology";
import { openBackend, readOutputs } from "../../harness/workspace";
import { mergeData } from "../../plan/merge";
import { obtainArtifacts } from "../../rehearsal/artifacts";
import { cloudPackages } from "../../rehearsal/clouds";
import { Store } from "../../rehearsal/clouds/store";
import { planOverlay } from "../../rehearsal/overlay";
import { kubernetesPackage } from "../../rehearsal/plugins/kubernetes";
import { randomPackage } from "../../rehearsal/plugins/random";
import { serve, type Served } from "../../rehearsal/plugins/server";
import { tlsPackage } from "../../rehearsal/plugins/tls";
import { PretendMachines } from "../program/pretendMachines";

const PASSPHRASE = "a passphrase nobody may read";
const STACKS = ["broker", "oregon"];
const screen = { write: (text: string) => process.stderr.write(text) };

/** The comment, made of what the real engine says about emulated clouds. */
describe("the comment, by the real engine", () => {
  const folder = mkdtempSync(join(tmpdir(), "archipelago-review-"));
  const machines = new PretendMachines();
  const store = new Store();
  const before = { ...process.env };
  const comments: string[] = [];
  let served: Served;

  /** The change under review, laid over the emulated world. */
  const propose = (change: object = {}): void => {
    const world = planOverlay({
      cableDriver: "vxlan",
      databaseImage: "stand-in.test/cockroachdb:v1",
      databaseStandIn: true,
    });
    writeFileSync(join(folder, "overlay.json"), JSON.stringify(mergeData(world, change)));
  };
  const review = async (preview: ReviewOptions["preview"] = {}) => {
    const result = await runReview({ screen, stacks: STACKS, preview: { withoutBroker: true, ...preview } });
    comments.push(result.markdown);
    return result;
  };
  const changesOf = (result: Awaited<ReturnType<typeof review>>, stack: string) =>
    result.report?.stacks.find(({ name }) => name === stack)?.changes;

  beforeAll(async () => {
    const artifacts = await obtainArtifacts({
      only: ["engine", "manifests"],
      onProgress: (line) => console.error(line),
    });
    const clouds = cloudPackages({ store, machines });
    served = await serve([...clouds, kubernetesPackage(), randomPackage(), tlsPackage()]);
    for (const name of ["home", "backend"]) mkdirSync(join(folder, name));
    propose();
    Object.assign(process.env, {
      PATH: `${artifacts.binFolder}:${process.env.PATH}`,
      PULUMI_HOME: join(folder, "home"),
      PULUMI_BACKEND_URL: `file://${join(folder, "backend")}`,
      PULUMI_CONFIG_PASSPHRASE: PASSPHRASE,
      PULUMI_SKIP_UPDATE_CHECK: "true",
      PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
      PULUMI_DEBUG_PROVIDERS: served.debugProviders,
      ARCHIPELAGO_OVERLAY: join(folder, "overlay.json"),
      ARCHIPELAGO_MANIFESTS: artifacts.manifestsFolder,
      ARCHIPELAGO_PROJECT: join(folder, "project"),
    });
    prepareProject(PROJECT_FOLDER, join(folder, "project"));
  });
  afterAll(async () => {
    await served?.close();
    await machines.close();
    process.env = before;
    rmSync(folder, { recursive: true, force: true });
  });

  test("shows a whole fleet before anything is up, regions too, and creates nothing", async () => {
    const result = await review();
    expect(result.exitCode).toBe(0);
    expect(machines.created).toEqual([]);
    const [broker, oregon] = STACKS.map((stack) => changesOf(result, stack)?.create ?? 0);
    expect(
      result.markdown.startsWith(`${MARKER}\n\n## Preview on emulated clouds: ${broker! + oregon!} to create`),
    ).toBe(true);
    expect(result.markdown).toContain(`| oregon | aws us-west-2 | ${oregon} | 0 | 0 | 0 | to change |`);
  });

  test("says that nothing changes when everything is up", async () => {
    const up = await runUp({ screen, stacks: STACKS });
    expect(up.stacks.map(({ outcome }) => outcome)).toEqual(["changed", "changed"]);
    const { markdown } = await review();
    expect(markdown).toContain("## Preview on emulated clouds: no changes");
    expect(markdown).not.toContain("<details>");
  });

  test("shows the property that changes, and counts as the engine counts", async () => {
    propose({ clusters: { oregon: { nodes: { "worker-1": { size: "t3.xlarge" } } } } });
    const result = await review();
    expect(changesOf(result, "oregon")).toMatchObject({ update: 1 });
    expect(result.markdown).toContain("| oregon | aws us-west-2 | 0 | 1 | 0 | 0 | to change |");
    expect(result.markdown).toContain(
      "- `oregon-worker-1` (`aws:ec2/instance:Instance`): `instanceType` `t3.large` → `t3.xlarge`",
    );
  });

  test("is loud about machines that would be replaced", async () => {
    propose({
      clusters: { oregon: { nodes: { server: { zone: "us-west-2b" }, "worker-1": { zone: "us-west-2b" } } } },
    });
    const { markdown, exitCode } = await review();
    const losses = markdown.indexOf("### 🛑 oregon: what holds state is replaced or deleted");
    expect(losses).toBeGreaterThan(0);
    expect(markdown.slice(losses)).toMatch(
      /\*\*replace\*\* `oregon-server` \(`aws:ec2\/instance:Instance`\): a machine/,
    );
    expect(exitCode).toBe(0);
  });

  test("tells drift: what somebody changed and what somebody deleted", async () => {
    propose();
    const machine = store.list("vultr").find(({ type }) => type.includes("instance"))!;
    store.drift(machine, { label: "renamed by hand" });
    const rule = store.list("aws").find(({ type }) => type.includes("IngressRule"))!;
    store.remove(rule);
    const { markdown } = await review({ refresh: true });
    expect(markdown).toContain("## Drift on emulated clouds");
    expect(markdown).toMatch(
      /### 🌊 broker: [\s\S]*`broker-server` \(`vultr:index\/instance:Instance`\): `label` `broker-server` → `renamed by hand`/,
    );
    expect(markdown).toMatch(/### 🌊 oregon: [\s\S]*SecurityGroupIngressRule`\) \*\*is gone\*\*/);
  });

  test("tells what is wrong with the topology instead of failing without a word", async () => {
    propose({ clusters: { oregon: { podCidr: "10.128.0.0/16" } } });
    const { markdown, exitCode, report } = await review();
    expect([exitCode, report]).toEqual([2, undefined]);
    expect(markdown).toContain("## Preview on emulated clouds: the topology is wrong");
    expect(markdown).toContain("clusters.oregon.podCidr");
    propose();
  });

  test("holds no secret of the fleet, whatever it told", async () => {
    const backend = await openBackend(join(folder, "project"), await chooseEngine());
    const secrets = new Set([PASSPHRASE]);
    const gather = (value: unknown): void => {
      if (typeof value === "object" && value !== null) Object.values(value).forEach(gather);
      else if (typeof value === "string" && value.length >= 12) {
        secrets.add(value);
        for (const line of value.split("\n"))
          if (line.length >= 32 && !line.startsWith("-----")) secrets.add(line.trim());
      }
    };
    for (const stack of STACKS) {
      for (const output of Object.values(await readOutputs(backend, stack))) if (output.secret) gather(output.value);
    }
    for (const { spec } of machines.machines.values()) {
      for (const token of spec.userData.match(/[a-z0-9]{6}\.[a-z0-9]{16}/g) ?? []) secrets.add(token);
      for (const key of spec.userData.match(/^[A-Za-z0-9+/]{60,}={0,2}$/gm) ?? []) secrets.add(key);
    }
    expect(secrets.size).toBeGreaterThan(30);
    expect(comments).toHaveLength(6);
    const public_ = (secret: string): boolean => /^(\d+\.){3}\d+:\d+$/.test(secret);
    for (const comment of comments) {
      expect(Buffer.byteLength(comment)).toBeLessThanOrEqual(SIZE_LIMIT);
      for (const secret of secrets)
        if (!public_(secret)) expect(comment.includes(secret), "a secret in a comment").toBe(false);
    }
  });
});
