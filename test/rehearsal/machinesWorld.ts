import { execFile, spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { command } from "../../rehearsal/machines/command";
import type { Containers } from "../../rehearsal/machines/containers";
import type { FirewallRule, MachineSpec } from "../../rehearsal/machines/contract";
import { Guard } from "../../rehearsal/machines/guard";
import { removeEverything } from "../../rehearsal/machines/inventory";
import { machineName, WORLD, type WorldNames } from "../../rehearsal/machines/names";
import { PodmanMachines } from "../../rehearsal/machines/podmanMachines";

/** Why tests that make network namespaces cannot run here; undefined when they can. */
export const cannotRun =
  process.platform !== "linux" ? "not Linux" : process.getuid?.() !== 0 ? "not root: no network namespaces" : undefined;

/** Containers that never boot: their network namespaces are all a test of the network needs. */
export const noContainers: Containers = {
  start: () => Promise.resolve(),
  resume: () => Promise.resolve(),
  stop: () => Promise.resolve(),
  remove: () => Promise.resolve(),
};

/** A world beside a living one: other names, and a namespace in the place of the host. */
export const testNames = (tag: string): WorldNames => ({
  router: `${tag}-internet`,
  machinePrefix: `${tag}-machine-`,
  hostLink: "archi0",
  guardTable: WORLD.guardTable,
  label: `archipelago-${tag}=1`,
  routeProtocol: WORLD.routeProtocol,
  hostNamespace: `${tag}-host`,
});

export const everyone: FirewallRule[] = [{ protocol: "tcp", from: 80, to: 80, sources: ["0.0.0.0/0"] }];

export const machine = (id: string, more: Partial<MachineSpec>): MachineSpec => ({
  id,
  name: id,
  cloud: "aws",
  segment: "west",
  privateAddress: "10.20.0.10",
  userData: "#!/bin/bash\n",
  firewall: everyone,
  publicMode: "nat",
  ...more,
});

export class TestWorld {
  private readonly processes: ChildProcess[] = [];

  private constructor(
    readonly names: WorldNames,
    readonly stateFolder: string,
    readonly guard: Guard,
    public machines: PodmanMachines,
  ) {}

  /** @param image Machine image to boot; undefined: network namespaces only. */
  static async create(tag: string, ranges: string[], image?: string): Promise<TestWorld> {
    const names = testNames(tag);
    const stateFolder = await mkdtemp(join(tmpdir(), `${tag}-`));
    const host = names.hostNamespace ?? "";
    // what a run that was killed left behind
    await command("ip", ["netns", "del", host], { mayFail: true });
    await command("ip", ["netns", "add", host]);
    await removeEverything({ stateFolder, names });
    await command("ip", ["-n", host, "link", "set", "lo", "up"]);
    const guard = new Guard(
      ranges.map((cidr) => ({ cidr, use: "nodes" })),
      names,
    );
    const containers = image === undefined ? noContainers : undefined;
    const machines = new PodmanMachines({ stateFolder, image: image ?? "none", names, containers });
    return new TestWorld(names, stateFolder, guard, machines);
  }

  /** The same world, seen by a process that starts now; the one before is gone. */
  async reopen(): Promise<void> {
    const { stateFolder, names } = this;
    await this.machines.internet.leave();
    this.machines = new PodmanMachines({ stateFolder, image: "none", names, containers: noContainers });
    await this.machines.start();
  }

  /** Namespace of a machine, or of the host. */
  namespace(place: string): string {
    return place === "host" ? (this.names.hostNamespace ?? "") : machineName(this.names, place);
  }

  /** A server that tells every caller the address it sees. */
  async listen(place: string, port: number): Promise<void> {
    const script = `require("net").createServer(s => { s.on("error", () => {}); s.end(s.remoteAddress.replace("::ffff:", "")) }).listen(${port}, "0.0.0.0", () => console.log("up"))`;
    const file = `--net=/run/netns/${this.namespace(place)}`;
    const child = spawn("nsenter", [file, process.execPath, "-e", script], { stdio: ["ignore", "pipe", "inherit"] });
    this.processes.push(child);
    await new Promise<void>((resolve, reject) => {
      child.stdout.once("data", () => resolve());
      child.once("exit", (code) => reject(new Error(`server in ${place} ended with ${String(code)}`)));
    });
  }

  /** What a caller hears: the address it was seen with, an error code ("ENETUNREACH"), or "silence". */
  call(from: string, address: string, port: number, source?: string): Promise<string> {
    const where = JSON.stringify({ host: address, port, localAddress: source });
    const script = `const s = require("net").connect(${where}); let t = ""; s.on("data", d => t += d).on("end", () => { console.log(t); s.destroy() }).on("error", e => console.log(e.code)); s.setTimeout(700, () => { console.log("silence"); s.destroy() })`;
    return new Promise((resolve) => {
      const file = `--net=/run/netns/${this.namespace(from)}`;
      execFile("nsenter", [file, process.execPath, "-e", script], (_, stdout) => resolve(stdout.trim()));
    });
  }

  async remove(): Promise<void> {
    for (const child of this.processes) child.kill("SIGKILL");
    await removeEverything({ stateFolder: this.stateFolder, names: this.names });
    await command("ip", ["netns", "del", this.names.hostNamespace ?? ""], { mayFail: true });
    await rm(this.stateFolder, { recursive: true, force: true });
  }
}
