import { mkdirSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder } from "../../harness/folders";
import { artifactFolder, isCached, obtainArtifact, type ArtifactReport, type Recipe } from "./cache";
import { debianRecipe } from "./debian";
import { ENGINE_PROGRAMS, MACHINE_PROGRAMS, STANDIN_PROGRAM, goRecipe } from "./goPrograms";
import { machineImageName, machineRecipe, type MachineParts } from "./machineImage";

export type { ArtifactReport } from "./cache";

export type ArtifactPart = "engine" | "manifests" | "machine";

export interface Artifacts {
  /** Holds pulumi, pulumi-language-nodejs and kubectl; goes first on PATH. */
  binFolder: string;
  /** The three manifest files the program reads; empty when they were not asked for. */
  manifestsFolder: string;
  /** Name of the machine image in the rehearsal's podman storage; empty when it was not asked for. */
  machineImage: string;
  reports: ArtifactReport[];
}

interface Recipes {
  engine: { pulumi: Recipe; languageHost: Recipe };
  /** Everything inside the machines, by the name the images know it by. */
  parts: Record<keyof MachineParts, Recipe>;
  machine: Recipe;
}

async function planRecipes(): Promise<Recipes> {
  const parts = {
    kubernetes: await goRecipe(MACHINE_PROGRAMS.kubernetes),
    etcd: await goRecipe(MACHINE_PROGRAMS.etcd),
    coredns: await goRecipe(MACHINE_PROGRAMS.coredns),
    flannel: await goRecipe(MACHINE_PROGRAMS.flannel),
    flannelCni: await goRecipe(MACHINE_PROGRAMS.flannelCni),
    pause: await goRecipe(MACHINE_PROGRAMS.pause),
    cniPlugins: await goRecipe(MACHINE_PROGRAMS.cniPlugins),
    submariner: await goRecipe(MACHINE_PROGRAMS.submariner),
    submarinerOperator: await goRecipe(MACHINE_PROGRAMS.submarinerOperator),
    lighthouse: await goRecipe(MACHINE_PROGRAMS.lighthouse),
    metricsproxy: await goRecipe(MACHINE_PROGRAMS.metricsproxy),
    standin: await goRecipe(STANDIN_PROGRAM),
    debian: debianRecipe(),
  };
  const cache = cacheFolder();
  const folders = Object.entries(parts).map(([part, recipe]) => [part, artifactFolder(cache, recipe)] as const);
  return {
    engine: {
      pulumi: await goRecipe(ENGINE_PROGRAMS.pulumi),
      languageHost: await goRecipe(ENGINE_PROGRAMS.languageHost),
    },
    parts,
    machine: machineRecipe(Object.fromEntries(folders) as unknown as MachineParts),
  };
}

/** What a rehearsal needs, whether it is in the cache, and what it would cost to obtain. Changes nothing. */
export async function planArtifacts(): Promise<
  { name: string; cached: boolean; estimatedSeconds: number; estimatedBytes: number }[]
> {
  const { engine, parts, machine } = await planRecipes();
  const recipes = [...Object.values(engine), ...Object.values(parts), machine];
  return Promise.all(
    recipes.map(async (recipe) => ({
      name: recipe.name,
      cached: await isCached(cacheFolder(), recipe),
      estimatedSeconds: recipe.estimatedSeconds,
      estimatedBytes: recipe.estimatedBytes,
    })),
  );
}

/**
 * Obtains what a rehearsal needs, or the parts asked for. Interrupted runs resume: what was finished is in the cache, and
 * what was downloaded or compiled on the way is in the package managers' and compiler's own caches.
 */
export async function obtainArtifacts(options: {
  only?: ArtifactPart[];
  onProgress(line: string): void;
}): Promise<Artifacts> {
  const wanted = new Set<ArtifactPart>(options.only ?? ["engine", "manifests", "machine"]);
  const { engine, parts, machine } = await planRecipes();
  const reports: ArtifactReport[] = [];
  const obtain = async (recipe: Recipe): Promise<string> => {
    const onStart = () => options.onProgress(renderStart(recipe));
    const { folder, report } = await obtainArtifact(cacheFolder(), recipe, onStart);
    reports.push(report);
    options.onProgress(renderReport(report));
    return folder;
  };
  // one compiler run at a time uses all cores; Debian's packages are mostly waiting for the network and the disk
  const debian = wanted.has("machine") ? obtain(parts.debian) : Promise.resolve("");
  debian.catch(() => undefined);
  if (wanted.has("engine")) for (const recipe of Object.values(engine)) await obtain(recipe);
  let machineImage = "";
  if (wanted.has("machine")) {
    for (const recipe of Object.values(parts)) if (recipe !== parts.debian) await obtain(recipe);
    await debian;
    machineImage = await machineImageName(await obtain(machine));
  }
  return { binFolder: await linkCommands({ engine, parts }), manifestsFolder: "", machineImage, reports };
}

/** A folder with a link to each command that is in the cache. */
async function linkCommands({ engine, parts }: Pick<Recipes, "engine" | "parts">): Promise<string> {
  const cache = cacheFolder();
  const commands: [string, Recipe, string][] = [
    ["pulumi", engine.pulumi, "pulumi"],
    ["pulumi-language-nodejs", engine.languageHost, "pulumi-language-nodejs"],
    ["kubectl", parts.kubernetes, "kube"],
  ];
  const folder = join(cache, "bin");
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(folder)) rmSync(join(folder, name));
  for (const [name, recipe, file] of commands) {
    if (await isCached(cache, recipe)) symlinkSync(join(artifactFolder(cache, recipe), file), join(folder, name));
  }
  return folder;
}

const minutes = (seconds: number) => (seconds < 90 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`);

/** The line shown when an artifact is begun. */
export function renderStart(recipe: Pick<Recipe, "name" | "estimatedSeconds">): string {
  return `${recipe.name.padEnd(24)} not in the cache: obtaining it (about ${minutes(recipe.estimatedSeconds)} on two idle cores)`;
}

/** The line shown when an artifact is there. */
export function renderReport(report: ArtifactReport): string {
  const size = report.bytes < 1e6 ? `${Math.ceil(report.bytes / 1e3)} kB` : `${Math.round(report.bytes / 1e6)} MB`;
  return `${report.name.padEnd(24)} ${report.source.padEnd(10)} ${minutes(report.seconds).padStart(7)} ${size.padStart(8)}`;
}
