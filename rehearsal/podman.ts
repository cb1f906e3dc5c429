import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder } from "../harness/folders";
import { runCommand, type CommandOptions } from "./artifacts/commands";

/**
 * podman with storage, networks and settings of its own, all below the cache folder: whatever other podman users have
 * on this host is neither seen nor touched, and the host's configuration of podman does not matter.
 */
export async function podman(args: string[], options: CommandOptions = {}): Promise<string> {
  return runCommand("podman", args, {
    timeoutSeconds: 300,
    ...options,
    env: { ...podmanEnvironment(), ...options.env },
  });
}

/** Where podman keeps what must not outlive a boot of the host (its own locks and mounts); `down` removes it. */
export function podmanRunFolder(): string {
  const key = createHash("sha256").update(cacheFolder()).digest("hex").slice(0, 8);
  return join("/run/archipelago", `podman-${key}`);
}

/** Writes podman's configuration and returns the variables that point to it, for programs that call podman themselves. */
export function podmanEnvironment(): Record<string, string> {
  const folder = join(cacheFolder(), "podman");
  const environment = {
    CONTAINERS_STORAGE_CONF: join(folder, "storage.conf"),
    CONTAINERS_CONF: join(folder, "containers.conf"),
  };
  for (const name of ["root", "networks", "tmp"]) mkdirSync(join(folder, name), { recursive: true });
  mkdirSync(podmanRunFolder(), { recursive: true });
  writeWhole(environment.CONTAINERS_STORAGE_CONF, renderStorageConf(folder, podmanRunFolder()));
  writeWhole(environment.CONTAINERS_CONF, renderContainersConf(folder, podmanRunFolder()));
  return environment;
}

/** A podman that another process starts meanwhile must never read half of a file; what stands there is left alone. */
export function writeWhole(path: string, text: string): void {
  if (existsSync(path) && readFileSync(path, "utf8") === text) return;
  const draft = `${path}.draft-${process.pid}`;
  writeFileSync(draft, text);
  renameSync(draft, path);
}

/** podman's storage.conf. */
export function renderStorageConf(folder: string, runFolder: string): string {
  return `[storage]
driver = "overlay"
graphroot = "${join(folder, "root")}"
runroot = "${join(runFolder, "storage")}"
`;
}

/** podman's containers.conf. */
export function renderContainersConf(folder: string, runFolder: string): string {
  return `[engine]
# crun refuses the hybrid cgroup layout; runc runs on it and on the others
runtime = "runc"
# no systemd needed on the host
cgroup_manager = "cgroupfs"
events_logger = "file"
tmp_dir = "${join(runFolder, "engine")}"
volume_path = "${join(folder, "root", "volumes")}"
image_copy_tmp_dir = "${join(folder, "tmp")}"

[network]
network_backend = "netavark"
network_config_dir = "${join(folder, "networks")}"

[containers]
log_driver = "k8s-file"
pids_limit = 0
# podman would otherwise ask for limits above the host's own, which a confined host refuses
default_ulimits = ["nofile=20000:20000", "nproc=20000:20000"]
`;
}
