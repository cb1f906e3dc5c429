import type { Balancer, FirewallRule, Machines, MachineSpec, Segment } from "./contract";

/** Machines that are only written down: for tests of the program and the emulated clouds without any machine. */
export class RecordedMachines implements Machines {
  readonly segments = new Map<string, Segment>();
  readonly machines = new Map<string, MachineSpec>();
  readonly balancers = new Map<string, Balancer[]>();
  /** Every call in its order, as "createMachine oregon-a". */
  readonly calls: string[] = [];

  ensureSegment(segment: Segment): Promise<void> {
    return this.record(`ensureSegment ${segment.name}`, () => void this.segments.set(segment.name, { ...segment }));
  }

  removeSegment(name: string): Promise<void> {
    return this.record(`removeSegment ${name}`, () => {
      const inside = [...this.machines.values()].filter((machine) => machine.segment === name).map(({ id }) => id);
      if (inside.length > 0) throw new Error(`Segment ${name} still has machines: ${inside.join(", ")}.`);
      this.segments.delete(name);
    });
  }

  createMachine(spec: MachineSpec): Promise<void> {
    return this.record(`createMachine ${spec.id}`, () => {
      if (!this.segments.has(spec.segment)) throw new Error(`There is no segment ${spec.segment}.`);
      const { userData } = this.machines.get(spec.id) ?? spec;
      this.machines.set(spec.id, { ...spec, userData });
      this.takeFromOthers(spec.id, spec.publicAddress);
    });
  }

  removeMachine(id: string): Promise<void> {
    return this.record(`removeMachine ${id}`, () => void this.machines.delete(id));
  }

  setFirewall(id: string, rules: FirewallRule[] | undefined): Promise<void> {
    return this.record(`setFirewall ${id}`, () => void this.machines.set(id, { ...this.demand(id), firewall: rules }));
  }

  setPublicAddress(id: string, address: string | undefined): Promise<void> {
    return this.record(`setPublicAddress ${id}`, () => {
      this.machines.set(id, { ...this.demand(id), publicAddress: address });
      this.takeFromOthers(id, address);
    });
  }

  setBalancers(cloud: string, balancers: Balancer[]): Promise<void> {
    return this.record(`setBalancers ${cloud}`, () => void this.balancers.set(cloud, structuredClone(balancers)));
  }

  private takeFromOthers(id: string, address: string | undefined): void {
    for (const other of this.machines.values()) {
      if (other.id !== id && address !== undefined && other.publicAddress === address) {
        this.machines.set(other.id, { ...other, publicAddress: undefined });
      }
    }
  }

  private demand(id: string): MachineSpec {
    const machine = this.machines.get(id);
    if (!machine) throw new Error(`There is no machine ${id}.`);
    return machine;
  }

  private async record(call: string, work: () => void): Promise<void> {
    this.calls.push(call);
    await Promise.resolve();
    work();
  }
}
