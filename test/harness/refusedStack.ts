/** One stack of refusedFleet.ts under the real engine, on emulated clouds that refuse what they are told to. */
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { buildSync } from "esbuild";
import { chooseEngine } from "../../harness/engine";
import { runPreview, runUp, type FleetOptions } from "../../harness/fleet";
import { prepareProject } from "../../harness/project";
import type { FleetReport } from "../../harness/report";
import type { Topology } from "../../plan/types";
import { obtainArtifacts } from "../../rehearsal/artifacts";
import { cloudPackages, Store } from "../../rehearsal/clouds";
import { makeEngineFolders, planEngineEnvironment } from "../../rehearsal/engineFolder";
import { RecordedMachines } from "../../rehearsal/machines/recordedMachines";
import type { Package } from "../../rehearsal/plugins/contract";
import { serve, type Served } from "../../rehearsal/plugins/server";
import { planScratch } from "../conformance/scratchFleet";
import type { Told } from "./refusedFleet";

/** A line of a stack trace. */
export const TRACE = /^\s+at .*[:(]\d+/m;

/** The broker's stack, the only one that waits for no other, of a fleet whose broker is where the test wants it. */
export function withBroker(broker: object): Topology {
  const { topology } = planScratch();
  return { ...topology, clusters: { ...topology.clusters, broker: { ...topology.clusters.broker!, ...broker } } };
}

/** Opened in `beforeAll`, closed in `afterAll`; between them this process meets the stack by its environment. */
export class RefusedStack {
  readonly machines = new RecordedMachines();
  readonly store = new Store();
  /** What the harness has said since this was emptied. */
  said = "";
  private readonly folder = mkdtempSync(join(tmpdir(), "archipelago-refused-"));
  private readonly project = join(this.folder, "project");
  private readonly before = { ...process.env };
  private served: Served | undefined;
  private engine = "";

  /** @param change what the clouds' packages do otherwise. */
  async open(change: (pkg: Package) => Package = (pkg) => pkg): Promise<void> {
    const { folder } = this;
    const { binFolder } = await obtainArtifacts({ only: ["engine"], onProgress: (line) => console.error(line) });
    makeEngineFolders(folder);
    mkdirSync(join(folder, "source"));
    const [program] = buildSync({
      ...{ entryPoints: [join(__dirname, "refusedFleet.ts")], bundle: true, packages: "external", write: false },
      ...{ platform: "node", target: "node20", format: "cjs" },
    }).outputFiles;
    writeFileSync(join(folder, "source", "main.cjs"), program!.text);
    writeFileSync(join(folder, "source", "Pulumi.yaml"), "name: refused\nruntime: nodejs\nmain: main.cjs\n");
    symlinkSync(resolve("node_modules"), join(folder, "source", "node_modules"));
    this.served = await serve(cloudPackages(this).map(change));
    Object.assign(process.env, {
      ...planEngineEnvironment(folder, "for this test alone", this.served.debugProviders),
      PATH: `${binFolder}:${process.env.PATH}`,
      REFUSED_FLEET: join(folder, "told.json"),
    });
    prepareProject(join(folder, "source"), this.project);
    this.engine = (await chooseEngine({ download: false })).path;
  }

  async close(): Promise<void> {
    await this.served?.close();
    process.env = this.before;
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** What the program makes from now on. */
  tell(told: Told): Told {
    writeFileSync(join(this.folder, "told.json"), JSON.stringify(told));
    return told;
  }

  up(told: Told): Promise<FleetReport> {
    return runUp(this.options(told));
  }

  preview(told: Told): Promise<FleetReport> {
    return runPreview(this.options(told));
  }

  /** Plain `pulumi`, whatever its end. */
  plain(...words: string[]): Promise<string> {
    const all = [...words, "--non-interactive", "-s", "broker", "--cwd", this.project];
    return promisify(execFile)(this.engine, all).then(
      ({ stdout, stderr }) => stdout + stderr,
      ({ stdout, stderr }: { stdout: string; stderr: string }) => stdout + stderr,
    );
  }

  private options({ topology }: Told): FleetOptions {
    return {
      ...{ stacks: ["broker"], folder: this.project, topology, download: false },
      screen: { write: (text: string) => (this.said += text) },
    };
  }
}
