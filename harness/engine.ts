import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, dirname, join, resolve } from "node:path";
import { PulumiCommand } from "@pulumi/pulumi/automation";
import { UserError } from "../plan/errors";
import { cacheFolder } from "./folders";

/**
 * The oldest engine taken from PATH. The program's SDK is 3.248 and all trials were made with engines from 3.250 on; what
 * the harness leans on beyond the Automation API's own minimum (engine events over gRPC, clearing pending creates without
 * a question, attaching to running providers) is the same since this release. Older ones may work but nobody has tried.
 */
export const MINIMUM_ENGINE = "3.240.0";

/** How engines came here during this process's life; a second look at PATH must not call a built one found. */
const sources = new Map<string, EngineSource>();

const REACH_SECONDS = 5;
const INSTALL_SECONDS = 300;

export type EngineSource = "path" | "downloaded" | "built";

export interface Engine {
  command: PulumiCommand;
  path: string;
  /** Without a leading "v". */
  version: string;
  source: EngineSource;
}

/** Obtains an engine where no release can be downloaded; answers with the path of `pulumi`, its language host beside it. */
export type ObtainEngine = () => Promise<string>;

export interface EngineOptions {
  obtainEngine?: ObtainEngine;
  /** Whether the released engine may be downloaded; default true. Off, for instance, where only registries are reached. */
  download?: boolean;
}

/**
 * The Pulumi engine to use: `pulumi` from PATH if new enough, else the released one, else what `obtainEngine` builds.
 * Puts its folder first on this process's PATH, where the engine looks for its language host. Throws `UserError`.
 */
export async function chooseEngine(options: EngineOptions = {}): Promise<Engine> {
  const found = findOnPath("pulumi");
  const foundVersion = found ? (await engineAt(found, "path")).version : undefined;
  if (found && foundVersion && isAtLeast(foundVersion, MINIMUM_ENGINE)) {
    return withLanguageHost(found, sources.get(found) ?? "path");
  }

  const tried = [found ? `pulumi ${foundVersion} on PATH is older than ${MINIMUM_ENGINE}` : "no pulumi on PATH"];
  if (options.download !== false) {
    try {
      return await withLanguageHost(await downloadEngine(), "downloaded");
    } catch (error) {
      tried.push(`the release could not be downloaded (${error instanceof Error ? error.message : String(error)})`);
    }
  }
  if (options.obtainEngine) return withLanguageHost(await options.obtainEngine(), "built");
  throw new UserError(
    `There is no usable Pulumi engine: ${tried.join("; ")}.`,
    `Install pulumi ${MINIMUM_ENGINE} or newer (https://www.pulumi.com/docs/install/) and put it on PATH.`,
  );
}

/** One line for the head of every verb's output. */
export function renderEngine(engine: Pick<Engine, "version" | "source" | "path">): string {
  const from = { path: "found on PATH", downloaded: "downloaded release", built: "built from its Go module" };
  return `engine: real pulumi ${engine.version}, ${from[engine.source]} (${engine.path})`;
}

/** Compares release numbers; a pre-release counts as its release. */
export function isAtLeast(version: string, minimum: string): boolean {
  const numbers = (text: string): number[] => (text.replace(/^v/, "").split(/[-+]/)[0] ?? "").split(".").map(Number);
  const [have, want] = [numbers(version), numbers(minimum)];
  for (let index = 0; index < 3; index++) {
    const [left, right] = [have[index] ?? 0, want[index] ?? 0];
    if (Number.isNaN(left)) return false;
    if (left !== right) return left > right;
  }
  return true;
}

/** Absolute path of an executable on `path`, as a shell would find it. */
export function findOnPath(name: string, path: string = process.env.PATH ?? ""): string | undefined {
  for (const folder of path.split(delimiter).filter(Boolean)) {
    const candidate = resolve(folder, name);
    try {
      accessSync(candidate, constants.X_OK);
      return candidate;
    } catch {
      continue;
    }
  }
  return undefined;
}

async function downloadEngine(): Promise<string> {
  // The installer waits for minutes where the network swallows packets; a short question first fails fast.
  await fetch("https://get.pulumi.com/", { method: "HEAD", signal: AbortSignal.timeout(REACH_SECONDS * 1000) });
  const root = join(cacheFolder(), "engine", "released");
  const timer = { handle: undefined as NodeJS.Timeout | undefined };
  const deadline = new Promise<never>((_, reject) => {
    timer.handle = setTimeout(() => reject(new Error(`not done after ${INSTALL_SECONDS} s`)), INSTALL_SECONDS * 1000);
  });
  try {
    await Promise.race([PulumiCommand.install({ root }), deadline]);
  } finally {
    clearTimeout(timer.handle);
  }
  return join(root, "bin", "pulumi");
}

async function withLanguageHost(path: string, source: EngineSource): Promise<Engine> {
  const engine = await engineAt(path, source);
  if (!existsSync(join(dirname(path), "pulumi-language-nodejs")) && !findOnPath("pulumi-language-nodejs")) {
    throw new UserError(
      `The Pulumi engine ${path} has no Node language host (pulumi-language-nodejs) beside it or on PATH.`,
      "Install the whole pulumi release, or put pulumi-language-nodejs into the same folder.",
    );
  }
  sources.set(engine.path, source);
  return engine;
}

async function engineAt(path: string, source: EngineSource): Promise<Engine> {
  const folder = dirname(path);
  const folders = (process.env.PATH ?? "").split(delimiter);
  if (folders[0] !== folder) process.env.PATH = [folder, ...folders].join(delimiter);
  // The version check is ours (MINIMUM_ENGINE), with a better message.
  const command = await PulumiCommand.get({ skipVersionCheck: true });
  return { command, path, version: command.version?.toString() ?? "0.0.0", source };
}
