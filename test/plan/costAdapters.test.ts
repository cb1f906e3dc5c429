/** What is priced is what the adapters order: the tables' default sizes and boot disks are the program's own. */
import * as path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { planCost } from "../../plan/cost";
import { PRICES } from "../../plan/prices";
import { defaultSize, findSize } from "../../plan/sizes";
import type { CloudName } from "../../plan/types";
import { opened } from "../components/engine";
import { at, runStack } from "../program/mocks";
import { planWith } from "./fixtures";

const before = process.env.ARCHIPELAGO_MANIFESTS;
beforeAll(() => void (process.env.ARCHIPELAGO_MANIFESTS = path.resolve(__dirname, "../fixtures/manifests")));
afterAll(() => {
  if (before === undefined) delete process.env.ARCHIPELAGO_MANIFESTS;
  else process.env.ARCHIPELAGO_MANIFESTS = before;
});

/** Where each cloud's machine says how large it and its disk are, and which static addresses are ordered beside it. */
const ORDERS: Partial<
  Record<CloudName, { type: string; size: string[]; disk?: (string | number)[]; addresses?: string }>
> = {
  aws: {
    type: "aws:ec2/instance:Instance",
    size: ["instanceType"],
    disk: ["rootBlockDevice", "volumeSize"],
    addresses: "aws:ec2/eip:Eip",
  },
  oci: {
    type: "oci:Core/instance:Instance",
    size: ["shape"],
    disk: ["sourceDetails", "bootVolumeSizeInGbs"],
    addresses: "oci:Core/publicIp:PublicIp",
  },
  vultr: { type: "vultr:index/instance:Instance", size: ["plan"], addresses: "vultr:index/reservedIp:ReservedIp" },
  civo: { type: "civo:index/instance:Instance", size: ["size"] },
  linode: { type: "linode:index/instance:Instance", size: ["type"] },
  "equinix-metal": { type: "equinix-metal:index/device:Device", size: ["plan"] },
};

const live = planWith();
const metal = planWith({
  world: "rehearsal",
  protectData: false,
  clusters: { tokyo: { cloud: "equinix-metal", place: "ty", nodeCidr: "10.70.0.0/25", account: "project" } },
});

describe.each([
  ["broker", live],
  ["oregon", live],
  ["ashburn", live],
  ["london", live],
  ["tokyo", live],
  ["tokyo", metal],
] as const)("in %s", (stack, plan) => {
  const { nodes } = plan.clusters[stack]!;
  const cloud = plan.clusters[stack]!.cloud as CloudName;

  test(`the size and disk that ${cloud}'s adapter orders are those of the price table`, async () => {
    const order = ORDERS[cloud]!;
    const { seen } = await runStack(plan, stack);
    const machines = seen.filter(({ type }) => type === order.type).map(({ inputs }) => opened(inputs));
    expect(machines).toHaveLength(nodes.length);
    for (const inputs of machines) {
      expect(at(inputs, ...order.size)).toBe(defaultSize(cloud));
      const disk = order.disk && Number(at(inputs, ...order.disk));
      expect(disk).toBe(PRICES[cloud]?.bootDiskGib);
    }
    if (order.addresses) {
      const ordered = seen.filter(({ type }) => type === order.addresses);
      expect(ordered).toHaveLength(nodes.filter((node) => node.staticAddress).length);
    }
  });
});

test("a flexible shape is priced with the cores and memory that the adapter asks for", async () => {
  const { seen } = await runStack(live, "ashburn");
  const machine = seen.find(({ type }) => type === ORDERS.oci?.type)!;
  const { ocpus, memoryInGbs } = at(opened(machine.inputs), "shapeConfig") as { ocpus: number; memoryInGbs: number };
  const size = findSize("oci", "VM.Standard.E5.Flex")!;
  // An OCPU is two vCPUs.
  expect([size.vcpus, size.memoryGib]).toEqual([ocpus * 2, memoryInGbs]);
  expect(planCost(live).stacks.find(({ name }) => name === "ashburn")?.usd.machine).toBe(
    Math.round((ocpus * 0.03 + memoryInGbs * 0.002) * 730 * 100) / 100,
  );
});
