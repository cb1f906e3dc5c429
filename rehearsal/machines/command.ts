import { execFile } from "node:child_process";
import { UserError } from "../../plan/errors";

export interface CommandOptions {
  input?: string;
  /** Network namespace to run in; undefined: the host's. */
  namespace?: string;
  /** Return what was printed instead of throwing when the command fails. */
  mayFail?: boolean;
  /** Default 60. */
  timeoutSeconds?: number;
}

/** Debian package of each tool the one-machine world calls. */
const PACKAGES: Record<string, string> = {
  ip: "iproute2",
  nft: "nftables",
  conntrack: "conntrack",
  nsenter: "util-linux",
};

/**
 * Runs a tool, inside a network namespace if one is named, and returns what it printed.
 * @throws UserError when the tool is missing; Error with the command line and its last words when it fails.
 */
export async function command(tool: string, args: string[], options: CommandOptions = {}): Promise<string> {
  const line = options.namespace
    ? ["nsenter", `--net=/run/netns/${options.namespace}`, tool, ...args]
    : [tool, ...args];
  const end = await run(line, options.input ?? "", (options.timeoutSeconds ?? 60) * 1000);
  if (end.failure === undefined || options.mayFail) return end.stdout;
  if (end.failure === "missing") {
    throw new UserError(`The command \`${tool}\` is not installed.`, `apt-get install ${PACKAGES[tool] ?? tool}`);
  }
  throw new Error(`${line.join(" ")}: ${end.stderr.trim() || end.failure}${options.input ? `\n${options.input}` : ""}`);
}

function run(
  line: string[],
  input: string,
  timeout: number,
): Promise<{ failure?: string; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const [file = "", ...args] = line;
    const child = execFile(file, args, { timeout, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      // 127: nsenter did not find the tool
      const missing = error?.code === "ENOENT" || error?.code === 127;
      resolve({ failure: missing ? "missing" : error?.message, stdout, stderr });
    });
    // A tool that ends before it has read its input is no error of its own: its exit code tells.
    child.stdin?.on("error", () => undefined).end(input);
  });
}

/** Several `ip` commands in one process, all in the same namespace; stops at the first that fails. */
export async function ipBatch(namespace: string | undefined, lines: string[]): Promise<void> {
  if (lines.length === 0) return;
  const target = namespace ? ["-n", namespace] : [];
  await command("ip", [...target, "-batch", "-"], { input: lines.join("\n") + "\n" });
}

/** Loads a ruleset in one transaction. */
export async function nftLoad(namespace: string | undefined, ruleset: string): Promise<void> {
  await command("nft", ["-f", "-"], { namespace, input: ruleset });
}

/** Parsed answer of `ip -json`; an empty answer is an empty list. */
export async function ipJson<T>(namespace: string | undefined, args: string[], mayFail = false): Promise<T[]> {
  const target = namespace ? ["-n", namespace] : [];
  const text = await command("ip", [...target, "-json", ...args], { mayFail });
  return text.trim() === "" ? [] : (JSON.parse(text) as T[]);
}

/** Writes network settings below /proc/sys of a namespace; those the kernel does not have are left out. */
export async function writeSysctls(
  namespace: string | undefined,
  settings: Record<string, string | number>,
): Promise<void> {
  const script =
    'while [ $# -gt 0 ]; do [ ! -e "/proc/sys/$1" ] || echo "$2" > "/proc/sys/$1" || exit 1; shift 2; done';
  const pairs = Object.entries(settings).flatMap(([path, value]) => [path, String(value)]);
  await command("sh", ["-c", script, "sh", ...pairs], { namespace });
}

/** Names of the network namespaces on this host. */
export async function namespaces(): Promise<string[]> {
  const list = await ipJson<{ name: string }>(undefined, ["netns", "list"]);
  return list.map((entry) => entry.name);
}

/** Runs one piece of work at a time, in the order of asking. */
export class Lock {
  private tail: Promise<unknown> = Promise.resolve();

  run<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.tail.then(work);
    this.tail = turn.catch(() => undefined);
    return turn;
  }
}
