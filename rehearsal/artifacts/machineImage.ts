import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, join, relative, resolve } from "node:path";
import { BROUGHT_FOLDER } from "../../plan/kubernetesPrograms";
import { podman } from "../podman";
import type { Recipe } from "./cache";
import { KUBE_PATH, KUBE_VERSION_PATH } from "./images";
import { writeLayer, writeOciLayout, type ImageSpec } from "./oci";
import type { TarWriter } from "./tar";
import { VERSIONS } from "./versions";

const MACHINE_FILES = resolve(__dirname, "machine");
const REPOSITORY = "localhost/archipelago-machine";
/** Where containerd's store lies in the image; machine-setup links it into each machine's own. */
const BAKED = "opt/archipelago/containerd";

/**
 * Units that have no business in a container: they would act on the host (its devices, kernel settings, modules), wait
 * for what never comes, or do a distribution's housekeeping.
 */
const MASKED_UNITS = [
  ...["systemd-udevd.service", "systemd-udevd-control.socket", "systemd-udevd-kernel.socket"],
  ...["systemd-udev-trigger.service", "systemd-udev-settle.service", "systemd-modules-load.service"],
  ...[
    "systemd-sysctl.service",
    "systemd-binfmt.service",
    "proc-sys-fs-binfmt_misc.automount",
    "kmod-static-nodes.service",
  ],
  ...["dev-hugepages.mount", "dev-mqueue.mount", "sys-kernel-debug.mount", "sys-kernel-tracing.mount"],
  ...[
    "sys-kernel-config.mount",
    "sys-fs-fuse-connections.mount",
    "systemd-remount-fs.service",
    "systemd-pstore.service",
  ],
  ...["systemd-random-seed.service", "systemd-firstboot.service", "systemd-logind.service", "getty.target"],
  ...["console-getty.service", "systemd-networkd-wait-online.service", "systemd-update-utmp.service", "ipsec.service"],
  ...[
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
  ],
  ...["fstrim.timer", "cloud-init-hotplugd.socket", "cloud-init-hotplugd.service"],
];

const KUBERNETES_COMMANDS = ["kubeadm", "kubelet", "kubectl"];

/** The code that decides what is in the images: a change of it makes them anew. */
const WRITERS = ["debian.ts", "images.ts", "machineImage.ts", "oci.ts", "tar.ts", "versions.ts"];

export interface MachineContent {
  /** Default: the plain one. Images of different kinds stay side by side in podman's storage. */
  kind?: "earlier";
  /** Debian's root file system is the folder `root` in this one. */
  debian: string;
  /** Folder of the CNI plugins. */
  cniPlugins: string;
  /** Folder of kubeadm, kubelet and kubectl; without it they are taken from the images' one Kubernetes binary. */
  commands?: string;
  /** All that decides what is in the archives. */
  inputs: Record<string, string>;
  /** Writes (or names) the archives with every image. */
  archives(work: string): Promise<string[]>;
}

/**
 * The machine image in podman's storage: Debian with systemd, cloud-init, containerd and Kubernetes, and a containerd
 * store in which every image is already unpacked. The artifact's folder only holds the image's name.
 */
export function machineRecipe(content: MachineContent): Recipe {
  const suffix = content.kind ? `-${content.kind}` : "";
  return {
    name: `machine-image${suffix}`,
    inputs: { ...content.inputs, ...digests(MACHINE_FILES), ...digests(__dirname, WRITERS) },
    estimatedSeconds: 60,
    estimatedBytes: 1.1e9,
    isIntact: async (folder) => {
      if (!existsSync(join(folder, "image"))) return false;
      const listed = await podman(["images", "--quiet", "--filter", `reference=${await machineImageName(folder)}`]);
      return listed.trim() !== "";
    },
    bytes: async (folder) =>
      Number(await podman(["image", "inspect", "--format", "{{.Size}}", await machineImageName(folder)])),
    make: async (folder) => {
      const work = join(folder, "work");
      await mkdir(work);
      const name = `${REPOSITORY}${suffix}:${hashOf(folder)}`;
      await makeMachineImage(work, content, name);
      await writeFile(join(folder, "image"), `${name}\n`);
      await rm(work, { recursive: true });
      await removeOldImages(name);
      return "built";
    },
  };
}

/** The image's name, as podman knows it. */
export async function machineImageName(folder: string): Promise<string> {
  return (await readFile(join(folder, "image"), "utf8")).trim();
}

/** `<name>-<hash>.draft-<pid>` → `<hash>`. */
function hashOf(draft: string): string {
  return /-([0-9a-f]{16})\.draft-\d+$/.exec(draft)?.[1] ?? "latest";
}

async function makeMachineImage(work: string, content: MachineContent, name: string): Promise<void> {
  const archives = await content.archives(work);
  const debian = await writeLayer(work, "debian", (tar) => {
    tar.addTree("", join(content.debian, "root"), (path) => path !== "etc/resolv.conf" && path !== "etc/hosts");
    for (const path of ["dev", "proc", "sys", "run"]) tar.addFolder(path);
  });
  const machine = await writeLayer(work, "machine", (tar) => {
    for (const path of filesBelow(MACHINE_FILES))
      tar.addFileFrom(path, join(MACHINE_FILES, path), { mode: modeOf(path) });
    for (const unit of MASKED_UNITS) tar.addLink(`etc/systemd/system/${unit}`, "/dev/null");
    tar.addLink("etc/systemd/system/sysinit.target.wants/machine-setup.service", "../machine-setup.service");
    tar.addLink("etc/systemd/system/multi-user.target.wants/kubelet.service", "../kubelet.service");
    tar.addLink("etc/systemd/system/default.target", "/lib/systemd/system/multi-user.target");
    for (const plugin of readdirSync(content.cniPlugins))
      tar.addFileFrom(`opt/cni/bin/${plugin}`, join(content.cniPlugins, plugin));
    // cloud-init reads an instance's data here; kubelet and tools look here for modules
    for (const path of ["var/lib/cloud/seed/nocloud", "lib/modules", "etc/cni/net.d", "var/lib/archipelago"]) {
      tar.addFolder(path.replace(/^lib\//, "usr/lib/"));
    }
    // empty: a new identity at the first start
    tar.addFile("etc/machine-id", "");
  });
  const image: ImageSpec = {
    reference: name,
    layers: [debian, machine],
    command: ["/sbin/init"],
    env: ["container=podman"],
    stopSignal: "SIGRTMIN+3",
  };
  const bare = name.replace(":", "-bare:");
  await loadImage(work, { ...image, reference: bare });
  const store = join(work, "store");
  await bakeStore(bare, archives, store);
  const baked = await writeLayer(work, "store", (tar) => addStore(tar, store, content.commands));
  await loadImage(work, { ...image, layers: [debian, machine, baked] });
  await podman(["rmi", bare]);
}

async function loadImage(work: string, image: ImageSpec): Promise<void> {
  const layout = "machine-layout";
  writeOciLayout(join(work, layout), [image]);
  // podman makes a name of the path as it is given: a relative one is a valid name
  await podman(["pull", "--quiet", `oci:${layout}`], { cwd: work, timeoutSeconds: 900 });
  await podman(["tag", `localhost/${layout}`, image.reference]);
  // with one name only, podman would take all names away
  await podman(["untag", `localhost/${layout}`, `localhost/${layout}`]);
  await rm(join(work, layout), { recursive: true });
}

/** Runs containerd once, alone, and lets it unpack every image into a folder of the host. */
async function bakeStore(image: string, archives: string[], store: string): Promise<void> {
  await mkdir(store);
  const script = `set -eu
    containerd >/run/containerd.log 2>&1 & daemon=$!
    tries=0; until ctr version >/dev/null 2>&1; do
      tries=$((tries+1)); [ $tries -lt 150 ] || { tail -5 /run/containerd.log; exit 1; }; sleep 0.2
    done
    for archive in /archives/*; do ctr -n k8s.io images import "$archive"; done
    kill $daemon; wait $daemon || true`;
  // by a name: what a killed run left of it goes away
  const flags = [
    "--rm",
    "--replace",
    `--name=archipelago-bake-${image.split(":").at(-1)}`,
    "--pull=never",
    "--network=none",
    "--privileged",
    "--systemd=false",
    "--cgroupns=private",
    "--tmpfs=/run",
  ];
  const mounts = archives.map((archive, index) => `--volume=${archive}:/archives/${index}.tar:ro`);
  const volumes = [`--volume=${store}:/var/lib/containerd`, ...mounts];
  await podman(["run", ...flags, ...volumes, image, "/bin/sh", "-c", script], { timeoutSeconds: 900 });
}

/** containerd's databases, snapshots and small blobs, in the form machine-setup expects, and Kubernetes' own commands. */
function addStore(tar: TarWriter, store: string, commands: string | undefined): void {
  const snapshotter = join(store, "io.containerd.snapshotter.v1.overlayfs");
  const snapshots = join(snapshotter, "snapshots");
  const blobs = join(store, "io.containerd.content.v1.content/blobs/sha256");
  tar.addFileFrom(`${BAKED}/meta.db`, join(store, "io.containerd.metadata.v1.bolt/meta.db"), { mode: 0o644 });
  tar.addFileFrom(`${BAKED}/metadata.db`, join(snapshotter, "metadata.db"), { mode: 0o600 });
  for (const id of readdirSync(snapshots).sort()) {
    tar.addFolder(`${BAKED}/snapshots/${id}/fs`);
    tar.addTree(`${BAKED}/snapshots/${id}/fs`, join(snapshots, id, "fs"));
  }
  // manifests and configurations; the layers themselves are not needed once they are unpacked
  for (const blob of readdirSync(blobs).sort()) {
    if (isJson(join(blobs, blob))) tar.addFileFrom(`${BAKED}/blobs/${blob}`, join(blobs, blob));
  }
  // the boot script links those of the version that its plan names
  const brought = (version: string, command: string): string => `${BROUGHT_FOLDER.slice(1)}/${version}/${command}`;
  if (commands !== undefined) {
    for (const command of KUBERNETES_COMMANDS) {
      const path = brought(`v${VERSIONS.kubernetes}`, command);
      tar.addFileFrom(path, join(commands, command), { mode: 0o755 });
    }
    return;
  }
  const kubes = readdirSync(snapshots).filter((id) => existsSync(join(snapshots, id, "fs", KUBE_PATH)));
  if (kubes.length === 0) throw new Error("the baked store has no Kubernetes binary");
  for (const id of kubes) {
    const version = readFileSync(join(snapshots, id, "fs", KUBE_VERSION_PATH), "utf8").trim();
    for (const command of KUBERNETES_COMMANDS) {
      tar.addLink(brought(version, command), `/${BAKED}/snapshots/${id}/fs/${KUBE_PATH}`);
    }
  }
}

function isJson(path: string): boolean {
  if (statSync(path).size > 1e6) return false;
  return readFileSync(path, "utf8").startsWith("{");
}

/** Images of earlier versions and of interrupted runs; one that a machine still runs on stays, podman refuses it. */
async function removeOldImages(current: string): Promise<void> {
  const listed = await podman(["images", "--format", "{{.Repository}}:{{.Tag}}"]);
  const kind = `${current.split(":")[0]}:`;
  const bare = kind.replace(":", "-bare:");
  const isOld = (name: string): boolean => (name.startsWith(kind) || name.startsWith(bare)) && name !== current;
  for (const name of listed.split("\n").filter(isOld)) {
    await podman(["rmi", name]).catch(() => undefined);
  }
}

function modeOf(path: string): number {
  return readFileSync(join(MACHINE_FILES, path), "utf8").startsWith("#!") ? 0o755 : 0o644;
}

function digests(folder: string, files = filesBelow(folder)): Record<string, string> {
  const digest = (path: string) =>
    createHash("sha256")
      .update(readFileSync(join(folder, path)))
      .digest("hex");
  return Object.fromEntries(files.map((path) => [join(basename(folder), path), digest(path)]));
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}
