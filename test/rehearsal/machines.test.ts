import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { probeCableDriver } from "../../rehearsal/machines/cableDriver";
import { command, ipBatch, ipJson, namespaces, writeSysctls } from "../../rehearsal/machines/command";
import { isEmpty, listLeftovers, removeEverything } from "../../rehearsal/machines/inventory";
import { cannotRun, machine, TestWorld } from "./machinesWorld";

if (cannotRun) console.log(`skipped: ${cannotRun}`);

const A = machine("a", { publicAddress: "198.18.1.10" });
const NEIGHBOUR = machine("neighbour", { privateAddress: "10.20.0.11" });
const B = machine("b", { segment: "east", privateAddress: "10.30.0.10", publicAddress: "198.18.2.10", cloud: "oci" });
const C = machine("c", {
  segment: "south",
  privateAddress: "10.70.0.10",
  publicAddress: "198.18.5.10",
  cloud: "equinix-metal",
  publicMode: "interface",
});
const D = machine("d", { ...C, id: "d", name: "d", privateAddress: "10.70.0.11", publicAddress: "198.18.5.11" });

describe.skipIf(cannotRun)("machines and the internet between them", () => {
  let world: TestWorld;

  beforeAll(async () => {
    world = await TestWorld.create("archi1", ["10.20.0.0/24", "10.30.0.0/24", "10.70.0.0/25"]);
    await world.guard.install();
    await world.machines.start();
    const segments = { west: "10.20.0.0/24", east: "10.30.0.0/24", south: "10.70.0.0/25" };
    for (const [name, cidr] of Object.entries(segments)) await world.machines.ensureSegment({ name, cidr });
    // at once, as the engine creates them
    await Promise.all([A, NEIGHBOUR, B, C, D].map((spec) => world.machines.createMachine(spec)));
    await Promise.all(["a", "b", "c", "d", "neighbour", "host"].map((place) => world.listen(place, 80)));
    await world.listen("a", 81);
  });

  afterAll(async () => {
    await world.remove();
  });

  test("a translated machine reaches another's public address and is seen by its own", async () => {
    expect(await world.call("a", "198.18.2.10", 80)).toBe("198.18.1.10");
    expect(await world.call("b", "198.18.1.10", 80)).toBe("198.18.2.10");
  });

  test("a machine with its public address on its interface reaches and is reached by it", async () => {
    expect(await world.call("c", "198.18.1.10", 80)).toBe("198.18.5.10");
    expect(await world.call("a", "198.18.5.10", 80)).toBe("198.18.1.10");
    expect(await world.call("c", "198.18.5.11", 80)).toBe("198.18.5.10");
  });

  test("the operator reaches every public address and no machine reaches the operator", async () => {
    expect(await world.call("host", "198.18.1.10", 80)).toBe("198.18.0.2");
    expect(await world.call("host", "198.18.5.10", 80)).toBe("198.18.0.2");
    expect(await world.call("a", "198.18.0.2", 80)).toBe("silence");
  });

  test("a machine reaches itself by its translated address", async () => {
    expect(await world.call("a", "198.18.1.10", 80)).toBe("198.18.1.10");
  });

  test("neighbours reach each other by private address, on both kinds of cloud", async () => {
    expect(await world.call("a", "10.20.0.11", 80)).toBe("10.20.0.10");
    expect(await world.call("c", "10.70.0.11", 80)).toBe("10.70.0.10");
  });

  test("nobody reaches a private address of another segment", async () => {
    expect(await world.call("a", "10.30.0.10", 80)).toBe("silence");
    expect(await world.call("c", "10.20.0.10", 80)).toBe("silence");
    expect(await world.call("b", "10.70.0.10", 80)).toBe("silence");
    expect(await world.call("host", "10.20.0.10", 80)).not.toMatch(/\d/);
  });

  test("a machine without public address reaches its neighbours only", async () => {
    expect(await world.call("neighbour", "10.20.0.10", 80)).toBe("10.20.0.11");
    expect(await world.call("neighbour", "198.18.2.10", 80)).toBe("silence");
  });

  test("a machine does not get through with an address that is not its own", async () => {
    await ipBatch(world.namespace("c"), ["addr add 198.18.5.77/32 dev lo"]);
    expect(await world.call("c", "198.18.1.10", 80, "198.18.5.77")).toBe("silence");
  });

  test("an address nobody has is unreachable at once", async () => {
    for (const from of ["a", "c", "host"]) expect(await world.call(from, "198.18.4.99", 80)).toBe("ENETUNREACH");
    expect(await world.call("a", "203.0.113.1", 80)).toBe("ENETUNREACH");
  });

  test("a port that no rule opens is shut, and opens and shuts while the machine runs", async () => {
    expect(await world.call("b", "198.18.1.10", 81)).toBe("silence");
    const open = [...(A.firewall ?? []), { protocol: "tcp" as const, from: 81, to: 81, sources: ["198.18.2.0/24"] }];
    await world.machines.setFirewall("a", open);
    expect(await world.call("b", "198.18.1.10", 81)).toBe("198.18.2.10");
    expect(await world.call("c", "198.18.1.10", 81)).toBe("silence");
    await world.machines.setFirewall("a", A.firewall);
    expect(await world.call("b", "198.18.1.10", 81)).toBe("silence");
    await world.machines.setFirewall("a", undefined);
    expect(await world.call("c", "198.18.1.10", 81)).toBe("198.18.5.10");
    await world.machines.setFirewall("a", A.firewall);
  });

  test("a port redirected inside the machine is judged as the sender named it", async () => {
    const redirect = "add table ip inner\nadd chain ip inner pre { type nat hook prerouting priority dstnat; }\n";
    const rule = "add rule ip inner pre tcp dport 30080 redirect to :80\n";
    await command("nft", ["-f", "-"], { namespace: world.namespace("a"), input: redirect + rule });
    expect(await world.call("b", "198.18.1.10", 30080)).toBe("silence");
    await world.machines.setFirewall("a", [{ protocol: "tcp", from: 30080, to: 30080, sources: ["0.0.0.0/0"] }]);
    expect(await world.call("b", "198.18.1.10", 30080)).toBe("198.18.2.10");
    expect(await world.call("b", "198.18.1.10", 80)).toBe("silence");
    await world.machines.setFirewall("a", A.firewall);
  });

  test("a public address moves to another machine and away again", async () => {
    const connections = (): Promise<string> =>
      command("conntrack", ["-L", "--orig-dst", "198.18.1.10"], { namespace: world.names.router });
    await world.call("b", "198.18.1.10", 80);
    expect(await connections()).toContain("src=10.20.0.10");
    await world.machines.setPublicAddress("neighbour", "198.18.1.10");
    expect(await connections()).toBe("");
    expect(await world.call("b", "198.18.1.10", 80)).toBe("198.18.2.10");
    expect(await world.call("neighbour", "198.18.2.10", 80)).toBe("198.18.1.10");
    expect(await world.call("a", "198.18.2.10", 80)).toBe("silence");
    await world.machines.setPublicAddress("neighbour", undefined);
    expect(await world.call("b", "198.18.1.10", 80)).toBe("ENETUNREACH");
    await world.machines.setPublicAddress("a", "198.18.1.10");
    await world.machines.setPublicAddress("c", "198.18.5.20");
    expect(await world.call("c", "198.18.1.10", 80)).toBe("198.18.5.20");
    expect(await world.call("a", "198.18.5.10", 80)).toBe("ENETUNREACH");
    await world.machines.setPublicAddress("c", "198.18.5.10");
  });

  test("creating a machine again, from a new process too, leaves it as it is", async () => {
    const before = await ipJson<{ ifindex: number }>(world.namespace("a"), ["link", "show", "eth0"]);
    await world.reopen();
    await world.machines.createMachine(A);
    expect((await ipJson<{ ifindex: number }>(world.namespace("a"), ["link", "show", "eth0"]))[0]?.ifindex).toBe(
      before[0]?.ifindex,
    );
    expect(await world.call("a", "198.18.2.10", 80)).toBe("198.18.1.10");
  });

  test("what a crash left half made is made anew", async () => {
    await command("ip", ["netns", "add", world.namespace("late")]);
    await world.machines.createMachine(machine("late", { privateAddress: "10.20.0.12", publicAddress: "198.18.1.12" }));
    expect(await world.call("late", "198.18.2.10", 80)).toBe("198.18.1.12");
  });

  test("a restarted machine has its addresses and firewall, and nothing else of before", async () => {
    await ipBatch(world.namespace("late"), ["link add cni0 type bridge"]);
    await world.machines.restartMachine("late");
    expect(await ipJson(world.namespace("late"), ["link", "show", "cni0"], true)).toEqual([]);
    expect(await world.call("late", "198.18.5.10", 80)).toBe("198.18.1.12");
  });

  test("a machine removed is gone, twice is harmless, and its segment only goes when empty", async () => {
    await world.machines.removeMachine("late");
    await world.machines.removeMachine("late");
    expect(await namespaces()).not.toContain(world.namespace("late"));
    expect(await world.call("b", "198.18.1.12", 80)).toBe("ENETUNREACH");
    await expect(world.machines.removeSegment("west")).rejects.toThrow("Segment west still has machines: a, neighbour");
  });

  test("two machines cannot have one private address, nor two segments one range", async () => {
    const twin = machine("twin", {});
    await expect(world.machines.createMachine(twin)).rejects.toThrow("belongs to a");
    await expect(world.machines.ensureSegment({ name: "more", cidr: "10.20.0.128/25" })).rejects.toThrow("overlaps");
  });

  test("no packet for an emulated address left the host meanwhile", async () => {
    expect(await world.guard.leakedPackets()).toBe(0);
  });

  test("removing everything leaves nothing, even without the state folder", async () => {
    await rm(join(world.stateFolder), { recursive: true, force: true });
    const options = { stateFolder: world.stateFolder, names: world.names };
    expect((await listLeftovers(options)).namespaces).toContain(world.names.router);
    await removeEverything(options);
    expect(isEmpty(await listLeftovers(options))).toBe(true);
    const host = world.namespace("host");
    expect(await ipJson(host, ["-4", "route", "show"])).toEqual([]);
    expect((await ipJson<{ ifname: string }>(host, ["link", "show"])).map((link) => link.ifname)).toEqual(["lo"]);
    expect(await command("nft", ["list", "ruleset"], { namespace: host })).toBe("");
    expect((await namespaces()).filter((name) => name.startsWith("archi1"))).toEqual([host]);
    await removeEverything(options);
  });
});

describe.skipIf(cannotRun)("the guard", () => {
  let world: TestWorld;
  const uplink = ["link add uplink type veth peer name far", "link set uplink up", "link set far up"];

  beforeAll(async () => {
    world = await TestWorld.create("archi2", ["10.20.0.0/24", "10.128.0.0/16"]);
    // its own chatter on a fresh link would be counted with ours
    await writeSysctls(world.namespace("host"), { "net/ipv6/conf/default/disable_ipv6": 1 });
    await ipBatch(world.namespace("host"), [
      ...uplink,
      "addr add 192.0.2.2/24 dev uplink",
      "route add default via 192.0.2.1",
    ]);
  });

  afterAll(async () => {
    await world.remove();
  });

  /** Packets that reached the far end of the uplink: ARP questions included. */
  const arrived = async (): Promise<number> => {
    const links = await ipJson<{ stats64: { rx: { packets: number } } }>(world.namespace("host"), [
      ...["-statistics", "link", "show", "far"],
    ]);
    return links[0]?.stats64.rx.packets ?? -1;
  };

  test("refuses a range that the host itself uses, naming interface and remedy", async () => {
    const host = world.namespace("host");
    await ipBatch(host, ["addr add 10.128.7.1/24 dev uplink", "route add 10.0.0.0/8 via 192.0.2.1"]);
    await expect(world.guard.install()).rejects.toMatchObject({
      name: "UserError",
      message: expect.stringContaining("10.128.0.0/16 (nodes): uplink has the address 10.128.7.1/24") as string,
      remedy: expect.stringContaining("uplink") as string,
    });
    expect(await command("nft", ["list", "tables"], { namespace: host })).toBe("");
    await ipBatch(host, ["addr del 10.128.7.1/24 dev uplink", "route del 10.0.0.0/8 via 192.0.2.1"]);
  });

  test("lets nothing for an emulated address fall through to the default route", async () => {
    await world.guard.install();
    const before = await arrived();
    expect(await world.call("host", "198.18.1.10", 80)).toBe("EINVAL");
    expect(await world.call("host", "10.128.0.10", 80)).toBe("EINVAL");
    expect(await arrived()).toBe(before);
    expect(await world.guard.leakedPackets()).toBe(0);
  });

  test("drops and counts what a route would send out, and keeps the count when it is installed again", async () => {
    const host = world.namespace("host");
    const hardware = "lladdr 02:00:00:00:00:01 dev uplink nud permanent";
    await ipBatch(host, ["route add 198.18.5.0/24 via 192.0.2.1", `neigh add 192.0.2.1 ${hardware}`]);
    const before = await arrived();
    expect(await world.call("host", "198.18.5.10", 80)).toBe("silence");
    expect(await arrived()).toBe(before);
    const packets = await world.guard.leakedPackets();
    expect(packets).toBeGreaterThan(0);
    await ipBatch(host, ["route del 198.18.5.0/24"]);
    await world.guard.install();
    expect(await world.guard.leakedPackets()).toBe(packets);
    // the same uplink carries what is nobody's emulated address: the guard was what stopped the others
    await world.call("host", "203.0.113.1", 80);
    expect(await arrived()).toBeGreaterThan(before);
  });

  test("cannot be asked for a count when it is not up", async () => {
    await world.guard.release();
    await expect(world.guard.leakedPackets()).rejects.toThrow("is not up");
  });
});

describe.skipIf(cannotRun)("the cable driver", () => {
  test("is one this kernel carries, with the reason, and the trial leaves nothing", async () => {
    const { driver, why } = await probeCableDriver();
    expect(["libreswan", "vxlan"]).toContain(driver);
    expect(why).toContain("ESP");
    expect((await namespaces()).filter((name) => name.includes("probe"))).toEqual([]);
  });
});
