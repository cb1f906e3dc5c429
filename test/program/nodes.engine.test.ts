import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ApiServer } from "../../harness/apiserver";
import { chooseEngine } from "../../harness/engine";
import { runUp } from "../../harness/fleet";
import { parseKubeconfig } from "../../harness/kubeconfig";
import { runRoll, type RollOptions } from "../../harness/roll";
import { runKubeconfigs } from "../../harness/status";
import { openBackend, openStacks } from "../../harness/workspace";
import { EmulatedWorld } from "./emulatedWorld";

const STACKS = ["broker", "oregon"];
const screen = { write: (text: string) => process.stderr.write(text) };
const GATE = { "gate-1": { role: "worker", gateway: true } };

interface NodeObject {
  metadata: { uid: string; labels?: Record<string, string>; annotations?: Record<string, string> };
}

/** Nodes come, go and are replaced: the real engine, emulated clouds without machines, data protected. */
describe("the nodes of a living region, by the real engine", () => {
  const world = new EmulatedWorld();
  const { machines, store } = world;

  /** The fleet as it is meant to be from now on. */
  const propose = (nodes: object, fleet: object = {}): void =>
    world.propose({ ...fleet, protectData: true, clusters: { oregon: { nodes: { ...GATE, ...nodes } } } });
  /** One stack's resources: what was done to each that changed. */
  const up = async () => {
    const changes: string[] = [];
    const report = await runUp({
      ...{ screen, stacks: ["oregon"] },
      onEvent: (_, { resourcePreEvent }) => {
        const { op = "same", urn = "", type = "" } = resourcePreEvent?.metadata ?? {};
        if (!["same", "read"].includes(op) && type !== "pulumi:pulumi:Stack")
          changes.push(`${op} ${type.split(":").at(-1)} ${urn.split("::").at(-1)}`);
      },
    });
    const [{ outcome, errors }] = report.stacks as [(typeof report.stacks)[0]];
    return { outcome, errors, changes };
  };
  const roll = (nodes: string[], over: Partial<RollOptions> = {}) =>
    runRoll({ screen, stacks: ["oregon"], nodes, yes: true, ...over });
  const withApi = async <T>(use: (api: ApiServer) => Promise<T>): Promise<T> => {
    const { oregon } = await runKubeconfigs({ screen, stacks: ["oregon"] });
    const api = new ApiServer(parseKubeconfig(oregon!));
    try {
      return await use(api);
    } finally {
      api.close();
    }
  };
  const nodeOf = (name: string) => withApi((api) => api.get<NodeObject>(`/api/v1/nodes/${name}`));
  const protectedNames = async () => {
    const backend = await openBackend(world.project, await chooseEngine());
    const stack = (await openStacks(backend, ["oregon"])).get("oregon")!;
    const { deployment } = (await stack.exportStack()) as {
      deployment: { resources: { urn: string; protect?: boolean }[] };
    };
    return deployment.resources.flatMap(({ urn, protect }) => (protect ? [urn.split("::").at(-1)!] : [])).sort();
  };
  const PROTECTED = ["database-namespace", "oregon-server", "oregon-worker-1", "volume-0", "volume-1", "volume-2"];
  const machineIds = () => [...machines.machines].map(([id, { spec }]) => `${spec.name} ${id}`);
  const inside = () => machines.apis.get("oregon")!.revisions();

  beforeAll(async () => {
    await world.open();
    propose({});
    const report = await runUp({ screen, stacks: STACKS });
    expect(report.stacks.map((s) => [s.name, s.outcome, s.errors])).toEqual(STACKS.map((s) => [s, "changed", []]));
    // The database's own list of its nodes, as far as it is asked for.
    const rows = [0, 2].map(
      (n) => `${n + 1}\tcockroachdb-${n}.cockroachdb.cockroachdb.svc.oregon.archipelago.internal:26257`,
    );
    machines.apis.get("oregon")!.log = ["id\taddress", ...rows].join("\n");
    // Nothing schedules pods here: the replicas that the health gate counts are put there.
    await withApi(async (api) => {
      for (const ordinal of [0, 1, 2])
        await api.post("/api/v1/namespaces/cockroachdb/pods", {
          ...{ apiVersion: "v1", kind: "Pod", metadata: { name: `cockroachdb-${ordinal}` }, spec: {} },
          status: { conditions: [{ type: "Ready", status: "True" }] },
        });
    });
  });
  afterAll(() => world.close());

  test("what holds data is protected", async () => expect(await protectedNames()).toEqual(PROTECTED));

  test("a worker more is made, and everything else inside and outside the cluster stays as it is", async () => {
    const [had, objects] = [machineIds(), inside()];
    propose({ "worker-2": { role: "worker" } });
    const { outcome, changes } = await up();
    expect(outcome).toBe("changed");
    expect(changes.sort()).toEqual(["create Instance oregon-worker-2", "create NodePatch submariner-node-worker-2"]);
    expect(machineIds()).toEqual(expect.arrayContaining(had));
    const kept = [...objects].filter(([name]) => inside().get(name) === objects.get(name));
    expect(kept).toEqual([...objects]);
    expect(kept.map(([name]) => name).filter((name) => /StatefulSet|PersistentVolume/.test(name))).toHaveLength(4);
  });

  test("a roll puts a new machine in each one's place, with its labels, and protects it again", async () => {
    const [had, objects] = [machineIds(), inside()];
    const gate = await nodeOf("oregon-gate-1");
    const report = await roll(["worker-1", "gate-1"]);
    expect(report.nodes.map(({ node, outcome, errors }) => [node, outcome, errors])).toEqual([
      ["oregon-worker-1", "rolled", []],
      ["oregon-gate-1", "rolled", []],
    ]);
    expect(report.exitCode).toBe(0);
    const fresh = machineIds().filter((id) => !had.includes(id));
    expect(fresh.map((id) => id.split(" ")[0]).sort()).toEqual(["oregon-gate-1", "oregon-worker-1"]);
    expect(machineIds()).toHaveLength(had.length);

    const after = await nodeOf("oregon-gate-1");
    expect(after.metadata.uid).not.toBe(gate.metadata.uid);
    expect(after.metadata.labels).toEqual({ "submariner.io/gateway": "true" });
    const address = "gateway.submariner.io/public-ip";
    expect(after.metadata.annotations?.[address]).toBe(gate.metadata.annotations?.[address]);
    expect(after.metadata.annotations?.["archipelago.internal/machine"]).not.toBe(
      gate.metadata.annotations?.["archipelago.internal/machine"],
    );
    const rolled = new Set(["Node oregon-worker-1", "Node oregon-gate-1"]);
    for (const [name, revision] of objects)
      if (!rolled.has(name)) expect([name, inside().get(name)]).toEqual([name, revision]);
    expect(await protectedNames()).toEqual(PROTECTED);
    expect(await up()).toEqual({ outcome: "unchanged", errors: [], changes: [] });
  });

  test("a roll does not begin while the stack has changes of its own, and leaves the protection as it was", async () => {
    propose({ "worker-2": { role: "worker" } }, { submariner: { mssOctets: 1300 } });
    const had = machineIds();
    const { nodes, exitCode } = await roll(["worker-1"]);
    expect(exitCode).toBe(1);
    expect(nodes[0]).toMatchObject({
      outcome: "failed",
      remedy: expect.stringContaining("up --stack oregon") as string,
    });
    expect(nodes[0]!.errors.join()).toMatch(
      /^More than oregon-worker-1 would change: update submariner-node-[a-z0-9-]+, .*update submariner-node-/,
    );
    expect(machineIds()).toEqual(had);
    expect(await protectedNames()).toEqual(PROTECTED);
  });

  test("a roll stops where the cloud refuses the new machine, and the command it names goes on", async () => {
    propose({ "worker-2": { role: "worker" } });
    store.failNext({
      cloud: "aws",
      type: "aws:ec2/instance:Instance",
      operation: "create",
      message: "no capacity here",
    });
    const { nodes } = await roll(["worker-1", "worker-2"]);
    expect(nodes.map(({ node, outcome }) => [node, outcome])).toEqual([
      ["oregon-worker-1", "failed"],
      ["oregon-worker-2", "stopped"],
    ]);
    expect(nodes[0]!.errors.join()).toMatch(
      /drained and deleted, but its machine was not replaced: .*no capacity here/,
    );
    expect(nodes[0]!.remedy).toContain("Go on: ./archipelago up --stack oregon");
    expect((await up()).outcome).toBe("changed");
    expect(await protectedNames()).toEqual(PROTECTED);
    expect(await up()).toEqual({ outcome: "unchanged", errors: [], changes: [] });
  });

  test("a roll stops where the cloud keeps the old machine, and the command it names replaces it", async () => {
    const had = machineIds();
    store.failNext({ cloud: "aws", operation: "delete", name: "oregon-worker-1", message: "not to be deleted now" });
    const { nodes } = await roll(["worker-1"]);
    expect(nodes[0]!.errors.join()).toMatch(/its machine was not replaced: .*not to be deleted now/);
    expect(machineIds()).toEqual(had);
    const [words] = /pulumi up .*/.exec(nodes[0]!.remedy!)!;
    const { code, text } = await world.pulumi([
      ...words.replaceAll("'", "").split(" ").slice(1),
      "--yes",
      "--skip-preview",
    ]);
    expect(code, text).toBe(0);
    expect(machineIds().filter((id) => !had.includes(id))).toEqual([expect.stringMatching(/^oregon-worker-1 /)]);
    expect(await protectedNames()).toEqual(PROTECTED);
    expect(await up()).toEqual({ outcome: "unchanged", errors: [], changes: [] });
  });

  test("nothing is rolled while a replica is missing, nor without a yes", async () => {
    await expect(roll(["worker-1"], { yes: false, ask: () => Promise.resolve(false) })).rejects.toThrow(
      "Nothing was touched.",
    );
    await withApi((api) => api.remove("/api/v1/namespaces/cockroachdb/pods/cockroachdb-1"));
    await expect(roll(["worker-1"], { readySeconds: 1 })).rejects.toThrow(
      /^Nothing is rolled while the fleet is not whole: not ready after .*: oregon database pods Ready: 2 of 3\.$/,
    );
  });
});
