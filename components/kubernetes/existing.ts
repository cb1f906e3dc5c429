/** The way into a cluster that somebody else has put up. */
import * as pulumi from "@pulumi/pulumi";
import { UserError } from "../../plan/errors";
import { type ApiAccess, parseKubeconfig } from "../../plan/kubeconfig";
import type { ClusterPlan } from "../../plan/types";
import { asShown } from "../errors";
import { awaitExisting, kubeconfigRemedy } from "./live";

export interface ExistingAccess {
  /** Secret. */
  kubeconfig: pulumi.Output<string>;
  /** `host:port`. */
  apiAddress: pulumi.Output<string>;
  /** Settled once everything stated of the cluster was found there; in a preview at once, for it asks no cluster. */
  checked: pulumi.Output<void>;
}

/**
 * Reads the kubeconfig out of the stack's configuration.
 *
 * @throws UserError when there is none.
 */
export function accessExisting(cluster: ClusterPlan): ExistingAccess {
  const kubeconfig = new pulumi.Config("archipelago").getSecret("kubeconfig");
  if (!kubeconfig) {
    throw new UserError(
      `${cluster.name} is an existing cluster, and its stack has no kubeconfig for it.`,
      kubeconfigRemedy(cluster.name),
    );
  }
  const access = kubeconfig.apply((text) => readAccess(cluster, text));
  return {
    kubeconfig,
    apiAddress: pulumi.unsecret(access.apply(({ host, port }) => `${host}:${port}`)),
    checked: access.apply((readable) => checkExisting(cluster, readable)),
  };
}

function readAccess(cluster: ClusterPlan, text: string): ApiAccess {
  try {
    return parseKubeconfig(text, kubeconfigRemedy(cluster.name));
  } catch (error) {
    throw asShown(error);
  }
}

async function checkExisting(cluster: ClusterPlan, access: ApiAccess): Promise<void> {
  if (pulumi.runtime.isDryRun()) return;
  try {
    for (const warning of await awaitExisting(cluster, access)) await pulumi.log.warn(warning);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    // Each by itself: whoever shows errors in one line cuts long ones.
    const [message = "", ...findings] = error.message.split("\n");
    for (const finding of findings) await pulumi.log.error(finding.trim());
    throw asShown(new UserError(message, error.remedy));
  }
}
