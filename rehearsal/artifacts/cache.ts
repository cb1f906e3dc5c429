import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { UserError } from "../../plan/errors";

/** Where one artifact came from and what it cost this time. */
export interface ArtifactReport {
  name: string;
  source: "downloaded" | "built" | "cached";
  seconds: number;
  bytes: number;
}

/** How one artifact is obtained. Two recipes with the same name and inputs make the same thing. */
export interface Recipe {
  name: string;
  /** Everything that decides what comes out, by name: versions, flags, source files. Hashed, never stored. */
  inputs: Record<string, string>;
  /** For `doctor`: from nothing, on two idle cores. */
  estimatedSeconds: number;
  /** For `doctor`: what stays in the cache. */
  estimatedBytes: number;
  /** Fills an empty folder; whatever it leaves there is the artifact. */
  make(folder: string): Promise<"downloaded" | "built">;
  /** Whether a cached folder is still good (when something outside the folder belongs to the artifact). */
  isIntact?(folder: string): Promise<boolean>;
  /** Its size, when it is not that of the folder. */
  bytes?(folder: string): Promise<number>;
}

/** 16 hexadecimal digits over names and values; the order of the keys does not matter. */
export function hashInputs(inputs: Record<string, string>): string {
  const hash = createHash("sha256");
  for (const [name, value] of Object.entries(inputs).sort(([a], [b]) => (a < b ? -1 : 1))) {
    // lengths first: no two different sets of inputs run together into the same bytes
    hash
      .update(`${Buffer.byteLength(name)} ${Buffer.byteLength(value)} `)
      .update(name)
      .update(value);
  }
  return hash.digest("hex").slice(0, 16);
}

/** The folder of an artifact inside the cache. */
export function artifactFolder(cache: string, recipe: Recipe): string {
  return join(cache, "artifacts", `${recipe.name}-${hashInputs(recipe.inputs)}`);
}

/** Whether the artifact is there and whole. */
export async function isCached(cache: string, recipe: Recipe): Promise<boolean> {
  const folder = artifactFolder(cache, recipe);
  return existsSync(folder) && ((await recipe.isIntact?.(folder)) ?? true);
}

/**
 * The artifact's folder, made if it is not in the cache. A folder under its final name is always whole: it is made under
 * a temporary name and renamed. What an interrupted run left half-made is removed; a second run waits for the first.
 */
export async function obtainArtifact(
  cache: string,
  recipe: Recipe,
  onStart: () => void = () => undefined,
): Promise<{ folder: string; report: ArtifactReport }> {
  const folder = artifactFolder(cache, recipe);
  const started = Date.now();
  const finish = async (source: ArtifactReport["source"]) => ({
    folder,
    report: {
      name: recipe.name,
      source,
      seconds: (Date.now() - started) / 1000,
      bytes: await (recipe.bytes?.(folder) ?? folderBytes(folder)),
    },
  });
  if (await isCached(cache, recipe)) return finish("cached");
  await mkdir(join(cache, "artifacts"), { recursive: true });
  return withLock(`${folder}.lock`, async () => {
    if (await isCached(cache, recipe)) return finish("cached");
    onStart();
    await removeLeftovers(folder);
    const draft = `${folder}.draft-${process.pid}`;
    await mkdir(draft);
    try {
      const source = await recipe.make(draft);
      await rename(draft, folder);
      return await finish(source);
    } catch (error) {
      await rm(draft, { recursive: true, force: true });
      throw error;
    }
  });
}

/** Drafts of runs that were killed, and an artifact that is no longer intact. Only called under the lock. */
async function removeLeftovers(folder: string): Promise<void> {
  const parent = join(folder, "..");
  for (const entry of await readdir(parent)) {
    if (entry === basename(folder) || entry.startsWith(`${basename(folder)}.draft-`)) {
      await rm(join(parent, entry), { recursive: true, force: true });
    }
  }
}

const LOCK_DEADLINE_MINUTES = 60;

/** Runs an action while holding a lock file; the lock of a process that is gone is taken over. */
async function withLock<T>(path: string, action: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + LOCK_DEADLINE_MINUTES * 60_000;
  for (;;) {
    try {
      const file = await open(path, "wx");
      await file.writeFile(String(process.pid));
      await file.close();
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const holder = Number(await readFile(path, "utf8").catch(() => "0"));
    // an empty file is a lock being written right now, unless it stays empty
    const age = Date.now() - (await stat(path).catch(() => ({ mtimeMs: Date.now() }))).mtimeMs;
    if (holder === process.pid ? false : holder > 0 ? !isAlive(holder) : age > 10_000) {
      await rm(path, { force: true });
      continue;
    }
    if (Date.now() > deadline) {
      throw new UserError(
        `another run (process ${holder}) has been holding ${path} for over ${LOCK_DEADLINE_MINUTES} minutes`,
        `end process ${holder}, or remove the file if it is not a run of this program`,
      );
    }
    await sleep(500);
  }
  try {
    return await action();
  } finally {
    await rm(path, { force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Bytes of all regular files below a folder; a file with several names counts once. */
export async function folderBytes(folder: string): Promise<number> {
  let bytes = 0;
  const seen = new Set<string>();
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const { size, nlink, dev, ino } = await stat(join(entry.parentPath, entry.name));
    if (nlink > 1) {
      if (seen.has(`${dev}:${ino}`)) continue;
      seen.add(`${dev}:${ino}`);
    }
    bytes += size;
  }
  return bytes;
}
