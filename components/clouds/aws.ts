/** AWS: one VPC with a subnet a zone, security groups, Ubuntu machines, Elastic IPs, a network load balancer. */
import * as ec2 from "@pulumi/aws/ec2";
import * as lb from "@pulumi/aws/lb";
import { Provider } from "@pulumi/aws/provider";
import * as vpc from "@pulumi/aws/vpc";
import type * as pulumi from "@pulumi/pulumi";
import type { FirewallProfile } from "../../plan/firewall";
import { API_PORT } from "../../plan/names";
import { isReplicated, subnetOf } from "../../plan/servers";
import { bootDiskGib } from "../../plan/sizes";
import type { ClusterPlan, NodePlan } from "../../plan/types";
import {
  type CloudArgs,
  type CloudCluster,
  type CreateMachine,
  createFirewalls,
  createMachines,
  gzipBase64,
  machineOptions,
  type OpenBalancer,
  slug,
  tagsOf,
} from "../cloud";
import { lookedUp } from "../errors";

/** A server that is gone is out after twenty seconds. */
const HEALTH = { interval: 10, healthyThreshold: 2, unhealthyThreshold: 2 };
/** Canonical's account. */
const IMAGE_OWNER = "099720109477";
const IMAGE_NAME = "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-*";

export function createAws(args: CloudArgs, parent: pulumi.Resource): CloudCluster {
  const { cluster } = args;
  const provider = new Provider(`${cluster.name}-aws`, { region: cluster.place }, { parent });
  const opts = { parent, provider };
  const network = createNetwork(cluster, opts);
  const firewallOf = createFirewalls(cluster, (profile, name) =>
    createFirewall(cluster, profile, name, network.vpc.id, opts),
  );
  const image = findImage(opts);
  const balancer = isReplicated(cluster) ? createBalancer(cluster, network, opts) : undefined;
  const create: CreateMachine = (node, userData) => {
    const address = node.staticAddress ? createAddress(cluster, node, opts) : undefined;
    const machine = createMachine(args, node, opts, {
      ami: image,
      subnetId: network.subnetOf(node).id,
      privateIp: node.privateAddress,
      vpcSecurityGroupIds: [firewallOf(node).id],
      userDataBase64: gzipBase64(userData(address?.publicIp)),
    });
    if (address) attachAddress(node, address, machine, opts);
    if (node.role === "server") balancer?.attach(node, machine);
    // Egress needs the way out: machines go before the route on the way down, too.
    return { node, resource: machine, privateAddress: machine.privateIp, publicAddress: (address ?? machine).publicIp };
  };
  return { machines: createMachines(args, create, balancer?.address), balancer };
}

// network

function createNetwork(cluster: ClusterPlan, opts: pulumi.CustomResourceOptions) {
  const name = cluster.name;
  const tags = tagsOf(cluster, name);
  const network = new ec2.Vpc(name, { cidrBlock: cluster.nodeCidr, enableDnsHostnames: true, tags }, opts);
  const gateway = new ec2.InternetGateway(name, { vpcId: network.id, tags }, opts);
  const routes = new ec2.RouteTable(
    name,
    { vpcId: network.id, routes: [{ cidrBlock: "0.0.0.0/0", gatewayId: gateway.id }], tags },
    opts,
  );
  const subnets = new Map(
    cluster.subnets.map((planned) => {
      // A cluster's only subnet has the cluster's name, as when there never were several.
      const subnetName = cluster.subnets.length === 1 ? name : `${name}-${planned.zone}`;
      const subnet = new ec2.Subnet(
        subnetName,
        {
          vpcId: network.id,
          cidrBlock: planned.cidr,
          availabilityZone: planned.zone,
          tags: tagsOf(cluster, subnetName),
        },
        opts,
      );
      new ec2.RouteTableAssociation(subnetName, { subnetId: subnet.id, routeTableId: routes.id }, opts);
      return [planned, subnet];
    }),
  );
  const of = ({ zone }: NodePlan): ec2.Subnet => subnets.get(subnetOf(cluster.subnets, zone))!;
  return { vpc: network, gateway, subnetOf: of };
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
  return lookedUp(ec2.getAmi({ owners: [IMAGE_OWNER], mostRecent: true, filters }, opts)).id;
}

// machines

function createMachine(
  args: CloudArgs,
  node: NodePlan,
  opts: pulumi.CustomResourceOptions,
  inputs: Pick<ec2.InstanceArgs, "ami" | "subnetId" | "privateIp" | "vpcSecurityGroupIds" | "userDataBase64">,
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

// balancer

/** Before the servers: its address stands in their certificates. It hands on the client's address, which the groups judge. */
function createBalancer(
  cluster: ClusterPlan,
  network: ReturnType<typeof createNetwork>,
  opts: pulumi.CustomResourceOptions,
): OpenBalancer<ec2.Instance> {
  const name = `${cluster.name}-api`;
  const tags = tagsOf(cluster, name);
  const [founder] = cluster.nodes;
  const address = new ec2.Eip(name, { domain: "vpc", tags }, opts);
  const balancer = new lb.LoadBalancer(
    name,
    {
      loadBalancerType: "network",
      internal: false,
      // One address, which lies in one zone; from there it reaches the servers in all of them.
      subnetMappings: [{ subnetId: network.subnetOf(founder!).id, allocationId: address.allocationId }],
      enableCrossZoneLoadBalancing: true,
      tags,
    },
    // AWS puts none that faces the internet into a network without a gateway, and takes no gateway from under one.
    { ...opts, dependsOn: [network.gateway] },
  );
  const port = API_PORT;
  const targets = new lb.TargetGroup(
    name,
    {
      port,
      protocol: "TCP",
      targetType: "instance",
      vpcId: network.vpc.id,
      preserveClientIp: "true",
      connectionTermination: true,
      deregistrationDelay: 30,
      healthCheck: { protocol: "HTTPS", path: "/readyz", port: String(port), ...HEALTH },
      tags,
    },
    opts,
  );
  new lb.Listener(
    name,
    {
      loadBalancerArn: balancer.arn,
      port,
      protocol: "TCP",
      defaultActions: [{ type: "forward", targetGroupArn: targets.arn }],
      tags,
    },
    opts,
  );
  return {
    address: address.publicIp,
    whole: network.vpc,
    attach: (node, machine) =>
      void new lb.TargetGroupAttachment(
        `${node.name}-api`,
        { targetGroupArn: targets.arn, targetId: machine.id, port },
        opts,
      ),
  };
}
