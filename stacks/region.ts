/** A region stack: one cluster with its gateway to the others and its part of the database. */
import * as pulumi from "@pulumi/pulumi";
import { Database } from "../components/cockroachdb/database";
import { Cluster } from "../components/kubernetes/cluster";
import { loadManifests } from "../components/manifests";
import { SubmarinerGateway } from "../components/submariner/gateway";
import { UserError } from "../plan/errors";
import { isJoin, type Join, joinOutput } from "../plan/join";
import type { ClusterPlan, Plan } from "../plan/types";
import { clusterOutputs } from "./outputs";

export async function createRegion(plan: Plan, planned: ClusterPlan): Promise<Record<string, unknown>> {
  const manifests = loadManifests();
  const join = await readJoin(plan, planned.name);
  const cluster = new Cluster(planned.name, { plan, cluster: planned, manifests });
  const inside = { providers: { kubernetes: cluster.provider }, deletedWith: cluster.whole };
  const gateways = cluster.machines
    .filter(({ node }) => node.gateway)
    .map(({ node, publicAddress }) => ({ node, publicAddress }));
  const machineIds = Object.fromEntries(
    cluster.machines.flatMap(({ node, resource }) => (resource ? [[node.name, resource.id]] : [])),
  ) as Record<string, pulumi.Output<string>>;
  const gateway = new SubmarinerGateway(
    "submariner",
    { plan, cluster: planned, manifests, join, gateways, machineIds },
    { ...inside, dependsOn: cluster.ready },
  );
  new Database(
    "database",
    { plan, cluster: planned, certificates: join.database },
    // Replicas look for their peers through the tunnels, and the init Job must not run before they can be found.
    { ...inside, dependsOn: [...cluster.ready, ...gateway.ready] },
  );
  return clusterOutputs(plan, planned, cluster);
}

/**
 * This region's own entry of the broker stack, and no other. In a preview it may be missing: then it is unknown.
 *
 * @throws UserError when the broker stack has not made it yet.
 */
async function readJoin(plan: Plan, region: string): Promise<pulumi.Output<Join>> {
  const broker = plan.broker.name;
  const stack = `${pulumi.getOrganization()}/${pulumi.getProject()}/${broker}`;
  const outputs = await readOutputs(stack, `The ${broker} stack has not been made yet.`, remedyFor(broker, region));
  const entry = outputs[joinOutput(region)];
  if (isJoin(entry)) return pulumi.secret(entry);
  if (pulumi.runtime.isDryRun()) return pulumi.output(pulumi.unknown) as unknown as pulumi.Output<Join>;
  throw new UserError(
    `The ${broker} stack is not up yet: it has no whole entry for ${region}.`,
    remedyFor(broker, region),
  );
}

/**
 * Asks for the stack's outputs without referring to it: a StackReference would keep a copy of all of them in this stack's
 * state, the other regions' tokens and the broker's kubeconfig among them.
 */
async function readOutputs(name: string, message: string, remedy: string): Promise<Record<string, unknown>> {
  try {
    const answer = (await pulumi.runtime.invoke("pulumi:pulumi:readStackOutputs", { name })) as Answer;
    return answer.outputs ?? {};
  } catch (error) {
    if (/unknown stack|no stack named|not found/i.test(String(error))) throw new UserError(message, remedy);
    throw error;
  }
}

interface Answer {
  outputs?: Record<string, unknown>;
}

const remedyFor = (broker: string, region: string): string =>
  `Run \`pulumi up -s ${broker}\` first (\`pulumi stack init ${broker}\` if there is no such stack), then \`pulumi up -s ${region}\` again.`;
