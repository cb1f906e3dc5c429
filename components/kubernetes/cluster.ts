/** One cluster: identity, machines, the wait for its API, and what every cluster needs inside. */
import { Provider } from "@pulumi/kubernetes/provider";
import * as pulumi from "@pulumi/pulumi";
import { renderBootScript, type SharedCredentials } from "../../plan/bootScript";
import { certificateDays } from "../../plan/certificates";
import { CLOUD_FACTS } from "../../plan/clouds";
import { nodeRules } from "../../plan/firewall";
import { API_PORT } from "../../plan/names";
import { onceOf } from "../../plan/once";
import { isReplicated } from "../../plan/servers";
import { type ClusterPlan, EXISTING, type NodePlan, type Plan } from "../../plan/types";
import { cloudAdapter, type KnownAddresses, type Machine } from "../cloud";
import { asShown } from "../errors";
import type { Manifests } from "../manifests";
import { createDns } from "./dns";
import { accessExisting } from "./existing";
import { createFlannel } from "./flannel";
import { createIdentity, createSharedCredentials, type Identity } from "./identity";
import { renderKubeconfig } from "./kubeconfig";
import { awaitCluster } from "./readiness";
import { createResolver } from "./resolver";
import { createStorage } from "./storage";

export interface ClusterArgs {
  plan: Plan;
  cluster: ClusterPlan;
  manifests: Manifests;
}

/** With several servers also what they have in common. */
type ClusterIdentity = Identity & { shared?: pulumi.Output<SharedCredentials> };

/** The way into a cluster, and what it consists of, whoever has put it up. */
interface ClusterAccess {
  machines: Machine[];
  /** What goes only with the whole cluster; undefined when the cluster stays. */
  whole?: pulumi.Resource;
  /** Secret. */
  kubeconfig: pulumi.Output<string>;
  /** `host:port`. */
  apiAddress: pulumi.Output<string>;
  /** Settled once the cluster can be worked with. */
  checked: pulumi.Output<void>;
}

export class Cluster extends pulumi.ComponentResource {
  /** Servers first; of an existing cluster its nodes, without resources of ours. */
  readonly machines: Machine[];
  /** Whatever lives inside the cluster is gone with it; undefined for an existing cluster, which stays. */
  readonly whole?: pulumi.Resource;
  /** Secret. */
  readonly kubeconfig: pulumi.Output<string>;
  /** Public `host:port` of the API. */
  readonly apiAddress: pulumi.Output<string>;
  /** Settled once the API answers and all nodes have registered; everything made with it waits for that. */
  readonly provider: Provider;
  /** DNS, pod network and storage: what pods need to run. */
  readonly ready: pulumi.Resource[];

  constructor(name: string, args: ClusterArgs, opts?: pulumi.ComponentResourceOptions) {
    super("archipelago:kubernetes:Cluster", name, {}, opts);
    const { plan, cluster } = args;

    const access = cluster.cloud === EXISTING ? this.join(plan, cluster) : this.build(plan, cluster);
    this.machines = access.machines;
    this.whole = access.whole;
    this.kubeconfig = access.kubeconfig;
    this.apiAddress = access.apiAddress;

    // A preview asks no cluster, and must not wait for machines that it cannot know yet: a new worker's unknown id would
    // make the provider unknown, and show everything inside the cluster as replaced.
    const settled = pulumi.runtime.isDryRun()
      ? this.kubeconfig
      : pulumi.all([this.kubeconfig, access.checked]).apply(([kubeconfig]) => kubeconfig);

    this.provider = new Provider(
      `${cluster.name}-kubernetes`,
      {
        kubeconfig: settled,
        // An engine killed while it made an object must find it again, not stumble over it.
        upsertExistingObjects: true,
        // Renewed certificates and tokens change in place; pods that mount them see the change.
        enableSecretMutable: true,
        enableConfigMapMutable: true,
      },
      { parent: this },
    );
    const inside = {
      parent: this,
      provider: this.provider,
      // Deleting objects one by one in a cluster whose machine goes away would wait for a dead API. An existing one stays:
      // there each is deleted.
      deletedWith: this.whole,
    };
    this.ready = cluster.cloud === EXISTING ? createResolver(cluster, inside) : createInside(args, inside);
    this.registerOutputs({});
  }

  private build(plan: Plan, cluster: ClusterPlan): ClusterAccess {
    const days = certificateDays(plan.topology);
    const identity: ClusterIdentity = createIdentity(cluster.name, days, { parent: this });
    if (isReplicated(cluster)) identity.shared = createSharedCredentials(cluster.name, days, { parent: this });
    const { machines, balancer } = cloudAdapter(cluster.cloud)(
      {
        cluster,
        boot: (node, known) => createBootScript(plan, cluster, node, identity, known),
        protectData: plan.topology.protectData,
      },
      this,
    );
    const api = balancer ?? ownApi(cluster, machines);
    const facts = pulumi.all([api.address, identity.caCert, identity.adminCert, identity.adminKey]);
    const kubeconfig = facts.apply(([address, caCert, adminCert, adminKey]) =>
      renderKubeconfig({ cluster: cluster.name, address, apiName: cluster.apiName, caCert, adminCert, adminKey }),
    );
    // The wait is for all machines, not only for the one it asks.
    const made = pulumi.all(machines.map(({ resource }) => resource?.id));
    // As a promise, which belongs to no resource: as an output it would make everything inside the cluster depend on every
    // machine, and the engine would replace all of it together with one worker.
    const awaited = new Promise<void>((resolve, reject) => {
      pulumi.all([facts, made]).apply(([[address, caCert, adminCert, adminKey]]) => {
        awaitReadiness(cluster, { address, caCert, adminCert, adminKey }).then(resolve, reject);
      });
    });
    return {
      machines,
      whole: api.whole,
      kubeconfig: pulumi.secret(kubeconfig),
      apiAddress: pulumi.interpolate`${api.address}:${API_PORT}`,
      checked: pulumi.output(awaited),
    };
  }

  private join({ topology }: Plan, cluster: ClusterPlan): ClusterAccess {
    const boot = (node: NodePlan): never => {
      throw new RangeError(`${node.name} is not ours to boot`);
    };
    const { machines } = cloudAdapter(cluster.cloud)({ cluster, boot, protectData: topology.protectData }, this);
    return { machines, ...accessExisting(cluster) };
  }
}

/** DNS, pod network and storage of a cluster that is ours from the beginning. */
function createInside(
  { plan, cluster, manifests }: ClusterArgs,
  opts: pulumi.CustomResourceOptions,
): pulumi.Resource[] {
  const dns = createDns(cluster, plan.topology.upstreamDns, opts);
  const network = createFlannel(cluster, manifests, { ...opts, dependsOn: [dns] });
  const storage = createStorage(cluster, plan.topology, opts);
  return [dns, ...network, ...storage];
}

function createBootScript(
  plan: Plan,
  cluster: ClusterPlan,
  node: NodePlan,
  identity: ClusterIdentity,
  known: KnownAddresses,
): pulumi.Output<string> {
  const hostFirewall = CLOUD_FACTS[cluster.cloud].hostFirewall ? nodeRules(cluster.firewall, node) : undefined;
  const common = { cluster, node, kubernetesVersion: plan.topology.kubernetes.version, hostFirewall };
  const { caCert, caKey, caHash, bootstrapToken, shared } = identity;
  const servers = pulumi.all(known.serverAddresses);
  if (node.role === "worker") {
    return pulumi.secret(
      pulumi
        .all([caHash, bootstrapToken, servers])
        .apply(([hash, token, serverAddresses]) =>
          renderBootScript({ ...common, role: "worker", caHash: hash, bootstrapToken: token, serverAddresses }),
        ),
    );
  }
  const { joinAddress } = onceOf(node, process.env);
  const founder = node.name === cluster.nodes[0]?.name && joinAddress === undefined;
  const together = shared
    ? pulumi.all([caHash, servers, shared]).apply(([hash, others, credentials]) => {
        const serverAddresses = [...new Set([...(joinAddress ? [joinAddress] : []), ...others])];
        return { founder, caHash: hash, serverAddresses, credentials };
      })
    : undefined;
  const addresses = pulumi.all(known.apiAddress ? [known.apiAddress] : []);
  return pulumi.secret(
    pulumi
      .all([caCert, caKey, bootstrapToken, addresses, together])
      .apply(([cert, key, token, publicAddresses, group]) =>
        renderBootScript({
          ...common,
          role: "server",
          caCert: cert,
          caKey: key,
          bootstrapToken: token,
          publicAddresses,
          together: group,
        }),
      ),
  );
}

/** The single server's address; the cluster goes with its machine. */
function ownApi(
  cluster: ClusterPlan,
  machines: Machine[],
): Pick<ClusterAccess, "whole"> & { address: pulumi.Output<string> } {
  const server = machines.find((machine) => machine.node.role === "server");
  if (!server) throw new RangeError(`${cluster.name}: no server`);
  return { address: server.publicAddress, whole: server.resource };
}

interface Access {
  address: string;
  caCert: string;
  adminCert: string;
  adminKey: string;
}

async function awaitReadiness(cluster: ClusterPlan, access: Access): Promise<void> {
  // A preview asks no cluster: it may not exist, or not be reachable from a pull request's runner.
  if (pulumi.runtime.isDryRun()) return;
  try {
    await awaitCluster({
      ...access,
      cluster: cluster.name,
      apiName: cluster.apiName,
      nodes: cluster.nodes.map((node) => node.name),
      onProgress: (line) => void pulumi.log.info(line, undefined, undefined, true),
    });
  } catch (error) {
    throw asShown(error);
  }
}
