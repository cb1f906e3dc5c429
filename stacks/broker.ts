/** The broker stack: where the clusters meet, and the root of the trust between them. Not part of the mesh. */
import * as pulumi from "@pulumi/pulumi";
import { DatabaseTrust } from "../components/cockroachdb/trust";
import { Cluster } from "../components/kubernetes/cluster";
import { loadManifests } from "../components/manifests";
import { SubmarinerBroker } from "../components/submariner/broker";
import { joinOutput } from "../plan/join";
import type { Plan } from "../plan/types";
import { clusterOutputs } from "./outputs";

export function createBroker(plan: Plan): Record<string, unknown> {
  const manifests = loadManifests();
  const cluster = new Cluster(plan.broker.name, { plan, cluster: plan.broker, manifests });
  const broker = new SubmarinerBroker(
    "submariner",
    { plan, manifests },
    { providers: { kubernetes: cluster.provider }, dependsOn: cluster.ready, deletedWith: cluster.whole },
  );
  const trust = new DatabaseTrust("trust", { plan });

  const outputs = clusterOutputs(plan, plan.broker, cluster);
  for (const { name } of plan.regions) {
    const access = broker.access[name];
    const database = trust.entries[name];
    if (!access || !database) throw new RangeError(`no entry for ${name}`);
    outputs[joinOutput(name)] = pulumi.secret({
      brokerApi: cluster.apiAddress,
      brokerCa: access.ca,
      brokerToken: access.token,
      psk: access.psk,
      database,
    });
  }
  return outputs;
}
