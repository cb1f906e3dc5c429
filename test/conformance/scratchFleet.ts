/** A fleet to try the adapters on: one region a cloud, each with every kind of node, nothing inside the machines. */
import { randomBytes } from "node:crypto";
import { createRequire } from "node:module";
import * as pulumi from "@pulumi/pulumi";
import type { CloudArgs, cloudAdapter as CloudAdapter } from "../../components/cloud";
import { renderBootScript } from "../../plan/bootScript";
import { assertTopology } from "../../plan/check";
import { CLOUD_FACTS } from "../../plan/clouds";
import { nodeRules } from "../../plan/firewall";
import { planFleet } from "../../plan/plan";
import { isReplicated } from "../../plan/servers";
import { CLOUDS, type CloudName, type ClusterPlan, type NodePlan, type NodeSpec, type Plan } from "../../plan/types";
import { ADAPTERS } from "./adapters";

const require = createRequire(__filename);

/** What a machine was told, by its node's name: the last script rendered, and the addresses known at that time. */
export interface Told {
  script: string;
  apiAddress?: string;
  serverAddresses: string[];
}

export interface Edition {
  /** Keys of nodes beside the server. */
  others?: Record<string, NodeSpec>;
  /** Kubernetes version in every boot script. */
  version?: string;
  /** The cloud's image catalogue has moved on. */
  newImage?: boolean;
  /** A node, by key, whose script no cloud takes. */
  oversized?: string;
}

/** As many characters as a cluster's name may have: what an adapter makes of it must still fit, and still differ. */
export const clusterOf = (cloud: CloudName): string => ADAPTERS[cloud].cluster;

const WORKERS: Record<string, NodeSpec> = {
  "gateway-2": { role: "worker", gateway: true },
  "worker-1": { role: "worker" },
  "worker-2": { role: "worker" },
};

/** The nodes beside the server as at first, one pool of them of another size. */
export const firstNodes = (cloud: CloudName): Record<string, NodeSpec> => ({
  ...WORKERS,
  "worker-2": { role: "worker", size: ADAPTERS[cloud].otherSize },
});

const ONE_SERVER: Record<string, NodeSpec> = {
  server: { role: "server", gateway: true, replicas: [0, 1, 2] },
};

/** Plans the scratch fleet; the broker is planned because every fleet has one, and never built. */
export const planScratch = (others: (cloud: CloudName) => Record<string, NodeSpec> = firstNodes): Plan =>
  planRegions([...CLOUDS], (cloud) => ({ ...ONE_SERVER, ...others(cloud) }));

/** The clouds on which a cluster may have three servers. */
export const REPLICATED_CLOUDS = CLOUDS.filter((cloud) => CLOUD_FACTS[cloud].severalServers === true);

/** Plans one region a cloud, each of three servers in three zones where there are zones, and a worker in the first one. */
export const planReplicated = (others: Record<string, NodeSpec> = {}): Plan =>
  planRegions(REPLICATED_CLOUDS, (cloud) => {
    const [one, two, three] = ADAPTERS[cloud].zones ?? [];
    const nodes: Record<string, NodeSpec> = {
      a: { role: "server", gateway: true, zone: one, replicas: [0] },
      b: { role: "server", gateway: true, zone: two, replicas: [1] },
      c: { role: "server", zone: three, replicas: [2] },
      "worker-1": { role: "worker", zone: one },
    };
    const inFirst = Object.entries(others).map(([key, node]) => [key, { ...node, zone: one }]);
    return { ...nodes, ...(Object.fromEntries(inFirst) as Record<string, NodeSpec>) };
  });

function planRegions(clouds: CloudName[], nodes: (cloud: CloudName) => Record<string, NodeSpec>): Plan {
  const regions = clouds.map((cloud, index) => [
    clusterOf(cloud),
    {
      ...{
        cloud,
        role: "region",
        primary: index === 0,
        place: ADAPTERS[cloud].place,
        account: ADAPTERS[cloud].account,
      },
      ...{ podCidr: `10.${130 + index}.0.0/16`, serviceCidr: `10.${190 + index}.0.0/16` },
      nodeCidr: ADAPTERS[cloud].nodeCidr ?? `10.${20 + index}.0.0/24`,
      nodes: nodes(cloud),
    },
  ]);
  const broker = {
    ...{ cloud: "vultr", role: "broker", place: "ewr", nodes: { server: { role: "server" } } },
    ...{ podCidr: "10.128.0.0/16", serviceCidr: "10.188.0.0/16", nodeCidr: "10.10.0.0/24" },
  };
  return planFleet(
    assertTopology({
      // Equinix Metal has ended: only a rehearsal may still use it.
      world: "rehearsal",
      domain: "archipelago.internal",
      adminCidrs: ["198.18.0.0/24", "203.0.113.7/32"],
      upstreamDns: [],
      protectData: false,
      kubernetes: { version: "v1.37.2" },
      submariner: { version: "0.24.2", repository: "quay.io/submariner", cableDriver: "libreswan" },
      database: { image: "registry.test/database:v1", standIn: true, replicas: 3, storageGib: 7 },
      clusters: { broker, ...(Object.fromEntries(regions) as Record<string, unknown>) },
    }),
  );
}

// As long as real ones; what they say is the boot script's own tests' matter.
const pem = (what: string, bytes: number): string =>
  `-----BEGIN ${what}-----\n${randomBytes(bytes)
    .toString("base64")
    .replace(/(.{64})/g, "$1\n")}\n-----END ${what}-----\n`;
const [CERT, KEY] = [pem("CERTIFICATE", 420), pem("EC PRIVATE KEY", 121)];
const CA = { caCert: CERT, caKey: KEY };
const CA_HASH = `sha256:${"0".repeat(64)}`;
const CREDENTIALS = {
  ...{ etcdCaCert: CERT, etcdCaKey: KEY, frontProxyCaCert: CERT, frontProxyCaKey: KEY },
  ...{ serviceAccountKey: KEY, serviceAccountPublicKey: pem("PUBLIC KEY", 91) },
};
export const BOOTSTRAP_TOKEN = "abcdef.0123456789abcdef";
/** Too large for every cloud that has a limit, however it is packed. */
const BALLAST = `\n# ${randomBytes(48_000).toString("base64")}\n`;

function renderScript(plan: Plan, cluster: ClusterPlan, node: NodePlan, told: Omit<Told, "script">, edition: Edition) {
  const hostFirewall = CLOUD_FACTS[cluster.cloud].hostFirewall ? nodeRules(cluster.firewall, node) : undefined;
  const kubernetesVersion = edition.version ?? plan.topology.kubernetes.version;
  const common = { cluster, node, kubernetesVersion, bootstrapToken: BOOTSTRAP_TOKEN, hostFirewall };
  const script =
    node.role === "server"
      ? renderBootScript({
          ...{ ...common, ...CA, role: "server" },
          publicAddresses: told.apiAddress ? [told.apiAddress] : [],
          together: isReplicated(cluster)
            ? {
                ...{ founder: node === cluster.nodes[0], caHash: CA_HASH },
                ...{ serverAddresses: told.serverAddresses, credentials: CREDENTIALS },
              }
            : undefined,
        })
      : renderBootScript({
          ...{ ...common, role: "worker", caHash: CA_HASH },
          serverAddresses: told.serverAddresses,
        });
  return node.key === edition.oversized ? script + BALLAST : script;
}

/** Name of the output that holds the address of a cluster's load balancer. */
export const apiOutput = (cloud: CloudName): string => `api-of-${clusterOf(cloud)}`;

/** What the adapters return, as a stack's outputs carry it. */
export interface Built {
  node: string;
  privateAddress: string;
  publicAddress: string;
}

/** The Pulumi program: every adapter on its cluster. `told` is filled while it runs. */
export function scratchProgram(plan: Plan, told: Map<string, Told>, edition: Edition = {}): pulumi.automation.PulumiFn {
  // Loaded by the same translator as under the engine, so that the adapters' own lazy `require` works.
  require("tsx/cjs");
  const { cloudAdapter } = require("../../components/cloud") as { cloudAdapter: typeof CloudAdapter };
  return () => {
    const outputs: Record<string, unknown> = {};
    for (const cluster of plan.regions) {
      const { machineType, withImage } = ADAPTERS[cluster.cloud as CloudName];
      const changeImage: pulumi.ResourceTransformation = ({ type, props, opts }) =>
        type === machineType ? { props: withImage(props), opts } : undefined;
      const parent = new pulumi.ComponentResource(
        "archipelago:conformance:Cluster",
        cluster.name,
        {},
        { transformations: edition.newImage ? [changeImage] : [] },
      );
      const boot: CloudArgs["boot"] = (node, known) =>
        pulumi.secret(
          pulumi.all([known.apiAddress, pulumi.all(known.serverAddresses)]).apply(([apiAddress, serverAddresses]) => {
            const script = renderScript(plan, cluster, node, { apiAddress, serverAddresses }, edition);
            told.set(node.name, { script, apiAddress, serverAddresses });
            return script;
          }),
        );
      const { machines, balancer } = cloudAdapter(cluster.cloud)({ cluster, boot, protectData: false }, parent);
      outputs[apiOutput(cluster.cloud as CloudName)] = balancer?.address;
      outputs[cluster.name] = machines.map(({ node, privateAddress, publicAddress }) => ({
        node: node.name,
        privateAddress,
        publicAddress,
      }));
    }
    return Promise.resolve(outputs);
  };
}
