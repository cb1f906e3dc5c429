/** Civo: one network, firewalls, Ubuntu machines; public addresses are 1:1 translated and stay with their machine. */
import { Firewall } from "@pulumi/civo/firewall";
import { FirewallRule } from "@pulumi/civo/firewallRule";
import { getTemplate } from "@pulumi/civo/getTemplate";
import { Instance } from "@pulumi/civo/instance";
import { Network } from "@pulumi/civo/network";
import { Provider } from "@pulumi/civo/provider";
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

const IMAGE_NAME = "ubuntu-noble";

export function createCivo(args: CloudArgs, parent: pulumi.Resource): CloudCluster {
  const { cluster } = args;
  const provider = new Provider(`${cluster.name}-civo`, { region: cluster.place }, { parent });
  const opts = { parent, provider };
  const network = createNetwork(cluster, opts);
  const firewallOf = createFirewalls(cluster, (profile, name) =>
    createFirewall(cluster, profile, name, network.id, opts),
  );
  const image = findImage(cluster, opts);
  const machines = createMachines(args, (node, userData) => {
    const machine = createMachine(args, node, opts, {
      template: image,
      networkId: network.id,
      firewallId: firewallOf(node).id,
      // A script with a shebang; Civo takes no cloud-config here.
      script: userData(),
    });
    return { node, resource: machine, privateAddress: machine.privateIp, publicAddress: machine.publicIp };
  });
  return { machines };
}

// network

/** Civo chooses the range: the topology has to say which (`nodeCidr`). */
function createNetwork(cluster: ClusterPlan, opts: pulumi.CustomResourceOptions): Network {
  return new Network(cluster.name, { label: `archipelago-${cluster.name}`, region: cluster.place }, opts);
}

// firewall

function createFirewall(
  cluster: ClusterPlan,
  profile: FirewallProfile,
  name: string,
  networkId: pulumi.Output<string>,
  opts: pulumi.CustomResourceOptions,
): Firewall {
  const firewall = new Firewall(name, { name: `archipelago-${name}`, networkId, region: cluster.place }, opts);
  for (const rule of profile.rules) {
    new FirewallRule(
      `${name}-${rule.name}`,
      {
        firewallId: firewall.id,
        region: cluster.place,
        direction: "ingress",
        protocol: rule.protocol,
        startPort: rule.protocol === "icmp" ? undefined : String(rule.from),
        endPort: rule.protocol === "icmp" ? undefined : String(rule.to),
        cidrs: rule.sources,
        label: slug(rule.name),
      },
      opts,
    );
  }
  return firewall;
}

// image

function findImage(cluster: ClusterPlan, opts: pulumi.InvokeOptions): pulumi.Output<string> {
  const found = getTemplate({ region: cluster.place, filters: [{ key: "name", values: [IMAGE_NAME] }] }, opts);
  return lookedUp(found).templates.apply((templates) => templates[0]?.id ?? IMAGE_NAME);
}

// machines

interface MachineInputs {
  template: pulumi.Input<string>;
  networkId: pulumi.Input<string>;
  firewallId: pulumi.Input<string>;
  script: pulumi.Input<string>;
}

function createMachine(
  args: CloudArgs,
  node: NodePlan,
  opts: pulumi.CustomResourceOptions,
  inputs: MachineInputs,
): Instance {
  return new Instance(
    node.name,
    {
      ...inputs,
      region: args.cluster.place,
      hostname: node.name,
      size: node.size,
      // Every node: without one there is no way out, either.
      publicIpRequired: "create",
      tags: tagListOf(args.cluster),
    },
    // Civo fills in `reverseDns`, and its provider would take that away again at every up.
    machineOptions(args, node, ["template", "script", "reverseDns"], opts),
  );
}

// addresses: each machine's own, above; Civo keeps it as long as the machine lives.
