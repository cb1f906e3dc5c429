/** Vultr: one VPC, firewall groups, Ubuntu machines, reserved addresses. */
import { FirewallGroup } from "@ediri/vultr/firewallGroup";
import { FirewallRule } from "@ediri/vultr/firewallRule";
import { getOs } from "@ediri/vultr/getOs";
import { Instance, type InstanceArgs } from "@ediri/vultr/instance";
import { Provider } from "@ediri/vultr/provider";
import { ReservedIp } from "@ediri/vultr/reservedIp";
import { Vpc } from "@ediri/vultr/vpc";
import type * as pulumi from "@pulumi/pulumi";
import type { FirewallProfile } from "../../plan/firewall";
import type { ClusterPlan, NodePlan } from "../../plan/types";
import {
  type CloudArgs,
  type CloudCluster,
  createFirewalls,
  createMachines,
  machineOptions,
  slug,
  tagListOf,
} from "../cloud";
import { lookedUp } from "../errors";

const SYSTEM = "Ubuntu 24.04 LTS x64";

export function createVultr(args: CloudArgs, parent: pulumi.Resource): CloudCluster {
  const { cluster } = args;
  const provider = new Provider(`${cluster.name}-vultr`, {}, { parent });
  const opts = { parent, provider };
  const network = createNetwork(cluster, opts);
  const firewallOf = createFirewalls(cluster, (profile, name) => createFirewall(profile, name, opts));
  const image = findImage(opts);
  const machines = createMachines(args, (node, userData) => {
    const address = node.staticAddress ? createAddress(cluster, node, opts) : undefined;
    const machine = createMachine(args, node, opts, {
      osId: image,
      vpcIds: [network.id],
      firewallGroupId: firewallOf(node).id,
      reservedIpId: address?.id,
      userData: userData(address?.subnet),
    });
    return {
      node,
      resource: machine,
      privateAddress: machine.internalIp,
      publicAddress: address?.subnet ?? machine.mainIp,
    };
  });
  return { machines };
}

// network

function createNetwork(cluster: ClusterPlan, opts: pulumi.CustomResourceOptions): Vpc {
  const [subnet = "", prefix] = cluster.nodeCidr.split("/");
  return new Vpc(
    cluster.name,
    {
      region: cluster.place,
      description: `archipelago ${cluster.name}`,
      v4Subnet: subnet,
      v4SubnetMask: Number(prefix),
    },
    opts,
  );
}

// firewall

/** Filters the public interface; Vultr does not filter inside a VPC, where only our own machines are. */
function createFirewall(profile: FirewallProfile, name: string, opts: pulumi.CustomResourceOptions): FirewallGroup {
  const group = new FirewallGroup(name, { description: `archipelago ${name}` }, opts);
  for (const rule of profile.rules) {
    for (const source of rule.sources) {
      const [subnet = "", prefix] = source.split("/");
      const port = rule.from === rule.to ? String(rule.from) : `${rule.from}:${rule.to}`;
      new FirewallRule(
        `${name}-${rule.name}-${slug(source)}`,
        {
          firewallGroupId: group.id,
          protocol: rule.protocol,
          ipType: "v4",
          subnet,
          subnetSize: Number(prefix),
          port: rule.protocol === "icmp" ? undefined : port,
          notes: rule.name,
        },
        opts,
      );
    }
  }
  return group;
}

// image

function findImage(opts: pulumi.InvokeOptions): pulumi.Output<number> {
  return lookedUp(getOs({ filters: [{ name: "name", values: [SYSTEM] }] }, opts)).id.apply(Number);
}

// machines

function createMachine(
  args: CloudArgs,
  node: NodePlan,
  opts: pulumi.CustomResourceOptions,
  inputs: Pick<InstanceArgs, "osId" | "vpcIds" | "firewallGroupId" | "reservedIpId" | "userData">,
): Instance {
  return new Instance(
    node.name,
    {
      ...inputs,
      region: args.cluster.place,
      plan: node.size,
      label: node.name,
      hostname: node.name,
      // No mail at every machine.
      activationEmail: false,
      tags: tagListOf(args.cluster),
    },
    machineOptions(args, node, ["osId", "userData"], opts),
  );
}

// addresses

function createAddress(cluster: ClusterPlan, node: NodePlan, opts: pulumi.CustomResourceOptions): ReservedIp {
  return new ReservedIp(
    node.name,
    { region: cluster.place, ipType: "v4", label: node.name },
    // The machine names it by `reservedIpId`; the other side's `instanceId` would be written back here at every refresh.
    { ...opts, ignoreChanges: ["instanceId"] },
  );
}
