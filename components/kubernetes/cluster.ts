/** One cluster: identity, machines, the wait for its API, and what every cluster needs inside. */
import { Provider } from "@pulumi/kubernetes/provider";
import * as pulumi from "@pulumi/pulumi";
import { renderBootScript } from "../../plan/bootScript";
import { certificateDays } from "../../plan/certificates";
import { CLOUD_FACTS } from "../../plan/clouds";
import { UserError } from "../../plan/errors";
import { nodeRules } from "../../plan/firewall";
import { API_PORT } from "../../plan/names";
import type { ClusterPlan, NodePlan, Plan } from "../../plan/types";
import { cloudAdapter, type KnownAddresses, type Machine } from "../cloud";
import type { Manifests } from "../manifests";
import { createDns } from "./dns";
import { createFlannel } from "./flannel";
import { createIdentity, type Identity } from "./identity";
import { renderKubeconfig } from "./kubeconfig";
import { awaitCluster } from "./readiness";
import { createStorage } from "./storage";

export interface ClusterArgs {
  plan: Plan;
  cluster: ClusterPlan;
  manifests: Manifests;
}

export class Cluster extends pulumi.ComponentResource {
  readonly machines: Machine[];
  /** The machine that carries the API; whatever lives inside the cluster is gone with it. */
  readonly server: Machine;
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

    const identity = createIdentity(cluster.name, certificateDays(topology), { parent: this });
    this.machines = cloudAdapter(cluster.cloud)(
      {
        cluster,
        boot: (node, known) => createBootScript(plan, cluster, node, identity, known),
        protectData: topology.protectData,
      },
      this,
    );
    this.server = serverOf(cluster, this.machines);
    this.apiAddress = pulumi.interpolate`${this.server.publicAddress}:${API_PORT}`;

    const facts = pulumi.all([
      this.server.publicAddress,
      identity.caCert,
      identity.adminCert,
      identity.adminKey,
      // The wait is for all machines, not only for the one it asks.
      pulumi.all(this.machines.map((machine) => machine.resource.id)),
    ]);
    this.kubeconfig = pulumi.secret(
      facts.apply(([address, caCert, adminCert, adminKey]) =>
        renderKubeconfig({ cluster: cluster.name, address, apiName: cluster.apiName, caCert, adminCert, adminKey }),
      ),
    );
    const awaited = facts.apply(([address, caCert, adminCert, adminKey]) =>
      awaitReadiness(cluster, { address, caCert, adminCert, adminKey }),
    );

    this.provider = new Provider(
      `${cluster.name}-kubernetes`,
      {
        kubeconfig: pulumi.all([this.kubeconfig, awaited]).apply(([kubeconfig]) => kubeconfig),
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
      deletedWith: this.server.resource,
    };
    const dns = createDns(cluster, topology.upstreamDns, inside);
    const network = createFlannel(cluster, manifests, { ...inside, dependsOn: [dns] });
    const storage = createStorage(cluster, topology.database.storageGib, inside);
    this.ready = [dns, ...network, ...storage];
    this.registerOutputs({});
  }
}

function createBootScript(
  plan: Plan,
  cluster: ClusterPlan,
  node: NodePlan,
  identity: Identity,
  known: KnownAddresses,
): pulumi.Output<string> {
  const hostFirewall = CLOUD_FACTS[cluster.cloud].hostFirewall ? nodeRules(cluster.firewall, node) : undefined;
  const common = { cluster, node, kubernetesVersion: plan.topology.kubernetes.version, hostFirewall };
  const { caCert, caKey, caHash, bootstrapToken } = identity;
  if (node.role === "server") {
    const addresses = pulumi.all(known.publicAddress ? [known.publicAddress] : []);
    return pulumi.secret(
      pulumi.all([caCert, caKey, bootstrapToken, addresses]).apply(([cert, key, token, publicAddresses]) =>
        renderBootScript({
          ...common,
          role: "server",
          caCert: cert,
          caKey: key,
          bootstrapToken: token,
          publicAddresses,
        }),
      ),
    );
  }
  if (!known.serverAddress) throw new RangeError(`${node.name}: the server's address must be known first`);
  return pulumi.secret(
    pulumi
      .all([caHash, bootstrapToken, known.serverAddress])
      .apply(([hash, token, serverAddress]) =>
        renderBootScript({ ...common, role: "worker", caHash: hash, bootstrapToken: token, serverAddress }),
      ),
  );
}

function serverOf(cluster: ClusterPlan, machines: Machine[]): Machine {
  const server = machines.find((machine) => machine.node.role === "server");
  if (!server) throw new RangeError(`${cluster.name}: no server`);
  return server;
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
