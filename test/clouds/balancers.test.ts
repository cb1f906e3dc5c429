import { beforeEach, describe, expect, test } from "vitest";
import type { Props } from "../../rehearsal/plugins/contract";
import { Driver, type Made } from "./driver";

const AMI = "ami-0123456789abcdef0";

describe("a network load balancer of the emulated AWS", () => {
  let aws: Driver;
  let net: { vpc: Made; subnet: Made; group: Made; gateway: Made };
  beforeEach(async () => {
    aws = new Driver({ region: "us-west-2" });
    const vpc = await aws.make("aws:ec2/vpc:Vpc", "net", { cidrBlock: "10.20.0.0/16" });
    const subnet = await aws.make("aws:ec2/subnet:Subnet", "sub", { vpcId: vpc.id, cidrBlock: "10.20.0.0/24" });
    const group = await aws.make("aws:ec2/securityGroup:SecurityGroup", "sg", { vpcId: vpc.id });
    const gateway = await aws.make("aws:ec2/internetGateway:InternetGateway", "igw", { vpcId: vpc.id });
    net = { vpc, subnet, group, gateway };
  });

  const server = (name: string, privateIp: string): Promise<Made> =>
    aws.make("aws:ec2/instance:Instance", name, {
      ...{ ami: AMI, instanceType: "t3.large", subnetId: net.subnet.id, privateIp },
      vpcSecurityGroupIds: [net.group.id],
    });
  const balancerFor = (allocationId: string, more: Props & { name?: string } = {}): Promise<Made> =>
    aws.make("aws:lb/loadBalancer:LoadBalancer", more.name ?? "api", {
      ...{ loadBalancerType: "network", subnetMappings: [{ subnetId: net.subnet.id, allocationId }] },
      ...more,
    });
  const whole = async () => {
    const address = await aws.make("aws:ec2/eip:Eip", "api", { domain: "vpc" });
    const balancer = await balancerFor(address.id);
    const group = await aws.make("aws:lb/targetGroup:TargetGroup", "api", {
      ...{ port: 6443, protocol: "TCP", targetType: "instance", vpcId: net.vpc.id },
    });
    const listener = await aws.make("aws:lb/listener:Listener", "api", {
      ...{ loadBalancerArn: balancer.id, port: 6443, protocol: "TCP" },
      defaultActions: [{ type: "forward", targetGroupArn: group.id }],
    });
    const attach = (made: Made): Promise<Made> =>
      aws.make("aws:lb/targetGroupAttachment:TargetGroupAttachment", made.name, {
        ...{ targetGroupArn: group.id, targetId: made.id, port: 6443 },
      });
    return { address, balancer, group, listener, attach };
  };

  test("has an ARN, a DNS name and its Elastic IP's address, and balances over the instances in its target group", async () => {
    const { address, balancer, attach } = await whole();
    expect(balancer.id).toMatch(
      /^arn:aws:elasticloadbalancing:us-west-2:123456789012:loadbalancer\/net\/api-[0-9a-f]{7}\/[0-9a-f]{16}$/,
    );
    expect(balancer.outputs.dnsName).toMatch(/^api-[0-9a-f]{7}-[0-9a-f]{16}\.elb\.us-west-2\.amazonaws\.com$/);
    const [one, two] = [await server("one", "10.20.0.10"), await server("two", "10.20.0.11")];
    await attach(one);
    const second = await attach(two);
    const expected = { publicAddress: address.outputs.publicIp, port: 6443 };
    expect(aws.machines.balancers.get("aws")).toMatchObject([{ ...expected, targets: ["10.20.0.10", "10.20.0.11"] }]);
    await aws.remove(second);
    expect(aws.machines.balancers.get("aws")).toMatchObject([{ ...expected, targets: ["10.20.0.10"] }]);
  });

  test("keeps its address, subnet, gateway and target group from being deleted while it lives", async () => {
    const { address, balancer, group, listener } = await whole();
    await expect(aws.remove(address)).rejects.toThrow(/InvalidIPAddress\.InUse/);
    await expect(aws.remove(net.subnet)).rejects.toThrow(/DependencyViolation/);
    await expect(aws.remove(net.gateway)).rejects.toThrow(/DependencyViolation/);
    await expect(aws.remove(group)).rejects.toThrow(/ResourceInUse/);
    await aws.remove(listener, group, balancer, address, net.gateway, net.subnet);
    expect(aws.machines.balancers.get("aws")).toEqual([]);
  });

  test("is refused without a gateway, with an address in use, with a name that is too long", async () => {
    const { address } = await whole();
    await expect(balancerFor(address.id, { name: "other" })).rejects.toThrow(/ResourceInUse/);
    await expect(balancerFor(address.id, { name: "x".repeat(33) })).rejects.toThrow(
      /cannot be longer than 32 characters/,
    );
    const other = new Driver({ region: "us-west-2" });
    const vpc = await other.make("aws:ec2/vpc:Vpc", "net", { cidrBlock: "10.20.0.0/16" });
    const subnet = await other.make("aws:ec2/subnet:Subnet", "sub", { vpcId: vpc.id, cidrBlock: "10.20.0.0/24" });
    const mapping = { loadBalancerType: "network", subnetMappings: [{ subnetId: subnet.id }] };
    await expect(other.make("aws:lb/loadBalancer:LoadBalancer", "api", mapping)).rejects.toThrow(/no internet gateway/);
  });

  test("is another one with other subnets or addresses, and the same with other tags", async () => {
    const { balancer } = await whole();
    expect(aws.diff(balancer, { subnetMappings: [] }).replaces).not.toEqual([]);
    expect(aws.diff(balancer, { tags: { a: "b" } })).toEqual({ replaces: [], updates: ["tags"] });
  });
});

describe("a network load balancer of the emulated Oracle cloud", () => {
  const compartmentId = "ocid1.compartment.oc1..example";
  let oci: Driver;
  const balancerTypes = (part: string): string =>
    `oci:NetworkLoadBalancer/${part[0]?.toLowerCase()}${part.slice(1)}:${part}`;

  async function whole(open: boolean) {
    const vcn = await oci.make("oci:Core/vcn:Vcn", "net", { compartmentId, cidrBlocks: ["10.30.0.0/24"] });
    const gateway = await oci.make("oci:Core/internetGateway:InternetGateway", "igw", { compartmentId, vcnId: vcn.id });
    const table = await oci.make("oci:Core/routeTable:RouteTable", "rt", {
      ...{ compartmentId, vcnId: vcn.id },
      routeRules: [{ destination: "0.0.0.0/0", networkEntityId: gateway.id }],
    });
    const subnet = await oci.make("oci:Core/subnet:Subnet", "sub", {
      ...{ compartmentId, vcnId: vcn.id, cidrBlock: "10.30.0.0/24", routeTableId: table.id },
    });
    const group = await oci.make("oci:Core/networkSecurityGroup:NetworkSecurityGroup", "nsg", {
      compartmentId,
      vcnId: vcn.id,
    });
    if (open)
      await oci.make("oci:Core/networkSecurityGroupSecurityRule:NetworkSecurityGroupSecurityRule", "in", {
        ...{ networkSecurityGroupId: group.id, direction: "INGRESS", protocol: "6", source: "203.0.113.0/24" },
        tcpOptions: { destinationPortRange: { min: 6443, max: 6443 } },
      });
    const address = await oci.make("oci:Core/publicIp:PublicIp", "api", { compartmentId, lifetime: "RESERVED" });
    const balancer = await oci.make(balancerTypes("NetworkLoadBalancer"), "api", {
      ...{ compartmentId, displayName: "api", subnetId: subnet.id, reservedIps: [{ id: address.id }] },
      networkSecurityGroupIds: [group.id],
    });
    const networkLoadBalancerId = balancer.id;
    const set = await oci.make(balancerTypes("BackendSet"), "api", {
      ...{
        networkLoadBalancerId,
        name: "servers",
        policy: "FIVE_TUPLE",
        healthChecker: { protocol: "HTTPS", port: 6443 },
      },
    });
    const listener = await oci.make(balancerTypes("Listener"), "api", {
      ...{ networkLoadBalancerId, name: "api", protocol: "TCP", port: 6443, defaultBackendSetName: "servers" },
    });
    const backend = await oci.make(balancerTypes("Backend"), "one", {
      ...{ networkLoadBalancerId, name: "one", backendSetName: "servers", port: 6443, ipAddress: "10.30.0.10" },
    });
    return { subnet, group, address, balancer, set, listener, backend };
  }
  beforeEach(() => (oci = new Driver({ region: "us-ashburn-1" })));

  test("balances over its backends at its reserved address, which then counts as assigned", async () => {
    const { address, balancer } = await whole(true);
    expect(oci.machines.balancers.get("oci")).toMatchObject([
      { publicAddress: address.outputs.ipAddress, port: 6443, targets: ["10.30.0.10"] },
    ]);
    expect((await oci.read(address))?.outputs).toMatchObject({ state: "ASSIGNED", assignedEntityId: balancer.id });
  });

  test("is silent while its own security group lets nobody in", async () => {
    await whole(false);
    expect(oci.machines.balancers.get("oci") ?? []).toEqual([]);
  });

  test("keeps its address, subnet, group and backend set from being deleted while it lives", async () => {
    const { address, subnet, group, set } = await whole(true);
    for (const used of [address, subnet, group, set]) await expect(oci.remove(used)).rejects.toThrow(/409-Conflict/);
  });
});
