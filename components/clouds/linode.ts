/** Linode (Akamai): one VPC and subnet, cloud firewalls, Ubuntu machines with addresses of their own, a NodeBalancer. */
import { Firewall } from "@pulumi/linode/firewall";
import { Instance } from "@pulumi/linode/instance";
import { NodeBalancer } from "@pulumi/linode/nodeBalancer";
import { NodeBalancerConfig } from "@pulumi/linode/nodeBalancerConfig";
import { NodeBalancerNode } from "@pulumi/linode/nodeBalancerNode";
import { Provider } from "@pulumi/linode/provider";
import { Vpc } from "@pulumi/linode/vpc";
import { VpcSubnet } from "@pulumi/linode/vpcSubnet";
import * as pulumi from "@pulumi/pulumi";
import { contains, parseAddress, parseCidr } from "../../plan/cidr";
import { balancerProfile, type FirewallProfile } from "../../plan/firewall";
import { API_PORT } from "../../plan/names";
import { linodeLabel, RESERVED_RANGES } from "../../plan/networks";
import { isReplicated } from "../../plan/servers";
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
  tagListOf,
} from "../cloud";

const SYSTEM = "linode/ubuntu24.04";
/** A server that is gone is out after twenty seconds. Whether it is ready cannot be asked: an HTTP check speaks no TLS. */
const HEALTH = { check: "connection", checkInterval: 10, checkTimeout: 3, checkAttempts: 2 };

export function createLinode(args: CloudArgs, parent: pulumi.Resource): CloudCluster {
  const { cluster } = args;
  const provider = new Provider(`${cluster.name}-linode`, {}, { parent });
  const opts = { parent, provider };
  const network = createNetwork(cluster, opts);
  const firewallOf = createFirewalls(cluster, (profile, name) => createFirewall(cluster, profile, name, opts));
  const balancer = isReplicated(cluster) ? createBalancer(cluster, network.vpc, opts) : undefined;
  const create: CreateMachine = (node, userData) => {
    const machine = createMachine(args, node, opts, {
      subnetId: network.subnet.id.apply(Number),
      firewallId: firewallOf(node).id.apply(Number),
      // Packed: what is unpacked may not be larger than 16 KiB, and cloud-init does the unpacking.
      userData: gzipBase64(userData()),
    });
    if (node.role === "server") balancer?.attach(node, machine);
    return {
      node,
      resource: machine,
      privateAddress: machine.interfaces.apply(
        (interfaces) => interfaces?.find(({ purpose }) => purpose === "vpc")?.ipv4?.vpc ?? "",
      ),
      publicAddress: machine.ipv4s.apply((addresses) => addresses.find((address) => isOutside(cluster, address)) ?? ""),
    };
  };
  return { machines: createMachines(args, create, balancer?.address), balancer };
}

// network

function createNetwork(cluster: ClusterPlan, opts: pulumi.CustomResourceOptions) {
  const { name } = cluster;
  const vpc = new Vpc(name, { region: cluster.place, label: `archipelago-${name}` }, opts);
  const subnet = new VpcSubnet(name, { vpcId: vpc.id.apply(Number), label: name, ipv4: cluster.nodeCidr }, opts);
  return { vpc, subnet };
}

// firewall

function createFirewall(
  cluster: ClusterPlan,
  profile: FirewallProfile,
  name: string,
  opts: pulumi.CustomResourceOptions,
): Firewall {
  return new Firewall(
    name,
    {
      label: linodeLabel(`archi-${name}`),
      inboundPolicy: "DROP",
      outboundPolicy: "ACCEPT",
      inbounds: profile.rules.map((rule) => ({
        label: rule.name,
        action: "ACCEPT",
        protocol: rule.protocol.toUpperCase(),
        ports:
          rule.protocol === "icmp" ? undefined : rule.from === rule.to ? String(rule.from) : `${rule.from}-${rule.to}`,
        ipv4s: rule.sources,
      })),
      tags: tagListOf(cluster),
    },
    opts,
  );
}

// image: a fixed slug, SYSTEM.

// machines

interface MachineInputs {
  subnetId: pulumi.Input<number>;
  firewallId: pulumi.Input<number>;
  userData: pulumi.Input<string>;
}

function createMachine(
  args: CloudArgs,
  node: NodePlan,
  opts: pulumi.CustomResourceOptions,
  { subnetId, firewallId, userData }: MachineInputs,
): Instance {
  return new Instance(
    node.name,
    {
      region: args.cluster.place,
      type: node.size,
      label: node.name,
      image: SYSTEM,
      interfaces: [
        { purpose: "public", primary: true },
        { purpose: "vpc", subnetId, ipv4: node.privateAddress ? { vpc: node.privateAddress } : undefined },
      ],
      // Of the region's private network, from which this package's NodeBalancers dial: they know no VPC.
      privateIp: node.privateAddress ? true : undefined,
      firewallId,
      metadatas: [{ userData }],
      tags: tagListOf(args.cluster),
    },
    machineOptions(args, node, ["image", "metadatas"], opts),
  );
}

// addresses: each machine's own, above; Linode keeps them as long as the machine lives.

/** Linode lists private and VPC addresses beside the public one. */
function isOutside(cluster: ClusterPlan, address: string): boolean {
  const number = parseAddress(address);
  const own = (RESERVED_RANGES.linode ?? []).map(({ range }) => range);
  const inside = [cluster.nodeCidr, ...own, "10.0.0.0/8"].map(parseCidr);
  return number !== undefined && inside.every((cidr) => !cidr || !contains(cidr, number));
}

// balancer

/** Before the servers: its address stands in their certificates. It hides the client's, so its own firewall judges that. */
function createBalancer(cluster: ClusterPlan, vpc: Vpc, opts: pulumi.CustomResourceOptions): OpenBalancer<Instance> {
  const name = `${cluster.name}-api`;
  const firewall = createFirewall(cluster, balancerProfile(cluster.firewall), `${cluster.name}-balancer`, opts);
  const balancer = new NodeBalancer(
    name,
    {
      region: cluster.place,
      label: linodeLabel(`archi-${name}`),
      firewallId: firewall.id.apply(Number),
      tags: tagListOf(cluster),
    },
    opts,
  );
  const nodebalancerId = balancer.id.apply(Number);
  const port = API_PORT;
  const config = new NodeBalancerConfig(
    name,
    { nodebalancerId, port, protocol: "tcp", algorithm: "roundrobin", stickiness: "none", ...HEALTH },
    opts,
  );
  return {
    address: balancer.ipv4,
    whole: vpc,
    attach: (node, machine) =>
      void new NodeBalancerNode(
        `${node.name}-api`,
        {
          nodebalancerId,
          configId: config.id.apply(Number),
          label: linodeLabel(node.name),
          address: pulumi.interpolate`${machine.privateIpAddress}:${port}`,
          mode: "accept",
        },
        // Linode deletes it with its machine; the provider would then look for it in vain, to change its address.
        { ...opts, replaceWith: [machine] },
      ),
  };
}
