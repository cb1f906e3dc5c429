/** The contract every cloud fulfils, and what all adapters share. */
import * as zlib from "node:zlib";
import * as pulumi from "@pulumi/pulumi";
import { CLOUD_FACTS } from "../plan/clouds";
import { type FirewallProfile, firewallProfiles, profileName } from "../plan/firewall";
import type { AdapterName, ClusterPlan, NodePlan } from "../plan/types";

/** What may be known of the fleet when a machine's boot script is written. */
export interface KnownAddresses {
  /** Where the API will be dialled from outside, where the cloud tells it before boot: it stands in the certificate. */
  apiAddress?: pulumi.Output<string>;
  /** Private addresses of the other servers: for a worker of all, for a server of those that are planned or made before it. */
  serverAddresses: pulumi.Output<string>[];
}

export interface CloudArgs {
  cluster: ClusterPlan;
  /** A node's user data: a bash script, secret. */
  boot: (node: NodePlan, known: KnownAddresses) => pulumi.Output<string>;
  /** Whether machines that hold database volumes refuse to be deleted or replaced. */
  protectData: boolean;
}

export interface Machine {
  node: NodePlan;
  /** What is gone when the machine is gone; undefined where the machine is not ours, and stays. */
  resource?: pulumi.CustomResource;
  /** Unknown where the machine is not ours: nobody needs it there. */
  privateAddress?: pulumi.Output<string>;
  /** Static for nodes with `staticAddress`, otherwise for egress only. */
  publicAddress: pulumi.Output<string>;
}

/** What an adapter makes of a cluster: network, firewall, image, machines, addresses. */
export interface CloudCluster {
  /** Servers first. */
  machines: Machine[];
  /** Stands before the API where there are several servers; a single one answers by its own static address. */
  balancer?: Balancer;
}

export interface Balancer {
  /** Outlives every single server. */
  address: pulumi.Output<string>;
  /** What goes only with the whole cluster, such as its network: whatever lives inside the cluster is gone with it. */
  whole: pulumi.Resource;
}

/** A balancer while the servers behind it are being made. */
export interface OpenBalancer<Server> extends Balancer {
  attach: (node: NodePlan, server: Server) => void;
}

export type CreateCloud = (args: CloudArgs, parent: pulumi.Resource) => CloudCluster;

/** The adapter of a cloud; only the chosen cloud's SDK is loaded. */
export function cloudAdapter(name: AdapterName): CreateCloud {
  // `require`, not `import`: five SDKs nobody uses would add a tenth to every preview's CPU.
  /* eslint-disable @typescript-eslint/no-require-imports */
  switch (name) {
    case "aws":
      return (require("./clouds/aws") as typeof import("./clouds/aws")).createAws;
    case "oci":
      return (require("./clouds/oci") as typeof import("./clouds/oci")).createOci;
    case "vultr":
      return (require("./clouds/vultr") as typeof import("./clouds/vultr")).createVultr;
    case "civo":
      return (require("./clouds/civo") as typeof import("./clouds/civo")).createCivo;
    case "linode":
      return (require("./clouds/linode") as typeof import("./clouds/linode")).createLinode;
    case "equinix-metal":
      return (require("./clouds/equinixMetal") as typeof import("./clouds/equinixMetal")).createEquinixMetal;
    case "existing":
      return (require("./clouds/existing") as typeof import("./clouds/existing")).createExisting;
    default:
      return name satisfies never;
  }
  /* eslint-enable @typescript-eslint/no-require-imports */
}

/** Creates one machine; `userData` makes its boot script, told the machine's own static address where it is known. */
export type CreateMachine = (
  node: NodePlan,
  userData: (publicAddress?: pulumi.Output<string>) => pulumi.Output<string>,
) => Machine;

/**
 * Creates the machines one by one, the servers first, because the others are told their addresses.
 *
 * @param balancer where the API is dialled instead of the single server's own address.
 */
export function createMachines(
  { cluster, boot }: CloudArgs,
  create: CreateMachine,
  balancer?: pulumi.Output<string>,
): Machine[] {
  const machines: Machine[] = [];
  for (const node of cluster.nodes) {
    const servers = cluster.nodes.filter((other) => other.role === "server" && other !== node);
    const serverAddresses = servers.flatMap((server) => {
      // A worker waits for the servers' machines: else it could be given an address that is planned for one of them.
      if (node.role === "server" && server.privateAddress) return [pulumi.output(server.privateAddress)];
      return machines.filter((made) => made.node === server).flatMap(({ privateAddress }) => privateAddress ?? []);
    });
    machines.push(
      create(node, (publicAddress) => boot(node, { apiAddress: balancer ?? publicAddress, serverAddresses })),
    );
  }
  return machines;
}

/** One firewall for every kind of node in the cluster: made by `create`, found by node. */
export function createFirewalls<T>(
  cluster: ClusterPlan,
  create: (profile: FirewallProfile, name: string) => T,
): (node: NodePlan) => T {
  const firewalls = new Map(
    firewallProfiles(cluster.firewall, cluster.nodes).map((profile) => [
      profile.name,
      create(profile, `${cluster.name}-${profile.name}`),
    ]),
  );
  return (node) => {
    const firewall = firewalls.get(profileName(node));
    if (firewall === undefined) throw new RangeError(`no firewall for ${node.name}`);
    return firewall;
  };
}

/**
 * Options of a machine.
 *
 * @param onceOnly fields that only count at the first boot (user data, image): later changes would silently replace the
 *   node and what it holds. A new image or script reaches a node by replacing it on purpose, one at a time
 *   (`./archipelago roll`).
 */
export function machineOptions(
  { protectData }: CloudArgs,
  node: NodePlan,
  onceOnly: string[],
  opts: pulumi.CustomResourceOptions,
): pulumi.CustomResourceOptions {
  return {
    ...opts,
    ignoreChanges: onceOnly,
    protect: protectData && node.replicas.length > 0,
    // Name and static address belong to one machine at a time: clouds refuse them to a second one.
    deleteBeforeReplace: true,
  };
}

/** Labels by which machines and bills are told apart. */
export const tagsOf = (cluster: ClusterPlan, name: string): Record<string, string> => ({
  Name: name,
  project: "archipelago",
  cluster: cluster.name,
  ...(cluster.owner !== undefined && { owner: cluster.owner }),
});

/** The same for clouds whose tags have no values. */
export const tagListOf = (cluster: ClusterPlan): string[] => [
  "archipelago",
  cluster.name,
  ...(cluster.owner !== undefined ? [`owner:${cluster.owner}`] : []),
];

/** base64, kept secret. */
export const base64 = (text: pulumi.Output<string>): pulumi.Output<string> =>
  text.apply((plain) => Buffer.from(plain).toString("base64"));

/** gzip and base64, kept secret: cloud-init unpacks it. */
export const gzipBase64 = (text: pulumi.Output<string>): pulumi.Output<string> =>
  text.apply((plain) => zlib.gzipSync(plain, { level: 9 }).toString("base64"));

/** A rule's or range's text that is allowed in names: CIDRs contain dots and slashes. */
export const slug = (text: string): string => text.replace(/[^a-z0-9]+/gi, "-").replace(/^-|-$/g, "");

/** The account the plan was checked to have. */
export function accountOf(cluster: ClusterPlan): string {
  if (!cluster.account) throw new RangeError(`${cluster.name}: no ${CLOUD_FACTS[cluster.cloud].account ?? "account"}`);
  return cluster.account;
}
