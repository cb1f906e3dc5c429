/** Equinix Metal: bare machines with public and private addresses of the project's blocks. The service ended on 2026-06-30. */
import { Device } from "@pulumi/equinix-metal/device";
import { Provider } from "@pulumi/equinix-metal/provider";
import * as pulumi from "@pulumi/pulumi";
import type { NodePlan } from "../../plan/types";
import { accountOf, type CloudArgs, type CloudCluster, createMachines, machineOptions, tagListOf } from "../cloud";

export function createEquinixMetal(args: CloudArgs, parent: pulumi.Resource): CloudCluster {
  const provider = new Provider(`${args.cluster.name}-metal`, { authToken: authToken() }, { parent });
  const opts = { parent, provider };
  const machines = createMachines(args, (node, userData) => {
    const machine = createMachine(args, node, userData(), opts);
    return {
      node,
      resource: machine,
      privateAddress: machine.accessPrivateIpv4,
      publicAddress: machine.accessPublicIpv4,
    };
  });
  return { machines };
}

/** An explicit provider does not read the environment by itself. */
function authToken(): pulumi.Output<string> {
  const configured = new pulumi.Config("equinix-metal").getSecret("authToken");
  return configured ?? pulumi.secret(process.env.METAL_AUTH_TOKEN ?? "");
}

// network: the project's private block in the metro; the topology has to say which (`nodeCidr`).

// firewall: none of the cloud's own. The boot script filters on the host by the same rules (plan/hostFirewall.ts).

// image

const SYSTEM = "ubuntu_24_04";

// machines

function createMachine(
  args: CloudArgs,
  node: NodePlan,
  userData: pulumi.Output<string>,
  opts: pulumi.CustomResourceOptions,
): Device {
  return new Device(
    node.name,
    {
      projectId: accountOf(args.cluster),
      metro: args.cluster.place,
      hostname: node.name,
      plan: node.size,
      operatingSystem: SYSTEM,
      billingCycle: "hourly",
      userData,
      tags: tagListOf(args.cluster),
    },
    machineOptions(args, node, ["operatingSystem", "userData"], opts),
  );
}

// addresses: each machine's own, above; Metal keeps them as long as the machine lives.
