/** Which stack am I, build it, export it. */
import * as pulumi from "@pulumi/pulumi";
import { renderFinding, topologyWarnings, WARNING_MARK } from "./plan/check";
import { UserError } from "./plan/errors";
import { planFleet } from "./plan/plan";
import { createBroker } from "./stacks/broker";
import { createRegion } from "./stacks/region";
import { loadTopology } from "./stacks/topology";

async function program(): Promise<Record<string, unknown>> {
  try {
    const plan = planFleet(loadTopology());
    const stack = pulumi.getStack();
    const cluster = plan.clusters[stack];
    if (!cluster) {
      throw new UserError(
        `There is no cluster "${stack}" in the topology.`,
        `Select one of its stacks: ${Object.keys(plan.clusters).join(", ")}; or add "${stack}" to stacks/topology.ts.`,
      );
    }
    for (const warning of topologyWarnings(plan.topology, [stack])) {
      await pulumi.log.warn(`${WARNING_MARK}${renderFinding(warning)}`);
    }
    return await (cluster.role === "broker" ? createBroker(plan) : createRegion(plan, cluster));
  } catch (error) {
    // Message and remedy, no stack trace.
    throw error instanceof UserError ? new pulumi.RunError(`${error.message}\n${error.remedy}`) : error;
  }
}

export = program;
