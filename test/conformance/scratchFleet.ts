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
import { CLOUDS, type CloudName, type ClusterPlan, type NodePlan, type NodeSpec, type Plan } from "../../plan/types";
import { ADAPTERS } from "./adapters";

const require = createRequire(__filename);

/** What a machine was told, by its node's name: the last script rendered, and the addresses known at that time. */
export interface Told {
  script: string;
  publicAddress?: string;
  serverAddress?: string;
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

/** Plans the scratch fleet; the broker is planned because every fleet has one, and never built. */
export function planScratch(others: (cloud: CloudName) => Record<string, NodeSpec> = firstNodes): Plan {
  const regions = CLOUDS.map((cloud, index) => [
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
      nodes: { server: { role: "server", gateway: true }, ...others(cloud) },
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
const CA = { caCert: pem("CERTIFICATE", 420), caKey: pem("EC PRIVATE KEY", 121) };
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
          publicAddresses: told.publicAddress ? [told.publicAddress] : [],
        })
      : renderBootScript({
          ...{ ...common, role: "worker", caHash: `sha256:${"0".repeat(64)}` },
          serverAddress: told.serverAddress ?? "",
        });
  return node.key === edition.oversized ? script + BALLAST : script;
}

/** What the adapters return, as a stack's outputs carry it. */
export interface Built {
  node: string;
  privateAddress: string;
  publicAddress: string;
}

/** The Pulumi program: every adapter on its cluster. `told` is filled while it runs. */
export function scratchProgram(plan: Plan, told: Map<string, Told>, edition: Edition): pulumi.automation.PulumiFn {
  // Loaded by the same translator as under the engine, so that the adapters' own lazy `require` works.
  require("tsx/cjs");
  const { cloudAdapter } = require("../../components/cloud") as { cloudAdapter: typeof CloudAdapter };
  return () => {
    const outputs: Record<string, unknown> = {};
    for (const cluster of plan.regions) {
      const { machineType, withImage } = ADAPTERS[cluster.cloud];
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
          pulumi.all([known.publicAddress, known.serverAddress]).apply(([publicAddress, serverAddress]) => {
            const script = renderScript(plan, cluster, node, { publicAddress, serverAddress }, edition);
            told.set(node.name, { script, publicAddress, serverAddress });
            return script;
          }),
        );
      outputs[cluster.name] = cloudAdapter(cluster.cloud)({ cluster, boot, protectData: false }, parent).map(
        ({ node, privateAddress, publicAddress }) => ({ node: node.name, privateAddress, publicAddress }),
      );
    }
    return Promise.resolve(outputs);
  };
}
