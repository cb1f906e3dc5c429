import { createHash, randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { PUBLIC_RANGES } from "../machines/addresses";
import type { Balancer, Machines } from "../machines/contract";
import { listDifferences } from "../plugins/changes";
import { listChanges } from "../plugins/diff";
import {
  Secret,
  type Failure,
  type Package,
  type Props,
  type ResourceContext,
  type ResourceKind,
} from "../plugins/contract";
import { Fleet, type Reach } from "./fleet";
import { diffWithFilled } from "./filled";
import { takeAddress } from "./network";
import type { CloudObject, Store } from "./store";
import { text } from "../plugins/text";

export type EmulatedCloud = keyof typeof PUBLIC_RANGES;

/** The cloud refuses to delete an object because another one needs it. Some providers keep trying for a while. */
export class InUse extends Error {}

/** Life of one resource type of an emulated cloud; identity, storage and idempotency are done here for all of them. */
export interface CloudKind extends Pick<ResourceKind, "required" | "replaceOn" | "deleteBeforeReplace" | "computed"> {
  /** Input that names the object; given a name like the engine's own (logical name, dash, seven hex digits) when absent. */
  nameInput?: string;
  /** Refusals that need no cloud. Inputs may hold unknown values. */
  check?(inputs: Props, context: ResourceContext): Failure[];
  /** Outputs that the provider itself marks as secret. */
  secretOutputs?: string[];
  /**
   * Inputs that may be left out and are not computed, in the provider's schema: what the cloud fills in there of its own
   * is a difference for the provider, at every preview, until the program gives or ignores it.
   */
  notComputed?: string[];
  newId(inputs: Props, context: ResourceContext): string;
  /**
   * Makes what is behind the object and returns what the cloud computes. May run twice for one object (killed in
   * between), so everything taken is written to `object.hidden` and taken from there.
   */
  create(object: CloudObject, context: ResourceContext): Props | Promise<Props>;
  /** `object.inputs` are the new ones. Returns computed values that change. Absent: every change replaces. */
  update?(object: CloudObject, context: ResourceContext, olds: Props): Props | Promise<Props>;
  /** @throws InUse */
  delete?(object: CloudObject): void | Promise<void>;
  /** What the real provider says when the object it shall delete is gone already. Unset: nothing, it is as good. */
  absent?(id: string): Error;
  /** Computed values that other objects change: seen at refresh. */
  observe?(object: CloudObject): Props;
}

export interface CloudOptions {
  store: Store;
  machines: Machines;
  /** Public range a cloud. Default: PUBLIC_RANGES. */
  ranges?: Partial<Record<EmulatedCloud, string>>;
  /** How long deletes of objects in use are tried again where the real provider does so. Default 60. */
  deletePatienceSeconds?: number;
}

/** What every emulated cloud has: objects, machines, public addresses. */
export class Cloud {
  readonly store: Store;
  readonly fleet: Fleet;
  private readonly range: string;
  private readonly underway = new Map<string, Promise<unknown>>();

  constructor(
    readonly name: EmulatedCloud,
    private readonly options: CloudOptions,
    /** Type whose objects are machines, and how far such a machine can be reached now. */
    private readonly machine: { type: string; reach: (object: CloudObject) => Reach },
    /** Whether the real provider tries a refused delete again. */
    private readonly patient: boolean,
    /** The load balancers that the cloud's objects amount to now. */
    private readonly balancers: () => Balancer[] = () => [],
  ) {
    this.store = options.store;
    this.fleet = new Fleet(options.machines);
    this.range = options.ranges?.[name] ?? PUBLIC_RANGES[name];
  }

  get(type: string, id: unknown): CloudObject | undefined {
    return typeof id === "string" ? this.store.get(this.name, type, id) : undefined;
  }

  list(type: string): CloudObject[] {
    return this.store.list(this.name, type);
  }

  /** @throws what `missing` says when there is no such object. */
  need(type: string, id: unknown, missing: () => Error): CloudObject {
    const object = this.get(type, id);
    if (!object) throw missing();
    return object;
  }

  /** @throws InUse unless nothing needs the object. */
  assertUnused(users: CloudObject[], refusal: string): void {
    if (users.length > 0) throw new InUse(refusal);
  }

  takePublicAddress(holder: string, refuse: () => Error): string {
    // The router has the first addresses.
    const keep = { first: 10, last: 1 };
    return takeAddress(this.store, { pool: `public ${this.name}`, range: this.range, keep, holder }, refuse);
  }

  releasePublicAddress(holder: string): void {
    this.store.release(`public ${this.name}`, holder);
  }

  /** Machine ids are for people too: the cloud, the program's name for it, and a part of the id against doubles. */
  machineId(object: CloudObject): string {
    const readable = `${object.stack}-${object.name}`.toLowerCase().replace(/[^a-z0-9-]+/g, "-");
    return `${this.name.replace("equinix-", "")}-${readable.slice(0, 40)}-${digest(object.id).slice(0, 6)}`;
  }

  /** How far every finished machine can be reached, after whatever has changed. */
  async reconcile(): Promise<void> {
    const machines = this.list(this.machine.type).filter((object) => object.complete && object.hidden.machine);
    await Promise.all(
      machines.map((object) => this.fleet.adjust(text(object.hidden.machine), () => this.machine.reach(object))),
    );
    await this.fleet.balance(this.name, this.balancers);
  }

  /** The package as the provider server serves it. */
  package(
    version: string,
    kinds: Record<string, CloudKind>,
    rest: Pick<Package, "functions" | "secretConfig" | "replaceConfig">,
  ): Package {
    const resources = Object.fromEntries(
      Object.entries(kinds).map(([type, kind]) => [type, this.resource(type, kind)]),
    );
    const acknowledge = (urn: string, id?: string): void => this.store.acknowledge(this.name, urn, id);
    const functions = Object.fromEntries(
      Object.entries(rest.functions ?? {}).map(([token, ask]): [string, typeof ask] => [
        token,
        async (args, config) => {
          this.store.assertNoFault(this.name, token, "invoke", "", args);
          return ask(args, config);
        },
      ]),
    );
    return { name: this.name, version, nature: "emulated", resources, acknowledge, ...rest, functions };
  }

  private resource(type: string, kind: CloudKind): ResourceKind {
    const { required, replaceOn, deleteBeforeReplace, computed } = kind;
    const resource: ResourceKind = {
      required,
      replaceOn,
      deleteBeforeReplace,
      computed,
      check: (context, news, olds) => this.check(kind, context, news, olds),
      create: (context, inputs) => this.create(type, kind, resource, context, inputs),
      read: (context, id, inputs) => Promise.resolve(this.read(type, kind, context, id, inputs)),
      delete: (context, id) => this.delete(type, kind, context, id),
    };
    const { notComputed } = kind;
    if (notComputed) resource.diff = (_context, _id, olds, news) => diffWithFilled(notComputed, resource, olds, news);
    if (kind.update) {
      resource.update = async (context, id, _olds, news) => {
        this.store.assertNoFault(this.name, type, "update", context.name, news);
        const object = this.need(type, id, () => new Error(`${type} ${id} does not exist any more; run a refresh`));
        return this.change(kind, object, context, news);
      };
    }
    return resource;
  }

  private check(
    kind: CloudKind,
    context: ResourceContext,
    news: Props,
    olds: Props,
  ): { inputs: Props; failures: Failure[] } {
    const inputs = { ...news };
    if (kind.nameInput && inputs[kind.nameInput] === undefined)
      inputs[kind.nameInput] = olds[kind.nameInput] ?? `${context.name}-${randomHex(7)}`;
    return { inputs, failures: kind.check?.(inputs, context) ?? [] };
  }

  private async create(
    type: string,
    kind: CloudKind,
    resource: ResourceKind,
    context: ResourceContext,
    inputs: Props,
  ): Promise<{ id: string; outputs: Props }> {
    // A killed engine's create may still be running in here; the next engine waits for its end and finds the object.
    await this.underway.get(context.urn)?.catch(() => undefined);
    const work = this.make(type, kind, resource, context, inputs);
    this.underway.set(context.urn, work);
    try {
      return await work;
    } finally {
      if (this.underway.get(context.urn) === work) this.underway.delete(context.urn);
    }
  }

  private async make(
    type: string,
    kind: CloudKind,
    resource: ResourceKind,
    context: ResourceContext,
    inputs: Props,
  ): Promise<{ id: string; outputs: Props }> {
    this.store.assertNoFault(this.name, type, "create", context.name, inputs);
    let object = this.store.leftBehind(this.name, context.urn);
    if (object && listDifferences(object.inputs, inputs, resource).some((difference) => difference.replace)) {
      await this.delete(type, kind, context, object.id);
      object = undefined;
    }
    if (object?.complete) return { id: object.id, outputs: await this.change(kind, object, context, inputs) };

    const { urn, stack, name } = context;
    object ??= {
      ...{ cloud: this.name, type, id: kind.newId(inputs, context), urn, stack, name },
      ...{ acknowledged: false, complete: false, inputs, computed: {}, hidden: {} },
    };
    object.inputs = structuredClone(inputs);
    this.store.put(object);
    try {
      object.computed = await kind.create(object, context);
    } catch (error) {
      await this.undo(kind, object);
      throw error;
    }
    object.complete = true;
    this.store.put(object);
    await this.reconcile();
    return { id: object.id, outputs: outputsOf(kind, object) };
  }

  /** A refused creation leaves nothing behind; what cannot be undone must not hide why it was refused. */
  private async undo(kind: CloudKind, object: CloudObject): Promise<void> {
    try {
      await kind.delete?.(object);
    } catch {
      // The refusal itself is what the user has to read.
    }
    this.store.remove(object);
  }

  private async change(kind: CloudKind, object: CloudObject, context: ResourceContext, news: Props): Promise<Props> {
    const olds = object.inputs;
    // Never the engine's own object: what drifts here must not change there.
    object.inputs = structuredClone(news);
    try {
      const computed = await kind.update?.(object, context, olds);
      // What was computed from an input that has changed holds no longer.
      for (const { path } of listChanges(olds, news)) delete object.computed[text(path[0])];
      Object.assign(object.computed, computed);
    } catch (error) {
      object.inputs = olds;
      throw error;
    }
    this.store.put(object);
    await this.reconcile();
    return outputsOf(kind, object);
  }

  private read(
    type: string,
    kind: CloudKind,
    context: ResourceContext,
    id: string,
    olds: Props,
  ): { inputs: Props; outputs: Props } | undefined {
    this.store.assertNoFault(this.name, type, "read", context.name, olds);
    const object = this.get(type, id);
    if (!object?.complete) return undefined;
    Object.assign(object.computed, kind.observe?.(object));
    // An import has no old inputs: everything the object was made with is wanted.
    const keys = Object.keys(olds).length > 0 ? Object.keys(olds) : Object.keys(object.inputs);
    const inputs = keys.filter((key) => key in object.inputs).map((key) => [key, object.inputs[key]]);
    return { inputs: Object.fromEntries(inputs) as Props, outputs: outputsOf(kind, object) };
  }

  private async delete(type: string, kind: CloudKind, { name, signal }: ResourceContext, id: string): Promise<void> {
    this.store.assertNoFault(this.name, type, "delete", name);
    const deadline = Date.now() + (this.patient ? (this.options.deletePatienceSeconds ?? 60) : 0) * 1000;
    for (;;) {
      const object = this.get(type, id);
      if (!object && kind.absent) throw kind.absent(id);
      if (!object) return;
      try {
        await kind.delete?.(object);
        this.store.remove(object);
        return await this.reconcile();
      } catch (error) {
        if (!(error instanceof InUse) || Date.now() >= deadline || signal.aborted) throw error;
        await sleep(500);
      }
    }
  }
}

function outputsOf(kind: CloudKind, object: CloudObject): Props {
  const outputs: Props = structuredClone({ ...object.inputs, ...object.computed });
  for (const name of kind.secretOutputs ?? []) if (name in outputs) outputs[name] = new Secret(outputs[name]);
  return outputs;
}

export const digest = (text: string): string => createHash("sha256").update(text).digest("hex");

export const randomHex = (digits: number): string =>
  randomBytes(Math.ceil(digits / 2))
    .toString("hex")
    .slice(0, digits);

export const randomUuid = (): string => crypto.randomUUID();

/** When something happened in an emulated cloud, as most of them write it. */
export const timestamp = (): string => new Date().toISOString().replace(/\.\d+Z$/, "Z");
