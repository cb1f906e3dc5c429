import { existsSync, mkdirSync, readFileSync, statfsSync } from "node:fs";
import { findOnPath } from "../harness/engine";
import { cacheFolder } from "../harness/folders";
import type { Finding } from "../plan/types";

const GIB = 1024 ** 3;

/** Measured: five clusters, their tunnels and databases take under 6 GiB (docs/rehearsal.md); the rest is the builds'. */
export const NEEDED_MEMORY_BYTES = 8 * GIB;

/** Measured on an empty cache: Go modules and build cache, root filesystem, images (docs/rehearsal.md). */
export const NEEDED_DISK_BYTES = { cold: 14 * GIB, warm: 3 * GIB };

export interface HostFacts {
  uid: number;
  platform: string;
  nodeMajor: number;
  availableMemoryBytes: number;
  freeDiskBytes: number;
  hasGo: boolean;
  hasApt: boolean;
  /** Whether the machine image is already in the cache. */
  warm: boolean;
}

/** Looks at this host; changes nothing. */
export function readHostFacts(warm: boolean): HostFacts {
  const meminfo = existsSync("/proc/meminfo") ? readFileSync("/proc/meminfo", "utf8") : "";
  const available = /^MemAvailable:\s+(\d+) kB/m.exec(meminfo)?.[1];
  const cache = cacheFolder();
  mkdirSync(cache, { recursive: true });
  const disk = statfsSync(cache);
  return {
    uid: process.getuid?.() ?? -1,
    platform: process.platform,
    nodeMajor: Number(process.versions.node.split(".")[0]),
    availableMemoryBytes: Number(available ?? 0) * 1024,
    freeDiskBytes: disk.bavail * disk.bsize,
    hasGo: findOnPath("go") !== undefined,
    hasApt: findOnPath("apt-get") !== undefined,
    warm,
  };
}

const gib = (bytes: number): string => `${(bytes / GIB).toFixed(1)} GiB`;

/** Everything about this host that would make a rehearsal fail, all at once. Pure. */
export function checkHost(facts: HostFacts): Finding[] {
  const findings: Finding[] = [];
  const add = (place: string, value: string, allowed: string, remedy: string): void => {
    findings.push({ place, value, allowed, remedy });
  };
  if (facts.platform !== "linux") add("operating system", facts.platform, "linux", "run the rehearsal on Debian 12");
  if (facts.uid !== 0) {
    add(
      "user",
      `uid ${facts.uid}`,
      "root",
      "machines need network namespaces and mounts: run it as root (sudo -E make rehearsal)",
    );
  }
  if (facts.nodeMajor < 20) add("node", `version ${facts.nodeMajor}`, "20 or newer", "install Node 20");
  if (facts.availableMemoryBytes < NEEDED_MEMORY_BYTES) {
    add(
      "memory",
      `${gib(facts.availableMemoryBytes)} available`,
      `at least ${gib(NEEDED_MEMORY_BYTES)}`,
      "stop other programs or use a larger machine",
    );
  }
  const disk = facts.warm ? NEEDED_DISK_BYTES.warm : NEEDED_DISK_BYTES.cold;
  if (facts.freeDiskBytes < disk) {
    add(
      `disk under ${cacheFolder()}`,
      `${gib(facts.freeDiskBytes)} free`,
      `at least ${gib(disk)}`,
      "free some space, or set ARCHIPELAGO_CACHE to a folder on a larger disk",
    );
  }
  if (!facts.hasApt) add("apt-get", "not found", "Debian's package manager", "run the rehearsal on Debian 12");
  if (!facts.hasGo && !facts.warm) {
    add(
      "go",
      "not found",
      "Go 1.26 or newer on PATH",
      "install Go (https://go.dev/doc/install); artifacts that cannot be downloaded are built",
    );
  }
  return findings;
}

/** One block for all findings: place, value, allowed, remedy. */
export function renderFindings(findings: Finding[]): string {
  return findings.map((f) => `  ${f.place}: ${f.value}; allowed: ${f.allowed}\n      → ${f.remedy}`).join("\n");
}
