import { expect, test } from "vitest";
import type { MachineSpec } from "../../rehearsal/machines/contract";
import { RecordedMachines } from "../../rehearsal/machines/recordedMachines";

const spec = (id: string, more: Partial<MachineSpec> = {}): MachineSpec => ({
  id,
  name: id,
  cloud: "aws",
  segment: "west",
  privateAddress: "10.20.0.10",
  userData: "first",
  firewall: undefined,
  publicMode: "nat",
  ...more,
});

test("the same id is the same machine, with the user data it began with", async () => {
  const recorded = new RecordedMachines();
  await recorded.ensureSegment({ name: "west", cidr: "10.20.0.0/24" });
  await recorded.createMachine(spec("a"));
  await recorded.createMachine(spec("a", { userData: "second" }));
  expect(recorded.machines.size).toBe(1);
  expect(recorded.machines.get("a")?.userData).toBe("first");
});

test("a public address is at one machine at a time", async () => {
  const recorded = new RecordedMachines();
  await recorded.ensureSegment({ name: "west", cidr: "10.20.0.0/24" });
  await recorded.createMachine(spec("a", { publicAddress: "198.18.1.10" }));
  await recorded.createMachine(spec("b", { privateAddress: "10.20.0.11" }));
  await recorded.setPublicAddress("b", "198.18.1.10");
  expect(recorded.machines.get("a")?.publicAddress).toBeUndefined();
  expect(recorded.machines.get("b")?.publicAddress).toBe("198.18.1.10");
});

test("a segment in use stays, an unknown one is an error, and calls are listed in their order", async () => {
  const recorded = new RecordedMachines();
  await expect(recorded.createMachine(spec("a"))).rejects.toThrow("There is no segment west.");
  await recorded.ensureSegment({ name: "west", cidr: "10.20.0.0/24" });
  await recorded.createMachine(spec("a"));
  await expect(recorded.removeSegment("west")).rejects.toThrow("still has machines: a");
  await recorded.removeMachine("a");
  await recorded.removeSegment("west");
  expect(recorded.calls.slice(-2)).toEqual(["removeMachine a", "removeSegment west"]);
});
