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

/** The state folder may be deleted by hand; like the settings themselves this copy lasts until the next boot. */
const COPY = "/run/archipelago/host.json";

const hostFiles = (stateFolder: string): string[] => [join(stateFolder, "host.json"), COPY];

const readSetting = async (path: string): Promise<string> => (await readFile(`/proc/sys/${path}`, "utf8")).trim();

/**
 * Changes the few settings of the host that machines cannot do without, after writing down what was there before.
 * @returns One sentence for every change, to be shown to the user.
 */
export async function adoptHost(stateFolder: string): Promise<string[]> {
  const said: string[] = [];
  const file = (await readHostFile(stateFolder)) ?? { before: {}, modules: [] };
  for (const path of [INOTIFY, ...WATCHED]) {
    if (file.before[path] === undefined && existsSync(`/proc/sys/${path}`)) file.before[path] = await readSetting(path);
  }
  const needsModule = !existsSync(`/proc/sys/${BRIDGE_FILTER}`);
  if (needsModule) file.modules = ["br_netfilter"];
  // Written before the first change, so that a crash in between loses nothing.
  await writeHostFile(stateFolder, file);
  if (needsModule) said.push(...(await loadBridgeFilter()));
  const instances = Number(await readSetting(INOTIFY));
  if (instances < INOTIFY_INSTANCES) {
    await writeFile(`/proc/sys/${INOTIFY}`, String(INOTIFY_INSTANCES));
    said.push(`fs.inotify.max_user_instances raised from ${instances} to ${INOTIFY_INSTANCES} until the end`);
  }
  return said;
}

/** Puts every setting back that is not what it was before; returns one sentence for each. */
export async function restoreHost(stateFolder: string): Promise<string[]> {
  const file = await readHostFile(stateFolder);
  const said: string[] = [];
  for (const [path, value] of Object.entries(file?.before ?? {})) {
    if (!existsSync(`/proc/sys/${path}`) || (await readSetting(path)) === value) continue;
    await writeFile(`/proc/sys/${path}`, value);
    said.push(`${path.replaceAll("/", ".")} is ${value} again`);
  }
  for (const module of file?.modules ?? []) {
    await command("modprobe", ["-r", module], { mayFail: true });
    if (!existsSync(`/proc/sys/${BRIDGE_FILTER}`)) said.push(`kernel module ${module} unloaded`);
  }
  for (const path of hostFiles(stateFolder)) await rm(path, { force: true });
  // others may keep things there too
  await rmdir(dirname(COPY)).catch(() => undefined);
  return said;
}

/** Kubernetes wants bridged pods to meet the machine's rules; a container cannot load the module itself. */
async function loadBridgeFilter(): Promise<string[]> {
  await command("modprobe", ["br_netfilter"], { mayFail: true });
  if (!existsSync(`/proc/sys/${BRIDGE_FILTER}`)) return [];
  // The host's own bridges keep behaving as they did.
  for (const kind of ["iptables", "ip6tables", "arptables"]) {
    await writeFile(`/proc/sys/net/bridge/bridge-nf-call-${kind}`, "0");
  }
  return ["kernel module br_netfilter loaded (the host's own bridges are not affected)"];
}

async function readHostFile(stateFolder: string): Promise<HostFile | undefined> {
  const path = hostFiles(stateFolder).find(existsSync);
  return path === undefined ? undefined : (JSON.parse(await readFile(path, "utf8")) as HostFile);
}

async function writeHostFile(stateFolder: string, file: HostFile): Promise<void> {
  for (const path of hostFiles(stateFolder)) {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, JSON.stringify(file, undefined, 2));
  }
}
