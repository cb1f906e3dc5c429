import * as path from "node:path";
import * as zlib from "node:zlib";
import * as pulumi from "@pulumi/pulumi";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { opened, struckOut, valueOf } from "../components/engine";
import { planWith } from "../plan/fixtures";
import { at, JOIN, runStack, type StackRun, textAt } from "./mocks";

const plan = planWith();
const metal = planWith({
  world: "rehearsal",
  protectData: false,
  clusters: { tokyo: { cloud: "equinix-metal", place: "ty", nodeCidr: "10.70.0.0/25", account: "project" } },
});
const STACKS = ["broker", "oregon", "ashburn", "london", "tokyo"];

const before = process.env.ARCHIPELAGO_MANIFESTS;
beforeAll(() => void (process.env.ARCHIPELAGO_MANIFESTS = path.resolve(__dirname, "../fixtures/manifests")));
afterAll(() => {
  if (before === undefined) delete process.env.ARCHIPELAGO_MANIFESTS;
  else process.env.ARCHIPELAGO_MANIFESTS = before;
});

/** Types of the machines in each cloud, and how each carries its user data. */
const plain = (base64: string): string => Buffer.from(base64, "base64").toString();
const unpacked = (base64: string): string => zlib.gunzipSync(Buffer.from(base64, "base64")).toString();
const MACHINES: Record<string, (inputs: unknown) => string> = {
  "aws:ec2/instance:Instance": (inputs) => unpacked(textAt(inputs, "userDataBase64")),
  "oci:Core/instance:Instance": (inputs) => plain(textAt(inputs, "metadata", "user_data")),
  "vultr:index/instance:Instance": (inputs) => textAt(inputs, "userData"),
  "civo:index/instance:Instance": (inputs) => textAt(inputs, "script"),
  "linode:index/instance:Instance": (inputs) => unpacked(textAt(inputs, "metadatas", 0, "userData")),
  "equinix-metal:index/device:Device": (inputs) => textAt(inputs, "userData"),
};
const machinesOf = ({ seen }: StackRun) => seen.filter(({ type }) => type in MACHINES);

describe("the owner", () => {
  const owned = planWith({ owner: "platform" });
  const ownedMetal = planWith({ ...metal.topology, owner: "platform" });

  test.each([...STACKS.map((stack) => [stack, owned] as const), ["tokyo", ownedMetal] as const])(
    "of the topology is on all of %s that carries tags, and nobody's name without one",
    async (stack, fleet) => {
      const tagged = ({ seen }: StackRun) =>
        seen.flatMap(({ name, inputs }) => {
          const { tags, freeformTags } = opened(inputs) as Record<string, unknown>;
          return tags || freeformTags ? [{ name, tags: JSON.stringify(tags ?? freeformTags) }] : [];
        });
      const found = tagged(await runStack(fleet, stack));
      expect(found.length).toBeGreaterThan(0);
      for (const { name, tags } of found)
        expect([name, tags]).toEqual([name, expect.stringMatching(/"owner":"platform"|"owner:platform"/)]);
      const without = tagged(await runStack(fleet === owned ? plan : metal, stack));
      expect(without.map(({ name }) => name)).toEqual(found.map(({ name }) => name));
      expect(JSON.stringify(without)).not.toContain("owner");
    },
  );
});

describe.each([
  ["live", plan],
  ["rehearsed", metal],
])("the %s program", (_, fleet) => {
  test.each(STACKS)(
    "makes in %s one machine for each planned node, named after it, with a boot script as user data",
    async (stack) => {
      const run = await runStack(fleet, stack);
      const machines = machinesOf(run);
      expect(machines.map(({ name }) => name)).toEqual(fleet.clusters[stack]!.nodes.map((node) => node.name));
      for (const { type, name, inputs } of machines) {
        const script = MACHINES[type]!(opened(inputs));
        expect(script.startsWith("#!/bin/bash\n")).toBe(true);
        expect(script).toContain(`NODE='${name}'`);
        const unsealed = JSON.stringify(struckOut(inputs));
        for (const secret of ["abcdef.ghijklmnopqrstuv", "KEY "]) {
          expect(unsealed).not.toContain(secret);
          expect(unsealed).not.toContain(Buffer.from(secret).toString("base64").slice(0, -2));
        }
        expect(unsealed).not.toContain("#!/bin/bash");
      }
    },
  );

  test.each(STACKS)("gives %s no two resources of one type and name, and none named by position", async (stack) => {
    const { seen } = await runStack(fleet, stack);
    const identities = seen.map(({ type, name }) => `${type} ${name}`);
    expect(new Set(identities).size).toBe(identities.length);
    // Replicas and workers carry numbers of their own; nothing else may.
    const numbered = identities.filter(
      (each) => /-\d+$/.test(each) && !/worker-1$|volume-\d$|-(24|25|32|0)$/.test(each),
    );
    expect(numbered).toEqual([]);
  });

  test.each(STACKS)("puts every cloud resource of %s under a provider for its place", async (stack) => {
    const { seen } = await runStack(fleet, stack);
    const clouds = seen.filter(({ type }) => /^(aws|oci|vultr|civo|linode|equinix-metal|kubernetes):/.test(type));
    expect(clouds.length).toBeGreaterThan(10);
    for (const { name, provider } of clouds) expect(provider, name).toContain(`::${stack}-`);
  });
});

describe("a region's stack", () => {
  test("keeps kubeconfig secret and tells its addresses in clear", async () => {
    const { outputs } = await runStack(plan, "oregon");
    expect(Object.keys(outputs).sort()).toEqual(
      ["apiEndpoint", "cableDriver", "gateways", "kubeconfig", "nodeCidr", "podCidr", "serviceCidr", "suffix"].sort(),
    );
    const kubeconfig = outputs.kubeconfig as pulumi.Output<string>;
    expect(await pulumi.isSecret(kubeconfig)).toBe(true);
    expect(await valueOf(kubeconfig)).toContain("tls-server-name: api.oregon.archipelago.internal");
    const endpoint = outputs.apiEndpoint as pulumi.Output<string>;
    expect(await pulumi.isSecret(endpoint)).toBe(false);
    expect(await valueOf(endpoint)).toBe("https://198.51.100.9:6443");
  });

  test("reads its own entry of the broker's outputs and seals it wherever it goes", async () => {
    const { seen, asked } = await runStack(plan, "london");
    expect(asked).toEqual(["organization/archipelago/broker"]);
    // It would leave the other regions' entries in this one's state.
    expect(seen.filter(({ type }) => type === "pulumi:pulumi:StackReference")).toEqual([]);
    const both = (text: string) => [text, Buffer.from(text).toString("base64")];
    const secrets = [...both(JOIN.brokerToken), ...both(JOIN.database.nodeKey)];
    const holds = (inputs: unknown) => secrets.filter((secret) => JSON.stringify(inputs).includes(secret)).length;
    expect(seen.filter(({ inputs }) => holds(opened(inputs)) > 0).length).toBeGreaterThan(1);
    expect(seen.filter(({ inputs }) => holds(struckOut(inputs)) > 0)).toEqual([]);
  });

  test("can be previewed before the broker is up, but not put up", async () => {
    await expect(runStack(plan, "london", { join: undefined })).resolves.toBeDefined();
    await expect(runStack(plan, "london", { join: undefined, preview: false })).rejects.toMatchObject({
      message: expect.stringContaining("broker stack is not up yet") as string,
      remedy: expect.stringContaining("pulumi up -s broker") as string,
    });
    const half = { ...JOIN, brokerToken: "" };
    await expect(runStack(plan, "london", { join: half, preview: false })).rejects.toThrow(/no whole entry for london/);
  });

  test("binds each replica's volume to the node that holds its folder", async () => {
    const { seen } = await runStack(plan, "oregon");
    const volumes = seen.filter(({ type }) => type.endsWith(":PersistentVolume"));
    const term = ["spec", "nodeAffinity", "required", "nodeSelectorTerms", 0, "matchExpressions", 0, "values", 0];
    const nodes = volumes.map(({ inputs }) => [
      textAt(opened(inputs), "spec", "claimRef", "name"),
      textAt(opened(inputs), ...term),
    ]);
    expect(nodes.sort()).toEqual([
      ["datadir-cockroachdb-0", "oregon-worker-1"],
      ["datadir-cockroachdb-1", "oregon-server"],
      ["datadir-cockroachdb-2", "oregon-worker-1"],
    ]);
  });

  test("keeps everything inside the cluster as it is when a worker is added, and gives it nothing but the node's own patch", async () => {
    const more = planWith({ clusters: { oregon: { nodes: { "worker-2": { role: "worker" } } } } });
    const inside = async (fleet: typeof plan) => {
      const { seen } = await runStack(fleet, "oregon");
      const objects = seen.filter(({ type }) => type.startsWith("kubernetes:"));
      return new Map(objects.map(({ type, name, inputs }) => [`${type} ${name}`, opened(inputs)]));
    };
    const [before, after] = [await inside(plan), await inside(more)];
    const names = [...before.keys()];
    expect(
      names.filter((name) => /StatefulSet|PersistentVolume|DaemonSet|NodePatch/.test(name)).length,
    ).toBeGreaterThan(6);
    for (const name of names) expect([name, after.get(name)]).toEqual([name, before.get(name)]);
    expect([...after.keys()].filter((name) => !before.has(name))).toEqual([
      "kubernetes:core/v1:NodePatch submariner-node-worker-2",
    ]);
  });

  test("gives flannel the cluster's range and the address the kubelet uses", async () => {
    const { seen } = await runStack(plan, "tokyo");
    const flannel = seen.filter(({ name }) => name.startsWith("flannel-")).map(({ inputs }) => opened(inputs));
    const ofKind = (kind: string) => flannel.find((object) => at(object, "kind") === kind);
    const network: unknown = JSON.parse(textAt(ofKind("ConfigMap"), "data", "net-conf.json"));
    expect(network).toMatchObject({ Network: "10.132.0.0/16", Backend: { Type: "vxlan" } });
    const container = at(ofKind("DaemonSet"), "spec", "template", "spec", "containers", 0);
    expect(at(container, "args")).toEqual(["--ip-masq", "--kube-subnet-mgr", "--iface=$(NODE_IP)"]);
    const nodeIp = { name: "NODE_IP", valueFrom: { fieldRef: { fieldPath: "status.hostIP" } } };
    expect(at(container, "env")).toEqual([{ name: "EVENT_QUEUE_DEPTH", value: "5000" }, nodeIp]);
  });
});

describe("the broker's stack", () => {
  test("hands every region a sealed entry of its own, and keeps the database CA's key", async () => {
    const { outputs } = await runStack(plan, "broker");
    const entries = Object.keys(outputs).filter((key) => key.startsWith("join-"));
    expect(entries).toEqual(["join-oregon", "join-ashburn", "join-london", "join-tokyo"]);
    for (const entry of entries) {
      const output = outputs[entry] as pulumi.Output<typeof JOIN>;
      expect(await pulumi.isSecret(output)).toBe(true);
      const join = await valueOf(output);
      expect(join.brokerApi).toBe("198.51.100.9:6443");
      expect("rootKey" in join.database && join.database.rootKey !== undefined).toBe(entry === "join-oregon");
      expect(JSON.stringify(join)).not.toMatch(/KEY trust-ca/);
    }
  });

  test("has its static address, known before boot, in the API server's certificate", async () => {
    const [machine] = machinesOf(await runStack(plan, "broker"));
    const script = MACHINES[machine!.type]!(opened(machine!.inputs));
    expect(script).toContain("- api.broker.archipelago.internal\n    - 198.51.100.9\n");
  });
});
