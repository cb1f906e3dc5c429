import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { podman } from "../podman";
import { removeCgroups } from "./cgroups";
import type { MachineSpec } from "./contract";
import { machineName, WORLD, type WorldNames } from "./names";

/** What boots inside a machine's network namespace. Podman is one; tests put their own in its place. */
export interface Containers {
  /** Boots the machine unless it runs; idempotent, also after a crash half way through. */
  start(spec: MachineSpec): Promise<void>;
  /** Boots a machine again that was created before; nothing happens when it runs. */
  resume(id: string): Promise<void>;
  /** Ends all its processes. Graceful: as a shutdown does, else as a power cut. */
  stop(id: string, graceful: boolean): Promise<void>;
  /** Removes it with everything it wrote. */
  remove(id: string): Promise<void>;
}

/** What a machine writes much to: on the disk, not in the layers above its image. */
export const VOLUMES = { containerd: "/var/lib/containerd", kubelet: "/var/lib/kubelet", etcd: "/var/lib/etcd" };

/** Seconds a graceful shutdown may take before the power is cut. */
const SHUTDOWN_SECONDS = 20;

/** Folder of a machine's seed: what its cloud would tell it. */
export const seedFolder = (stateFolder: string, id: string): string => join(stateFolder, "machines", id);

/** The NoCloud files a machine boots from. Pure. */
export const renderSeed = (spec: MachineSpec): Record<string, string> => ({
  "meta-data": `instance-id: ${JSON.stringify(spec.id)}\nlocal-hostname: ${JSON.stringify(spec.name)}\n`,
  "user-data": spec.userData,
});

/** Arguments of `podman run` for a machine. Pure. */
export function renderRun(spec: MachineSpec, image: string, seed: string, names: WorldNames): string[] {
  const machine = machineName(names, spec.id);
  return [
    ...["run", "--detach", "--replace", "--name", machine, "--hostname", spec.name],
    ...[
      "--label",
      names.label,
      "--label",
      `archipelago.cloud=${spec.cloud}`,
      "--label",
      `archipelago.name=${spec.name}`,
    ],
    ...["--network", `ns:/run/netns/${machine}`],
    // names are the image's business: nothing of the host's name servers and hosts file gets in
    ...["--dns=none", "--no-hosts"],
    // never --systemd=always: on cgroup v1 it writes into the host's own hierarchy
    ...["--privileged", "--systemd=false", "--cgroupns=private", "--env", "container=podman"],
    ...["--ulimit", "nofile=20000:20000", "--ulimit", "nproc=20000:20000"],
    ...["--stop-signal", "SIGRTMIN+3", "--tmpfs", "/run", "--tmpfs", "/tmp"],
    ...Object.entries(VOLUMES).flatMap(([name, path]) => ["--volume", `${machine}-${name}:${path}`]),
    ...["--volume", `${seed}/seed:/var/lib/cloud/seed/nocloud:ro`],
    ...[image, "/sbin/init"],
  ];
}

export class PodmanContainers implements Containers {
  constructor(
    private readonly stateFolder: string,
    private readonly image: string,
    private readonly names: WorldNames = WORLD,
  ) {}

  async start(spec: MachineSpec): Promise<void> {
    if (await this.wakes(spec.id)) return;
    const folder = seedFolder(this.stateFolder, spec.id);
    await mkdir(join(folder, "seed"), { recursive: true, mode: 0o700 });
    for (const [name, text] of Object.entries(renderSeed(spec))) {
      await writeFile(join(folder, "seed", name), text, { mode: 0o600 });
    }
    // --replace: a container that cannot be started is what a crash left of an earlier attempt
    await podman(renderRun(spec, this.image, folder, this.names));
  }

  async resume(id: string): Promise<void> {
    await this.wakes(id);
  }

  async stop(id: string, graceful: boolean): Promise<void> {
    const seconds = graceful ? SHUTDOWN_SECONDS : 0;
    await podman(["stop", "--time", String(seconds), machineName(this.names, id)]);
  }

  async remove(id: string): Promise<void> {
    const machine = machineName(this.names, id);
    const ids = lines(await podman(["ps", "--all", "--no-trunc", ...this.only(machine), "--format", "{{.ID}}"]));
    await podman(["rm", "--force", "--ignore", "--volumes", "--time", "0", machine]);
    await removeCgroups(ids);
    await podman(["volume", "rm", "--force", ...Object.keys(VOLUMES).map((name) => `${machine}-${name}`)]);
    await rm(seedFolder(this.stateFolder, id), { recursive: true, force: true });
  }

  /** Whether the container exists and now runs. */
  private async wakes(id: string): Promise<boolean> {
    const machine = machineName(this.names, id);
    const status = (await podman(["ps", "--all", ...this.only(machine), "--format", "{{.State}}"])).trim();
    if (status === "running") return true;
    if (status === "") return false;
    return podman(["start", machine]).then(
      () => true,
      () => false,
    );
  }

  private only(machine: string): string[] {
    return ["--filter", `name=^${machine}$`];
  }
}

const lines = (text: string): string[] => text.split("\n").filter((line) => line !== "");
