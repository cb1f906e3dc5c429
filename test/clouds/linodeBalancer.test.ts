import { beforeEach, describe, expect, test } from "vitest";
import type { Props } from "../../rehearsal/plugins/contract";
import { Driver, type Made } from "./driver";

describe("a NodeBalancer of the emulated Linode", () => {
  const region = "jp-tyo-3";
  const [BALANCER, CONFIG, NODE] = [
    "nodeBalancer:NodeBalancer",
    "nodeBalancerConfig:NodeBalancerConfig",
    "nodeBalancerNode:NodeBalancerNode",
  ].map((type) => `linode:index/${type}`) as [string, string, string];
  const CHECK = { check: "connection", checkInterval: 10, checkTimeout: 3, checkAttempts: 2 };
  let linode: Driver;
  let subnetId: number;
  beforeEach(async () => {
    linode = new Driver();
    const vpc = await linode.make("linode:index/vpc:Vpc", "net", { label: "tokyo", region });
    const subnet = await linode.make("linode:index/vpcSubnet:VpcSubnet", "sub", {
      ...{ vpcId: Number(vpc.id), label: "nodes", ipv4: "10.50.0.0/24" },
    });
    subnetId = Number(subnet.id);
  });

  const server = (name: string, vpc: string, more: Props = {}): Promise<Made> =>
    linode.make("linode:index/instance:Instance", name, {
      ...{ label: name, region, type: "g6-standard-2", image: "linode/ubuntu24.04", privateIp: true },
      interfaces: [{ purpose: "public" }, { purpose: "vpc", subnetId, ipv4: { vpc } }],
      ...more,
    });
  // Each of another name: the same one would be found again, as after a killed create.
  let made = 0;
  const balancerFor = (more: Props = {}): Promise<Made> =>
    linode.make(BALANCER, `api-${made++}`, { label: "archi-tokyo-api", region, ...more });
  const configFor = (balancer: Made, more: Props = {}): Promise<Made> =>
    linode.make(CONFIG, `api-${made++}`, {
      ...{ nodebalancerId: Number(balancer.id), port: 6443, protocol: "tcp", ...CHECK },
      ...more,
    });
  const attach = (balancer: Made, config: Made, machine: Made, more: Props = {}): Promise<Made> =>
    linode.make(NODE, `${machine.name}-${made++}`, {
      ...{ nodebalancerId: Number(balancer.id), configId: Number(config.id), label: machine.name },
      ...{ address: `${String(machine.outputs.privateIpAddress)}:6443`, mode: "accept", ...more },
    });
  const live = () => linode.machines.balancers.get("linode") ?? [];

  async function whole() {
    const firewall = await linode.make("linode:index/firewall:Firewall", "api", {
      ...{ label: "tokyo-balancer", inboundPolicy: "DROP", outboundPolicy: "ACCEPT" },
      inbounds: [{ label: "api", action: "ACCEPT", protocol: "TCP", ports: "6443", ipv4s: ["203.0.113.0/24"] }],
    });
    const balancer = await balancerFor({ firewallId: Number(firewall.id) });
    const config = await configFor(balancer);
    const [one, two] = [await server("one", "10.50.0.10"), await server("two", "10.50.0.11")];
    const nodes = [await attach(balancer, config, one), await attach(balancer, config, two)] as const;
    return { firewall, balancer, config, one, two, nodes };
  }

  test("has an address of its own, hides its clients behind another, and takes whom its firewall lets in", async () => {
    const { balancer, firewall, config } = await whole();
    expect(balancer.outputs.ipv4).toMatch(/^198\.18\.6\./);
    expect(balancer.outputs.firewalls).toMatchObject([{ id: Number(firewall.id) }]);
    const expected = { publicAddress: balancer.outputs.ipv4, port: 6443, targets: ["10.50.0.10", "10.50.0.11"] };
    expect(live()).toMatchObject([{ ...expected, clients: ["203.0.113.0/24"] }]);
    expect(live()[0]?.source).toMatch(/^192\.168\.255\./);
    await linode.update(firewall, { inbounds: [] });
    expect(live()[0]?.clients).toEqual([]);
    await linode.remove(firewall);
    expect(live()[0]?.clients).toBeUndefined();
    expect((await linode.read(config))?.outputs.nodeStatuses).toEqual([{ up: 2, down: 0 }]);
  });

  test("loses a node with its machine, whose successor has another private address", async () => {
    const { balancer, config, one, nodes } = await whole();
    await linode.remove(one);
    expect(live()).toMatchObject([{ targets: ["10.50.0.11"] }]);
    expect(await linode.read(nodes[0])).toBeUndefined();
    const successor = await server("one", "10.50.0.10");
    expect(successor.outputs.privateIpAddress).not.toBe(one.outputs.privateIpAddress);
    const address = `${String(successor.outputs.privateIpAddress)}:6443`;
    await expect(linode.update(nodes[0], { address })).rejects.toThrow(/does not exist any more/);
    await expect(linode.remove(nodes[0])).rejects.toThrow(/\[404\] Not found/);
    await attach(balancer, config, successor);
    expect(live()).toMatchObject([{ targets: ["10.50.0.10", "10.50.0.11"] }]);
  });

  test("takes along what belongs to it, and leaves the machines", async () => {
    const { balancer, config, one, nodes } = await whole();
    await linode.remove(balancer);
    expect(await linode.read(config)).toBeUndefined();
    expect(await linode.read(nodes[1])).toBeUndefined();
    expect(await linode.read(one)).toBeDefined();
    expect(live()).toEqual([]);
  });

  test("refuses a node that is no private address of a machine in its region, with a port", async () => {
    const { balancer, config, one } = await whole();
    const at = (address: string, label = "other") => attach(balancer, config, one, { address, label });
    await expect(at("192.168.130.1")).rejects.toThrow("[400] [address] Must be in address:port format");
    await expect(at("10.50.0.10:6443")).rejects.toThrow("[400] [address] Must be a private IPv4 address");
    await expect(at("192.168.130.1:6443")).rejects.toThrow(/No Linode of the NodeBalancer's region/);
    // Every region has the same private network: the third machine there has an address that nobody has here.
    const far = { region: "us-iad", interfaces: [{ purpose: "public" }] };
    const [, , third] = [
      await server("far-1", "", far),
      await server("far-2", "", far),
      await server("far-3", "", far),
    ];
    await expect(at(`${String(third?.outputs.privateIpAddress)}:6443`)).rejects.toThrow(
      /No Linode of the NodeBalancer's/,
    );
    await expect(at(`${String(one.outputs.privateIpAddress)}:6443`)).rejects.toThrow(/Address must be unique/);
    await expect(
      at(`${String(one.outputs.privateIpAddress)}:443`, "a-label-of-more-than-32-characters"),
    ).rejects.toThrow("[400] [label] Length must be 3-32 characters");
    expect(linode.check(NODE, {})).toEqual(
      ["address", "configId", "label", "nodebalancerId"].map((name) => `${name}: missing`),
    );
  });

  test("refuses what provider and API refuse of it and of its configs", async () => {
    const { balancer } = await whole();
    await expect(balancerFor()).rejects.toThrow("[400] [label] Label must be unique among your NodeBalancers");
    await expect(balancerFor({ label: "x".repeat(33) })).rejects.toThrow(
      /string length must be between 3 and 32, got: 33/,
    );
    await expect(balancerFor({ label: "tokyo.api" })).rejects.toThrow(/letters, number, dashes, and underscores/);
    await expect(balancerFor({ label: "other", firewallId: 1 })).rejects.toThrow("[400] [firewall_id]");
    await expect(configFor(balancer)).rejects.toThrow("[400] [port] Port must be unique");
    await expect(configFor(balancer, { port: 443, checkInterval: 3 })).rejects.toThrow(/greater than check_timeout/);
    await expect(configFor(balancer, { port: 443, protocol: "udp" })).rejects.toThrow(
      /one of: \["http" "https" "tcp"\]/,
    );
    await expect(configFor(balancer, { port: 443, checkAttempts: 31 })).rejects.toThrow(/between 1 and 30, got: 31/);
    expect(linode.check(CONFIG, {})).toEqual(["nodebalancerId: missing"]);
  });

  test("is another one in another region or with another firewall; ports, checks and addresses change in place", async () => {
    const { balancer, config, nodes } = await whole();
    expect(linode.diff(balancer, { region: "us-iad", firewallId: 2 }).replaces.sort()).toEqual([
      "firewallId",
      "region",
    ]);
    expect(linode.diff(balancer, { label: "other", tags: ["a"] }).replaces).toEqual([]);
    expect(linode.diff(config, { port: 443, check: "none" }).replaces).toEqual([]);
    expect(linode.diff(config, { nodebalancerId: 1 }).replaces).toEqual(["nodebalancerId"]);
    expect(linode.diff(nodes[0], { address: "192.168.130.1:6443", mode: "drain" }).replaces).toEqual([]);
    expect(linode.diff(nodes[0], { configId: 1 }).replaces).toEqual(["configId"]);
    await linode.update(nodes[0], { mode: "drain" });
    expect(live()).toMatchObject([{ targets: ["10.50.0.11"] }]);
  });
});
