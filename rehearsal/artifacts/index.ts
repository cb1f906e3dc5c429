import { mkdirSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder } from "../../harness/folders";
import { hasManifests, manifestsFolder, obtainManifests } from "../../harness/manifests";
import {
  artifactFolder,
  folderBytes,
  hashInputs,
  isCached,
  obtainArtifact,
  type ArtifactReport,
  type Recipe,
} from "./cache";
import { debianRecipe } from "./debian";
import { EARLIER_PROGRAMS, ENGINE_PROGRAMS, MACHINE_PROGRAMS, STANDIN_PROGRAM, goRecipe } from "./goPrograms";
import { DATABASE_IMAGES, writeImages, writeStandInImage, type EarlierFolders, type ProgramFolders } from "./images";
import { machineImageName, machineRecipe } from "./machineImage";
import { writeOciArchive, type ImageSpec } from "./oci";
import { chooseSource, releasedImagesRecipe, releasedKubernetesRecipe, rememberSource, type Source } from "./released";

export type { ArtifactReport } from "./cache";
export type { Source } from "./released";

/** `earlier`: the machines of the rehearsal of upgrades, which bring earlier versions beside the current ones. */
export type ArtifactPart = "engine" | "manifests" | "machine" | "earlier";

/** Made for every rehearsal; what is left out is made when it is asked for by name. */
const ORDINARY_PARTS: ArtifactPart[] = ["engine", "manifests", "machine"];

export interface Artifacts {
  /** Holds pulumi, pulumi-language-nodejs and kubectl; goes first on PATH. */
  binFolder: string;
  /** The three manifest files the program reads; empty when they were not asked for. */
  manifestsFolder: string;
  /** Name of the machine image in the rehearsal's podman storage; empty when it was not asked for. */
  machineImage: string;
  /** The same of the one with earlier versions. */
  earlierMachineImage: string;
  /** The database's image in the machines: the real one where it could be pulled. */
  database: { image: string; standIn: boolean };
  /** Whether the release places are reached from here. */
  source: Source;
  reports: ArtifactReport[];
}

interface Recipes {
  engine: Recipe[];
  /** Everything inside the machines. */
  parts: Recipe[];
  /** The one of the parts that is Debian. */
  debian: Recipe;
  machine: Recipe;
  /** Command → recipe and file in its folder. */
  commands: Record<string, [Recipe, string]>;
}

async function planRecipes(source: Source): Promise<Recipes> {
  const debian = debianRecipe();
  const pulumi = await goRecipe(ENGINE_PROGRAMS.pulumi);
  const languageHost = await goRecipe(ENGINE_PROGRAMS.languageHost);
  const standin = await goRecipe(STANDIN_PROGRAM);
  const cniPlugins = await goRecipe(MACHINE_PROGRAMS.cniPlugins);
  const common = { engine: [pulumi, languageHost], debian };
  const commands: Recipes["commands"] = {
    pulumi: [pulumi, "pulumi"],
    "pulumi-language-nodejs": [languageHost, "pulumi-language-nodejs"],
  };
  const folder = (recipe: Recipe) => artifactFolder(cacheFolder(), recipe);
  if (source === "releases") {
    const kubernetes = releasedKubernetesRecipe();
    const images = releasedImagesRecipe();
    const parts = [kubernetes, images, cniPlugins, standin, debian];
    const machine = machineRecipe({
      debian: folder(debian),
      cniPlugins: folder(cniPlugins),
      commands: folder(kubernetes),
      inputs: folderNames(parts),
      archives: async (work) => {
        const standIn = join(work, "stand-in.tar");
        await writeArchive(standIn, (layers) =>
          writeStandInImage(layers, { standin: folder(standin), debian: folder(debian) }),
        );
        return [join(folder(images), "images.tar"), standIn];
      },
    });
    return { ...common, parts, machine, commands: { ...commands, kubectl: [kubernetes, "kubectl"] } };
  }
  const programs = await planPrograms(standin, debian);
  const parts = [...Object.values(programs), cniPlugins];
  const machine = planMachine(programs, cniPlugins);
  // kube and etcd: an API server without machines, for tests of what talks to one
  const built: Recipes["commands"] = { kubectl: [programs.kubernetes, "kube"], kube: [programs.kubernetes, "kube"] };
  return { ...common, parts, machine, commands: { ...commands, ...built, etcd: [programs.etcd, "etcd"] } };
}

type Programs = Record<keyof ProgramFolders, Recipe>;

async function planPrograms(standin: Recipe, debian: Recipe): Promise<Programs> {
  return {
    kubernetes: await goRecipe(MACHINE_PROGRAMS.kubernetes),
    etcd: await goRecipe(MACHINE_PROGRAMS.etcd),
    coredns: await goRecipe(MACHINE_PROGRAMS.coredns),
    flannel: await goRecipe(MACHINE_PROGRAMS.flannel),
    flannelCni: await goRecipe(MACHINE_PROGRAMS.flannelCni),
    pause: await goRecipe(MACHINE_PROGRAMS.pause),
    submariner: await goRecipe(MACHINE_PROGRAMS.submariner),
    submarinerOperator: await goRecipe(MACHINE_PROGRAMS.submarinerOperator),
    lighthouse: await goRecipe(MACHINE_PROGRAMS.lighthouse),
    metricsproxy: await goRecipe(MACHINE_PROGRAMS.metricsproxy),
    standin,
    debian,
  };
}

/** The machine image made of programs that were built here; with the earlier ones, that of the rehearsal of upgrades. */
function planMachine(programs: Programs, cniPlugins: Recipe, earlier?: Record<keyof EarlierFolders, Recipe>): Recipe {
  const folders = <Name extends string>(recipes: Record<Name, Recipe>): Record<Name, string> => {
    const entries = Object.entries<Recipe>(recipes).map(([name, recipe]) => [
      name,
      artifactFolder(cacheFolder(), recipe),
    ]);
    return Object.fromEntries(entries) as Record<Name, string>;
  };
  return machineRecipe({
    kind: earlier && "earlier",
    debian: folders(programs).debian,
    cniPlugins: artifactFolder(cacheFolder(), cniPlugins),
    inputs: folderNames([...Object.values(programs), cniPlugins, ...Object.values(earlier ?? {})]),
    archives: async (work) => {
      const archive = join(work, "images.tar");
      await writeArchive(archive, (layers) => writeImages(layers, folders(programs), earlier && folders(earlier)));
      return [archive];
    },
  });
}

/** The machines that bring earlier versions, and what they are made of: always built, for only then are all served. */
async function planEarlier(): Promise<{ parts: Recipe[]; machine: Recipe }> {
  const programs = await planPrograms(await goRecipe(STANDIN_PROGRAM), debianRecipe());
  const cniPlugins = await goRecipe(MACHINE_PROGRAMS.cniPlugins);
  const earlier = {
    kubernetesMinor: await goRecipe(EARLIER_PROGRAMS.kubernetesMinor),
    kubernetesPatch: await goRecipe(EARLIER_PROGRAMS.kubernetesPatch),
    etcd: await goRecipe(EARLIER_PROGRAMS.etcd),
    coredns: await goRecipe(EARLIER_PROGRAMS.coredns),
    standin: await goRecipe(EARLIER_PROGRAMS.standin),
  };
  const parts = [...Object.values(programs), cniPlugins, ...Object.values(earlier)];
  return { parts, machine: planMachine(programs, cniPlugins, earlier) };
}

/** Recipes by name; the folders' names hold the hashes of all that went into them. */
function folderNames(recipes: Recipe[]): Record<string, string> {
  return Object.fromEntries(recipes.map((recipe) => [recipe.name, hashInputs(recipe.inputs)]));
}

async function writeArchive(path: string, images: (layers: string) => Promise<ImageSpec[]>): Promise<void> {
  const layers = `${path}.layers`;
  writeOciArchive(path, await images(layers));
  rmSync(layers, { recursive: true });
}

/** What a rehearsal needs, whether it is in the cache, and what it would cost to obtain. Changes nothing. */
export async function planArtifacts(): Promise<
  { name: string; cached: boolean; estimatedSeconds: number; estimatedBytes: number }[]
> {
  const { engine, parts, machine } = await planRecipes(await chooseSource(true));
  const recipes = [...engine, ...parts, machine];
  const manifests = { name: "manifests", cached: hasManifests(), estimatedSeconds: 5, estimatedBytes: 1e6 };
  const planned = await Promise.all(
    recipes.map(async (recipe) => ({
      name: recipe.name,
      cached: await isCached(cacheFolder(), recipe),
      estimatedSeconds: recipe.estimatedSeconds,
      estimatedBytes: recipe.estimatedBytes,
    })),
  );
  return [manifests, ...planned];
}

/** Nothing said for longer looks like nothing done. */
const PULSE_SECONDS = 60;

/**
 * Obtains what a rehearsal needs, or the parts asked for. Interrupted runs resume: what was finished is in the cache, and
 * what was downloaded or compiled on the way is in the package managers' and compiler's own caches.
 */
export async function obtainArtifacts(options: {
  only?: ArtifactPart[];
  onProgress(line: string): void;
}): Promise<Artifacts> {
  const wanted = new Set<ArtifactPart>(options.only ?? ORDINARY_PARTS);
  const source = await chooseSource(wanted.has("machine"));
  const { engine, parts, debian, machine, commands } = await planRecipes(source);
  const reports: ArtifactReport[] = [];
  const tell = (report: ArtifactReport) => {
    reports.push(report);
    options.onProgress(renderReport(report));
  };
  const obtain = async (recipe: Recipe): Promise<string> => {
    let pulse: NodeJS.Timeout | undefined;
    const onStart = () => {
      const started = Date.now();
      options.onProgress(renderStart(recipe));
      pulse = setInterval(
        () => options.onProgress(renderPulse(recipe, (Date.now() - started) / 1000)),
        PULSE_SECONDS * 1000,
      );
    };
    try {
      const { folder, report } = await obtainArtifact(cacheFolder(), recipe, onStart);
      tell(report);
      return folder;
    } finally {
      clearInterval(pulse);
    }
  };
  if (wanted.has("manifests")) tell(await reportManifests());
  // one compiler run at a time uses all cores; Debian's packages are mostly waiting for the network and the disk
  const installed = wanted.has("machine") ? obtain(debian) : Promise.resolve("");
  installed.catch(() => undefined);
  if (wanted.has("engine")) for (const recipe of engine) await obtain(recipe);
  let machineImage = "";
  if (wanted.has("machine")) {
    for (const recipe of parts) if (recipe !== debian) await obtain(recipe);
    await installed;
    machineImage = await machineImageName(await obtain(machine));
    rememberSource(source);
  }
  let earlierMachineImage = "";
  if (wanted.has("earlier")) {
    const earlier = await planEarlier();
    for (const recipe of earlier.parts) await obtain(recipe);
    earlierMachineImage = await machineImageName(await obtain(earlier.machine));
  }
  const real = source === "releases";
  return {
    binFolder: await linkCommands(commands),
    manifestsFolder: wanted.has("manifests") ? manifestsFolder() : "",
    machineImage,
    earlierMachineImage,
    database: { image: real ? DATABASE_IMAGES.real : DATABASE_IMAGES.standIn, standIn: !real },
    source,
    reports,
  };
}

async function reportManifests(): Promise<ArtifactReport> {
  const started = Date.now();
  const source = hasManifests() ? "cached" : "downloaded";
  const folder = await obtainManifests();
  return { name: "manifests", source, seconds: (Date.now() - started) / 1000, bytes: await folderBytes(folder) };
}

/** A folder with a link to each command that is in the cache. */
async function linkCommands(commands: Recipes["commands"]): Promise<string> {
  const cache = cacheFolder();
  const folder = join(cache, "bin");
  mkdirSync(folder, { recursive: true });
  for (const [name, [recipe, file]] of Object.entries(commands)) {
    if (!(await isCached(cache, recipe))) continue;
    // replaced in one step: somebody may be about to run what is there
    const link = join(folder, `.${name}-${process.pid}`);
    rmSync(link, { force: true });
    symlinkSync(join(artifactFolder(cache, recipe), file), link);
    renameSync(link, join(folder, name));
  }
  return folder;
}

const minutes = (seconds: number) => (seconds < 90 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`);

/** The line shown when an artifact is begun. */
export function renderStart(recipe: Pick<Recipe, "name" | "estimatedSeconds">): string {
  return `${recipe.name.padEnd(24)} not in the cache: obtaining it (about ${minutes(recipe.estimatedSeconds)} on two idle cores)`;
}

/** The line shown every minute while an artifact is being obtained. */
export function renderPulse(recipe: Pick<Recipe, "name" | "estimatedSeconds">, seconds: number): string {
  return `${recipe.name.padEnd(24)} still at it, ${minutes(seconds)} of about ${minutes(recipe.estimatedSeconds)}`;
}

/** The line shown when an artifact is there. */
export function renderReport(report: ArtifactReport): string {
  const size = report.bytes < 1e6 ? `${Math.ceil(report.bytes / 1e3)} kB` : `${Math.round(report.bytes / 1e6)} MB`;
  return `${report.name.padEnd(24)} ${report.source.padEnd(10)} ${minutes(report.seconds).padStart(7)} ${size.padStart(8)}`;
}
