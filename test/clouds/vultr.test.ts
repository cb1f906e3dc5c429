import { beforeEach, describe, expect, test } from "vitest";
import { Secret, type Props } from "../../rehearsal/plugins/contract";
import { Driver, type Made } from "./driver";

const SCRIPT = "#!/bin/bash\necho hello\n";
const INSTANCE = "vultr:index/instance:Instance";

let vultr: Driver;
beforeEach(() => (vultr = new Driver()));

const vpc = (): Promise<Made> =>
  vultr.make("vultr:index/vpc:Vpc", "vpc", { region: "ewr", v4Subnet: "10.10.0.0", v4SubnetMask: 24 });
const group = (): Promise<Made> => vultr.make("vultr:index/firewallGroup:FirewallGroup", "fw");
const instance = (more: Props = {}, name = "node"): Promise<Made> =>
  vultr.make(INSTANCE, name, {
    region: "ewr",
    plan: "vc2-2c-4gb",
    osId: 2284,
    label: name,
    hostname: name,
    userData: SCRIPT,
    ...more,
  });

describe("the emulated Vultr", () => {
  test("boots plain user data with the public address on the interface and the VPC's inside", async () => {
    const net = await vpc();
    const node = await instance({ vpcIds: [net.id] });
    expect(node.outputs).toMatchObject({
      internalIp: "10.10.0.3",
      ddosProtection: false,
      backups: "disabled",
      os: "Ubuntu 24.04 LTS x64",
      status: "active",
    });
    expect(node.outputs.mainIp).toMatch(/^198\.18\.3\./);
    expect(node.outputs.defaultPassword).toBeInstanceOf(Secret);
    expect(vultr.machine("node")).toMatchObject({
      ...{
        name: "node",
        userData: SCRIPT,
        publicMode: "interface",
        privateAddress: "10.10.0.3",
        publicAddress: node.outputs.mainIp,
      },
    });
  });

  test("has the reserved address before the instance, and no other instance may have it", async () => {
    const reserved = await vultr.make("vultr:index/reservedIp:ReservedIp", "ip", { region: "ewr", ipType: "v4" });
    const node = await instance({ reservedIpId: reserved.id });
    expect(node.outputs.mainIp).toBe(reserved.outputs.subnet);
    await expect(instance({ reservedIpId: reserved.id }, "second")).rejects.toThrow(
      "Floating IPv4 address is already attached to another server",
    );
    await expect(vultr.remove(reserved)).rejects.toThrow("Reserved IP is attached");
    await vultr.remove(node, reserved);
    expect(vultr.store.list()).toEqual([]);
  });

  test("filters the public side by the group's rules and lets the VPC through", async () => {
    const [net, fw] = [await vpc(), await group()];
    await instance({ vpcIds: [net.id], firewallGroupId: fw.id });
    const inside = { protocol: "all", from: 0, to: 0, sources: ["10.10.0.0/24"] };
    expect(vultr.machine("node").firewall).toEqual([inside]);
    const rule = { firewallGroupId: fw.id, ipType: "v4", protocol: "tcp", subnet: "198.18.0.0", subnetSize: 16 };
    const made = await vultr.make("vultr:index/firewallRule:FirewallRule", "api", { ...rule, port: "6443" });
    await vultr.make("vultr:index/firewallRule:FirewallRule", "range", { ...rule, protocol: "udp", port: "4490:4500" });
    expect(vultr.machine("node").firewall).toEqual([
      { protocol: "tcp", from: 6443, to: 6443, sources: ["198.18.0.0/16"] },
      { protocol: "udp", from: 4490, to: 4500, sources: ["198.18.0.0/16"] },
      inside,
    ]);
    await expect(
      vultr.make("vultr:index/firewallRule:FirewallRule", "twin", { ...rule, port: "6443" }),
    ).rejects.toThrow("already defined");
    await expect(
      vultr.make("vultr:index/firewallRule:FirewallRule", "no", { ...rule, port: "8000-9000x" }),
    ).rejects.toThrow("Invalid port");
    await vultr.remove(made);
    expect(vultr.machine("node").firewall).toHaveLength(2);
    await expect(vultr.remove(fw)).rejects.toThrow("in use");
  });

  test("leaves an instance without a group open", async () => {
    await instance();
    expect(vultr.machine("node").firewall).toBeUndefined();
  });

  test("replaces for user data, hostname and system; updates for plan, label and firewall", async () => {
    const fw = await group();
    const node = await instance();
    expect(vultr.diff(node, { userData: "#!", hostname: "x", osId: 2136 }).replaces.sort()).toEqual([
      "hostname",
      "osId",
      "userData",
    ]);
    expect(vultr.diff(node, { plan: "vc2-4c-8gb", label: "x", firewallGroupId: fw.id, tags: ["a"] }).replaces).toEqual(
      [],
    );
    expect((await vultr.update(node, { firewallGroupId: fw.id })).outputs.firewallGroupId).toBe(fw.id);
    expect(vultr.machine("node").firewall).toEqual([]);
  });

  test("refuses what the API refuses", async () => {
    const net = await vpc();
    await expect(instance({ osId: undefined })).rejects.toThrow("error occurred while getting your intended os type");
    await expect(instance({ imageId: "x" })).rejects.toThrow("too many options have been selected");
    await expect(instance({ region: "mars" })).rejects.toThrow('{"error":"Invalid region.","status":400}');
    await expect(instance({ vpcIds: ["none"] })).rejects.toThrow("Invalid VPC ID: none");
    await expect(instance({ region: "nrt", vpcIds: [net.id] })).rejects.toThrow("is not available in region nrt");
    await expect(instance({ firewallGroupId: "none" })).rejects.toThrow("Invalid firewall group");
    await instance({ vpcIds: [net.id] });
    await expect(vultr.remove(net)).rejects.toThrow("attached to this VPC network");
  });

  test("finds systems by name and refuses a search with several results", async () => {
    const find = async (filters: unknown) => vultr.invoke("vultr:index/getOs:getOs", { filters });
    expect(await find([{ name: "name", values: ["Ubuntu 24.04 LTS x64"] }])).toMatchObject({ id: "2284" });
    await expect(find([{ name: "family", values: ["ubuntu"] }])).rejects.toThrow("too many results");
    await expect(find([{ name: "name", values: ["BeOS"] }])).rejects.toThrow("no results were found");
  });
});
