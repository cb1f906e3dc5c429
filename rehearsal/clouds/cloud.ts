import { createHash, randomBytes } from "node:crypto";
import { PUBLIC_RANGES } from "../machines/addresses";
import type { Balancer, Machines } from "../machines/contract";
import type { Failure, Package, Props, ResourceContext, ResourceKind } from "../plugins/contract";
import { text } from "../plugins/text";
import { Fleet, type Reach } from "./fleet";
import { InUse, Life } from "./life";
import { takeAddress } from "./network";
import type { CloudObject, Store } from "./store";

export type EmulatedCloud = keyof typeof PUBLIC_RANGES;

/** What is special about one resource type of an emulated cloud; what is the same for all of them is done in life.ts. */
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
    const patienceSeconds = this.patient ? (this.options.deletePatienceSeconds ?? 60) : 0;
    const resources = Object.fromEntries(
      Object.entries(kinds).map(([type, kind]) => [type, new Life(this, type, kind, patienceSeconds).resource]),
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
}

export const digest = (text: string): string => createHash("sha256").update(text).digest("hex");

export const randomHex = (digits: number): string =>
  randomBytes(Math.ceil(digits / 2))
    .toString("hex")
    .slice(0, digits);

export const randomUuid = (): string => crypto.randomUUID();

/** When something happened in an emulated cloud, as most of them write it. */
export const timestamp = (): string => new Date().toISOString().replace(/\.\d+Z$/, "Z");
