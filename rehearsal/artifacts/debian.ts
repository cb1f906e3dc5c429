import { readFileSync, readdirSync, statSync } from "node:fs";
import { lstat, readlink, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Recipe } from "./cache";
import { runCommand } from "./commands";
import type { TarWriter } from "./tar";
import { VERSIONS } from "./versions";

/** What a machine's root file system holds beyond Debian's minimal one. */
const PACKAGES = [
  // boot
  ...["systemd", "systemd-sysv", "dbus", "udev", "cloud-init"],
  // containers
  ...["containerd", "runc"],
  // the network tools kubeadm, kubelet, flannel, kube-proxy and the boot script call
  ...["iptables", "nftables", "iproute2", "conntrack", "ethtool", "socat", "ipset", "iputils-ping", "kmod", "netbase"],
  // people looking around
  ...["procps", "less", "curl", "ca-certificates"],
  // not for the machine: sources of the images' layers
  ...["busybox-static", "libreswan", "libnss3-tools", "openssl"],
];

/** Not needed to run anything. */
const EXCLUDED_PATHS = ["/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*", "/usr/share/info/*"];

/** Debian's packages, their signatures checked by apt, as a folder. */
export function debianRecipe(): Recipe {
  const args = [
    "--variant=minbase",
    "--mode=root",
    `--include=${PACKAGES.join(",")}`,
    ...EXCLUDED_PATHS.map((path) => `--dpkgopt=path-exclude=${path}`),
    VERSIONS.debian,
  ];
  return {
    name: "debian",
    inputs: { args: args.join(" ") },
    estimatedSeconds: 60,
    estimatedBytes: 450e6,
    make: async (folder) => {
      const root = join(folder, "root");
      await runCommand("mmdebstrap", [...args, root], { timeoutSeconds: 1200 });
      // what belongs to one machine, or is only for apt
      for (const path of ["etc/machine-id", "var/lib/dbus/machine-id", "var/cache/apt", "var/log/apt", "dev"]) {
        await rm(join(root, path), { recursive: true, force: true });
      }
      return "downloaded";
    },
  };
}

interface DebianPackage {
  name: string;
  depends: string[];
  provides: string[];
}

/** The installed packages of a root file system, by name. */
export function readPackages(status: string): Map<string, DebianPackage> {
  const packages = new Map<string, DebianPackage>();
  for (const paragraph of status.split("\n\n")) {
    const field = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(paragraph)?.[1] ?? "";
    const names = (value: string) =>
      value
        .split(",")
        // of alternatives the first that is installed counts; all are tried
        .flatMap((one) => one.split("|"))
        .map((one) => one.trim().replace(/[ :(].*$/, ""))
        .filter((one) => one !== "");
    const name = field("Package");
    if (name === "") continue;
    const depends = [...names(field("Depends")), ...names(field("Pre-Depends"))];
    packages.set(name, { name, depends, provides: names(field("Provides")) });
  }
  return packages;
}

/** Needed to install packages, or by parts of them that no image runs. */
const NOT_IN_IMAGES = ["debconf", "dpkg", "perl-base", "tar", "init-system-helpers", "bind9-host", "dns-root-data"];

/** These packages and all they depend on, without those of `below` (layers underneath). */
export function planPackageClosure(
  packages: Map<string, DebianPackage>,
  names: string[],
  below: string[] = [],
): string[] {
  const found = new Set<string>();
  const skip = new Set([...NOT_IN_IMAGES, ...below]);
  const visit = (name: string) => {
    if (skip.has(name) || found.has(name)) return;
    const installed = packages.get(name);
    if (!installed) {
      for (const p of packages.values()) if (p.provides.includes(name)) visit(p.name);
      return;
    }
    found.add(name);
    installed.depends.forEach(visit);
  };
  names.forEach(visit);
  return [...found].sort();
}

const UNUSED_IN_IMAGES =
  /^\/(usr\/)?(share\/(doc|man|locale|lintian|bash-completion|info|bug|i18n|zsh|fish|doc-base|menu|pixmaps|applications)|lib\/(systemd|x86_64-linux-gnu\/gconv|tmpfiles\.d|sysusers\.d|udev))(\/|$)/;

/** Adds the files of installed packages; Debian's /bin, /sbin and /lib are links into /usr, so names are made so too. */
export async function addPackages(tar: TarWriter, root: string, names: string[]): Promise<void> {
  const info = join(root, "var/lib/dpkg/info");
  const files = new Set<string>();
  for (const list of readdirSync(info).filter((f) => f.endsWith(".list"))) {
    if (!names.includes(list.replace(/(:[a-z0-9]+)?\.list$/, ""))) continue;
    for (const line of readFileSync(join(info, list), "utf8").split("\n")) {
      if (line.length > 2 && !UNUSED_IN_IMAGES.test(line))
        files.add(line.replace(/^\/(bin|sbin|lib|lib64)\//, "/usr/$1/"));
    }
  }
  for (const file of [...files].sort()) {
    const stat = await lstat(join(root, file)).catch(() => undefined);
    if (stat?.isSymbolicLink()) tar.addLink(file, await readlink(join(root, file)));
    else if (stat?.isFile()) tar.addFileFrom(file, join(root, file));
  }
}

/** Installed packages of a root file system. */
export function installedPackages(root: string): Map<string, DebianPackage> {
  return readPackages(readFileSync(join(root, "var/lib/dpkg/status"), "utf8"));
}

/** busybox and a link for each of its commands, the skeleton of a root file system, and the users images run as. */
export async function addBusybox(tar: TarWriter, root: string): Promise<void> {
  const busybox = join(root, "usr/bin/busybox");
  if ((statSync(busybox).mode & 0o111) === 0) throw new Error(`${busybox} is not executable`);
  tar.addFileFrom("usr/bin/busybox", busybox, { mode: 0o755 });
  const commands = (await runCommand(busybox, ["--list"])).split("\n").filter((c) => c !== "" && c !== "busybox");
  for (const command of commands.sort()) tar.addLink(`usr/bin/${command}`, "busybox");
  for (const folder of ["usr/sbin", "usr/lib", "usr/lib64", "etc", "run", "var/lib", "root"]) tar.addFolder(folder);
  for (const name of ["bin", "sbin", "lib", "lib64"]) tar.addLink(name, `usr/${name}`);
  tar.addFolder("tmp", { mode: 0o1777 });
  tar.addFolder("var/tmp", { mode: 0o1777 });
  tar.addLink("var/run", "/run");
  tar.addFile("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n");
  tar.addFile("etc/group", "root:x:0:\nnogroup:x:65534:\n");
}
