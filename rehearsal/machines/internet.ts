import { existsSync } from "node:fs";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { contains, firstAddress, OPERATOR, overlap, prefixOf } from "./addresses";
import { command, ipBatch, ipJson, Lock, namespaces, nftLoad, writeSysctls } from "./command";
import { HealthChecks } from "./balancers";
import type { Balancer, FirewallRule, Segment } from "./contract";
import { renderMachineFirewall } from "./firewall";
import { type Host, type InternetState, renderHostLink, renderRouterRules } from "./internetRules";
import { createLink, givePublicAddress, linkStands, removeLink } from "./link";
import { bridgeName, machineName, OPERATOR_LINK, WORLD, type WorldNames } from "./names";

/**
 * The little internet between the emulated clouds: a router in a network namespace without uplink and without default
 * route, one bridge a segment, one link a machine, one link to the host. What it holds stands in <state>/internet.json, so
 * that a restarted process goes on where the last one was.
 */
export class Internet {
  private readonly lock = new Lock();
  private readonly file: string;
  private state: InternetState = { segments: [], hosts: [] };
  private readonly health: HealthChecks;

  constructor(
    private readonly stateFolder: string,
    private readonly names: WorldNames = WORLD,
  ) {
    this.file = join(stateFolder, "internet.json");
    this.health = new HealthChecks(names.router, () => void this.lock.run(() => this.loadRules()));
  }

  /** Puts up the router and all that the last process left written down; repeating it changes nothing that stands. */
  async start(): Promise<void> {
    await this.read();
    await this.lock.run(async () => {
      if (!(await namespaces()).includes(this.names.router)) await this.createRouter();
      await this.createHostLink();
      for (const segment of this.state.segments) await this.createBridge(segment);
      for (const host of this.state.hosts) await this.ensureLink(host);
      this.health.watch(this.balancers());
      await this.loadRules();
    });
  }

  /** Takes over what the file says and changes nothing: for a process beside the one that owns the world. */
  async read(): Promise<void> {
    if (existsSync(this.file)) this.state = JSON.parse(await readFile(this.file, "utf8")) as InternetState;
  }

  /** Ends this owner's part, as its process's end would: everything stands as it is, and the next owner changes it. */
  async leave(): Promise<void> {
    this.health.end();
    // What the health checks have said meanwhile is still being put in place.
    await this.lock.run(() => Promise.resolve());
  }

  /** Machines as the network knows them. */
  hosts(): readonly Host[] {
    return this.state.hosts;
  }

  /** @throws Error when the range overlaps another segment's, or the same name has another range. */
  async ensureSegment(segment: Segment): Promise<void> {
    await this.lock.run(async () => {
      const known = this.state.segments.find((other) => other.name === segment.name);
      if (known && known.cidr !== segment.cidr) {
        throw new Error(`Segment ${segment.name} has the range ${known.cidr}; it cannot become ${segment.cidr}.`);
      }
      const rival = this.state.segments.find((other) => other !== known && overlap(other.cidr, segment.cidr));
      if (rival) throw new Error(`Segment ${segment.name} (${segment.cidr}) overlaps ${rival.name} (${rival.cidr}).`);
      await this.createBridge(segment);
      if (!known) await this.save({ ...this.state, segments: [...this.state.segments, { ...segment }] });
    });
  }

  /** @throws Error while machines are in it, as a cloud refuses to delete a network in use. */
  async removeSegment(name: string): Promise<void> {
    await this.lock.run(async () => {
      const inside = this.state.hosts.filter((host) => host.segment === name).map((host) => host.id);
      if (inside.length > 0) throw new Error(`Segment ${name} still has machines: ${inside.join(", ")}.`);
      await command("ip", ["-n", this.names.router, "link", "del", bridgeName(name)], { mayFail: true });
      await this.save({ ...this.state, segments: this.state.segments.filter((segment) => segment.name !== name) });
    });
  }

  /**
   * Prepares a machine's network namespace wholly: links, addresses, default route, firewall, public address. A machine
   * that stands is left as it is but for its firewall and public address.
   */
  async ensureHost(host: Host): Promise<void> {
    await this.lock.run(async () => {
      this.assertFits(host);
      const known = this.find(host.id);
      if (known) {
        await this.ensureLink(known);
        await this.replaceFirewall(known, host.firewall);
        if (host.publicAddress !== undefined) await this.moveAddress(host.id, host.publicAddress);
        return;
      }
      // The address comes last: should it be another machine's until now, that one loses it first.
      const { publicAddress, ...bare } = host;
      await this.ensureLink(bare);
      await this.save({ ...this.state, hosts: [...this.state.hosts, bare] });
      await this.moveAddress(host.id, publicAddress);
    });
  }

  async removeHost(id: string): Promise<void> {
    await this.lock.run(async () => {
      const address = this.find(id)?.publicAddress;
      await removeLink(this.names, id);
      await this.save({ ...this.state, hosts: this.state.hosts.filter((host) => host.id !== id) });
      await this.loadRules();
      if (address !== undefined) await this.forget(address);
    });
  }

  /** A fresh namespace for a machine that is off, as a restart of a real one forgets routes, rules and tunnels. */
  async renewHost(id: string): Promise<void> {
    await this.lock.run(async () => {
      const host = this.demand(id);
      await removeLink(this.names, id);
      await this.ensureLink(host);
    });
  }

  async setFirewall(id: string, rules: FirewallRule[] | undefined): Promise<void> {
    await this.lock.run(() => this.replaceFirewall(this.demand(id), rules));
  }

  /** Attaches, moves (also away from another machine) or detaches; connections over the old address end at once. */
  async setPublicAddress(id: string, address: string | undefined): Promise<void> {
    await this.lock.run(async () => {
      this.demand(id);
      await this.moveAddress(id, address);
    });
  }

  /** Cuts a machine that is off from the network; `renewHost` puts it back. */
  async unplugHost(id: string): Promise<void> {
    await this.lock.run(() => removeLink(this.names, this.demand(id).id));
  }

  /** Which balancers a cloud has now. */
  async setBalancers(cloud: string, balancers: Balancer[]): Promise<void> {
    await this.lock.run(async () => {
      await this.save({ ...this.state, balancers: { ...this.state.balancers, [cloud]: balancers } });
      this.health.watch(this.balancers());
      await this.loadRules();
    });
  }

  private balancers(): Balancer[] {
    return Object.values(this.state.balancers ?? {}).flat();
  }

  private find(id: string): Host | undefined {
    return this.state.hosts.find((host) => host.id === id);
  }

  private demand(id: string): Host {
    const host = this.find(id);
    if (!host) throw new Error(`There is no machine ${id}.`);
    return host;
  }

  private segment(name: string): Segment {
    const segment = this.state.segments.find((other) => other.name === name);
    if (!segment) throw new Error(`There is no segment ${name}.`);
    return segment;
  }

  private assertFits(host: Host): void {
    const { cidr } = this.segment(host.segment);
    if (!contains(cidr, host.privateAddress) || host.privateAddress === firstAddress(cidr)) {
      throw new Error(`${host.privateAddress} of machine ${host.id} is not free for machines in ${cidr}.`);
    }
    const rival = this.state.hosts.find(
      (other) => other.id !== host.id && other.segment === host.segment && other.privateAddress === host.privateAddress,
    );
    if (rival) throw new Error(`${host.privateAddress} is wanted by machine ${host.id} but belongs to ${rival.id}.`);
  }

  private async createRouter(): Promise<void> {
    const { router } = this.names;
    await command("ip", ["netns", "add", router]);
    await writeSysctls(router, {
      "net/ipv4/ip_forward": 1,
      "net/ipv4/conf/all/rp_filter": 0,
      "net/ipv4/conf/default/rp_filter": 0,
      // neighbours that talk over their public addresses come in and leave by the same bridge; that is meant
      "net/ipv4/conf/all/send_redirects": 0,
      "net/ipv4/conf/default/send_redirects": 0,
      // "net unreachable" shall be answered every time, not once a second
      "net/ipv4/icmp_ratelimit": 0,
      "net/ipv6/conf/all/disable_ipv6": 1,
      "net/ipv6/conf/default/disable_ipv6": 1,
      // frames within a segment are none of the router's business
      "net/bridge/bridge-nf-call-iptables": 0,
      "net/bridge/bridge-nf-call-ip6tables": 0,
      "net/bridge/bridge-nf-call-arptables": 0,
    });
    await ipBatch(router, ["link set lo up"]);
  }

  private async createHostLink(): Promise<void> {
    const { router, hostLink, hostNamespace } = this.names;
    const links = await ipJson<{ ifname: string }>(hostNamespace, ["link", "show", hostLink], true);
    if (links.length === 0) {
      await ipBatch(hostNamespace, [`link add ${hostLink} type veth peer name ${OPERATOR_LINK} netns ${router}`]);
    }
    await ipBatch(router, [`addr replace ${OPERATOR.router}/24 dev ${OPERATOR_LINK}`, `link set ${OPERATOR_LINK} up`]);
    await writeSysctls(hostNamespace, { [`net/ipv6/conf/${hostLink}/disable_ipv6`]: 1 });
    await ipBatch(hostNamespace, renderHostLink(hostLink));
  }

  private async createBridge(segment: Segment): Promise<void> {
    const { router } = this.names;
    const bridge = bridgeName(segment.name);
    const links = await ipJson<{ ifname: string }>(router, ["link", "show", bridge], true);
    if (links.length === 0) await ipBatch(router, [`link add ${bridge} type bridge`]);
    await ipBatch(router, [
      `link set ${bridge} alias segment:${segment.name}`,
      `addr replace ${firstAddress(segment.cidr)}/${prefixOf(segment.cidr)} dev ${bridge}`,
      `link set ${bridge} up`,
    ]);
  }

  private async ensureLink(host: Host): Promise<void> {
    if (await linkStands(this.names, host.id)) return;
    await removeLink(this.names, host.id);
    await createLink(this.names, this.segment(host.segment), host);
    await givePublicAddress(this.names, host, undefined);
    await this.loadFirewall(host);
  }

  private async replaceFirewall(host: Host, rules: FirewallRule[] | undefined): Promise<void> {
    const changed = { ...host, firewall: rules };
    await this.loadFirewall(changed);
    await this.put(changed);
  }

  private async loadFirewall(host: Host): Promise<void> {
    await nftLoad(machineName(this.names, host.id), renderMachineFirewall(host.firewall));
  }

  private async moveAddress(id: string, address: string | undefined): Promise<void> {
    const holder = this.state.hosts.find((host) => host.id !== id && host.publicAddress === address);
    if (address !== undefined && holder) await this.moveAddress(holder.id, undefined);
    const before = this.demand(id);
    const host = { ...before, publicAddress: address };
    await givePublicAddress(this.names, host, before.publicAddress);
    await this.put(host);
    await this.loadRules();
    if (before.publicAddress !== undefined && before.publicAddress !== address) await this.forget(before.publicAddress);
  }

  /** Ends the connections over an address that is no longer its old owner's; else they would live as long as they talk. */
  private async forget(address: string): Promise<void> {
    for (const side of ["--orig-dst", "--reply-dst", "--orig-src"]) {
      // "0 flow entries have been deleted" counts as failure there
      await command("conntrack", ["-D", side, address], { namespace: this.names.router, mayFail: true });
    }
  }

  private async loadRules(): Promise<void> {
    await nftLoad(
      this.names.router,
      renderRouterRules(
        this.state,
        this.balancers().map((one) => this.health.balance(one)),
      ),
    );
  }

  private async put(host: Host): Promise<void> {
    await this.save({ ...this.state, hosts: this.state.hosts.map((other) => (other.id === host.id ? host : other)) });
  }

  private async save(state: InternetState): Promise<void> {
    this.state = state;
    await mkdir(this.stateFolder, { recursive: true });
    await writeFile(`${this.file}.new`, JSON.stringify(state, undefined, 2));
    await rename(`${this.file}.new`, this.file);
  }
}

/** Removes what an {@link Internet} wrote; its namespaces are removed by the inventory, which needs no such file. */
export const removeInternetFile = (stateFolder: string): Promise<void> =>
  rm(join(stateFolder, "internet.json"), { force: true });
