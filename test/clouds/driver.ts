import { cloudPackages, Store } from "../../rehearsal/clouds";
import { RecordedMachines } from "../../rehearsal/machines/recordedMachines";
import type { MachineSpec } from "../../rehearsal/machines/contract";
import { listDifferences } from "../../rehearsal/plugins/changes";
import { Secret, type Package, type Props, type ResourceKind } from "../../rehearsal/plugins/contract";
import { contextFor } from "../plugins/context";

/** A resource as a program would hold it. */
export interface Made {
  type: string;
  name: string;
  id: string;
  inputs: Props;
  outputs: Props;
}

export const plainOf = (value: unknown): unknown => (value instanceof Secret ? value.value : value);

/** The emulated clouds without engine and without machines: what the provider server would call is called. */
export class Driver {
  readonly machines = new RecordedMachines();
  private packages: Package[];

  constructor(
    private readonly config: Props = {},
    public store = new Store(),
    private readonly patienceSeconds = 0,
  ) {
    this.packages = this.pack();
  }

  /** As after a restart of the server: the same file, another store. */
  restart(store: Store): void {
    this.store = store;
    this.packages = this.pack();
  }

  private pack(): Package[] {
    return cloudPackages({ store: this.store, machines: this.machines, deletePatienceSeconds: this.patienceSeconds });
  }

  kind(type: string): ResourceKind {
    const kind = this.packages.find((one) => one.name === type.split(":")[0])?.resources[type];
    if (!kind) throw new Error(`no kind ${type}`);
    return kind;
  }

  check(type: string, inputs: Props): string[] {
    const kind = this.kind(type);
    const missing = (kind.required ?? [])
      .filter((name) => inputs[name] === undefined)
      .map((name) => `${name}: missing`);
    const checked = kind.check?.(contextFor("checked", type, this.config), inputs, {});
    return [...missing, ...(checked?.failures ?? []).map(({ property, reason }) => `${property}: ${reason}`)];
  }

  async make(type: string, name: string, given: Props = {}): Promise<Made> {
    const kind = this.kind(type);
    const context = contextFor(name, type, this.config);
    const failures = this.check(type, given);
    if (failures.length > 0) throw new Error(failures.join("; "));
    const inputs = kind.check?.(context, given, {}).inputs ?? given;
    const { id, outputs } = await kind.create(context, inputs);
    return { type, name, id, inputs, outputs };
  }

  /** The engine's state has it from now on. */
  acknowledge(made: Made): void {
    const context = contextFor(made.name, made.type);
    this.packages.find((one) => one.name === made.type.split(":")[0])?.acknowledge?.(context.urn, made.id);
  }

  /** Which inputs would replace the resource, and which would update it. */
  diff(made: Made, changes: Props): { replaces: string[]; updates: string[] } {
    const all = listDifferences(made.inputs, { ...made.inputs, ...changes }, this.kind(made.type));
    const paths = (replace: boolean): string[] => all.filter((one) => one.replace === replace).map((one) => one.path);
    return { replaces: paths(true), updates: paths(false) };
  }

  async update(made: Made, changes: Props): Promise<Made> {
    const kind = this.kind(made.type);
    const news = Object.fromEntries(
      Object.entries({ ...made.inputs, ...changes }).filter(([, value]) => value !== undefined),
    );
    const context = contextFor(made.name, made.type, this.config);
    const outputs = await kind.update?.(context, made.id, { inputs: made.inputs, outputs: made.outputs }, news);
    if (!outputs) throw new Error(`${made.type} has no update`);
    return { ...made, inputs: news, outputs };
  }

  read(made: Made) {
    return this.kind(made.type).read?.(
      contextFor(made.name, made.type, this.config),
      made.id,
      made.inputs,
      made.outputs,
    );
  }

  async remove(...all: Made[]): Promise<void> {
    for (const made of all)
      await this.kind(made.type).delete(contextFor(made.name, made.type, this.config), made.id, made.outputs);
  }

  invoke(token: string, args: Props): Promise<Props> {
    const run = this.packages.find((one) => one.name === token.split(":")[0])?.functions?.[token];
    if (!run) throw new Error(`no function ${token}`);
    return run(args, this.config);
  }

  /** The only machine whose id holds the logical name. */
  machine(name: string): MachineSpec {
    const found = [...this.machines.machines.values()].filter(({ id }) => id.includes(name));
    if (found.length !== 1)
      throw new Error(`${found.length} machines ${name}: ${[...this.machines.machines.keys()].join(", ")}`);
    return found[0] as MachineSpec;
  }
}
