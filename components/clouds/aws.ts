/** AWS: one VPC and subnet, security groups, Ubuntu machines, Elastic IPs. */
import * as ec2 from "@pulumi/aws/ec2";
import { Provider } from "@pulumi/aws/provider";
import * as vpc from "@pulumi/aws/vpc";
import type * as pulumi from "@pulumi/pulumi";
import type { FirewallProfile } from "../../plan/firewall";
import { bootDiskGib } from "../../plan/sizes";
import type { ClusterPlan, NodePlan } from "../../plan/types";
import {
  type CloudArgs,
  createFirewalls,
  createMachines,
  gzipBase64,
  type Machine,
  machineOptions,
  slug,
  tagsOf,
} from "../cloud";

/** Canonical's account. */
const IMAGE_OWNER = "099720109477";
const IMAGE_NAME = "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-*";

export function createAws(args: CloudArgs, parent: pulumi.Resource): Machine[] {
  const { cluster } = args;
  const provider = new Provider(`${cluster.name}-aws`, { region: cluster.place }, { parent });
  const opts = { parent, provider };
  const network = createNetwork(cluster, opts);
  const firewallOf = createFirewalls(cluster, (profile, name) =>
    createFirewall(cluster, profile, name, network.vpc.id, opts),
  );
  const image = findImage(opts);
  return createMachines(args, (node, userData) => {
    const address = node.staticAddress ? createAddress(cluster, node, opts) : undefined;
    const machine = createMachine(args, node, opts, {
      ami: image,
      subnetId: network.subnet.id,
      vpcSecurityGroupIds: [firewallOf(node).id],
      userDataBase64: gzipBase64(userData(address?.publicIp)),
    });
    if (address) attachAddress(node, address, machine, opts);
    // Egress needs the way out: machines go before the route on the way down, too.
    return { node, resource: machine, privateAddress: machine.privateIp, publicAddress: (address ?? machine).publicIp };
  });
}

// network

function createNetwork(cluster: ClusterPlan, opts: pulumi.CustomResourceOptions) {
  const name = cluster.name;
  const tags = tagsOf(cluster, name);
  const network = new ec2.Vpc(name, { cidrBlock: cluster.nodeCidr, enableDnsHostnames: true, tags }, opts);
  const zone = cluster.nodes[0]?.zone;
  const subnet = new ec2.Subnet(
    name,
    { vpcId: network.id, cidrBlock: cluster.nodeCidr, availabilityZone: zone, tags },
    opts,
  );
  const gateway = new ec2.InternetGateway(name, { vpcId: network.id, tags }, opts);
  const routes = new ec2.RouteTable(
    name,
    { vpcId: network.id, routes: [{ cidrBlock: "0.0.0.0/0", gatewayId: gateway.id }], tags },
    opts,
  );
  new ec2.RouteTableAssociation(name, { subnetId: subnet.id, routeTableId: routes.id }, opts);
  return { vpc: network, subnet };
}

// firewall

function createFirewall(
  cluster: ClusterPlan,
  profile: FirewallProfile,
  name: string,
  vpcId: pulumi.Output<string>,
  opts: pulumi.CustomResourceOptions,
): ec2.SecurityGroup {
  const group = new ec2.SecurityGroup(
    name,
    { vpcId, description: `archipelago: ${profile.name} of ${cluster.name}`, tags: tagsOf(cluster, name) },
    opts,
  );
  for (const rule of profile.rules) {
    for (const source of rule.sources) {
      // AWS writes "all ICMP types" as port -1.
      const ports = rule.protocol === "icmp" ? { fromPort: -1, toPort: -1 } : { fromPort: rule.from, toPort: rule.to };
      const ruleName = `${name}-${rule.name}-${slug(source)}`;
      new vpc.SecurityGroupIngressRule(
        ruleName,
        {
          securityGroupId: group.id,
          ipProtocol: rule.protocol,
          ...ports,
          cidrIpv4: source,
          // AWS allows few characters in descriptions.
          description: rule.why.replace(/[^\w .:/()#,@=+-]/g, " "),
          tags: tagsOf(cluster, ruleName),
        },
        opts,
      );
    }
  }
  new vpc.SecurityGroupEgressRule(
    `${name}-out`,
    { securityGroupId: group.id, ipProtocol: "-1", cidrIpv4: "0.0.0.0/0", tags: tagsOf(cluster, `${name}-out`) },
    opts,
  );
  return group;
}

// image

function findImage(opts: pulumi.InvokeOptions): pulumi.Output<string> {
  const filters = [{ name: "name", values: [IMAGE_NAME] }];
  return ec2.getAmiOutput({ owners: [IMAGE_OWNER], mostRecent: true, filters }, opts).id;
}

// machines

function createMachine(
  args: CloudArgs,
  node: NodePlan,
  opts: pulumi.CustomResourceOptions,
  inputs: Pick<ec2.InstanceArgs, "ami" | "subnetId" | "vpcSecurityGroupIds" | "userDataBase64">,
): ec2.Instance {
  const tags = tagsOf(args.cluster, node.name);
  return new ec2.Instance(
    node.name,
    {
      ...inputs,
      instanceType: node.size,
      availabilityZone: node.zone,
      // Also with an Elastic IP to come: the boot script's first minutes need a way out.
      associatePublicIpAddress: true,
      // Tokens only, one hop: pods cannot read the user data.
      metadataOptions: { httpEndpoint: "enabled", httpTokens: "required", httpPutResponseHopLimit: 1 },
      rootBlockDevice: { volumeType: "gp3", volumeSize: bootDiskGib("aws"), encrypted: true, tags },
      tags,
    },
    // `associatePublicIpAddress` reads back differently once an Elastic IP has taken its place.
    machineOptions(args, node, ["ami", "userDataBase64", "associatePublicIpAddress"], opts),
  );
}

// addresses

function createAddress(cluster: ClusterPlan, node: NodePlan, opts: pulumi.CustomResourceOptions): ec2.Eip {
  return new ec2.Eip(node.name, { domain: "vpc", tags: tagsOf(cluster, node.name) }, opts);
}

function attachAddress(
  node: NodePlan,
  address: ec2.Eip,
  machine: ec2.Instance,
  opts: pulumi.CustomResourceOptions,
): void {
  new ec2.EipAssociation(node.name, { allocationId: address.allocationId, instanceId: machine.id }, opts);
}
