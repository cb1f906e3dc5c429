import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { cp, readFile, readdir, writeFile } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import type { Recipe } from "./cache";
import { runCommand } from "./commands";
import { EARLIER, EARLIER_KUBERNETES, VERSIONS } from "./versions";

/** A set of programs built from one Go module of ours (rehearsal/artifacts/go/<module>), whose go.sum pins everything. */
export interface GoProgram {
  name: string;
  /** Folder of go.mod and go.sum. */
  folder: string;
  /** What comes out: file name → package path. */
  outputs: Record<string, string>;
  /** `-X` settings: variable → value. */
  variables?: Record<string, string>;
  /** A folder whose main.go this program is built from too: another version of the same program. */
  mainFrom?: string;
  /** An upstream `main` package's file, taken into the build without the imports named. */
  upstreamMain?: { module: string; withoutImports: string[] };
  estimatedSeconds: number;
  estimatedBytes: number;
}

const GO_FOLDER = resolve(__dirname, "go");
const MB = 1e6;

function versionOf(version: string): Record<string, string> {
  const [major = "", minor = ""] = version.split(".");
  const said = {
    gitVersion: `v${version}`,
    gitMajor: major,
    gitMinor: minor,
    gitTreeState: "clean",
    gitCommit: "0".repeat(40),
    buildDate: "1970-01-01T00:00:00Z",
  };
  const packages = ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"];
  const pairs = packages.flatMap((p) => Object.entries(said).map(([k, v]) => [`${p}.${k}`, v] as const));
  return Object.fromEntries(pairs);
}

const program = (name: string, seconds: number, megabytes: number, rest: Partial<GoProgram>): GoProgram => ({
  name,
  folder: join(GO_FOLDER, name),
  outputs: { [name]: "." },
  estimatedSeconds: seconds,
  estimatedBytes: megabytes * MB,
  ...rest,
});

/** The engine's programs. Seconds are those of two idle cores with empty Go caches. */
export const ENGINE_PROGRAMS = {
  pulumi: program("pulumi", 240, 113, {
    outputs: { pulumi: "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi" },
    // without it the Automation API takes the engine for an unreleased one and refuses it
    variables: { "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version": `v${VERSIONS.pulumi}` },
  }),
  languageHost: program("pulumi-language-nodejs", 20, 17, {
    outputs: { "pulumi-language-nodejs": "github.com/pulumi/pulumi/sdk/v3/nodejs/cmd/pulumi-language-nodejs" },
  }),
};

export const SUBMARINER_MODULE = "github.com/submariner-io/submariner";
const cniModule = "github.com/containernetworking/plugins/plugins";

/** The programs inside the machines. */
export const MACHINE_PROGRAMS = {
  kubernetes: program("kubernetes", 440, 173, {
    outputs: { kube: "." },
    variables: versionOf(VERSIONS.kubernetes),
  }),
  etcd: program("etcd", 25, 25, {}),
  coredns: program("coredns", 60, 60, {
    variables: { "github.com/coredns/coredns/coremain.GitCommit": `v${VERSIONS.coredns}` },
  }),
  flannel: program("flannel", 55, 50, {
    outputs: { flanneld: ".", "install-conf": "github.com/flannel-io/flannel/cmd/install_conf" },
    variables: { "github.com/flannel-io/flannel/pkg/version.Version": `v${VERSIONS.flannel}` },
    upstreamMain: {
      module: "github.com/flannel-io/flannel",
      // the SDK of the first is not served as a Go module; the second needs cgo. Neither is used here
      withoutImports: [
        "github.com/flannel-io/flannel/pkg/backend/tencentvpc",
        "github.com/flannel-io/flannel/pkg/backend/udp",
      ],
    },
  }),
  flannelCni: program("flannel-cni", 1, 4, {}),
  pause: program("pause", 1, 2, {}),
  cniPlugins: program("cni-plugins", 6, 14, {
    outputs: {
      bridge: `${cniModule}/main/bridge`,
      loopback: `${cniModule}/main/loopback`,
      "host-local": `${cniModule}/ipam/host-local`,
      portmap: `${cniModule}/meta/portmap`,
    },
  }),
  submariner: program("submariner", 85, 146, {
    outputs: {
      "submariner-gateway": SUBMARINER_MODULE,
      "submariner-route-agent": `${SUBMARINER_MODULE}/pkg/routeagent_driver`,
      "await-node-ready": `${SUBMARINER_MODULE}/pkg/await_node_ready`,
    },
    variables: { [`${SUBMARINER_MODULE}/pkg/versions.version`]: `v${VERSIONS.submariner}` },
  }),
  submarinerOperator: program("submariner-operator", 70, 46, {
    outputs: { "submariner-operator": "github.com/submariner-io/submariner-operator/cmd" },
    variables: { "main.version": `v${VERSIONS.submariner}` },
  }),
  lighthouse: program("lighthouse", 50, 47, {
    outputs: { "lighthouse-agent": "github.com/submariner-io/lighthouse/pkg/agent" },
    variables: { "main.version": `v${VERSIONS.submariner}` },
  }),
  metricsproxy: program("metricsproxy", 1, 4, {}),
};

/** The database stand-in, a program of this project with a folder of its own. */
export const STANDIN_PROGRAM = program("cockroachdb-stand-in", 10, 12, {
  folder: resolve(__dirname, "..", "standin"),
  outputs: { cockroach: "." },
});

/** A program of MACHINE_PROGRAMS in an earlier version: its own go.mod and go.sum, the same main.go. */
const earlier = (base: GoProgram, version: string, seconds: number, variables?: GoProgram["variables"]): GoProgram => ({
  ...base,
  name: `${base.name}-${version}`,
  folder: `${base.folder}-${version}`,
  mainFrom: base.folder,
  estimatedSeconds: seconds,
  variables,
});

const { minor: earlierMinor, patch: earlierPatch } = EARLIER_KUBERNETES;
const { kubernetes, etcd, coredns } = MACHINE_PROGRAMS;

/** What the rehearsal of upgrades comes from. Seconds are those after the current versions were built. */
export const EARLIER_PROGRAMS = {
  kubernetesMinor: earlier(kubernetes, earlierMinor.kubernetes, 400, versionOf(earlierMinor.kubernetes)),
  kubernetesPatch: earlier(kubernetes, earlierPatch.kubernetes, 300, versionOf(earlierPatch.kubernetes)),
  etcd: earlier(etcd, earlierMinor.etcd, 20),
  coredns: earlier(coredns, earlierMinor.coredns, 60, {
    "github.com/coredns/coredns/coremain.GitCommit": `v${earlierMinor.coredns}`,
  }),
  /** The same source; it says another version of itself. */
  standin: {
    ...STANDIN_PROGRAM,
    name: `${STANDIN_PROGRAM.name}-${EARLIER.cockroachdb}`,
    variables: { "main.release": `stand-in for CockroachDB v${EARLIER.cockroachdb}` },
    estimatedSeconds: 2,
  },
};

/** Static, without paths of this machine in it: the same sources make the same bytes everywhere. */
const BUILD_ENVIRONMENT = { CGO_ENABLED: "0", GOFLAGS: "-buildvcs=false" };

/** The recipe that builds a program; its sources are read now and are part of the inputs. */
export async function goRecipe(p: GoProgram): Promise<Recipe> {
  return {
    name: p.name,
    inputs: {
      ...(await sourceFiles(p.folder)),
      ...(p.mainFrom ? { "main.go": (await sourceFiles(p.mainFrom))["main.go"] ?? "" } : {}),
      ...(await sourceFiles(join(GO_FOLDER, "stubs"))),
      outputs: JSON.stringify(p.outputs),
      variables: JSON.stringify(p.variables ?? {}),
      upstreamMain: JSON.stringify(p.upstreamMain ?? null),
      environment: JSON.stringify(BUILD_ENVIRONMENT),
    },
    estimatedSeconds: p.estimatedSeconds,
    estimatedBytes: p.estimatedBytes,
    make: async (folder) => {
      await buildGo(p, folder);
      return "built";
    },
  };
}

async function buildGo(p: GoProgram, target: string): Promise<void> {
  const source = p.upstreamMain || p.mainFrom ? await gatherSource(p, join(target, "source")) : p.folder;
  // quoted only where need be: the flags are part of what Go's build cache goes by
  const quote = (setting: string) => (setting.includes(" ") ? `'${setting}'` : setting);
  const settings = Object.entries(p.variables ?? {}).map(([k, v]) => `-X ${quote(`${k}=${v}`)}`);
  const ldflags = ["-s", "-w", ...settings].join(" ");
  for (const [file, path] of Object.entries(p.outputs)) {
    const args = ["build", "-trimpath", "-ldflags", ldflags, "-o", join(target, file), path];
    await runCommand("go", args, { cwd: source, env: BUILD_ENVIRONMENT, timeoutSeconds: 5400 });
  }
  if (source !== p.folder) await runCommand("rm", ["-r", source]);
}

/** Our go.mod and go.sum beside a main.go from elsewhere: another folder's, or the module's own without some imports. */
async function gatherSource(p: GoProgram, folder: string): Promise<string> {
  // a sibling of the module's replaced folders would need their relative paths: these have none
  await cp(p.folder, folder, { recursive: true });
  if (p.mainFrom) await cp(join(p.mainFrom, "main.go"), join(folder, "main.go"));
  if (p.upstreamMain) {
    const { module, withoutImports } = p.upstreamMain;
    const main = await readFile(join(await goModuleFolder(p.folder, module), "main.go"), "utf8");
    await writeFile(join(folder, "main.go"), withoutLines(main, withoutImports));
  }
  return folder;
}

/** The text without the one line that blank-imports each of these packages. */
export function withoutLines(main: string, imports: string[]): string {
  let lines = main.split("\n");
  for (const path of imports) {
    const kept = lines.filter((line) => line.trim() !== `_ "${path}"`);
    if (kept.length !== lines.length - 1)
      throw new Error(`expected one import of ${path}, found ${lines.length - kept.length}`);
    lines = kept;
  }
  return lines.join("\n");
}

/** Where the Go module cache holds a module; downloads it (checked against the folder's go.sum) if need be. */
export async function goModuleFolder(folder: string, module: string): Promise<string> {
  const said = await runCommand("go", ["mod", "download", "-json", module], { cwd: folder, env: BUILD_ENVIRONMENT });
  const { Dir } = JSON.parse(said) as { Dir?: string };
  if (!Dir || !existsSync(Dir)) throw new Error(`go mod download ${module} named no folder`);
  return Dir;
}

/** Relative path → digest of every file that can reach a Go build. */
async function sourceFiles(folder: string): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile() || /_test\.go$/.test(entry.name) || !/(\.go|go\.mod|go\.sum|\.embed)$/.test(entry.name))
      continue;
    const path = join(entry.parentPath, entry.name);
    files[relative(folder, path)] = createHash("sha256")
      .update(await readFile(path))
      .digest("hex");
  }
  return files;
}
