import { existsSync } from "node:fs";
import { mkdir, readFile, rm, rmdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { command } from "./command";

/** Machines watch many files; the usual 128 is used up by five clusters. */
const INOTIFY = "fs/inotify/max_user_instances";
const INOTIFY_INSTANCES = 1024;

const BRIDGE_FILTER = "net/bridge/bridge-nf-call-iptables";

/**
 * Settings the kernel has only once, which programs inside privileged machines (kubelet, systemd) like to change. The
 * machine image keeps them from it; should one slip through, it is put back at the end.
 */
const WATCHED = [
  "kernel/panic",
  "kernel/panic_on_oops",
  "kernel/pid_max",
  "kernel/sysrq",
  "kernel/core_pattern",
  "kernel/core_uses_pid",
  "kernel/keys/root_maxbytes",
  "kernel/keys/root_maxkeys",
  "vm/overcommit_memory",
  "vm/max_map_count",
  "fs/suid_dumpable",
  "fs/protected_fifos",
  "fs/protected_hardlinks",
  "fs/protected_regular",
  "fs/protected_symlinks",
  "net/netfilter/nf_conntrack_max",
];

interface HostFile {
  /** Path below /proc/sys → value before the rehearsal. */
  before: Record<string, string>;
  /** Kernel modules the rehearsal loaded. */
  modules: string[];
}

export interface HostPlaces {
  stateFolder: string;
  /** Default /proc/sys. */
  settingsFolder?: string;
  /**
   * A second copy of what is written down, for when the state folder was deleted by hand; like the settings themselves it
   * lasts until the next boot. Default /run/archipelago.
   */
  copyFolder?: string;
}

/**
 * Changes the few settings of the host that machines cannot do without, after writing down what was there before.
 * @returns One sentence for every change, to be shown to the user.
 */
export async function adoptHost(places: HostPlaces): Promise<string[]> {
  const settings = new Settings(places.settingsFolder);
  const said: string[] = [];
  const file = (await readHostFile(places)) ?? { before: {}, modules: [] };
  for (const path of [INOTIFY, ...WATCHED]) {
    if (file.before[path] === undefined && settings.has(path)) file.before[path] = await settings.read(path);
  }
  const needsModule = !settings.has(BRIDGE_FILTER);
  if (needsModule) file.modules = ["br_netfilter"];
  // Written before the first change, so that a crash in between loses nothing.
  await writeHostFile(places, file);
  if (needsModule) said.push(...(await loadBridgeFilter(settings)));
  const instances = Number(await settings.read(INOTIFY));
  if (instances < INOTIFY_INSTANCES) {
    await settings.write(INOTIFY, String(INOTIFY_INSTANCES));
    said.push(`fs.inotify.max_user_instances raised from ${instances} to ${INOTIFY_INSTANCES} until the end`);
  }
  return said;
}

/** Puts every setting back that is not what it was before; returns one sentence for each. */
export async function restoreHost(places: HostPlaces): Promise<string[]> {
  const settings = new Settings(places.settingsFolder);
  const file = await readHostFile(places);
  const said: string[] = [];
  for (const [path, value] of Object.entries(file?.before ?? {})) {
    if (!settings.has(path) || (await settings.read(path)) === value) continue;
    await settings.write(path, value);
    said.push(`${path.replaceAll("/", ".")} is ${value} again`);
  }
  for (const module of file?.modules ?? []) {
    await command("modprobe", ["-r", module], { mayFail: true });
    if (!settings.has(BRIDGE_FILTER)) said.push(`kernel module ${module} unloaded`);
  }
  for (const path of hostFiles(places)) await rm(path, { force: true });
  // others may keep things there too
  await rmdir(copyFolder(places)).catch(() => undefined);
  return said;
}

/** Kubernetes wants bridged pods to meet the machine's rules; a container cannot load the module itself. */
async function loadBridgeFilter(settings: Settings): Promise<string[]> {
  await command("modprobe", ["br_netfilter"], { mayFail: true });
  if (!settings.has(BRIDGE_FILTER)) return [];
  // The host's own bridges keep behaving as they did.
  for (const kind of ["iptables", "ip6tables", "arptables"]) {
    await settings.write(`net/bridge/bridge-nf-call-${kind}`, "0");
  }
  return ["kernel module br_netfilter loaded (the host's own bridges are not affected)"];
}

class Settings {
  constructor(private readonly folder = "/proc/sys") {}

  has(path: string): boolean {
    return existsSync(join(this.folder, path));
  }

  async read(path: string): Promise<string> {
    return (await readFile(join(this.folder, path), "utf8")).trim();
  }

  async write(path: string, value: string): Promise<void> {
    await writeFile(join(this.folder, path), value);
  }
}

const copyFolder = (places: HostPlaces): string => places.copyFolder ?? "/run/archipelago";

const hostFiles = (places: HostPlaces): string[] =>
  [places.stateFolder, copyFolder(places)].map((folder) => join(folder, "host.json"));

async function readHostFile(places: HostPlaces): Promise<HostFile | undefined> {
  const path = hostFiles(places).find(existsSync);
  return path === undefined ? undefined : (JSON.parse(await readFile(path, "utf8")) as HostFile);
}

async function writeHostFile(places: HostPlaces, file: HostFile): Promise<void> {
  for (const path of hostFiles(places)) {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, JSON.stringify(file, undefined, 2));
  }
}
