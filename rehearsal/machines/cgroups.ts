import { existsSync } from "node:fs";
import { readdir, rmdir } from "node:fs/promises";
import { join } from "node:path";

/** Where podman, without systemd on the host, keeps its containers' control groups. */
const PARENT = "libpod_parent";

/** Both layouts: one hierarchy, or (cgroup v1) one a controller. */
async function hierarchies(): Promise<string[]> {
  const root = "/sys/fs/cgroup";
  return [root, ...(await folders(root)).map((name) => join(root, name))];
}

/** Control groups of these containers; kubelets inside make some below that podman does not know of. */
export async function findCgroups(containerIds: string[]): Promise<string[]> {
  return (await hierarchies())
    .flatMap((path) => containerIds.map((id) => join(path, PARENT, `libpod-${id}`)))
    .filter((path) => existsSync(path));
}

/** Removes what a container left of its control groups; those in which a process lives stay. */
export async function removeCgroups(containerIds: string[]): Promise<void> {
  for (const path of await findCgroups(containerIds)) await removeTree(path);
}

/** Removes podman's own folders above all containers, where no container of anybody is in them any more. */
export async function removeCgroupParents(): Promise<void> {
  for (const path of await hierarchies()) {
    for (const name of [join(PARENT, "conmon"), PARENT]) await rmdir(join(path, name)).catch(() => undefined);
  }
}

async function removeTree(path: string): Promise<void> {
  for (const name of await folders(path)) await removeTree(join(path, name));
  await rmdir(path).catch(() => undefined);
}

async function folders(path: string): Promise<string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
}
