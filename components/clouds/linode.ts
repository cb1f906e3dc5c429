/** Linode (Akamai): one VPC and subnet, cloud firewalls, Ubuntu machines; public addresses stay with their machine. */
import * as crypto from "node:crypto";
import { Firewall } from "@pulumi/linode/firewall";
import { Instance } from "@pulumi/linode/instance";
import { Provider } from "@pulumi/linode/provider";
import { Vpc } from "@pulumi/linode/vpc";
import { VpcSubnet } from "@pulumi/linode/vpcSubnet";
import type * as pulumi from "@pulumi/pulumi";
import { contains, parseAddress, parseCidr } from "../../plan/cidr";
import type { FirewallProfile } from "../../plan/firewall";
import type { ClusterPlan, NodePlan } from "../../plan/types";
import {
  type CloudArgs,
  type CloudCluster,
  createFirewalls,
  createMachines,
  gzipBase64,
  machineOptions,
  tagListOf,
} from "../cloud";

const SYSTEM = "linode/ubuntu24.04";
const LABEL_LENGTH = 32;

export function createLinode(args: CloudArgs, parent: pulumi.Resource): CloudCluster {
  const { cluster } = args;
  const provider = new Provider(`${cluster.name}-linode`, {}, { parent });
  const opts = { parent, provider };
  const subnet = createNetwork(cluster, opts);
  const firewallOf = createFirewalls(cluster, (profile, name) => createFirewall(cluster, profile, name, opts));
  const machines = createMachines(args, (node, userData) => {
    const machine = createMachine(args, node, opts, {
      subnetId: subnet.id.apply(Number),
      firewallId: firewallOf(node).id.apply(Number),
      // Packed: what is unpacked may not be larger than 16 KiB, and cloud-init does the unpacking.
      userData: gzipBase64(userData()),
    });
    return {
      node,
      resource: machine,
      privateAddress: machine.interfaces.apply(
        (interfaces) => interfaces?.find(({ purpose }) => purpose === "vpc")?.ipv4?.vpc ?? "",
      ),
      publicAddress: machine.ipv4s.apply((addresses) => addresses.find((address) => isOutside(cluster, address)) ?? ""),
    };
  });
  return { machines };
}

// network

function createNetwork(cluster: ClusterPlan, opts: pulumi.CustomResourceOptions): VpcSubnet {
  const { name } = cluster;
  const vpc = new Vpc(name, { region: cluster.place, label: `archipelago-${name}` }, opts);
  return new VpcSubnet(name, { vpcId: vpc.id.apply(Number), label: name, ipv4: cluster.nodeCidr }, opts);
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
      label: renderLabel(`archi-${name}`),
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

/** Linode allows 32 characters, each label once: what is cut off lives on in a digest. */
function renderLabel(text: string): string {
  if (text.length <= LABEL_LENGTH) return text;
  const digest = crypto.createHash("sha256").update(text).digest("hex").slice(0, 6);
  return `${text.slice(0, LABEL_LENGTH - 7)}-${digest}`;
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
        { purpose: "vpc", subnetId },
      ],
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
  const inside = [cluster.nodeCidr, "192.168.128.0/17", "10.0.0.0/8"].map(parseCidr);
  return number !== undefined && inside.every((cidr) => !cidr || !contains(cidr, number));
}
