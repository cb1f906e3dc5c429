import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { contains, parseAddress, parseCidr } from "../../plan/cidr";
import { CLOUD_FACTS } from "../../plan/clouds";
import { balancerProfile, nodeRules } from "../../plan/firewall";
import type { CloudName } from "../../plan/types";
import { ADAPTERS } from "./adapters";
import { openings } from "./openings";
import {
  apiOutput,
  type Built,
  clusterOf,
  type Edition,
  planReplicated,
  REPLICATED_CLOUDS,
  scratchProgram,
  type Told,
} from "./scratchFleet";
import { changesOf, errorsOf, type Run, ScratchStack } from "./scratchStack";

/** Three servers behind a load balancer: every adapter that may be asked for them, by the real engine, on its emulated cloud. */
describe("a cloud's adapter with three servers", () => {
  const stack = new ScratchStack();
  const told = new Map<string, Told>();
  const plan = planReplicated();
  const grownPlan = planReplicated({ "worker-2": { role: "worker" } });
  const clusterFor = (cloud: CloudName) => plan.clusters[clusterOf(cloud)]!;
  const serversOf = (cloud: CloudName) => clusterFor(cloud).nodes.filter(({ role }) => role === "server");
  const program = (edition: Edition = {}) => scratchProgram(plan, told, edition);
  const balancersOf = (cloud: CloudName) => stack.machines.balancers.get(cloud) ?? [];

  let first: Run;
  beforeAll(async () => {
    await stack.open();
    first = await stack.up(program());
  });
  afterAll(() => stack.close());

  test.each(REPLICATED_CLOUDS)("%s: makes every machine once, the servers at their planned addresses", (cloud) => {
    expect(errorsOf(first, clusterFor(cloud))).toEqual([]);
    const built = first.outputs[clusterOf(cloud)] as Built[];
    expect(built.map(({ node }) => node)).toEqual(clusterFor(cloud).nodes.map(({ name }) => name));
    for (const { name, privateAddress } of serversOf(cloud)) {
      expect([name, stack.machine(name)?.privateAddress]).toEqual([name, privateAddress]);
    }
  });

  test.for(REPLICATED_CLOUDS)("%s: puts the servers into three zones", (cloud, { skip }) => {
    const { zones, zoneOf } = ADAPTERS[cloud];
    if (!zones || !zoneOf) return skip(`${CLOUD_FACTS[cloud].label} has no zones`);
    const lying = serversOf(cloud).map(({ name }) => {
      const { inputs, computed } = stack.machineObject(cloud, name);
      return zoneOf({ ...inputs, ...computed });
    });
    expect(lying).toEqual(zones);
  });

  test.each(REPLICATED_CLOUDS)(
    "%s: balances the API's port over exactly the servers, at one static address",
    (cloud) => {
      const [balancer, ...more] = balancersOf(cloud);
      expect(more).toEqual([]);
      expect(balancer?.port).toBe(6443);
      expect([...(balancer?.targets ?? [])].sort()).toEqual(
        serversOf(cloud)
          .map(({ privateAddress }) => privateAddress)
          .sort(),
      );
      expect(first.outputs[apiOutput(cloud)]).toBe(balancer?.publicAddress);
    },
  );

  test.each(REPLICATED_CLOUDS)(
    "%s: tells every server that address before it boots, and every node the servers'",
    (cloud) => {
      const addresses = new Map(serversOf(cloud).map(({ name, privateAddress }) => [name, privateAddress]));
      for (const { name, role } of clusterFor(cloud).nodes) {
        const others = [...addresses].filter(([server]) => server !== name).map(([, address]) => address);
        expect([name, told.get(name)?.serverAddresses]).toEqual([name, others]);
        expect(stack.machine(name)?.userData).toBe(told.get(name)?.script);
        if (role === "server") expect(told.get(name)?.apiAddress).toBe(balancersOf(cloud)[0]?.publicAddress);
      }
    },
  );

  test.each(REPLICATED_CLOUDS)("%s: lets in on each machine what the plan says, and nothing else", (cloud) => {
    for (const node of clusterFor(cloud).nodes) {
      const live = stack.machine(node.name)?.firewall;
      const planned = openings(nodeRules(clusterFor(cloud).firewall, node));
      expect([node.name, live && openings(live)]).toEqual([node.name, planned]);
    }
  });

  test.for(REPLICATED_CLOUDS)(
    "%s: the load balancer takes whom the plan says, and the servers take it",
    (cloud, { skip }) => {
      const { label, balancerSource } = CLOUD_FACTS[cloud];
      const [balancer] = balancersOf(cloud);
      if (balancerSource === undefined) {
        expect(balancer?.source).toBeUndefined();
        return skip(`${label}'s hands the client's address on: the servers' firewalls judge it`);
      }
      const [rule, ...more] = balancerProfile(clusterFor(cloud).firewall).rules;
      expect(more).toEqual([]);
      expect(balancer?.clients).toEqual(rule?.sources);
      expect(rule?.sources).toEqual(plan.topology.adminCidrs);
      expect(contains(parseCidr(balancerSource)!, parseAddress(balancer?.source ?? "")!)).toBe(true);
      for (const { name } of serversOf(cloud)) {
        const api = stack.machine(name)?.firewall?.find(({ from }) => from === 6443);
        expect([name, api?.sources]).toEqual([name, [clusterFor(cloud).nodeCidr, balancerSource]]);
      }
    },
  );

  test.each(REPLICATED_CLOUDS)("%s: a second preview is empty, also when the cloud is asked first", async (cloud) => {
    for (const refresh of [false, true]) {
      const again = await stack.preview(program(), refresh);
      expect(errorsOf(again, clusterFor(cloud))).toEqual([]);
      expect(changesOf(again, clusterFor(cloud))).toEqual([]);
    }
  });

  test("a worker more touches nothing else", async () => {
    const grown = await stack.up(scratchProgram(grownPlan, told, {}));
    for (const cloud of REPLICATED_CLOUDS) {
      const type = ADAPTERS[cloud].machineType.split(":").at(-1);
      expect(errorsOf(grown, clusterFor(cloud))).toEqual([]);
      expect(changesOf(grown, clusterFor(cloud))).toEqual([`create ${type} ${clusterOf(cloud)}-worker-2`]);
    }
  });

  describe("told to replace the first server", () => {
    let replaced: Run;
    const before = new Map<CloudName, unknown>();
    const founder = (cloud: CloudName) => `${clusterOf(cloud)}-a`;
    beforeAll(async () => {
      const urns: string[] = [];
      for (const cloud of REPLICATED_CLOUDS) {
        before.set(cloud, balancersOf(cloud));
        urns.push(await stack.urnOf(ADAPTERS[cloud].machineType, founder(cloud)));
      }
      replaced = await stack.up(scratchProgram(grownPlan, told, { version: "v1.37.3" }), urns);
    });

    test.each(REPLICATED_CLOUDS)("%s: touches no other machine, and not the balancer itself", (cloud) => {
      expect(errorsOf(replaced, clusterFor(cloud))).toEqual([]);
      const others = changesOf(replaced, clusterFor(cloud)).filter((text) => !text.includes(` ${founder(cloud)}`));
      expect(others).toEqual([]);
      expect(stack.machine(founder(cloud))?.userData).toContain("KUBERNETES='1.37.3'");
    });

    test.each(REPLICATED_CLOUDS)(
      "%s: the API keeps its address, and the new server has the old one's place",
      (cloud) => {
        expect(balancersOf(cloud)).toEqual(before.get(cloud));
        const planned = serversOf(cloud)[0]?.privateAddress;
        expect(stack.machine(founder(cloud))?.privateAddress).toBe(planned);
      },
    );

    test.each(REPLICATED_CLOUDS)("%s: nothing is left to do, also when the cloud is asked first", async (cloud) => {
      const after = await stack.preview(scratchProgram(grownPlan, told, { version: "v1.37.3" }), true);
      expect(errorsOf(after, clusterFor(cloud))).toEqual([]);
      expect(changesOf(after, clusterFor(cloud))).toEqual([]);
    });
  });

  test("destroyed, it leaves nothing in any cloud", async () => {
    const gone = await stack.destroy();
    for (const cloud of REPLICATED_CLOUDS) {
      expect(errorsOf(gone, clusterFor(cloud))).toEqual([]);
      expect(stack.store.list(cloud).map(({ type, name }) => `${type} ${name}`)).toEqual([]);
      expect(balancersOf(cloud)).toEqual([]);
    }
    expect([...stack.machines.machines.keys()]).toEqual([]);
    expect([...stack.machines.segments.keys()]).toEqual([]);
  });
});
