import { existsSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { podman } from "../podman";
import { findCgroups, removeCgroupParents, removeCgroups } from "./cgroups";
import { command, ipJson, namespaces } from "./command";
import { releaseGuard } from "./guard";
import { restoreHost } from "./hostSettings";
import { removeInternetFile } from "./internet";
import { WORLD, type WorldNames } from "./names";

/** Five seconds in all; what stands after them is told as left over. */
const LINK_ATTEMPTS = 50;
const LINK_PAUSE_MILLISECONDS = 100;

export interface InventoryOptions {
  stateFolder: string;
  names?: WorldNames;
}

/** What of a world is found on the host, by kind; all lists empty: nothing. */
export interface Leftovers {
  containers: string[];
  volumes: string[];
  namespaces: string[];
  links: string[];
  routes: string[];
  tables: string[];
  mounts: string[];
  files: string[];
  cgroups: string[];
}

/** Looks for every part of a world by name, label and mark, without asking the state folder what there should be. */
export async function listLeftovers(options: InventoryOptions): Promise<Leftovers> {
  const names = options.names ?? WORLD;
  const containers = await findContainers(names);
  return {
    containers: containers.map((container) => container.name),
    volumes: await findVolumes(names),
    namespaces: await findNamespaces(names),
    links: (await ipJson<{ ifname: string }>(names.hostNamespace, ["link", "show", names.hostLink], true)).map(
      (link) => link.ifname,
    ),
    routes: await findRoutes(names),
    tables: await findTables(names),
    mounts: await findMounts(options.stateFolder),
    files: ["machines", "internet.json", "host.json"]
      .map((name) => join(options.stateFolder, name))
      .filter((path) => existsSync(path)),
    cgroups: await findCgroups(containers.map((container) => container.id)),
  };
}

/** How often a look around may find something new before it is left to be reported. */
const ROUNDS = 5;

export const isEmpty = (leftovers: Leftovers): boolean => Object.values(leftovers).flat().length === 0;

/**
 * Takes a world down, whole or in whatever state it is, and puts the host's settings back; the guard goes last.
 * Repeating it is harmless.
 * @returns One sentence for every host setting that was put back.
 */
export async function removeEverything(options: InventoryOptions): Promise<string[]> {
  const names = options.names ?? WORLD;
  const { stateFolder } = options;
  // Again until nothing is found: a command of a killed daemon may just be making one more machine.
  for (let round = 0; round < ROUNDS; round += 1) {
    await removeContainers(names);
    await removeNamespaces(names);
    const { containers, volumes, namespaces: rest } = await listLeftovers(options);
    if ([containers, volumes, rest].flat().length === 0) break;
  }
  for (const path of await findMounts(stateFolder)) await command("umount", ["--lazy", path], { mayFail: true });
  await removeHostLink(names);
  await rm(join(stateFolder, "machines"), { recursive: true, force: true });
  await removeInternetFile(stateFolder);
  // A world inside a namespace never touched the host; what a world beside it did is not its to undo.
  const isHost = names.hostNamespace === undefined;
  if (isHost) await removeCgroupParents();
  const said = isHost ? await restoreHost({ stateFolder }) : [];
  await releaseGuard(names);
  return said;
}

async function removeContainers(names: WorldNames): Promise<void> {
  const containers = await findContainers(names);
  const ids = containers.map((container) => container.id);
  if (ids.length > 0) await podman(["rm", "--force", "--ignore", "--volumes", "--time", "0", ...ids]);
  const volumes = await findVolumes(names);
  if (volumes.length > 0) await podman(["volume", "rm", "--force", ...volumes]);
  await removeCgroups(ids);
}

/** Machines before the router: a machine without a router has no way to anywhere. */
async function removeNamespaces(names: WorldNames): Promise<void> {
  const found = await findNamespaces(names);
  for (const name of found.filter((name) => name !== names.router)) {
    await command("ip", ["netns", "del", name], { mayFail: true });
  }
  if (found.includes(names.router)) await command("ip", ["netns", "del", names.router], { mayFail: true });
}

async function findNamespaces(names: WorldNames): Promise<string[]> {
  const ours = (name: string): boolean => name === names.router || name.startsWith(names.machinePrefix);
  return (await namespaces()).filter((name) => ours(name) && name !== names.hostNamespace);
}

/** The kernel takes the link away with the router's namespace, in its own time; or the router never got as far. */
async function removeHostLink(names: WorldNames): Promise<void> {
  const { hostNamespace: namespace, hostLink } = names;
  const stands = async (): Promise<boolean> => (await ipJson(namespace, ["link", "show", hostLink], true)).length > 0;
  for (let attempt = 0; attempt < LINK_ATTEMPTS && (await stands()); attempt += 1) {
    await command("ip", ["link", "del", hostLink], { namespace, mayFail: true });
    await new Promise((resolve) => setTimeout(resolve, LINK_PAUSE_MILLISECONDS));
  }
}

async function hasPodman(): Promise<boolean> {
  return (await command("podman", ["--version"], { mayFail: true })) !== "";
}

async function findContainers(names: WorldNames): Promise<{ id: string; name: string }[]> {
  if (!(await hasPodman())) return [];
  const format = ["--no-trunc", "--format", "{{.ID}} {{.Names}}"];
  const text = await podman(["ps", "--all", "--filter", `label=${names.label}`, ...format]);
  return lines(text).map((line) => ({ id: line.split(" ")[0] ?? "", name: line.split(" ")[1] ?? "" }));
}

async function findVolumes(names: WorldNames): Promise<string[]> {
  if (!(await hasPodman())) return [];
  const all = lines(await podman(["volume", "ls", "--format", "{{.Name}}"]));
  return all.filter((name) => name.startsWith(names.machinePrefix));
}

async function findRoutes(names: WorldNames): Promise<string[]> {
  const own = ["-4", "route", "show", "table", "all", "proto", String(names.routeProtocol)];
  return (await ipJson<{ dst: string }>(names.hostNamespace, own, true)).map((route) => route.dst);
}

async function findTables(names: WorldNames): Promise<string[]> {
  const text = await command("nft", ["list", "tables"], { namespace: names.hostNamespace });
  return lines(text).filter((line) => line.endsWith(` ${names.guardTable}`));
}

/** Mounts at or below the state folder, deepest first. */
async function findMounts(stateFolder: string): Promise<string[]> {
  const points = lines(await readFile("/proc/self/mounts", "utf8")).map((line) => line.split(" ")[1] ?? "");
  return points.filter((point) => point.startsWith(`${stateFolder}/`)).reverse();
}

const lines = (text: string): string[] => text.split("\n").filter((line) => line !== "");
