/** One cluster: identity, machines, the wait for its API, and what every cluster needs inside. */
import { Provider } from "@pulumi/kubernetes/provider";
import * as pulumi from "@pulumi/pulumi";
import { renderBootScript, type SharedCredentials } from "../../plan/bootScript";
import { certificateDays } from "../../plan/certificates";
import { CLOUD_FACTS } from "../../plan/clouds";
import { UserError } from "../../plan/errors";
import { nodeRules } from "../../plan/firewall";
import { API_PORT } from "../../plan/names";
import { onceOf } from "../../plan/once";
import { isReplicated } from "../../plan/servers";
import type { ClusterPlan, NodePlan, Plan } from "../../plan/types";
import { type Balancer, cloudAdapter, type KnownAddresses, type Machine } from "../cloud";
import type { Manifests } from "../manifests";
import { createDns } from "./dns";
import { createFlannel } from "./flannel";
import { createIdentity, createSharedCredentials, type Identity } from "./identity";
import { renderKubeconfig } from "./kubeconfig";
import { awaitCluster } from "./readiness";
import { createStorage } from "./storage";

export interface ClusterArgs {
  plan: Plan;
  cluster: ClusterPlan;
  manifests: Manifests;
}

/** With several servers also what they have in common. */
type ClusterIdentity = Identity & { shared?: pulumi.Output<SharedCredentials> };

export class Cluster extends pulumi.ComponentResource {
  /** Servers first. */
  readonly machines: Machine[];
  /** Whatever lives inside the cluster is gone with it. */
  readonly whole: pulumi.Resource;
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
    const { plan, cluster, manifests } = args;
    const { topology } = plan;

    const days = certificateDays(topology);
    const identity: ClusterIdentity = createIdentity(cluster.name, days, { parent: this });
    if (isReplicated(cluster)) identity.shared = createSharedCredentials(cluster.name, days, { parent: this });
    const cloud = cloudAdapter(cluster.cloud)(
      {
        cluster,
        boot: (node, known) => createBootScript(plan, cluster, node, identity, known),
        protectData: topology.protectData,
      },
      this,
    );
    this.machines = cloud.machines;
    const api = cloud.balancer ?? ownApi(cluster, this.machines);
    this.whole = api.whole;
    this.apiAddress = pulumi.interpolate`${api.address}:${API_PORT}`;

    const facts = pulumi.all([api.address, identity.caCert, identity.adminCert, identity.adminKey]);
    this.kubeconfig = pulumi.secret(
      facts.apply(([address, caCert, adminCert, adminKey]) =>
        renderKubeconfig({ cluster: cluster.name, address, apiName: cluster.apiName, caCert, adminCert, adminKey }),
      ),
    );
    // The wait is for all machines, not only for the one it asks.
    const machines = pulumi.all(this.machines.map((machine) => machine.resource.id));
    const awaited = pulumi
      .all([facts, machines])
      .apply(([[address, caCert, adminCert, adminKey]]) =>
        awaitReadiness(cluster, { address, caCert, adminCert, adminKey }),
      );
    // A preview asks no cluster, and must not wait for machines that it cannot know yet: a new worker's unknown id would
    // make the provider unknown, and show everything inside the cluster as replaced.
    const settled = pulumi.runtime.isDryRun()
      ? this.kubeconfig
      : pulumi.all([this.kubeconfig, awaited]).apply(([kubeconfig]) => kubeconfig);

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
      // Deleting objects one by one in a cluster whose machine goes away would wait for a dead API.
      deletedWith: this.whole,
    };
    const dns = createDns(cluster, topology.upstreamDns, inside);
    const network = createFlannel(cluster, manifests, { ...inside, dependsOn: [dns] });
    const storage = createStorage(cluster, topology, inside);
    this.ready = [dns, ...network, ...storage];
    this.registerOutputs({});
  }
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
function ownApi(cluster: ClusterPlan, machines: Machine[]): Balancer {
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
    throw error instanceof UserError ? new pulumi.RunError(`${error.message}\n${error.remedy}`) : error;
  }
}
