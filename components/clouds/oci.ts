/** Oracle Cloud: one VCN and subnet, network security groups, Ubuntu machines, reserved addresses, a network load balancer. */
import * as core from "@pulumi/oci/core";
import * as identity from "@pulumi/oci/identity";
import { Provider } from "@pulumi/oci/provider";
import * as networkloadbalancer from "@pulumi/oci/networkloadbalancer";
import type * as pulumi from "@pulumi/pulumi";
import { balancerProfile, type FirewallProfile } from "../../plan/firewall";
import { API_PORT } from "../../plan/names";
import { onceOf } from "../../plan/once";
import { FLEXIBLE } from "../../plan/prices/oci";
import { isReplicated } from "../../plan/servers";
import { bootDiskGib } from "../../plan/sizes";
import type { ClusterPlan, NodePlan, PortRule } from "../../plan/types";
import {
  accountOf,
  base64,
  type CloudArgs,
  type CloudCluster,
  type CreateMachine,
  createFirewalls,
  createMachines,
  machineOptions,
  type OpenBalancer,
  slug,
  tagsOf,
} from "../cloud";
import { lookedUp, ShownError } from "../errors";

const SYSTEM = { operatingSystem: "Canonical Ubuntu", operatingSystemVersion: "24.04" };
const FLEXIBLE_SIZE = { ocpus: FLEXIBLE.ocpus, memoryInGbs: FLEXIBLE.memoryGib };
/** A server that is gone is out after twenty seconds. */
const HEALTH = { intervalInMillis: 10_000, timeoutInMillis: 3000, retries: 2 };
/** Protocol numbers, as OCI wants them. */
const PROTOCOLS: Record<PortRule["protocol"], string> = { icmp: "1", tcp: "6", udp: "17" };

export function createOci(args: CloudArgs, parent: pulumi.Resource): CloudCluster {
  const { cluster } = args;
  const provider = new Provider(`${cluster.name}-oci`, { region: cluster.place }, { parent });
  const opts = { parent, provider };
  const network = createNetwork(cluster, opts);
  const firewallOf = createFirewalls(cluster, (profile, name) =>
    createFirewall(cluster, profile, name, network.vcn.id, opts),
  );
  const image = findImage(cluster, opts);
  const zoneOf = findZones(cluster, opts);
  const balancer = isReplicated(cluster) ? createBalancer(cluster, network, opts) : undefined;
  const create: CreateMachine = (node, userData) => {
    const address = node.staticAddress ? createAddress(cluster, node, network.subnet.id, opts) : undefined;
    const machine = createMachine(args, node, opts, {
      availabilityDomain: node.zone ?? zoneOf(node),
      image,
      userData: base64(userData(address?.public.ipAddress)),
      vnic: {
        subnetId: network.subnet.id,
        nsgIds: [firewallOf(node).id],
        // Neither true nor false, but "true" or "false".
        ...(address
          ? { privateIpId: address.private.id, assignPublicIp: "false" }
          : { privateIp: node.privateAddress, assignPublicIp: "true" }),
      },
    });
    if (node.role === "server") balancer?.attach(node, machine);
    return {
      node,
      resource: machine,
      privateAddress: machine.privateIp,
      publicAddress: address?.public.ipAddress ?? machine.publicIp,
    };
  };
  return { machines: createMachines(args, create, balancer?.address), balancer };
}

// network

function createNetwork(cluster: ClusterPlan, opts: pulumi.CustomResourceOptions) {
  const { name } = cluster;
  const common = { compartmentId: accountOf(cluster), displayName: name, freeformTags: tagsOf(cluster, name) };
  const vcn = new core.Vcn(name, { ...common, cidrBlocks: [cluster.nodeCidr] }, opts);
  const gateway = new core.InternetGateway(name, { ...common, vcnId: vcn.id }, opts);
  const routes = new core.RouteTable(
    name,
    { ...common, vcnId: vcn.id, routeRules: [{ destination: "0.0.0.0/0", networkEntityId: gateway.id }] },
    opts,
  );
  // The VCN's default list opens SSH to everybody; an empty one of our own leaves everything to the groups below.
  const nothing = new core.SecurityList(name, { ...common, vcnId: vcn.id }, opts);
  const subnet = new core.Subnet(
    name,
    { ...common, vcnId: vcn.id, cidrBlock: cluster.nodeCidr, routeTableId: routes.id, securityListIds: [nothing.id] },
    opts,
  );
  return { vcn, subnet };
}

// firewall

function createFirewall(
  cluster: ClusterPlan,
  profile: FirewallProfile,
  name: string,
  vcnId: pulumi.Output<string>,
  opts: pulumi.CustomResourceOptions,
): core.NetworkSecurityGroup {
  const group = new core.NetworkSecurityGroup(
    name,
    { compartmentId: accountOf(cluster), vcnId, displayName: name, freeformTags: tagsOf(cluster, name) },
    opts,
  );
  for (const rule of profile.rules) {
    const destinationPortRange = { min: rule.from, max: rule.to };
    for (const source of rule.sources) {
      new core.NetworkSecurityGroupSecurityRule(
        `${name}-${rule.name}-${slug(source)}`,
        {
          networkSecurityGroupId: group.id,
          direction: "INGRESS",
          protocol: PROTOCOLS[rule.protocol],
          source,
          sourceType: "CIDR_BLOCK",
          description: rule.why,
          tcpOptions: rule.protocol === "tcp" ? { destinationPortRange } : undefined,
          udpOptions: rule.protocol === "udp" ? { destinationPortRange } : undefined,
        },
        opts,
      );
    }
  }
  new core.NetworkSecurityGroupSecurityRule(
    `${name}-out`,
    {
      networkSecurityGroupId: group.id,
      direction: "EGRESS",
      protocol: "all",
      destination: "0.0.0.0/0",
      destinationType: "CIDR_BLOCK",
    },
    opts,
  );
  return group;
}

// image

function findImage(cluster: ClusterPlan, opts: pulumi.InvokeOptions): pulumi.Output<string> {
  const shape = cluster.nodes[0]?.size;
  const args = { compartmentId: accountOf(cluster), ...SYSTEM, shape, sortBy: "TIMECREATED", sortOrder: "DESC" };
  return lookedUp(core.getImages(args, opts)).images.apply(([newest]) => {
    // Oracle refuses nothing here; it would refuse a machine without an image, in words that do not say so.
    if (!newest) throw new ShownError(`no image of ${Object.values(SYSTEM).join(" ")} was found for ${shape}`);
    return newest.id;
  });
}

// machines

/**
 * The place's first availability domain for a node that names none. Where that one has no host free, the harness has the
 * next one tried, for a machine that is yet to be made (plan/once.ts): a program cannot catch a failed creation.
 */
function findZones(cluster: ClusterPlan, opts: pulumi.InvokeOptions): (node: NodePlan) => pulumi.Output<string> {
  const found = lookedUp(identity.getAvailabilityDomains({ compartmentId: accountOf(cluster) }, opts));
  return (node) => {
    const { zoneAttempt = 0 } = onceOf(node, process.env);
    return found.availabilityDomains.apply((domains) => domains[zoneAttempt % domains.length]?.name ?? "");
  };
}

interface MachineInputs {
  availabilityDomain: pulumi.Input<string>;
  image: pulumi.Input<string>;
  userData: pulumi.Input<string>;
  vnic: NonNullable<core.InstanceArgs["createVnicDetails"]>;
}

function createMachine(
  args: CloudArgs,
  node: NodePlan,
  opts: pulumi.CustomResourceOptions,
  { availabilityDomain, image, userData, vnic }: MachineInputs,
): core.Instance {
  return new core.Instance(
    node.name,
    {
      compartmentId: accountOf(args.cluster),
      availabilityDomain,
      displayName: node.name,
      shape: node.size,
      shapeConfig: node.size.endsWith(".Flex") ? FLEXIBLE_SIZE : undefined,
      sourceDetails: { sourceType: "image", sourceId: image, bootVolumeSizeInGbs: String(bootDiskGib("oci")) },
      createVnicDetails: vnic,
      metadata: { user_data: userData },
      // Version 2 of the metadata service only: it wants a header that a tricked proxy does not send.
      instanceOptions: { areLegacyImdsEndpointsDisabled: true },
      isPvEncryptionInTransitEnabled: true,
      freeformTags: tagsOf(args.cluster, node.name),
    },
    machineOptions(
      args,
      node,
      // A machine that exists stays in its availability domain, whichever would be the first choice now.
      ["sourceDetails.sourceId", "metadata", ...(node.zone ? [] : ["availabilityDomain"])],
      opts,
    ),
  );
}

// addresses

/** A private address of its own comes first: with it the public one is known before the machine boots. */
function createAddress(
  cluster: ClusterPlan,
  node: NodePlan,
  subnetId: pulumi.Output<string>,
  opts: pulumi.CustomResourceOptions,
): { private: core.PrivateIp; public: core.PublicIp } {
  const common = { displayName: node.name, freeformTags: tagsOf(cluster, node.name) };
  const inside = new core.PrivateIp(
    node.name,
    { ...common, subnetId, lifetime: "RESERVED", ipAddress: node.privateAddress },
    opts,
  );
  const outside = new core.PublicIp(
    node.name,
    { ...common, compartmentId: accountOf(cluster), lifetime: "RESERVED", privateIpId: inside.id },
    opts,
  );
  return { private: inside, public: outside };
}

// balancer

/** Before the servers: its address stands in their certificates. It hands on the client's address, which the groups judge. */
function createBalancer(
  cluster: ClusterPlan,
  network: ReturnType<typeof createNetwork>,
  opts: pulumi.CustomResourceOptions,
): OpenBalancer<core.Instance> {
  const name = `${cluster.name}-api`;
  const common = { compartmentId: accountOf(cluster), displayName: name, freeformTags: tagsOf(cluster, name) };
  const profile = balancerProfile(cluster.firewall);
  const group = createFirewall(cluster, profile, `${cluster.name}-balancer`, network.vcn.id, opts);
  const address = new core.PublicIp(
    name,
    { ...common, lifetime: "RESERVED" },
    // The balancer takes it by its id; the other side's view would be written back here at every refresh.
    { ...opts, ignoreChanges: ["privateIpId"] },
  );
  const balancer = new networkloadbalancer.NetworkLoadBalancer(
    name,
    {
      ...common,
      subnetId: network.subnet.id,
      isPrivate: false,
      reservedIps: [{ id: address.id }],
      networkSecurityGroupIds: [group.id],
    },
    opts,
  );
  const networkLoadBalancerId = balancer.id;
  const port = API_PORT;
  const servers = new networkloadbalancer.BackendSet(
    name,
    {
      name: "servers",
      networkLoadBalancerId,
      policy: "FIVE_TUPLE",
      isPreserveSource: true,
      healthChecker: { protocol: "HTTPS", urlPath: "/readyz", returnCode: 200, port, ...HEALTH },
    },
    opts,
  );
  new networkloadbalancer.Listener(
    name,
    { name: "api", networkLoadBalancerId, protocol: "TCP", port, defaultBackendSetName: servers.name },
    opts,
  );
  return {
    address: address.ipAddress,
    whole: network.vcn,
    // By its planned address: a new machine for the same server changes nothing here.
    attach: (node, machine) =>
      void new networkloadbalancer.Backend(
        `${node.name}-api`,
        {
          name: node.name,
          networkLoadBalancerId,
          backendSetName: servers.name,
          ipAddress: node.privateAddress,
          port,
        },
        { ...opts, dependsOn: [machine] },
      ),
  };
}
