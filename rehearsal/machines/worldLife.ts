import { type Range } from "./conflicts";
import { Guard } from "./guard";
import { adoptHost } from "./hostSettings";
import { WORLD, type WorldNames } from "./names";
import { PodmanMachines, type PodmanMachinesOptions } from "./podmanMachines";

export interface OneMachineWorld {
  guard: Guard;
  machines: PodmanMachines;
  /** One sentence for every host setting that was changed, to be shown. */
  changes: string[];
}

/**
 * Puts up everything below the emulated clouds in the one order that is safe: the guard, the host's settings, the internet.
 * Repeating it, also in another process, goes on with the world that stands. The way back is `removeEverything`.
 * @param ranges Pod, service and node ranges of every cluster.
 * @throws UserError when the host itself uses one of the ranges.
 */
export async function startOneMachineWorld(ranges: Range[], options: PodmanMachinesOptions): Promise<OneMachineWorld> {
  const names: WorldNames = options.names ?? WORLD;
  const guard = new Guard(ranges, names);
  await guard.install();
  const changes = names.hostNamespace === undefined ? await adoptHost({ stateFolder: options.stateFolder }) : [];
  const machines = new PodmanMachines(options);
  await machines.start();
  return { guard, machines, changes };
}
