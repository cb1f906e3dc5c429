import { gzipSync } from "node:zlib";
import { beforeEach, describe, expect, test } from "vitest";
import type { Props } from "../../rehearsal/plugins/contract";
import { Driver, type Made } from "./driver";

const SCRIPT = "#!/bin/bash\necho hello\n";
const COMPARTMENT = { compartmentId: "ocid1.compartment.oc1..emulated" };
const INSTANCE = "oci:Core/instance:Instance";
const NSG_RULE = "oci:Core/networkSecurityGroupSecurityRule:NetworkSecurityGroupSecurityRule";

let oci: Driver;
beforeEach(() => (oci = new Driver({ region: "us-ashburn-1" })));

async function network() {
  const vcn = await oci.make("oci:Core/vcn:Vcn", "vcn", { ...COMPARTMENT, cidrBlocks: ["10.30.0.0/16"] });
  const gateway = await oci.make("oci:Core/internetGateway:InternetGateway", "igw", { ...COMPARTMENT, vcnId: vcn.id });
  const routeRules = [{ destination: "0.0.0.0/0", networkEntityId: gateway.id }];
  const table = await oci.make("oci:Core/routeTable:RouteTable", "rt", { ...COMPARTMENT, vcnId: vcn.id, routeRules });
  const subnet = await oci.make("oci:Core/subnet:Subnet", "sub", {
    ...COMPARTMENT,
    vcnId: vcn.id,
    cidrBlock: "10.30.0.0/24",
    routeTableId: table.id,
  });
  const nsg = await oci.make("oci:Core/networkSecurityGroup:NetworkSecurityGroup", "nsg", {
    ...COMPARTMENT,
    vcnId: vcn.id,
  });
  return { vcn, gateway, table, subnet, nsg };
}

async function instance(
  net: { subnet: Made; nsg: Made },
  more: Props = {},
  vnic: Props = {},
  name = "node",
): Promise<Made> {
  const { availabilityDomains } = await oci.invoke(
    "oci:Identity/getAvailabilityDomains:getAvailabilityDomains",
    COMPARTMENT,
  );
  return oci.make(INSTANCE, name, {
    ...{ ...COMPARTMENT, availabilityDomain: (availabilityDomains as { name: string }[])[0]?.name, displayName: name },
    ...{ shape: "VM.Standard.E5.Flex", shapeConfig: { ocpus: 1, memoryInGbs: 4 } },
    sourceDetails: { sourceType: "image", sourceId: "ocid1.image.oc1.iad.x" },
    createVnicDetails: { subnetId: net.subnet.id, nsgIds: [net.nsg.id], ...vnic },
    metadata: { user_data: Buffer.from(SCRIPT).toString("base64") },
    ...more,
  });
}

describe("the emulated Oracle cloud", () => {
  test("gives OCIDs, addresses and the user data under the base64, gzipped or not", async () => {
    const net = await network();
    const node = await instance(net);
    expect(node.id).toMatch(/^ocid1\.instance\.oc1\.iad\.[0-9a-z]{60}$/);
    expect(node.outputs).toMatchObject({ privateIp: "10.30.0.2", state: "RUNNING", region: "us-ashburn-1" });
    expect(node.outputs.publicIp).toMatch(/^198\.18\.2\./);
    expect(oci.machine("node")).toMatchObject({
      userData: SCRIPT,
      publicMode: "nat",
      publicAddress: node.outputs.publicIp,
    });
    await instance(net, { metadata: { user_data: gzipSync(SCRIPT).toString("base64") } }, {}, "zipped");
    expect(oci.machine("zipped").userData).toBe(SCRIPT);
  });

  test("limits metadata, in its base64 form, to 32000 bytes", async () => {
    const net = await network();
    const metadata = { user_data: Buffer.from(`#!${"x".repeat(24_000)}`).toString("base64") };
    await expect(instance(net, { metadata })).rejects.toThrow(
      /Metadata size is 320\d\d bytes and cannot be larger than 32000 bytes/,
    );
  });

  test("gives a reserved private address, known before the machine, and a reserved public one on it", async () => {
    const net = await network();
    const privateIp = await oci.make("oci:Core/privateIp:PrivateIp", "pip", {
      subnetId: net.subnet.id,
      lifetime: "RESERVED",
    });
    const publicIp = await oci.make("oci:Core/publicIp:PublicIp", "pub", {
      ...COMPARTMENT,
      lifetime: "RESERVED",
      privateIpId: privateIp.id,
    });
    const node = await instance(net, {}, { privateIpId: privateIp.id });
    expect(node.outputs).toMatchObject({
      privateIp: privateIp.outputs.ipAddress,
      publicIp: publicIp.outputs.ipAddress,
    });
    expect(oci.machine("node")).toMatchObject({
      privateAddress: privateIp.outputs.ipAddress,
      publicAddress: publicIp.outputs.ipAddress,
    });
    await expect(instance(net, {}, { privateIpId: privateIp.id }, "second")).rejects.toThrow(
      "already assigned to a VNIC",
    );
    await expect(oci.remove(privateIp)).rejects.toThrow("409-IncorrectState");
    await oci.update(publicIp, { privateIpId: undefined });
    expect(oci.machine("node").publicAddress).toBeUndefined();
    await oci.remove(node, publicIp, privateIp, net.nsg, net.subnet, net.table, net.gateway, net.vcn);
    expect(oci.store.list()).toEqual([]);
    expect(oci.machines.segments.size).toBe(0);
  });

  test("lets in what the group's rules and the default security list say, and nothing else", async () => {
    const net = await network();
    await instance(net);
    const defaults = oci.machine("node").firewall ?? [];
    expect(defaults).toEqual([
      { protocol: "tcp", from: 22, to: 22, sources: ["0.0.0.0/0"] },
      { protocol: "icmp", from: 0, to: 0, sources: ["0.0.0.0/0"] },
    ]);
    const rule = {
      networkSecurityGroupId: net.nsg.id,
      direction: "INGRESS",
      protocol: "17",
      source: "198.18.0.0/16",
      sourceType: "CIDR_BLOCK",
    };
    const made = await oci.make(NSG_RULE, "udp", {
      ...rule,
      udpOptions: { destinationPortRange: { min: 4490, max: 4500 } },
    });
    expect(oci.machine("node").firewall?.[0]).toEqual({
      protocol: "udp",
      from: 4490,
      to: 4500,
      sources: ["198.18.0.0/16"],
    });
    expect(oci.diff(made, { source: "0.0.0.0/0" }).replaces).toEqual(["source"]);
    await oci.remove(made);
    expect(oci.machine("node").firewall).toEqual(defaults);
  });

  test("refuses what the API refuses", async () => {
    const net = await network();
    await expect(instance(net, { shapeConfig: undefined })).rejects.toThrow(
      "shapeConfig (ocpus, memoryInGbs) is required for the flexible shape",
    );
    await expect(instance(net, {}, { assignPublicIp: true })).rejects.toThrow(
      'assignPublicIp is a string: "true" or "false"',
    );
    await expect(instance(net, {}, { subnetId: "ocid1.subnet.oc1.iad.none" })).rejects.toThrow(
      "404-NotAuthorizedOrNotFound",
    );
    await expect(instance(net, { availabilityDomain: "AD-9" })).rejects.toThrow(
      "availability domain AD-9 does not exist",
    );
    await expect(instance(net, { metadata: { user_data: "#!/bin/bash" } })).rejects.toThrow(
      "user_data must be base64 encoded",
    );
    await expect(instance(net, { compartmentId: "mine" })).rejects.toThrow('"mine" is not the OCID of a compartment');
    await expect(oci.make("oci:Core/privateIp:PrivateIp", "p", { subnetId: net.subnet.id })).rejects.toThrow(
      "must have lifetime RESERVED",
    );
    expect(oci.check(NSG_RULE, { networkSecurityGroupId: "n", direction: "INGRESS", protocol: "tcp" })).toHaveLength(2);
    expect(oci.machines.machines.size).toBe(0);
  });

  test("replaces an instance for its user data and updates it for its shape", async () => {
    const node = await instance(await network());
    expect(oci.diff(node, { metadata: { user_data: "IyE=" } }).replaces).toEqual(["metadata.user_data"]);
    expect(oci.diff(node, { shapeConfig: { ocpus: 2, memoryInGbs: 8 }, displayName: "other" }).replaces).toEqual([]);
  });

  test("serves a public address only while the route to the gateway stands", async () => {
    const net = await network();
    await instance(net);
    expect(oci.machine("node").publicAddress).toBeDefined();
    await oci.update(net.table, { routeRules: [] });
    expect(oci.machine("node").publicAddress).toBeUndefined();
  });

  test("lists images newest first, by system and shape", async () => {
    const args = {
      ...COMPARTMENT,
      operatingSystem: "Canonical Ubuntu",
      operatingSystemVersion: "24.04",
      shape: "VM.Standard.A1.Flex",
    };
    const { images } = await oci.invoke("oci:Core/getImages:getImages", args);
    expect((images as { displayName: string }[]).map(({ displayName }) => displayName)).toEqual([
      "Canonical-Ubuntu-24.04-aarch64-2026.10.21-0",
      "Canonical-Ubuntu-24.04-aarch64-2026.09.15-0",
    ]);
  });
});
