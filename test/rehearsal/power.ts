/** Machines of the living rehearsal, by the node's name: their power, and what runs on them. */
import { stateFolder } from "../../harness/folders";
import { machineName, WORLD } from "../../rehearsal/machines/names";
import { PodmanMachines } from "../../rehearsal/machines/podmanMachines";
import { podman } from "../../rehearsal/podman";
import { readWorld } from "../../rehearsal/world";

/** Beside the daemon, which owns the machines: it is never told that one is off, as a cloud would not be. */
async function machineOf(node: string): Promise<{ machines: PodmanMachines; id: string }> {
  const machines = new PodmanMachines({ stateFolder: stateFolder(), image: readWorld()?.machineImage ?? "" });
  await machines.internet.read();
  const host = machines.internet.hosts().find(({ name }) => name === node);
  if (!host) throw new Error(`the emulated internet has no machine ${node}`);
  return { machines, id: host.id };
}

/** From one moment to the next its processes are gone, and nobody answers at its addresses. */
export async function cutPower(node: string): Promise<void> {
  const { machines, id } = await machineOf(node);
  await machines.stopMachine(id, false);
}

/** Boots it again, with its disk and its addresses. */
export async function givePower(node: string): Promise<void> {
  const { machines, id } = await machineOf(node);
  await machines.startMachine(id);
}

/** Output of a bash command on the machine. */
export async function onMachine(node: string, script: string): Promise<string> {
  const { id } = await machineOf(node);
  return podman(["exec", machineName(WORLD, id), "bash", "-c", script]);
}
