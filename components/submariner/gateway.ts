import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import type { Join } from "../../plan/join";
import { DEFAULT_MSS_OCTETS } from "../../plan/networks";
import { type ClusterPlan, EXISTING, type NodePlan, type Plan, type Topology } from "../../plan/types";
import type { KubeObject, Manifests } from "../manifests";
import { createDefinitions } from "./definitions";
import { createManifest } from "./manifest";
import {
  BROKER_NAMESPACE,
  BROKER_SECRET,
  GATEWAY_LABEL,
  MACHINE_ANNOTATION,
  MSS_ANNOTATION,
  OPERATOR,
  OPERATOR_NAMESPACE,
  PSK_SECRET,
  PUBLIC_IP_ANNOTATION,
  SUBMARINER,
} from "./names";
import { planSubmarinerSpec } from "./spec";

export interface GatewayNode {
  node: NodePlan;
  publicAddress: pulumi.Output<string>;
}

export interface SubmarinerGatewayArgs {
  plan: Plan;
  cluster: ClusterPlan;
  manifests: Manifests;
  join: pulumi.Output<Join>;
  gateways: GatewayNode[];
  /** Id of each node's machine in its cloud, by the node's name; nodes whose machine is not ours are left out. */
  machineIds: Record<string, pulumi.Output<string>>;
  /** Runs Lighthouse too. Default: false; DNS between the clusters goes through CoreDNS. */
  serviceDiscovery?: boolean;
}

/** Removing Submariner runs a clean-up pod on every node, for which the operator allows two minutes. */
const REMOVAL_TIMEOUT = "10m";

/**
 * Joins a region cluster to the mesh: the operator, its Secrets, labels and annotations on the nodes, and last the
 * Submariner resource that makes the operator start the gateways. The last one depends on all others, so it also goes
 * first: without a running operator its finalizer would never be taken off.
 */
export class SubmarinerGateway extends pulumi.ComponentResource {
  /** What to depend on in order to come after the mesh has been asked for. Nothing here waits for the tunnels. */
  readonly ready: pulumi.Resource[];

  constructor(name: string, args: SubmarinerGatewayArgs, opts?: pulumi.ComponentResourceOptions) {
    super("archipelago:submariner:Gateway", name, {}, opts);
    const { plan, cluster, join } = args;
    const child = { parent: this };

    const definitions = cluster.cloud === EXISTING ? createDefinitions(name, child) : [];
    const operator = createManifest(
      name,
      args.manifests.submarinerOperator,
      { ...child, dependsOn: definitions },
      (object) => pinOperator(object, plan.topology),
    );
    const secrets = this.createSecrets(name, join, operator);
    const nodes = cluster.nodes.map((node) => this.patchNode(name, node, args));

    const submariner = new k8s.apiextensions.CustomResource(
      `${name}-submariner`,
      {
        apiVersion: "submariner.io/v1alpha1",
        kind: "Submariner",
        metadata: { name: SUBMARINER, namespace: OPERATOR_NAMESPACE },
        spec: planSubmarinerSpec(
          plan,
          cluster,
          {
            api: join.apply(({ brokerApi }) => brokerApi),
            ca: join.apply(({ brokerCa }) => brokerCa),
            psk: join.apply(({ psk }) => psk),
          },
          args.serviceDiscovery ?? false,
        ),
      },
      {
        parent: this,
        // A gateway reads its node's annotations once, at its start: they must stand there before.
        dependsOn: [...operator, ...secrets, ...nodes],
        customTimeouts: { delete: REMOVAL_TIMEOUT },
      },
    );
    this.ready = [submariner];
    this.registerOutputs({});
  }

  private createSecrets(name: string, join: pulumi.Output<Join>, dependsOn: pulumi.Resource[]): pulumi.Resource[] {
    const create = (role: string, secretName: string, choose: (join: Join) => Record<string, string>) =>
      new k8s.core.v1.Secret(
        `${name}-${role}`,
        {
          metadata: { name: secretName, namespace: OPERATOR_NAMESPACE },
          type: "Opaque",
          data: pulumi.secret(join.apply(choose)),
        },
        { parent: this, dependsOn },
      );
    return [
      create("broker", BROKER_SECRET, ({ brokerToken, brokerCa }) => ({
        token: toBase64(brokerToken),
        "ca.crt": brokerCa,
        namespace: toBase64(BROKER_NAMESPACE),
      })),
      // The driver encodes what it reads from the file, so the file holds the raw bytes.
      create("psk", PSK_SECRET, ({ psk }) => ({ psk })),
    ];
  }

  private patchNode(
    name: string,
    node: NodePlan,
    { gateways, machineIds, plan }: SubmarinerGatewayArgs,
  ): pulumi.Resource {
    const { mssOctets = DEFAULT_MSS_OCTETS } = plan.topology.submariner;
    const gateway = gateways.find((candidate) => candidate.node.name === node.name);
    return new k8s.core.v1.NodePatch(
      `${name}-node-${node.key}`,
      {
        metadata: {
          name: node.name,
          ...(gateway && { labels: { [GATEWAY_LABEL]: "true" } }),
          annotations: {
            // A run that was cut off leaves the fields to a field manager that is never seen again.
            "pulumi.com/patchForce": "true",
            [MSS_ANNOTATION]: String(mssOctets),
            // A replaced machine registers as a node without any of this: the patch must not look unchanged then.
            ...(machineIds[node.name] && { [MACHINE_ANNOTATION]: machineIds[node.name] }),
            ...(gateway && { [PUBLIC_IP_ANNOTATION]: pulumi.interpolate`ipv4:${gateway.publicAddress}` }),
          },
        },
      },
      { parent: this },
    );
  }
}

/**
 * The operator of the topology's version and repository instead of the manifest's placeholder. Variables that name
 * single images are dropped: they would go before the Submariner resource's repository and version.
 */
export function pinOperator(object: KubeObject, { submariner }: Topology): KubeObject {
  if (object.kind !== "Deployment" || object.metadata.name !== OPERATOR) return object;
  const { spec } = object as unknown as OperatorDeployment;
  for (const container of spec.template.spec.containers) {
    container.image = `${submariner.repository}/${OPERATOR}:${submariner.version}`;
    // Upstream says Always: a pinned version needs no registry once its image is there.
    container.imagePullPolicy = "IfNotPresent";
    container.env = container.env?.filter((variable) => !variable.name.startsWith("RELATED_IMAGE_"));
  }
  return object;
}

interface OperatorDeployment {
  spec: { template: { spec: { containers: OperatorContainer[] } } };
}

interface OperatorContainer {
  image: string;
  imagePullPolicy: string;
  env?: { name: string }[];
}

const toBase64 = (text: string): string => Buffer.from(text, "utf8").toString("base64");
