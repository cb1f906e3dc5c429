import { existsSync } from "node:fs";
import { readdir, readFile, rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { podman } from "../podman";
import { command, ipBatch, ipJson, namespaces } from "./command";
import { releaseGuard } from "./guard";
import { restoreHost } from "./hostSettings";
import { removeInternetFile } from "./internet";
import { WORLD, type WorldNames } from "./names";

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
  const all = await namespaces();
  return {
    containers: containers.map((container) => container.name),
    volumes: await findVolumes(names),
    namespaces: all.filter((name) => name === names.router || name.startsWith(names.machinePrefix)),
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

export const isEmpty = (leftovers: Leftovers): boolean => Object.values(leftovers).flat().length === 0;

/**
 * Takes a world down, whole or in whatever state it is, and puts the host's settings back; the guard goes last.
 * Repeating it is harmless.
 * @returns One sentence for every host setting that was put back.
 */
export async function removeEverything(options: InventoryOptions): Promise<string[]> {
  const names = options.names ?? WORLD;
  const { stateFolder } = options;
  const found = await listLeftovers(options);
  const ids = (await findContainers(names)).map((container) => container.id);
  if (found.containers.length > 0) {
    await podman(["rm", "--force", "--ignore", "--volumes", "--time", "0", ...found.containers]);
  }
  const volumes = await findVolumes(names);
  if (volumes.length > 0) await podman(["volume", "rm", "--force", ...volumes]);
  for (const path of await findMounts(stateFolder)) await command("umount", ["--lazy", path], { mayFail: true });
  // Machines before the router: a machine without a router has no way to anywhere.
  for (const name of [...found.namespaces].sort((one) => (one === names.router ? 1 : -1))) {
    await command("ip", ["netns", "del", name], { mayFail: true });
  }
  await removeHostLink(names);
  for (const path of await findCgroups(ids)) await removeCgroup(path);
  await rm(join(stateFolder, "machines"), { recursive: true, force: true });
  await removeInternetFile(stateFolder);
  // A world inside a namespace never touched the host's settings; those of a world beside it are not its own.
  const said = names.hostNamespace === undefined ? await restoreHost(stateFolder) : [];
  await releaseGuard(names);
  return said;
}

async function removeHostLink(names: WorldNames): Promise<void> {
  // It went with the router's end; it is still here when the router never got as far.
  const links = await ipJson(names.hostNamespace, ["link", "show", names.hostLink], true);
  if (links.length > 0) await ipBatch(names.hostNamespace, [`link del ${names.hostLink}`]);
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

/** Control groups of containers; kubelets inside make some that podman does not know of. */
async function findCgroups(ids: string[]): Promise<string[]> {
  const root = "/sys/fs/cgroup";
  const roots = [root, ...(await folders(root)).map((name) => join(root, name))];
  return roots
    .flatMap((path) => ids.map((id) => join(path, "libpod_parent", `libpod-${id}`)))
    .filter((path) => existsSync(path));
}

async function removeCgroup(path: string): Promise<void> {
  for (const name of await folders(path)) await removeCgroup(join(path, name));
  await rmdir(path).catch(() => undefined);
}

async function folders(path: string): Promise<string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
}

const lines = (text: string): string[] => text.split("\n").filter((line) => line !== "");
