import { beforeEach, describe, expect, test } from "vitest";
import { Secret, type Props } from "../../rehearsal/plugins/contract";
import { Driver, type Made } from "./driver";

const SCRIPT = "#!/bin/bash\necho hello\n";
const INSTANCE = "civo:index/instance:Instance";
const RULE = "civo:index/firewallRule:FirewallRule";

let civo: Driver;
beforeEach(() => (civo = new Driver({ region: "LON1" })));

const network = (label = "london"): Promise<Made> =>
  civo.make("civo:index/network:Network", label, { label, region: "LON1" });
const instance = (more: Props = {}, name = "node"): Promise<Made> =>
  civo.make(INSTANCE, name, { hostname: name, size: "g3.large", template: "ubuntu-noble", script: SCRIPT, ...more });

describe("the emulated Civo", () => {
  test("chooses the network's range itself and translates the public address", async () => {
    const net = await network();
    const node = await instance({ networkId: net.id });
    expect(node.outputs).toMatchObject({
      privateIp: "192.168.1.3",
      status: "ACTIVE",
      cpuCores: 4,
      ramMb: 8192,
      initialUser: "civo",
    });
    expect(node.outputs.publicIp).toMatch(/^198\.18\.4\./);
    expect(node.outputs.initialPassword).toBeInstanceOf(Secret);
    expect(civo.machines.segments.get(civo.machine("node").segment)?.cidr).toBe("192.168.1.0/24");
    expect(civo.machine("node")).toMatchObject({ userData: SCRIPT, publicMode: "nat", firewall: undefined });
    await network("other");
    expect([...civo.machines.segments.values()].map(({ cidr }) => cidr)).toEqual(["192.168.1.0/24", "192.168.2.0/24"]);
  });

  test("gives the range of a deleted network to the next one", async () => {
    const net = await network();
    await civo.remove(net);
    await network("next");
    expect([...civo.machines.segments.values()].map(({ cidr }) => cidr)).toEqual(["192.168.1.0/24"]);
  });

  test("opens only what the firewall's rules open", async () => {
    const net = await network();
    const firewall = await civo.make("civo:index/firewall:Firewall", "fw", { networkId: net.id });
    expect(firewall.inputs.name).toMatch(/^fw-[0-9a-f]{7}$/);
    await instance({ networkId: net.id, firewallId: firewall.id });
    expect(civo.machine("node").firewall).toEqual([]);
    await civo.make(RULE, "api", { firewallId: firewall.id, startPort: "6443", cidrs: ["198.18.0.0/24"] });
    await civo.make(RULE, "ping", { firewallId: firewall.id, protocol: "icmp", cidrs: ["0.0.0.0/0"] });
    expect(civo.machine("node").firewall).toEqual([
      { protocol: "tcp", from: 6443, to: 6443, sources: ["198.18.0.0/24"] },
      { protocol: "icmp", from: 0, to: 0, sources: ["0.0.0.0/0"] },
    ]);
    await expect(civo.remove(firewall)).rejects.toThrow("DatabaseFirewallInUseError");
    await expect(civo.remove(net)).rejects.toThrow("DatabaseNetworkInUseError");
    expect(civo.check(RULE, { firewallId: "f", direction: "egress" })).toEqual([
      "direction: expected direction to be one of [ingress], got egress",
    ]);
    await expect(
      civo.make(RULE, "bad", { firewallId: firewall.id, protocol: "tcp", cidrs: ["0.0.0.0/0"] }),
    ).rejects.toThrow("start_port or end_port is invalid");
  });

  test("makes a machine without a public address where none is wanted, and one in the default network where none is named", async () => {
    const node = await instance({ publicIpRequired: "none" });
    expect(node.outputs.publicIp).toBe("");
    expect(civo.machine("node").publicAddress).toBeUndefined();
    expect(await civo.invoke("civo:index/getNetwork:getNetwork", { label: "Default" })).toMatchObject({
      id: node.outputs.networkId,
      default: true,
    });
  });

  test("refuses what cannot run: unknown size or template, a script without a shebang", async () => {
    await expect(instance({ size: "huge" })).rejects.toThrow("DatabaseInstanceSizeNotFoundError");
    await expect(instance({ template: "beos" })).rejects.toThrow(
      "[ERR] failed to get the template: unable to find beos",
    );
    await expect(instance({ script: "#cloud-config\n" })).rejects.toThrow("must begin with a shebang");
    await expect(instance({ firewallId: "none" })).rejects.toThrow("DatabaseFirewallNotFoundError");
    expect(civo.machines.machines.size).toBe(0);
  });

  test("replaces for the hostname alone and resizes in place", async () => {
    const node = await instance();
    expect(civo.diff(node, { hostname: "x", script: "#!", size: "g3.xlarge" })).toEqual({
      replaces: ["hostname"],
      updates: ["size", "script"],
    });
    expect((await civo.update(node, { size: "g3.xlarge" })).outputs).toMatchObject({ size: "g3.xlarge", cpuCores: 6 });
  });

  test("lists templates and sizes by the keys the old provider has, and refuses others", async () => {
    const templates = async (key: string, value: string) =>
      civo.invoke("civo:index/getTemplate:getTemplate", { filters: [{ key, values: [value] }] });
    expect((await templates("name", "ubuntu-noble")).templates).toEqual([
      expect.objectContaining({ version: "24.04" }),
    ]);
    await expect(templates("code", "ubuntu-noble")).rejects.toThrow(
      "expected filter.key to be one of [id name version label], got code",
    );
    const { sizes } = await civo.invoke("civo:index/getInstancesSize:getInstancesSize", {
      ...{
        filters: [{ key: "name", values: ["g3"], matchBy: "substring" }],
        sorts: [{ key: "ram", direction: "desc" }],
      },
    });
    expect((sizes as { name: string }[])[0]?.name).toBe("g3.2xlarge");
  });
});
