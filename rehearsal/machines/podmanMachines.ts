import { type Containers, PodmanContainers } from "./containers";
import type { Balancer, FirewallRule, Machines, MachineSpec, Segment } from "./contract";
import { Internet } from "./internet";
import { WORLD, type WorldNames } from "./names";

export interface PodmanMachinesOptions {
  /** Where seeds and internet.json lie. */
  stateFolder: string;
  /** Reference of the machine image. */
  image: string;
  /** Default: the one world of this host. */
  names?: WorldNames;
  /** Default: podman. */
  containers?: Containers;
}

/** Machines as containers that boot the program's user data, each in a network namespace prepared before it starts. */
export class PodmanMachines implements Machines {
  readonly internet: Internet;
  private readonly containers: Containers;

  constructor(options: PodmanMachinesOptions) {
    const names = options.names ?? WORLD;
    this.internet = new Internet(options.stateFolder, names);
    this.containers = options.containers ?? new PodmanContainers(options.stateFolder, options.image, names);
  }

  /**
   * Call once, after the guard is up. Puts up the internet; should the host have been restarted, the machines boot again.
   */
  async start(): Promise<void> {
    await this.internet.start();
    await Promise.all(this.internet.hosts().map((host) => this.containers.resume(host.id)));
  }

  async ensureSegment(segment: Segment): Promise<void> {
    await this.internet.ensureSegment(segment);
  }

  async removeSegment(name: string): Promise<void> {
    await this.internet.removeSegment(name);
  }

  async createMachine(spec: MachineSpec): Promise<void> {
    const { userData: _, ...host } = spec;
    await this.internet.ensureHost(host);
    await this.containers.start(spec);
  }

  async removeMachine(id: string): Promise<void> {
    await this.containers.remove(id);
    await this.internet.removeHost(id);
  }

  async setFirewall(id: string, rules: FirewallRule[] | undefined): Promise<void> {
    await this.internet.setFirewall(id, rules);
  }

  async setPublicAddress(id: string, address: string | undefined): Promise<void> {
    await this.internet.setPublicAddress(id, address);
  }

  async setBalancers(cloud: string, balancers: Balancer[]): Promise<void> {
    await this.internet.setBalancers(cloud, balancers);
  }

  /** Shuts the machine down (or cuts its power) and boots it again, with its disk and addresses and nothing else. */
  async restartMachine(id: string, graceful = true): Promise<void> {
    await this.stopMachine(id, graceful);
    await this.startMachine(id);
  }

  /** Shuts the machine down or cuts its power. Nobody answers at its addresses until it is started. */
  async stopMachine(id: string, graceful: boolean): Promise<void> {
    await this.containers.stop(id, graceful);
    await this.internet.unplugHost(id);
  }

  async startMachine(id: string): Promise<void> {
    await this.internet.renewHost(id);
    await this.containers.resume(id);
  }
}
