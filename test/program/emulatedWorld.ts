/** What tests under the real engine share: emulated clouds whose machines never boot, and a backend and project of their own. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chooseEngine } from "../../harness/engine";
import { prepareProject } from "../../harness/project";
import { PROJECT_FOLDER } from "../../harness/topology";
import { mergeData } from "../../plan/merge";
import { obtainArtifacts } from "../../rehearsal/artifacts";
import { cloudPackages } from "../../rehearsal/clouds";
import { Store } from "../../rehearsal/clouds/store";
import { makeEngineFolders, planEngineEnvironment } from "../../rehearsal/engineFolder";
import { planOverlay } from "../../rehearsal/overlay";
import { kubernetesPackage } from "../../rehearsal/plugins/kubernetes";
import { randomPackage } from "../../rehearsal/plugins/random";
import { serve, type Served } from "../../rehearsal/plugins/server";
import { tlsPackage } from "../../rehearsal/plugins/tls";
import { PretendMachines } from "./pretendMachines";

export const PASSPHRASE = "for these tests alone";

/** The rehearsal's own fleet: five stacks, a cloud each. */
export const REHEARSED = planOverlay({
  cableDriver: "vxlan",
  databaseImage: "archipelago.internal/cockroachdb-stand-in:v25.4.14",
  databaseStandIn: true,
});

export interface Ended {
  code: number | null;
  text: string;
}

/** Opened in `beforeAll`, closed in `afterAll`; between them this process meets the world by its environment. */
export class EmulatedWorld {
  readonly folder = mkdtempSync(join(tmpdir(), "archipelago-world-"));
  /** Pulumi's project folder: the program of this checkout, stack files of this world alone. */
  readonly project = join(this.folder, "project");
  readonly machines = new PretendMachines();
  readonly store = new Store(join(this.folder, "clouds.json"));
  /** What the emulated clouds and the stand-ins logged. */
  readonly log: string[] = [];
  private readonly before = { ...process.env };
  private served: Served | undefined;
  private engine = "";

  /** @param base what every overlay is laid over; default the rehearsal's own fleet. */
  constructor(private readonly base: object = REHEARSED) {}

  async open(): Promise<void> {
    const onProgress = (line: string): void => console.error(line);
    const artifacts = await obtainArtifacts({ only: ["engine", "manifests"], onProgress });
    const clouds = cloudPackages({ store: this.store, machines: this.machines });
    const log = (line: string): void => void this.log.push(line);
    this.served = await serve([...clouds, kubernetesPackage(), randomPackage(), tlsPackage()], { log });
    makeEngineFolders(this.folder);
    Object.assign(process.env, planEngineEnvironment(this.folder, PASSPHRASE, this.served.debugProviders), {
      PATH: `${artifacts.binFolder}:${process.env.PATH}`,
      ARCHIPELAGO_OVERLAY: join(this.folder, "overlay.json"),
      ARCHIPELAGO_MANIFESTS: artifacts.manifestsFolder,
      ARCHIPELAGO_PROJECT: this.project,
    });
    this.propose();
    prepareProject(PROJECT_FOLDER, this.project);
    this.engine = (await chooseEngine()).path;
  }

  async close(): Promise<void> {
    await this.served?.close();
    await this.machines.close();
    process.env = this.before;
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** The topology from now on: the world's own and this change. */
  propose(change: object = {}): void {
    this.overlay(mergeData(this.base, change) as object);
  }

  /** What is laid over the topology from now on, as it stands: a null in it takes away what the topology itself has. */
  overlay(whole: object): void {
    writeFileSync(join(this.folder, "overlay.json"), JSON.stringify(whole));
  }

  /** One run of the engine, as a person at a shell would start it; `input` is what comes by a pipe. */
  pulumi(words: string[], { cwd = this.project, input = "" } = {}): Promise<Ended> {
    return new Promise((resolve, reject) => {
      const child = spawn(this.engine, [...words, "--non-interactive", "--color=never"], { cwd });
      let text = "";
      const note = (chunk: Buffer) => void (text += chunk.toString());
      child.stdout.on("data", note);
      child.stderr.on("data", note);
      child.once("error", reject);
      child.once("close", (code) => resolve({ code, text }));
      child.stdin.end(input);
    });
  }
}
