import { gzipSync } from "node:zlib";
import { beforeEach, describe, expect, test } from "vitest";
import type { Props } from "../../rehearsal/plugins/contract";
import { UNKNOWN } from "../../rehearsal/plugins/encoding";
import { Driver, type Made } from "./driver";

const SCRIPT = "#!/bin/bash\necho hello\n";
const AMI = "ami-0123456789abcdef0";
const INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule";
const EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule";
const INSTANCE = "aws:ec2/instance:Instance";

let aws: Driver;
beforeEach(() => (aws = new Driver({ region: "us-west-2" })));

async function network() {
  const vpc = await aws.make("aws:ec2/vpc:Vpc", "net", { cidrBlock: "10.20.0.0/16" });
  const subnet = await aws.make("aws:ec2/subnet:Subnet", "sub", { vpcId: vpc.id, cidrBlock: "10.20.0.0/24" });
  const group = await aws.make("aws:ec2/securityGroup:SecurityGroup", "sg", { vpcId: vpc.id });
  return { vpc, subnet, group };
}

async function routed({ vpc, subnet }: { vpc: Made; subnet: Made }): Promise<Made[]> {
  const gateway = await aws.make("aws:ec2/internetGateway:InternetGateway", "igw", { vpcId: vpc.id });
  const routes = [{ cidrBlock: "0.0.0.0/0", gatewayId: gateway.id }];
  const table = await aws.make("aws:ec2/routeTable:RouteTable", "rt", { vpcId: vpc.id, routes });
  const association = await aws.make("aws:ec2/routeTableAssociation:RouteTableAssociation", "rta", {
    routeTableId: table.id,
    subnetId: subnet.id,
  });
  return [association, table, gateway];
}

const instance = (net: { subnet: Made; group: Made }, more: Props = {}, name = "node"): Promise<Made> =>
  aws.make(INSTANCE, name, {
    ami: AMI,
    instanceType: "t3.medium",
    subnetId: net.subnet.id,
    vpcSecurityGroupIds: [net.group.id],
    userData: SCRIPT,
    ...more,
  });

describe("the emulated AWS", () => {
  test("gives ids, ARNs and addresses shaped as in the cloud", async () => {
    const net = await network();
    const node = await instance(net, { associatePublicIpAddress: true });
    expect(net.vpc.id).toMatch(/^vpc-0[0-9a-f]{16}$/);
    expect(node.id).toMatch(/^i-0[0-9a-f]{16}$/);
    expect(node.outputs).toMatchObject({
      privateIp: "10.20.0.4",
      availabilityZone: "us-west-2a",
      instanceState: "running",
    });
    expect(node.outputs.publicIp).toMatch(/^198\.18\.1\.\d+$/);
    expect(node.outputs.arn).toBe(`arn:aws:ec2:us-west-2:123456789012:instance/${node.id}`);
  });

  test("boots a machine from raw user data and from base64 of gzip alike", async () => {
    const net = await network();
    await instance(net);
    await instance(net, { userData: undefined, userDataBase64: gzipSync(SCRIPT).toString("base64") }, "zipped");
    expect(aws.machine("node").userData).toBe(SCRIPT);
    expect(aws.machine("zipped")).toMatchObject({ userData: SCRIPT, publicMode: "nat", privateAddress: "10.20.0.5" });
  });

  test("limits user data to 16384 bytes of what is under the base64", async () => {
    const net = await network();
    const text = (size: number): string => `#!/bin/bash\n${"x".repeat(size - 12)}`;
    await expect(instance(net, { userData: text(16385) })).rejects.toThrow("User data is limited to 16384 bytes");
    await expect(instance(net, { userData: text(16384) })).resolves.toBeDefined();
    const zipped = gzipSync(text(100_000)).toString("base64");
    await expect(instance(net, { userData: undefined, userDataBase64: zipped }, "z")).resolves.toBeDefined();
  });

  test("refuses references to what does not exist and leaves nothing behind", async () => {
    const net = await network();
    await expect(instance(net, { subnetId: "subnet-0dead" })).rejects.toThrow(
      "InvalidSubnetID.NotFound: The subnet ID 'subnet-0dead' does not exist",
    );
    await expect(instance(net, { vpcSecurityGroupIds: ["sg-0dead"] })).rejects.toThrow("InvalidGroup.NotFound");
    await expect(instance(net, { ami: "ubuntu" })).rejects.toThrow('InvalidAMIID.Malformed: Invalid id: "ubuntu"');
    await expect(
      aws.make("aws:ec2/subnet:Subnet", "s2", { vpcId: "vpc-0", cidrBlock: "10.20.1.0/24" }),
    ).rejects.toThrow("InvalidVpcID.NotFound");
    expect(aws.store.list("aws", INSTANCE)).toEqual([]);
    expect(aws.machines.machines.size).toBe(0);
  });

  test("checks CIDRs as EC2 does", async () => {
    const { vpc } = await network();
    const subnet = (cidrBlock: string): Promise<Made> =>
      aws.make("aws:ec2/subnet:Subnet", cidrBlock, { vpcId: vpc.id, cidrBlock });
    await expect(subnet("10.21.0.0/24")).rejects.toThrow("InvalidSubnet.Range");
    await expect(subnet("10.20.0.128/25")).rejects.toThrow("InvalidSubnet.Conflict");
    await expect(subnet("10.20.1.1/24")).rejects.toThrow("not a valid IPv4 CIDR block");
    await expect(aws.make("aws:ec2/vpc:Vpc", "big", { cidrBlock: "10.0.0.0/8" })).rejects.toThrow("InvalidVpc.Range");
  });

  test("respects a wished private address and refuses one that is taken, outside or Amazon's", async () => {
    const net = await network();
    expect((await instance(net, { privateIp: "10.20.0.77" })).outputs.privateIp).toBe("10.20.0.77");
    await expect(instance(net, { privateIp: "10.20.0.77" }, "b")).rejects.toThrow("InvalidIPAddress.InUse");
    await expect(instance(net, { privateIp: "10.20.1.4" }, "c")).rejects.toThrow(
      "does not fall within the subnet's address range",
    );
    await expect(instance(net, { privateIp: "10.20.0.1" }, "d")).rejects.toThrow("does not fall within");
  });

  test("names what is missing before any call, and waits for what is not known yet", () => {
    expect(aws.check(INSTANCE, { subnetId: "s" }).map((failure) => failure.split(":")[0])).toEqual([
      "ami",
      "instanceType",
    ]);
    expect(aws.check(INSTANCE, { ami: UNKNOWN, instanceType: "t3.medium", userDataBase64: UNKNOWN })).toEqual([]);
    expect(aws.check(INGRESS, { securityGroupId: UNKNOWN, ipProtocol: "tcp" })[0]).toContain(
      "when one (and only one) of",
    );
    expect(aws.check("aws:ec2/vpc:Vpc", {})[0]).toContain("one of `cidr_block,ipv4_ipam_pool_id` must be specified");
  });

  test("replaces an instance for its image and updates it for size, groups and user data", async () => {
    const net = await network();
    const node = await instance(net, { rootBlockDevice: { volumeSize: 20 } });
    expect(aws.diff(node, { ami: "ami-0aaaaaaaaaaaaaaaa", subnetId: "x" }).replaces).toEqual(["ami", "subnetId"]);
    const changes = {
      instanceType: "t3.large",
      userData: "#!",
      vpcSecurityGroupIds: [],
      tags: { a: "b" },
      rootBlockDevice: { volumeSize: 40 },
    };
    expect(aws.diff(node, changes).replaces).toEqual([]);
    const updated = await aws.update(node, { instanceType: "t3.large" });
    expect(updated.outputs).toMatchObject({ instanceType: "t3.large", privateIp: node.outputs.privateIp });
    expect(aws.machines.machines.size).toBe(1);
  });

  test("opens exactly the ports of a group's rules, live, and shuts them again", async () => {
    const net = await network();
    await instance(net);
    const peer = { securityGroupId: net.group.id, cidrIpv4: "198.18.0.0/24" };
    const rule = await aws.make(INGRESS, "api", { ...peer, ipProtocol: "tcp", fromPort: 6443, toPort: 6443 });
    // A group that may send nothing lets nothing live.
    expect(aws.machine("node").firewall).toEqual([]);
    await aws.make(EGRESS, "out", { securityGroupId: net.group.id, ipProtocol: "-1", cidrIpv4: "0.0.0.0/0" });
    expect(aws.machine("node").firewall).toEqual([
      { protocol: "tcp", from: 6443, to: 6443, sources: ["198.18.0.0/24"] },
    ]);
    await aws.make(INGRESS, "own", {
      securityGroupId: net.group.id,
      ipProtocol: "-1",
      referencedSecurityGroupId: net.group.id,
    });
    expect(aws.machine("node").firewall?.at(-1)).toEqual({
      protocol: "all",
      from: 0,
      to: 0,
      sources: ["10.20.0.4/32"],
    });
    await expect(aws.make(INGRESS, "twin", { ...peer, ipProtocol: "6", fromPort: 6443, toPort: 6443 })).rejects.toThrow(
      "InvalidPermission.Duplicate",
    );
    await aws.remove(rule);
    expect(aws.machine("node").firewall).toHaveLength(1);
  });

  test("reaches a machine by its public address only through a route to an internet gateway, an Elastic IP before its own", async () => {
    const net = await network();
    const node = await instance(net, { associatePublicIpAddress: true });
    expect(aws.machine("node").publicAddress).toBeUndefined();
    const routes = await routed(net);
    expect(aws.machine("node").publicAddress).toBe(node.outputs.publicIp);
    const eip = await aws.make("aws:ec2/eip:Eip", "eip", { domain: "vpc" });
    const association = await aws.make("aws:ec2/eipAssociation:EipAssociation", "as", {
      allocationId: eip.id,
      instanceId: node.id,
    });
    expect(aws.machine("node").publicAddress).toBe(eip.outputs.publicIp);
    expect((await aws.read(node))?.outputs.publicIp).toBe(eip.outputs.publicIp);
    await expect(aws.remove(eip)).rejects.toThrow("InvalidIPAddress.InUse");
    await aws.remove(association);
    expect(aws.machine("node").publicAddress).toBe(node.outputs.publicIp);
    await aws.remove(node, eip, ...routes, net.group, net.subnet, net.vpc);
    expect(aws.store.list()).toEqual([]);
    expect(aws.machines.segments.size).toBe(0);
  });

  test("deletes nothing that is in use", async () => {
    const net = await network();
    const node = await instance(net);
    await expect(aws.remove(net.vpc)).rejects.toThrow(`DependencyViolation: The vpc '${net.vpc.id}' has dependencies`);
    await expect(aws.remove(net.subnet)).rejects.toThrow("DependencyViolation");
    await expect(aws.remove(net.group)).rejects.toThrow(
      `DependencyViolation: resource ${net.group.id} has a dependent object`,
    );
    await aws.remove(node, net.group, net.subnet, net.vpc);
  });

  test("tries a delete again while the dependents go, as the real provider does", async () => {
    aws = new Driver({}, undefined, 5);
    const net = await network();
    const node = await instance(net);
    const removing = aws.remove(net.subnet);
    await aws.remove(node);
    await expect(removing).resolves.toBeUndefined();
  });

  test("finds the newest image of an owner, and nothing of a stranger", async () => {
    const args = {
      owners: ["099720109477"],
      filters: [{ name: "name", values: ["ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-*"] }],
    };
    const found = await aws.invoke("aws:ec2/getAmi:getAmi", { ...args, mostRecent: true });
    expect(found).toMatchObject({
      architecture: "x86_64",
      ownerId: "099720109477",
      name: expect.stringContaining("20261020") as string,
    });
    expect(found.id).toMatch(/^ami-0[0-9a-f]{16}$/);
    await expect(new Promise((resolve) => resolve(aws.invoke("aws:ec2/getAmi:getAmi", args)))).rejects.toThrow(
      "more than one result",
    );
    await expect(
      new Promise((resolve) => resolve(aws.invoke("aws:ec2/getAmi:getAmi", { owners: ["1"] }))),
    ).rejects.toThrow("no results");
  });
});
