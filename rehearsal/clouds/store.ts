import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { Props } from "../plugins/contract";

/** An object of an emulated cloud, as that cloud has it (not as the engine's state has it). */
export interface CloudObject {
  cloud: string;
  type: string;
  id: string;
  /** Which resource of which stack made it; what makes a retried create find it again. */
  urn: string;
  stack: string;
  /** Logical name in the program. */
  name: string;
  /** The engine has shown that its state knows the object. */
  acknowledged: boolean;
  /** Its creation came to an end. */
  complete: boolean;
  inputs: Props;
  /** What the cloud adds to the inputs to make the outputs. */
  computed: Props;
  /** What the cloud knows and does not show: machine, addresses it handed out. */
  hidden: Props;
}

/** A failure to be served instead of the next matching call. */
export interface Fault {
  cloud: string;
  /** Type token, for "invoke" the function's; every one when left out. */
  type?: string;
  operation: "create" | "read" | "update" | "delete" | "invoke";
  /** The cloud's own words; see faults.ts. */
  message: string;
  /** How many calls fail. Default 1. */
  times?: number;
  /** Only for the resource of this logical name. */
  name?: string;
  /** Only where the inputs have these values. */
  where?: Props;
}

interface Content {
  objects: CloudObject[];
  /** Address → who holds it, a pool of addresses. */
  addresses: Record<string, Record<string, string>>;
  /** Where in a pool the last address was taken, so that a freed one is not handed out at once again. */
  cursors: Record<string, number>;
}

/**
 * The state of every emulated cloud in one JSON file. Each change is on disk, whole, before the call that made it is
 * answered: a killed and restarted server goes on where it was. Without a path it lives in memory (tests).
 */
export class Store {
  private readonly content: Content;
  private readonly faults: Fault[] = [];

  constructor(private readonly path?: string) {
    const empty: Content = { objects: [], addresses: {}, cursors: {} };
    this.content = path && existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as Content) : empty;
  }

  get(cloud: string, type: string, id: string): CloudObject | undefined {
    return this.content.objects.find((object) => object.cloud === cloud && object.type === type && object.id === id);
  }

  /** Oldest first; of every cloud and type unless told. */
  list(cloud?: string, type?: string): CloudObject[] {
    return this.content.objects.filter(
      (object) => (!cloud || object.cloud === cloud) && (!type || object.type === type),
    );
  }

  put(object: CloudObject): void {
    const at = this.content.objects.findIndex(
      (other) => other.cloud === object.cloud && other.type === object.type && other.id === object.id,
    );
    if (at < 0) this.content.objects.push(object);
    else this.content.objects[at] = object;
    this.save();
  }

  remove(object: CloudObject): void {
    this.content.objects = this.content.objects.filter((other) => other !== object);
    this.save();
  }

  /** Left by a create that the engine never heard the end of. */
  leftBehind(cloud: string, urn: string): CloudObject | undefined {
    return this.list(cloud).find((object) => object.urn === urn && !object.acknowledged);
  }

  /** The engine's state has the object; without an id: at least the oldest one of that URN. */
  acknowledge(cloud: string, urn: string, id?: string): void {
    const all = this.list(cloud).filter((object) => object.urn === urn);
    const known = id === undefined ? all.slice(0, 1) : all.filter((object) => object.id === id);
    const fresh = known.filter((object) => !object.acknowledged);
    for (const object of fresh) object.acknowledged = true;
    if (fresh.length > 0) this.save();
  }

  /** What somebody does to the object behind the program's back: a refresh shows it. */
  drift(object: CloudObject, changes: Props): void {
    Object.assign(object.inputs, changes);
    for (const key of Object.keys(changes)) delete object.computed[key];
    this.save();
  }

  failNext(fault: Fault): void {
    this.faults.push({ times: 1, ...fault });
  }

  /** @throws the message of a fault that was asked for. */
  assertNoFault(cloud: string, type: string, operation: Fault["operation"], name: string, inputs: Props = {}): void {
    const fault = this.faults.find(
      (one) =>
        one.cloud === cloud &&
        one.operation === operation &&
        (!one.type || one.type === type) &&
        (!one.name || one.name === name) &&
        Object.entries(one.where ?? {}).every(([key, value]) => inputs[key] === value),
    );
    if (!fault) return;
    fault.times = (fault.times ?? 1) - 1;
    if (fault.times <= 0) this.faults.splice(this.faults.indexOf(fault), 1);
    throw new Error(fault.message);
  }

  /** Who holds an address of the pool; undefined: nobody. */
  holder(pool: string, address: string): string | undefined {
    return this.content.addresses[pool]?.[address];
  }

  hold(pool: string, address: string, holder: string): void {
    (this.content.addresses[pool] ??= {})[address] = holder;
    this.save();
  }

  /** Frees whatever the holder has in the pool. */
  release(pool: string, holder: string): void {
    const addresses = this.content.addresses[pool] ?? {};
    for (const [address, by] of Object.entries(addresses)) if (by === holder) delete addresses[address];
    this.save();
  }

  cursor(pool: string): number {
    return this.content.cursors[pool] ?? 0;
  }

  setCursor(pool: string, place: number): void {
    this.content.cursors[pool] = place;
  }

  /** Forgets a pool with its network. */
  dropPool(pool: string): void {
    delete this.content.addresses[pool];
    for (const key of Object.keys(this.content.cursors))
      if (key.startsWith(`${pool} `)) delete this.content.cursors[key];
    this.save();
  }

  save(): void {
    if (!this.path) return;
    mkdirSync(dirname(this.path), { recursive: true, mode: 0o700 });
    // User data holds tokens and keys: for the owner's eyes only.
    writeFileSync(`${this.path}.new`, JSON.stringify(this.content), { mode: 0o600 });
    renameSync(`${this.path}.new`, this.path);
  }
}
