import type { Balancer, FirewallRule, MachineSpec, Machines, Segment } from "../machines/contract";

/** What about a machine can change while it runs. */
export interface Reach {
  firewall: FirewallRule[] | undefined;
  publicAddress: string | undefined;
}

/**
 * The machines behind one emulated cloud. Only what differs from the last state is passed on, one call a machine at a
 * time: dozens of firewall rules are made at once, and each would otherwise rewrite every machine's filter.
 */
export class Fleet {
  private readonly applied = new Map<string, Reach>();
  private readonly queues = new Map<string, Promise<unknown>>();
  /** Rules and addresses are deleted beside their machine: what comes too late has nothing left to change. */
  private readonly removed = new Set<string>();

  /** undefined: not told yet since this process began. */
  private balancers: Balancer[] | undefined;

  constructor(private readonly machines: Machines) {}

  ensureSegment(segment: Segment): Promise<void> {
    return this.machines.ensureSegment(segment);
  }

  removeSegment(name: string): Promise<void> {
    return this.machines.removeSegment(name);
  }

  /** Clouds take names of many kinds; a machine's is made a host name of what its cloud calls it. */
  async boot(spec: MachineSpec): Promise<void> {
    await this.queue(spec.id, async () => {
      this.removed.delete(spec.id);
      await this.machines.createMachine({ ...spec, name: spec.name.toLowerCase().replace(/[^a-z0-9-]/g, "-") });
      this.applied.set(spec.id, { firewall: spec.firewall, publicAddress: spec.publicAddress });
    });
  }

  /** Brings a running machine to the state; after a restart of the server everything is applied anew once. */
  async adjust(id: string, reach: () => Reach): Promise<void> {
    await this.queue(id, async () => {
      if (this.removed.has(id)) return;
      const [old, now] = [this.applied.get(id), reach()];
      if (!old || !same(old.firewall, now.firewall)) await this.machines.setFirewall(id, now.firewall);
      if (!old || old.publicAddress !== now.publicAddress) await this.machines.setPublicAddress(id, now.publicAddress);
      this.applied.set(id, now);
    });
  }

  async remove(id: string): Promise<void> {
    await this.queue(id, async () => {
      await this.machines.removeMachine(id);
      this.removed.add(id);
      this.applied.delete(id);
    });
  }

  /** Tells the machines which balancers a cloud has, when that has changed. */
  async balance(cloud: string, balancers: () => Balancer[]): Promise<void> {
    await this.queue(`balancers of ${cloud}`, async () => {
      const now = balancers();
      if (same(this.balancers, now)) return;
      await this.machines.setBalancers(cloud, now);
      this.balancers = now;
    });
  }

  private queue<T>(id: string, body: () => Promise<T>): Promise<T> {
    const next = (this.queues.get(id) ?? Promise.resolve()).catch(() => undefined).then(body);
    this.queues.set(id, next);
    return next;
  }
}

const same = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);
