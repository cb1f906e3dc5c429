/** Which nodes are rolled, in which order, and which must not be. Pure. */
import { UserError } from "../plan/errors";
import { checkLoss } from "../plan/loss";
import { EXISTING, type ClusterPlan, type NodePlan, type Plan } from "../plan/types";
import { renderCount } from "./text";

/** One machine to be replaced. */
export interface RollStep {
  stack: string;
  /** Name of machine and node. */
  node: string;
  key: string;
  gateway: boolean;
  /** One of several servers: a member of etcd, which leaves it first. */
  server: boolean;
  /** Ordinals of the database whose volumes are lost with the machine. */
  replicas: number[];
}

/** A node that stays as it is, and why. */
export interface Refusal {
  stack: string;
  node: string;
  reason: string;
  remedy: string;
}

export interface RollPlan {
  steps: RollStep[];
  refusals: Refusal[];
}

/**
 * Plans a roll: the named nodes, or every node of the stacks that may be rolled; stack by stack, workers before servers
 * and nodes without tunnels before gateways, so that what hurts most is touched once everything else has come through.
 *
 * @param wanted keys of nodes (or their whole names), in every chosen stack that has them; empty: all.
 * @throws UserError for a node nobody has, for a named node that must not be rolled, and when nothing is left to roll.
 */
export function planRoll(plan: Plan, stacks: string[], wanted: string[] = []): RollPlan {
  const clusters = stacks.flatMap((name) => plan.clusters[name] ?? []);
  const candidates = clusters.flatMap((cluster) => cluster.nodes.map((node) => ({ cluster, node })));
  const isNamed = ({ node }: { node: NodePlan }, name: string) => node.key === name || node.name === name;
  const strangers = wanted.filter((name) => !candidates.some((candidate) => isNamed(candidate, name)));
  if (strangers.length > 0) {
    throw new UserError(
      `There is no node ${strangers.join(", ")} in ${stacks.join(", ")}.`,
      `Choose among ${candidates.map(({ node }) => node.name).join(", ")}.`,
    );
  }
  const chosen = candidates.filter((one) => wanted.length === 0 || wanted.some((name) => isNamed(one, name)));
  const refusals = chosen.flatMap(({ cluster, node }) => refusalOf(plan, cluster, node) ?? []);
  const refused = new Set(refusals.map(({ node }) => node));
  const steps = chosen.flatMap(({ cluster, node }): RollStep[] => {
    const { name, key, gateway, replicas, role } = node;
    const server = role === "server";
    return refused.has(name) ? [] : [{ stack: cluster.name, node: name, key, gateway, server, replicas }];
  });
  if (refusals.length > 0 && (wanted.length > 0 || steps.length === 0)) {
    throw new UserError(
      refusals.map(({ node, reason }) => `${node} cannot be rolled: ${reason}.`).join("\n"),
      [...new Set(refusals.map(({ remedy }) => remedy))].join("\n"),
    );
  }
  const order = (step: RollStep) => stacks.indexOf(step.stack) * 4 + (step.server ? 2 : 0) + (step.gateway ? 1 : 0);
  return { steps: steps.sort((one, other) => order(one) - order(other)), refusals };
}

function refusalOf(plan: Plan, cluster: ClusterPlan, node: NodePlan): Refusal | undefined {
  const refuse = (reason: string, remedy: string): Refusal => ({
    ...{ stack: cluster.name, node: node.name },
    ...{ reason, remedy },
  });
  if (cluster.cloud === EXISTING) {
    return refuse(
      `${cluster.name} is an existing cluster, whose machines this program has not made`,
      `Replace it by the means that made ${cluster.name}.`,
    );
  }
  const servers = cluster.nodes.filter(({ role }) => role === "server").length;
  if (node.role === "server" && servers === 1) {
    const anew = `./archipelago down --stack ${cluster.name}, then up again, which loses what is in it`;
    return refuse(
      `it is the only server of ${cluster.name}, and its etcd is the cluster`,
      `Give ${cluster.name} three servers, or make the cluster anew: ${anew}.`,
    );
  }
  const loss = checkLoss(plan, cluster, node);
  if (loss === undefined) return undefined;
  return refuse(loss, "Add nodes that hold replicas first (docs/operating.md, nodes).");
}

/** What will happen and what will be lost, a line each. */
export function renderRollPlan({ steps, refusals }: RollPlan): string[] {
  const lines = [`${renderCount(steps.length, "machine")} to be replaced, one after the other:`];
  for (const { node, gateway, server, replicas } of steps) {
    const parts = [
      ...(server ? ["a server: until its successor has joined, the cluster's etcd can spare no other one"] : []),
      ...(gateway ? ["a gateway: its tunnels go to another one of the region, or stop until it is back"] : []),
      replicas.length > 0
        ? `lost with it: the volume${replicas.length === 1 ? "" : "s"} of database replica ${replicas.join(" and ")}, made anew from the others`
        : "holds no database volume",
    ];
    lines.push(`  ${node}: ${parts.join("; ")}`);
  }
  for (const { node, reason } of refusals) lines.push(`  ${node} stays: ${reason}`);
  return lines;
}

/** The command that rolls these nodes of one stack. */
export const renderRollCommand = (steps: Pick<RollStep, "stack" | "key">[]): string =>
  `./archipelago roll --stack ${steps[0]?.stack}${steps.map(({ key }) => ` --node ${key}`).join("")}`;
