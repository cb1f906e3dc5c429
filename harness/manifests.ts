import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { stringify } from "yaml";
import { UserError } from "../plan/errors";
import { cacheFolder } from "./folders";
import { collectObjects, parseObjects, sortObjects, type KubernetesObject } from "./kustomize";
import { escapeModulePath, moduleSum, readZip } from "./moduleZip";

/** One Go module that carries upstream manifests, and the checksum it must have. */
export interface PinnedModule {
  path: string;
  version: string;
  sum: string;
}

/** Reads a file of a module; undefined if it has no such file. */
export type ModuleReader = (path: string) => string | undefined;

const FLANNEL = "github.com/flannel-io/flannel";
const SUBMARINER = "github.com/submariner-io/submariner";
const OPERATOR = "github.com/submariner-io/submariner-operator";
const MCS_API = "sigs.k8s.io/mcs-api";

/** Changes with the code below, so that what an older version wrote is not taken for the newer one's. */
const RENDERING = "2";
const DOWNLOAD_DEADLINE_SECONDS = 300;

/** The modules of harness/upstream/go.sum. */
export function pinnedModules(): PinnedModule[] {
  return readFileSync(resolve(__dirname, "upstream", "go.sum"), "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [path = "", version = "", sum = ""] = line.split(" ");
      return { path, version, sum };
    });
}

/** Where the manifests are or will be; the name changes with the pinned modules. */
export function manifestsFolder(): string {
  const pins = pinnedModules().map((m) => `${m.path} ${m.version} ${m.sum}`);
  const digest = createHash("sha256")
    .update([RENDERING, ...pins].join("\n"))
    .digest("hex")
    .slice(0, 16);
  return join(cacheFolder(), "manifests", digest);
}

/** Whether the manifests are in the cache. */
export function hasManifests(): boolean {
  return existsSync(manifestsFolder());
}

/**
 * The folder with flannel.yaml, submariner-broker.yaml and submariner-operator.yaml; made from upstream's Go modules if
 * it is not in the cache. The modules come through `go`, or without Go from the module proxy; either way their checksums
 * must be the pinned ones.
 *
 * @throws UserError when a module cannot be had or is not the pinned one.
 */
export async function obtainManifests(): Promise<string> {
  const folder = manifestsFolder();
  if (existsSync(folder)) return folder;
  const modules = new Map<string, ModuleReader>();
  for (const module of pinnedModules()) modules.set(module.path, await openModule(module));
  const draft = `${folder}.draft-${process.pid}`;
  mkdirSync(draft, { recursive: true });
  for (const [name, text] of Object.entries(renderManifests((path) => readerOf(modules, path)))) {
    writeFileSync(join(draft, name), text);
  }
  try {
    renameSync(draft, folder);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    // another run was faster and made the same
    if (!existsSync(folder)) throw error;
  }
  return folder;
}

function readerOf(modules: Map<string, ModuleReader>, path: string): ModuleReader {
  const reader = modules.get(path);
  if (!reader) throw new Error(`${path} is not in harness/upstream/go.sum`);
  return reader;
}

/** The three files' texts. Pure. */
export function renderManifests(moduleOf: (path: string) => ModuleReader): Record<string, string> {
  const need = (module: string, path: string): string => {
    const text = moduleOf(module)(path);
    if (text === undefined) throw new Error(`${module} has no ${path}`);
    return text;
  };
  const crd = (name: string) => parseObjects(need(SUBMARINER, `deploy/crds/submariner.io_${name}.yaml`));
  const broker = [
    ...collectObjects(moduleOf(OPERATOR), "config/broker"),
    // what the clusters exchange there; with an operator on the broker it would bring them itself
    ...crd("clusters"),
    ...crd("endpoints"),
    ...parseObjects(need(MCS_API, "config/crd/multicluster.x-k8s.io_serviceimports.yaml")),
  ];
  // the operator brings the CRDs of what it manages (gateways, endpoints, …) itself, each time it starts
  const operator = collectObjects(moduleOf(OPERATOR), "config/default").map(admitPrivilegedPods);
  return {
    "flannel.yaml": need(FLANNEL, "Documentation/kube-flannel.yml"),
    "submariner-broker.yaml": renderObjects(broker),
    "submariner-operator.yaml": renderObjects(operator),
  };
}

/** Gateways and route agents change the node's network: a cluster that enforces pod security must let them. */
function admitPrivilegedPods(object: KubernetesObject): KubernetesObject {
  if (object.kind !== "Namespace") return object;
  const labels = Object.fromEntries(
    ["audit", "enforce", "warn"].map((mode) => [`pod-security.kubernetes.io/${mode}`, "privileged"]),
  );
  return { ...object, metadata: { ...object.metadata, labels: { ...object.metadata.labels, ...labels } } };
}

function renderObjects(objects: KubernetesObject[]): string {
  return sortObjects(objects)
    .map((object) => stringify(object, { lineWidth: 0, aliasDuplicateObjects: false }))
    .join("---\n");
}

async function openModule(module: PinnedModule): Promise<ModuleReader> {
  return (await openThroughGo(module)) ?? (await openThroughProxy(module));
}

/** By the go command, which also asks the checksum database; undefined without Go. */
async function openThroughGo(module: PinnedModule): Promise<ModuleReader | undefined> {
  const name = `${module.path}@${module.version}`;
  let said: string;
  try {
    // outside of any module: nothing but this one module is looked at
    const options = {
      cwd: tmpdir(),
      env: { ...process.env, GOFLAGS: "", GO111MODULE: "on" },
      timeout: DOWNLOAD_DEADLINE_SECONDS * 1000,
    };
    said = (await promisify(execFile)("go", ["mod", "download", "-json", name], options)).stdout;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    const why = (error as { stderr?: string }).stderr ?? String(error);
    throw new UserError(
      `go mod download ${name} failed: ${why.trim()}`,
      "check that the Go module proxy can be reached, then run it again",
    );
  }
  const { Dir, Sum } = JSON.parse(said) as { Dir: string; Sum: string };
  assertSum(module, Sum);
  return (path) => (existsSync(join(Dir, path)) ? readFileSync(join(Dir, path), "utf8") : undefined);
}

/** From the module proxy itself. */
async function openThroughProxy(module: PinnedModule): Promise<ModuleReader> {
  const proxy =
    (process.env.GOPROXY ?? "").split(/[,|]/).find((p) => p.startsWith("http")) ?? "https://proxy.golang.org";
  const url = `${proxy.replace(/\/$/, "")}/${escapeModulePath(module.path)}/@v/${module.version}.zip`;
  let zip: Buffer;
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(DOWNLOAD_DEADLINE_SECONDS * 1000) });
    if (!response.ok) throw new Error(`HTTP status ${response.status}`);
    zip = Buffer.from(await response.arrayBuffer());
  } catch (error) {
    throw new UserError(
      `${url} cannot be had: ${(error as Error).message}`,
      "check the network, or install Go, then run it again",
    );
  }
  const files = readZip(zip);
  assertSum(module, moduleSum(files));
  return (path) => files.get(`${module.path}@${module.version}/${path}`)?.toString("utf8");
}

function assertSum(module: PinnedModule, sum: string): void {
  if (sum === module.sum) return;
  throw new UserError(
    `${module.path} ${module.version} has the checksum ${sum}, expected ${module.sum}`,
    "do not use it: something between here and the module's origin has changed it",
  );
}
