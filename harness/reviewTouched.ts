/** Which stacks a change touches, by the files it changes. */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { parse } from "yaml";
import { UserError } from "../plan/errors";
import type { Member } from "./members";
import { code } from "./reviewText";
import { renderCount } from "./text";

/** One changed file; the texts are there for stack files alone. */
export interface ChangedFile {
  path: string;
  /** `undefined`: the file was not there. */
  before?: string;
  /** `undefined`: the file is gone. */
  after?: string;
}

export interface Touched {
  /** In fleet order. */
  stacks: string[];
  /** One sentence: how many of the stacks, and why. */
  why: string;
}

/** Files that no stack's resources come from. Whatever is not known to be harmless touches every stack. */
const HARMLESS =
  /^(docs|test|rehearsal|\.github|\.ci|\.vscode)\/|^harness\/(?!manifests\.|kustomize\.|moduleZip\.|upstream\/)|^[^/]+\.md$|^(Makefile|LICENSE|NOTICE|archipelago|rehearse|\.gitignore|\.prettierignore|\.prettierrc\.json|\.editorconfig|eslint\.config\.mjs|vitest\.config\.ts)$/;
const FILES_NAMED = 3;
const STACK_FILE = /^Pulumi\.([^/]+)\.ya?ml$/;
const ADAPTER = /^components\/clouds\/([a-z]+(?:[A-Z][a-z]+)?)([A-Z]\w*)?\.ts$/;
/** What the other clusters build on: their routes, firewalls, names and join lists are made of it. */
const FLEET_WIDE = ["role", "primary", "podCidr", "serviceCidr", "dnsAddress", "nodeCidr", "suffix"];

/** The stacks a change touches: its stack files' own, those on the clouds whose adapters changed, else all of them. */
export function planTouched(files: ChangedFile[], members: Member[]): Touched {
  const touched = new Set<string>();
  const everything: string[] = [];
  for (const file of files) {
    const names = stacksOf(file, members);
    if (names === "all") everything.push(file.path);
    else for (const name of names) touched.add(name);
  }
  const all = members.map(({ name }) => name);
  const stacks = everything.length > 0 ? all : all.filter((name) => touched.has(name));
  const count = `${stacks.length} of ${all.length} stacks`;
  if (stacks.length === 0) return { stacks, why: "No stack is made from what this change touches." };
  if (everything.length > 0) {
    const named = everything.slice(0, FILES_NAMED).map((path) => code(path));
    const more =
      everything.length > named.length ? ` and ${renderCount(everything.length - named.length, "more file")}` : "";
    return { stacks, why: `All ${all.length} stacks, because what they share is changed: ${named.join(", ")}${more}.` };
  }
  return { stacks, why: `${count}: only their own files or their cloud's are changed.` };
}

function stacksOf(file: ChangedFile, members: Member[]): string[] | "all" {
  if (HARMLESS.test(file.path)) return [];
  const stack = STACK_FILE.exec(file.path)?.[1];
  if (stack !== undefined)
    return isFleetWide(file) ? "all" : members.filter(({ name }) => name === stack).map(({ name }) => name);
  const adapter = ADAPTER.exec(file.path);
  if (!adapter) return "all";
  const clouds = members.map(({ cloud }) => cloud);
  const cloud = [kebab(adapter[1]!), kebab(adapter[1]!.replace(/[A-Z].*$/, ""))].find((name) => clouds.includes(name));
  // An adapter nobody uses makes nothing; a file beside the adapters is shared by them.
  if (!cloud) return KNOWN_ADAPTERS.has(adapter[1]!) ? [] : "all";
  return members.filter((member) => member.cloud === cloud).map(({ name }) => name);
}

const KNOWN_ADAPTERS = new Set(["aws", "oci", "vultr", "civo", "linode", "equinixMetal", "existing"]);

/** A stack that comes or goes, or whose addresses change, is felt by all its peers. */
function isFleetWide({ before, after }: ChangedFile): boolean {
  if (before === undefined || after === undefined) return true;
  const [old, now] = [clusterIn(before), clusterIn(after)];
  if (!old || !now) return true;
  // A stack file says of a node what differs from the tree; a node that is none of it may have been a gateway.
  const gateways = (cluster: Record<string, unknown>): unknown =>
    Object.entries((cluster.nodes ?? {}) as Record<string, { gateway?: boolean } | null>)
      .map(([key, node]) => [key, node === null ? "removed" : node.gateway])
      .filter(([, gateway]) => gateway !== undefined);
  const shared = (cluster: Record<string, unknown>): string =>
    JSON.stringify([...FLEET_WIDE.map((key) => cluster[key]), gateways(cluster)]);
  return shared(old) !== shared(now);
}

/** The cluster's own settings in a stack file; `undefined` when the file cannot be understood. */
function clusterIn(text: string): Record<string, unknown> | undefined {
  try {
    const document = parse(text) as { config?: Record<string, unknown> } | null;
    return (document?.config?.["archipelago:cluster"] ?? {}) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

const kebab = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

async function runGit(folder: string, words: string[]): Promise<string> {
  return (await promisify(execFile)("git", ["-C", folder, ...words], { maxBuffer: 64 * 1024 * 1024 })).stdout;
}

/** The commit where HEAD left `base`. Throws `UserError`. */
export async function readAncestor(folder: string, base: string): Promise<string> {
  try {
    const words = ["rev-parse", "--verify", "--quiet", "--end-of-options", `${base}^{commit}`];
    const commit = (await runGit(folder, words)).trim();
    return (await runGit(folder, ["merge-base", commit, "HEAD"])).trim();
  } catch {
    throw new UserError(
      `git does not know where this change left ${JSON.stringify(base)}.`,
      "Name a commit or branch that is here with its history: git fetch --unshallow origin, then e.g. --touched origin/main",
    );
  }
}

/** What differs between a commit and the working tree. */
export async function readChangedFiles(folder: string, ancestor: string): Promise<ChangedFile[]> {
  const git = (...words: string[]): Promise<string> => runGit(folder, words);
  // Both names of what was moved; zero bytes because a name may hold anything else.
  const changed = await git("diff", "--name-only", "--relative", "--no-renames", "-z", ancestor, "--");
  const added = await git("ls-files", "--others", "--exclude-standard", "-z");
  const paths = [...new Set(`${changed}${added}`.split("\0").filter(Boolean))];
  return Promise.all(
    paths.map(async (path) => {
      if (!STACK_FILE.test(path)) return { path };
      const before = await git("show", `${ancestor}:./${path}`).catch(() => undefined);
      const after = await readFile(join(folder, path), "utf8").catch(() => undefined);
      return { path, before, after };
    }),
  );
}
