import { UserError } from "../plan/errors";
import { runCommand } from "./artifacts/commands";

/** Debian packages the rehearsal needs on the host, each with what it is for. */
const PACKAGES: Record<string, string> = {
  podman: "runs the machines",
  runc: "podman's runtime; crun refuses hybrid cgroups",
  netavark: "podman's network back end",
  mmdebstrap: "makes the machines' root file system",
  iproute2: "segments, router and network namespaces",
  ethtool: "has machines finish their checksums before the router translates addresses",
  nftables: "the emulated clouds' firewalls, and the guard on the host's uplinks",
  iptables: "podman's network back end calls it",
  conntrack: "forgets translated connections when an address moves",
};

/** The packages, and which of them are missing. */
export async function hostPackages(): Promise<{ name: string; purpose: string; installed: boolean }[]> {
  const names = Object.keys(PACKAGES);
  // exit code 1 when a name is unknown; the answer for the others is on standard output all the same
  const listed = await runCommand("sh", [
    "-c",
    "dpkg-query -W -f '${Package} ${db:Status-Status}\\n' \"$@\" 2>/dev/null || true",
    "sh",
    ...names,
  ]);
  const installed = new Set(
    listed
      .split("\n")
      .filter((line) => line.endsWith(" installed"))
      .map((line) => line.split(" ")[0]),
  );
  return names.map((name) => ({ name, purpose: PACKAGES[name] ?? "", installed: installed.has(name) }));
}

/** Installs what is missing; the package lists are refreshed only then. Needs root. */
export async function ensureHostPackages(onProgress: (line: string) => void): Promise<void> {
  const missing = (await hostPackages()).filter((p) => !p.installed).map((p) => p.name);
  if (missing.length === 0) return;
  if (process.getuid?.() !== 0) {
    throw new UserError(
      `these packages are missing: ${missing.join(", ")}`,
      `run as root, or install them: apt-get install --no-install-recommends ${missing.join(" ")}`,
    );
  }
  onProgress(`installing Debian packages: ${missing.join(" ")}`);
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  // a host may have other package sources that do not answer: whether it matters shows when installing
  await runCommand("apt-get", ["-q", "update"], { env, timeoutSeconds: 300 }).catch((error: Error) =>
    onProgress(error.message),
  );
  await runCommand("apt-get", ["-qy", "install", "--no-install-recommends", ...missing], { env, timeoutSeconds: 900 });
}
