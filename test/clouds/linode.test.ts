import { gzipSync } from "node:zlib";
import { beforeEach, describe, expect, test } from "vitest";
import type { Props } from "../../rehearsal/plugins/contract";
import { Driver, type Made } from "./driver";

const SCRIPT = "#!/bin/bash\necho hello\n";
const INSTANCE = "linode:index/instance:Instance";
const FIREWALL = "linode:index/firewall:Firewall";

let linode: Driver;
beforeEach(() => (linode = new Driver()));

async function network() {
  const vpc = await linode.make("linode:index/vpc:Vpc", "vpc", { label: "tokyo", region: "jp-tyo-3" });
  const subnet = await linode.make("linode:index/vpcSubnet:VpcSubnet", "sub", {
    vpcId: Number(vpc.id),
    label: "nodes",
    ipv4: "10.50.0.0/24",
  });
  return { vpc, subnet };
}

const user = (text: string | Buffer): Props => ({ metadatas: [{ userData: Buffer.from(text).toString("base64") }] });
const instance = (subnet?: Made, more: Props = {}, name = "node"): Promise<Made> =>
  linode.make(INSTANCE, name, {
    ...{ label: name, region: "jp-tyo-3", type: "g6-standard-2", image: "linode/ubuntu24.04", ...user(SCRIPT) },
    interfaces: subnet
      ? [
          { purpose: "public", primary: true },
          { purpose: "vpc", subnetId: Number(subnet.id) },
        ]
      : undefined,
    ...more,
  });
const firewall = (more: Props = {}): Promise<Made> =>
  linode.make(FIREWALL, "fw", {
    ...{ label: "tokyo-fw", inboundPolicy: "DROP", outboundPolicy: "ACCEPT" },
    inbounds: [{ label: "api", action: "ACCEPT", protocol: "TCP", ports: "443,6443-6444", ipv4s: ["198.18.0.0/24"] }],
    ...more,
  });

describe("the emulated Linode", () => {
  test("has numbers for ids, a public interface and the subnet's address inside", async () => {
    const { subnet } = await network();
    const node = await instance(subnet);
    expect(node.id).toMatch(/^\d{8}$/);
    expect(node.outputs.ipv4s).toEqual([node.outputs.ipAddress]);
    expect(node.outputs.ipAddress).toMatch(/^198\.18\.6\./);
    expect((node.outputs.interfaces as Props[])[1]).toMatchObject({
      purpose: "vpc",
      subnetId: Number(subnet.id),
      ipv4: { vpc: "10.50.0.2" },
    });
    expect(linode.machine("node")).toMatchObject({
      userData: SCRIPT,
      publicMode: "interface",
      privateAddress: "10.50.0.2",
      publicAddress: node.outputs.ipAddress,
    });
  });

  test("translates the public address of a machine that is in its VPC alone", async () => {
    const { subnet } = await network();
    const vpc = { purpose: "vpc", subnetId: Number(subnet.id), ipv4: { vpc: "10.50.0.9", nat11: "any" } };
    const node = await instance(subnet, { interfaces: [vpc] });
    expect(linode.machine("node")).toMatchObject({
      publicMode: "nat",
      privateAddress: "10.50.0.9",
      publicAddress: node.outputs.ipAddress,
    });
    await instance(subnet, { interfaces: [{ purpose: "vpc", subnetId: Number(subnet.id) }] }, "inner");
    expect(linode.machine("inner").publicAddress).toBeUndefined();
  });

  test("gives an address of the region's private network to who asks for it, and takes it back with the machine alone", async () => {
    const { subnet } = await network();
    const node = await instance(subnet);
    expect(node.outputs).toMatchObject({ privateIp: false, privateIpAddress: "" });
    const asked = await linode.update(node, { privateIp: true });
    expect(asked.outputs.privateIpAddress).toMatch(/^192\.168\.(12[89]|1[3-9]\d|2[0-4]\d|25[0-4])\.\d+$/);
    expect(asked.outputs.ipv4s).toEqual([node.outputs.ipAddress, asked.outputs.privateIpAddress]);
    expect(linode.machine("node").privateAddress).toBe("10.50.0.2");
    await expect(linode.update(asked, { privateIp: undefined })).rejects.toThrow(
      "must be handled through a support ticket",
    );
    const next = await instance(subnet, { privateIp: true }, "next");
    expect(next.outputs.privateIpAddress).not.toBe(asked.outputs.privateIpAddress);
  });

  test("limits user data to 16384 bytes under the base64, gzipped or not", async () => {
    const long = `#!/bin/bash\n${"x".repeat(20_000)}`;
    await expect(instance(undefined, user(long))).rejects.toThrow(
      "[400] [metadata.user_data] decoded user_data must not exceed 16384 bytes",
    );
    await instance(undefined, user(gzipSync(long)));
    expect(linode.machine("node").userData).toBe(long);
    await expect(instance(undefined, { metadatas: [{ userData: "#!/bin/bash" }] }, "raw")).rejects.toThrow("base64");
  });

  test("filters by the firewall given at creation, listed, or put on by a device, and follows its changes", async () => {
    const fw = await firewall();
    await instance(undefined, { firewallId: Number(fw.id) });
    const rules = [
      { protocol: "tcp", from: 443, to: 443, sources: ["198.18.0.0/24"] },
      { protocol: "tcp", from: 6443, to: 6444, sources: ["198.18.0.0/24"] },
    ];
    expect(linode.machine("node").firewall).toEqual(rules);
    const bare = await instance(undefined, {}, "bare");
    expect(linode.machine("bare").firewall).toBeUndefined();
    const device = await linode.make("linode:index/firewallDevice:FirewallDevice", "dev", {
      firewallId: Number(fw.id),
      entityId: Number(bare.id),
    });
    expect(linode.machine("bare").firewall).toEqual(rules);
    await linode.update(fw, { inbounds: [] });
    expect(linode.machine("bare").firewall).toEqual([]);
    await linode.remove(device);
    expect(linode.machine("bare").firewall).toBeUndefined();
  });

  test("gives a reserved address to the instance that asks for it", async () => {
    const reserved = await linode.make("linode:index/networkingIp:NetworkingIp", "ip", {
      region: "jp-tyo-3",
      reserved: true,
    });
    const node = await instance(undefined, { ipv4s: [reserved.outputs.address] });
    expect(node.outputs.ipAddress).toBe(reserved.outputs.address);
    await expect(instance(undefined, { ipv4s: [reserved.outputs.address] }, "second")).rejects.toThrow(
      "already assigned",
    );
    await expect(linode.remove(reserved)).rejects.toThrow("assigned to a Linode");
  });

  test("replaces for image, firewall and user data; updates for type, label and tags", async () => {
    const node = await instance();
    expect(linode.diff(node, { image: "linode/debian12", firewallId: 1, ...user("#!") }).replaces.sort()).toEqual([
      "firewallId",
      "image",
      "metadatas[0].userData",
    ]);
    expect(linode.diff(node, { type: "g6-standard-4", label: "other", tags: ["a"] }).replaces).toEqual([]);
    expect((await linode.update(node, { type: "g6-standard-4" })).outputs).toMatchObject({
      type: "g6-standard-4",
      ipAddress: node.outputs.ipAddress,
    });
  });

  test("refuses what the API refuses, field by field", async () => {
    const { vpc, subnet } = await network();
    await expect(
      linode.make("linode:index/vpcSubnet:VpcSubnet", "s", { vpcId: Number(vpc.id), label: "b", ipv4: "10.50.0.0/25" }),
    ).rejects.toThrow("overlaps");
    await expect(instance(subnet, { region: "us-east" })).rejects.toThrow("is in another region than the Linode");
    await expect(instance(undefined, { interfaces: [{ purpose: "vpc", subnetId: 1 }] })).rejects.toThrow(
      "[400] [interfaces[].subnet_id] Subnet not found",
    );
    await expect(firewall({ inbounds: [{ label: "x", action: "ACCEPT", protocol: "tcp" }] })).rejects.toThrow(
      "rules.inbound[0].protocol",
    );
    await expect(firewall({ label: "a label of more than thirty-two characters" })).rejects.toThrow("(3 - 32)");
    await expect(firewall({ label: "tokyo--fw" })).rejects.toThrow("two hyphens");
    const node = await instance(subnet);
    await expect(instance(subnet, { label: "node" }, "twin")).rejects.toThrow(
      "[400] [label] Label must be unique among your linodes",
    );
    await expect(linode.remove(subnet)).rejects.toThrow("Subnet has Linodes assigned");
    await expect(linode.remove(vpc)).rejects.toThrow("Subnets must be deleted before the VPC");
    await linode.remove(node, subnet, vpc);
    expect(linode.store.list()).toEqual([]);
    expect(linode.machines.segments.size).toBe(0);
  });
});
