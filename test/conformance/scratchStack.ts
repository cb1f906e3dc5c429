/** One stack of the scratch fleet under the real engine, and what the engine said it did. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type * as pulumi from "@pulumi/pulumi";
import { type EngineEvent, LocalWorkspace, type Stack } from "@pulumi/pulumi/automation";
import { chooseEngine } from "../../harness/engine";
import type { CloudName, ClusterPlan } from "../../plan/types";
import { obtainArtifacts } from "../../rehearsal/artifacts";
import { cloudPackages, Store } from "../../rehearsal/clouds";
import type { CloudObject } from "../../rehearsal/clouds/store";
import { makeEngineFolders, planEngineEnvironment } from "../../rehearsal/engineFolder";
import type { MachineSpec } from "../../rehearsal/machines/contract";
import { RecordedMachines } from "../../rehearsal/machines/recordedMachines";
import { serve, type Served } from "../../rehearsal/plugins/server";
import { ADAPTERS } from "./adapters";

/** One thing the engine did or would do. Resources of the program alone: no stack, no provider, no lookup. */
export interface Step {
  op: string;
  type: string;
  /** Logical name. */
  name: string;
  /** Which inputs differ. */
  diffs: string[];
}

export interface StateResource {
  urn: string;
  type: string;
  inputs: Record<string, unknown>;
  outputs: Record<string, unknown>;
}

export interface Run {
  steps: Step[];
  /** The engine's and the clouds' own words. */
  errors: string[];
  outputs: Record<string, unknown>;
}

const EMPTY: Run = { steps: [], errors: [], outputs: {} };

/** Whether a logical name belongs to a cluster's node, or to the cluster itself when no node is named. */
export const belongsTo = (name: string, owner: string): boolean => name === owner || name.startsWith(`${owner}-`);

export class ScratchStack {
  readonly machines = new RecordedMachines();
  readonly store = new Store();
  private readonly folder = mkdtempSync(join(tmpdir(), "archipelago-conformance-"));
  private served: Served | undefined;
  private stack: Stack | undefined;

  async open(): Promise<void> {
    const artifacts = await obtainArtifacts({ only: ["engine"], onProgress: (line) => console.error(line) });
    this.served = await serve(cloudPackages({ store: this.store, machines: this.machines }));
    makeEngineFolders(this.folder);
    mkdirSync(join(this.folder, "work"));
    process.env.PATH = `${artifacts.binFolder}:${process.env.PATH}`;
    Object.assign(process.env, planEngineEnvironment(this.folder, "for this test alone", this.served.debugProviders));
    const { command } = await chooseEngine();
    this.stack = await LocalWorkspace.createOrSelectStack(
      { stackName: "scratch", projectName: "conformance", program: () => Promise.resolve() },
      { workDir: join(this.folder, "work"), pulumiCommand: command },
    );
  }

  async close(): Promise<void> {
    await this.served?.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Goes on after one adapter's failure, so that each is judged by itself. */
  up(program: pulumi.automation.PulumiFn, replace: string[] = []): Promise<Run> {
    return this.run(async (stack, onEvent) => {
      stack.workspace.program = program;
      const { outputs } = await stack.up({ onEvent, replace, continueOnError: true });
      return Object.fromEntries(Object.entries(outputs).map(([name, { value }]) => [name, value as unknown]));
    });
  }

  /** @param refresh asks the clouds first what has become of everything. */
  preview(program: pulumi.automation.PulumiFn, refresh = false): Promise<Run> {
    return this.run(async (stack, onEvent) => {
      stack.workspace.program = program;
      await stack.preview({ onEvent, refresh });
      return {};
    });
  }

  destroy(): Promise<Run> {
    return this.run(async (stack, onEvent) => {
      await stack.destroy({ onEvent, continueOnError: true });
      return {};
    });
  }

  /** URN of a resource, by logical name and type. */
  async urnOf(type: string, name: string): Promise<string> {
    const found = (await this.resources(type)).find(({ urn }) => urn.endsWith(`::${name}`));
    if (!found) throw new Error(`no ${type} ${name} in the state`);
    return found.urn;
  }

  /** The state's resources of a type, as exported with the secrets open but marked. */
  async resources(type: string): Promise<StateResource[]> {
    const { deployment } = (await this.stack?.exportStack()) as { deployment: { resources: StateResource[] } };
    return deployment.resources.filter((one) => one.type === type);
  }

  /** The machine of a node as the one-machine world has it. */
  machine(node: string): MachineSpec | undefined {
    return [...this.machines.machines.values()].find(({ name }) => name === node);
  }

  /** The same of a node that must have one. */
  machineOf(node: string): MachineSpec {
    const machine = this.machine(node);
    if (!machine) throw new Error(`no machine ${node}`);
    return machine;
  }

  /** The machine of a node as its cloud has it. */
  machineObject(cloud: CloudName, node: string): CloudObject {
    const object = this.store.list(cloud, ADAPTERS[cloud].machineType).find(({ name }) => name === node);
    if (!object) throw new Error(`no machine ${node} in ${cloud}`);
    return object;
  }

  private async run(
    work: (stack: Stack, onEvent: (event: EngineEvent) => void) => Promise<Record<string, unknown>>,
  ): Promise<Run> {
    if (!this.stack) return EMPTY;
    const run: Run = { ...EMPTY, steps: [], errors: [] };
    const onEvent = ({ resourcePreEvent, diagnosticEvent }: EngineEvent): void => {
      if (resourcePreEvent) {
        const { op, urn, type, diffs } = resourcePreEvent.metadata;
        if (/^pulumi:|^archipelago:/.test(type)) return;
        run.steps.push({ op, type, name: urn.split("::").at(-1) ?? "", diffs: diffs ?? [] });
      }
      // The engine's own last word says that something failed; what, the others have said.
      if (diagnosticEvent?.severity === "error" && !/^update failed/.test(diagnosticEvent.message))
        run.errors.push(`${diagnosticEvent.urn?.split("::").at(-1) ?? "engine"}: ${diagnosticEvent.message}`);
    };
    try {
      run.outputs = await work(this.stack, onEvent);
    } catch (error) {
      // Told by the events already, unless the engine itself broke.
      if (run.errors.length === 0) run.errors.push(`engine: ${String(error)}`);
    }
    return run;
  }
}

/** Changes among a cluster's resources; "op name" each. */
export const changesOf = ({ steps }: Run, cluster: ClusterPlan): string[] =>
  steps
    .filter(({ op, name }) => !["same", "refresh", "read"].includes(op) && belongsTo(name, cluster.name))
    .map(
      ({ op, name, type, diffs }) =>
        `${op} ${type.split(":").at(-1)} ${name}${diffs.length ? ` (${diffs.join(", ")})` : ""}`,
    );

export const errorsOf = ({ errors }: Run, cluster: ClusterPlan): string[] =>
  errors.filter((text) => belongsTo(text.split(":")[0] ?? "", cluster.name) || text.startsWith("engine:"));
