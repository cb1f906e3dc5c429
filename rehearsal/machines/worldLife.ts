import { type Range } from "./conflicts";
import { Guard } from "./guard";
import { adoptHost } from "./hostSettings";
import { WORLD, type WorldNames } from "./names";
import { PodmanMachines, type PodmanMachinesOptions } from "./podmanMachines";

export interface PreparedHost {
  guard: Guard;
  /** One sentence for every host setting that was changed, to be shown. */
  changes: string[];
}

export interface OneMachineWorld extends PreparedHost {
  machines: PodmanMachines;
}

/**
 * What must be so before the first machine: the guard is up, then the host's settings are as machines need them. For a
 * process that leaves the machines to another one; repeating it is harmless while that one works.
 * @param ranges Pod, service and node ranges of every cluster.
 * @throws UserError when the host itself uses one of the ranges.
 */
export async function prepareHost(
  ranges: Range[],
  options: { stateFolder: string; names?: WorldNames },
): Promise<PreparedHost> {
  const names = options.names ?? WORLD;
  const guard = new Guard(ranges, names);
  await guard.install();
  const changes = names.hostNamespace === undefined ? await adoptHost({ stateFolder: options.stateFolder }) : [];
  return { guard, changes };
}

/**
 * Puts up everything below the emulated clouds in the one order that is safe: guard, host settings, internet, machines.
 * Only one process at a time may own the machines; started again it goes on with the world that stands. The way back is
 * `removeEverything`.
 * @throws UserError as {@link prepareHost}.
 */
export async function startOneMachineWorld(ranges: Range[], options: PodmanMachinesOptions): Promise<OneMachineWorld> {
  const prepared = await prepareHost(ranges, options);
  const machines = new PodmanMachines(options);
  await machines.start();
  return { ...prepared, machines };
}
