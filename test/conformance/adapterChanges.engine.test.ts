import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CLOUD_FACTS } from "../../plan/clouds";
import { type CloudName, CLOUDS, type NodeSpec } from "../../plan/types";
import { ADAPTERS } from "./adapters";
import { clusterOf, type Edition, firstNodes, planScratch, scratchProgram, type Told } from "./scratchFleet";
import { belongsTo, changesOf, errorsOf, type Run, ScratchStack } from "./scratchStack";

/** The same contract, once the clusters live: what a change of theirs changes, and what it leaves alone. */
describe("every cloud's adapter, on a living cluster", () => {
  const stack = new ScratchStack();
  const told = new Map<string, Told>();
  const firstPlan = planScratch();
  const clusterFor = (cloud: CloudName) => firstPlan.clusters[clusterOf(cloud)]!;
  const program = (edition: Edition = {}, nodes?: (cloud: CloudName) => Record<string, NodeSpec>) =>
    scratchProgram(nodes ? planScratch(nodes) : firstPlan, told, edition);
  const withoutWorker = (key: string) => (cloud: CloudName) =>
    Object.fromEntries(Object.entries(nodesWithSpare(cloud)).filter(([name]) => name !== key));

  beforeAll(async () => {
    await stack.open();
    await stack.up(program());
  });
  afterAll(() => stack.close());

  describe("with another image and another boot script", () => {
    let changed: Run;
    beforeAll(async () => (changed = await stack.preview(program({ newImage: true, version: "v1.37.3" }))));

    test.each(CLOUDS)("%s: replaces and changes nothing unasked", (cloud) => {
      expect(told.get(`${clusterOf(cloud)}-worker-1`)?.script).toContain("KUBERNETES='1.37.3'");
      expect(errorsOf(changed, clusterFor(cloud))).toEqual([]);
      expect(changesOf(changed, clusterFor(cloud))).toEqual([]);
    });
  });

  describe("with user data no cloud takes", () => {
    let refused: Run;
    let after: Run;
    const limited = CLOUDS.filter((cloud) => "refusal" in ADAPTERS[cloud].userDataLimit);
    beforeAll(async () => {
      const withBig = (cloud: CloudName) => ({
        ...firstNodes(cloud),
        ...(limited.includes(cloud) && { big: { role: "worker" } as const }),
      });
      refused = await stack.up(program({ oversized: "big" }, withBig));
      after = await stack.preview(program());
    });

    test.for(CLOUDS)(
      "%s: the user reads its own words, and nothing is left of the refused machine",
      (cloud, { skip }) => {
        const { userDataLimit } = ADAPTERS[cloud];
        if ("skip" in userDataLimit) return skip(userDataLimit.skip);
        const node = `${clusterOf(cloud)}-big`;
        expect(errorsOf(refused, clusterFor(cloud)).join("\n")).toMatch(userDataLimit.refusal);
        expect(stack.store.list(cloud).filter(({ name }) => belongsTo(name, node))).toEqual([]);
        expect(stack.machine(node)).toBeUndefined();
        expect(changesOf(after, clusterFor(cloud))).toEqual([]);
      },
    );
  });

  describe("with a worker more", () => {
    let grown: Run;
    beforeAll(async () => (grown = await stack.up(program({}, nodesWithSpare))));

    test.each(CLOUDS)("%s: makes that one and touches nothing else", (cloud) => {
      const node = `${clusterOf(cloud)}-${SPARE}`;
      expect(errorsOf(grown, clusterFor(cloud))).toEqual([]);
      expect(changesOf(grown, clusterFor(cloud))).toEqual([`create ${typeOf(cloud)} ${node}`]);
      expect(stack.machineOf(node).userData).toBe(told.get(node)?.script);
    });
  });

  describe("with a worker less, from the middle", () => {
    let shrunk: Run;
    beforeAll(async () => (shrunk = await stack.up(program({}, withoutWorker("worker-1")))));

    test.each(CLOUDS)("%s: removes that one and touches nothing else", (cloud) => {
      const node = `${clusterOf(cloud)}-worker-1`;
      expect(errorsOf(shrunk, clusterFor(cloud))).toEqual([]);
      expect(changesOf(shrunk, clusterFor(cloud))).toEqual([`delete ${typeOf(cloud)} ${node}`]);
      expect(stack.machine(node)).toBeUndefined();
      expect(stack.machine(`${clusterOf(cloud)}-worker-2`)).toBeDefined();
    });
  });

  describe("told to replace one gateway", () => {
    let replaced: Run;
    const before = new Map<string, string | undefined>();
    const gateway = (cloud: CloudName) => `${clusterOf(cloud)}-gateway-2`;
    beforeAll(async () => {
      const urns: string[] = [];
      for (const cloud of CLOUDS) {
        before.set(cloud, stack.machineOf(gateway(cloud)).publicAddress);
        urns.push(await stack.urnOf(ADAPTERS[cloud].machineType, gateway(cloud)));
      }
      replaced = await stack.up(program({ newImage: true, version: "v1.37.3" }, withoutWorker("worker-1")), urns);
    });

    test.each(CLOUDS)(
      "%s: replaces it by one with the new image and script, and leaves the other machines alone",
      (cloud) => {
        expect(errorsOf(replaced, clusterFor(cloud))).toEqual([]);
        const others = changesOf(replaced, clusterFor(cloud)).filter((text) => !text.includes(gateway(cloud)));
        expect(others).toEqual([]);
        expect(stack.machineOf(gateway(cloud)).userData).toContain("KUBERNETES='1.37.3'");
        const { inputs } = stack.machineObject(cloud, gateway(cloud));
        expect(ADAPTERS[cloud].withImage(inputs)).toEqual(inputs);
      },
    );

    test.for(CLOUDS)("%s: the new machine has the old one's address", (cloud, { skip }) => {
      const { publicAddress } = stack.machineOf(gateway(cloud));
      if (!CLOUD_FACTS[cloud].addressBeforeBoot)
        return skip("an address lives and dies with its machine here; the peers learn the new one from the broker");
      expect(publicAddress).toBe(before.get(cloud));
    });
  });

  describe("destroyed", () => {
    let gone: Run;
    beforeAll(async () => (gone = await stack.destroy()));

    test.each(CLOUDS)("%s: leaves nothing in the cloud", (cloud) => {
      expect(errorsOf(gone, clusterFor(cloud))).toEqual([]);
      expect(stack.store.list(cloud).map(({ type, name }) => `${type} ${name}`)).toEqual([]);
      const machines = [...stack.machines.machines.values()].filter((machine) => machine.cloud === cloud);
      expect(machines.map(({ id }) => id)).toEqual([]);
    });

    test("no network is left either", () => expect([...stack.machines.segments.keys()]).toEqual([]));
  });
});

/** The longest key that fits a name beside its cluster's. */
const SPARE = "spare-worker-number";

const nodesWithSpare = (cloud: CloudName): Record<string, NodeSpec> => ({
  ...firstNodes(cloud),
  [SPARE]: { role: "worker" },
});

const typeOf = (cloud: CloudName): string => ADAPTERS[cloud].machineType.split(":").at(-1)!;
