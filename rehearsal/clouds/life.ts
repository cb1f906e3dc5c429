import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { listDifferences } from "../plugins/changes";
import { listChanges } from "../plugins/diff";
import { Secret, type Failure, type Props, type ResourceContext, type ResourceKind } from "../plugins/contract";
import { text } from "../plugins/text";
import type { Cloud, CloudKind } from "./cloud";
import { diffWithFilled } from "./filled";
import type { CloudObject } from "./store";

/** The cloud refuses to delete an object because another one needs it. Some providers keep trying for a while. */
export class InUse extends Error {}

/** Life of the objects of one type: identity, storage and idempotency, the same for every kind of every cloud. */
export class Life {
  /** As the provider server serves it. */
  readonly resource: ResourceKind;
  private readonly underway = new Map<string, Promise<unknown>>();

  /** @param patienceSeconds how long a refused delete is tried again; 0 where the real provider does not. */
  constructor(
    private readonly cloud: Cloud,
    private readonly type: string,
    private readonly kind: CloudKind,
    private readonly patienceSeconds: number,
  ) {
    const { required, replaceOn, deleteBeforeReplace, computed, notComputed } = kind;
    const resource: ResourceKind = {
      required,
      replaceOn,
      deleteBeforeReplace,
      computed,
      check: (context, news, olds) => this.check(context, news, olds),
      create: (context, inputs) => this.create(context, inputs),
      read: (context, id, inputs) => Promise.resolve(this.read(context, id, inputs)),
      delete: (context, id) => this.delete(context, id),
    };
    if (notComputed) resource.diff = (_context, _id, olds, news) => diffWithFilled(notComputed, resource, olds, news);
    if (kind.update) resource.update = (context, id, _olds, news) => this.update(context, id, news);
    this.resource = resource;
  }

  private check(context: ResourceContext, news: Props, olds: Props): { inputs: Props; failures: Failure[] } {
    const { nameInput } = this.kind;
    const inputs = { ...news };
    if (nameInput && inputs[nameInput] === undefined)
      inputs[nameInput] = olds[nameInput] ?? `${context.name}-${randomBytes(4).toString("hex").slice(1)}`;
    return { inputs, failures: this.kind.check?.(inputs, context) ?? [] };
  }

  private async create(context: ResourceContext, inputs: Props): Promise<{ id: string; outputs: Props }> {
    // A killed engine's create may still be running in here; the next engine waits for its end and finds the object.
    await this.underway.get(context.urn)?.catch(() => undefined);
    const work = this.make(context, inputs);
    this.underway.set(context.urn, work);
    try {
      return await work;
    } finally {
      if (this.underway.get(context.urn) === work) this.underway.delete(context.urn);
    }
  }

  private async make(context: ResourceContext, inputs: Props): Promise<{ id: string; outputs: Props }> {
    const { cloud, type, kind } = this;
    const { urn, stack, name } = context;
    cloud.store.assertNoFault(cloud.name, type, "create", name, inputs);
    let object = cloud.store.leftBehind(cloud.name, urn);
    if (object && listDifferences(object.inputs, inputs, this.resource).some((difference) => difference.replace)) {
      await this.delete(context, object.id);
      object = undefined;
    }
    if (object?.complete) return { id: object.id, outputs: await this.change(object, context, inputs) };

    object ??= {
      ...{ cloud: cloud.name, type, id: kind.newId(inputs, context), urn, stack, name },
      ...{ acknowledged: false, complete: false, inputs, computed: {}, hidden: {} },
    };
    object.inputs = structuredClone(inputs);
    cloud.store.put(object);
    try {
      object.computed = await kind.create(object, context);
    } catch (error) {
      await this.undo(object);
      throw error;
    }
    object.complete = true;
    cloud.store.put(object);
    await cloud.reconcile();
    return { id: object.id, outputs: this.outputsOf(object) };
  }

  /** A refused creation leaves nothing behind; what cannot be undone must not hide why it was refused. */
  private async undo(object: CloudObject): Promise<void> {
    try {
      await this.kind.delete?.(object);
    } catch {
      // The refusal itself is what the user has to read.
    }
    this.cloud.store.remove(object);
  }

  private async update(context: ResourceContext, id: string, news: Props): Promise<Props> {
    const { cloud, type } = this;
    cloud.store.assertNoFault(cloud.name, type, "update", context.name, news);
    const object = cloud.need(type, id, () => new Error(`${type} ${id} does not exist any more; run a refresh`));
    return this.change(object, context, news);
  }

  private async change(object: CloudObject, context: ResourceContext, news: Props): Promise<Props> {
    const olds = object.inputs;
    // Never the engine's own object: what drifts here must not change there.
    object.inputs = structuredClone(news);
    try {
      const computed = await this.kind.update?.(object, context, olds);
      // What was computed from an input that has changed holds no longer.
      for (const { path } of listChanges(olds, news)) delete object.computed[text(path[0])];
      Object.assign(object.computed, computed);
    } catch (error) {
      object.inputs = olds;
      throw error;
    }
    this.cloud.store.put(object);
    await this.cloud.reconcile();
    return this.outputsOf(object);
  }

  private read(context: ResourceContext, id: string, olds: Props): { inputs: Props; outputs: Props } | undefined {
    const { cloud, type } = this;
    cloud.store.assertNoFault(cloud.name, type, "read", context.name, olds);
    const object = cloud.get(type, id);
    if (!object?.complete) return undefined;
    Object.assign(object.computed, this.kind.observe?.(object));
    // An import has no old inputs: everything the object was made with is wanted.
    const keys = Object.keys(olds).length > 0 ? Object.keys(olds) : Object.keys(object.inputs);
    const inputs = keys.filter((key) => key in object.inputs).map((key) => [key, object.inputs[key]]);
    return { inputs: Object.fromEntries(inputs) as Props, outputs: this.outputsOf(object) };
  }

  private async delete({ name, signal }: ResourceContext, id: string): Promise<void> {
    const { cloud, type } = this;
    cloud.store.assertNoFault(cloud.name, type, "delete", name);
    const deadline = Date.now() + this.patienceSeconds * 1000;
    for (;;) {
      const object = cloud.get(type, id);
      if (!object && this.kind.absent) throw this.kind.absent(id);
      if (!object) return;
      try {
        await this.kind.delete?.(object);
        cloud.store.remove(object);
        return await cloud.reconcile();
      } catch (error) {
        if (!(error instanceof InUse) || Date.now() >= deadline || signal.aborted) throw error;
        await sleep(500);
      }
    }
  }

  private outputsOf(object: CloudObject): Props {
    const outputs: Props = structuredClone({ ...object.inputs, ...object.computed });
    for (const name of this.kind.secretOutputs ?? []) if (name in outputs) outputs[name] = new Secret(outputs[name]);
    return outputs;
  }
}
