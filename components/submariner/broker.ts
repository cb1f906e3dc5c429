import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { UserError } from "../../plan/errors";
import type { Plan } from "../../plan/types";
import type { KubeObject, Manifests } from "../manifests";
import { createManifest } from "./manifest";
import { ACCESS_NAMESPACE, BROKER_NAMESPACE, BROKER_ROLE, brokerAccount } from "./names";

/** As long as upstream's own tool makes it. */
const PSK_BYTES = 48;

/** What one cluster needs in order to join. Secret. */
export interface BrokerAccess {
  token: pulumi.Output<string>;
  /** The broker cluster's CA, base64 of PEM. */
  ca: pulumi.Output<string>;
  /** The same for the whole fleet, base64. */
  psk: pulumi.Output<string>;
}

/**
 * The place where the region clusters tell each other their addresses: CRDs and one Role, and for each region an
 * account with a token. No tunnel ends here and no operator runs.
 *
 * The accounts live in a namespace of their own, bound to upstream's Role across the border. That Role may read and
 * write every Secret of the broker namespace (the operator watches them all, so it cannot be narrowed); put there, as
 * upstream's tool does, each region could read the others' tokens. For the same reason upstream's two ready-made
 * accounts, whose token any region could make itself, are left out.
 */
export class SubmarinerBroker extends pulumi.ComponentResource {
  /** Keyed by region cluster. */
  readonly access: Record<string, BrokerAccess>;

  constructor(name: string, args: { plan: Plan; manifests: Manifests }, opts?: pulumi.ComponentResourceOptions) {
    super("archipelago:submariner:Broker", name, {}, opts);
    const child = { parent: this };

    const objects = createManifest(name, selectBrokerObjects(args.manifests.submarinerBroker), child);
    const namespace = new k8s.core.v1.Namespace(`${name}-access`, { metadata: { name: ACCESS_NAMESPACE } }, child);
    const psk = new random.RandomBytes(`${name}-psk`, { length: PSK_BYTES }, child);

    this.access = Object.fromEntries(
      args.plan.regions.map(({ name: cluster }) => {
        const token = this.createAccount(name, cluster, [...objects, namespace]);
        return [
          cluster,
          {
            token: readToken(token, "token", (base64) => Buffer.from(base64, "base64").toString("utf8")),
            ca: readToken(token, "ca.crt", (base64) => base64),
            psk: pulumi.secret(psk.base64),
          },
        ];
      }),
    );
    this.registerOutputs({});
  }

  /** @returns the token's Secret, filled: the provider waits for it. */
  private createAccount(name: string, cluster: string, dependsOn: pulumi.Resource[]): k8s.core.v1.Secret {
    const account = brokerAccount(cluster);
    const serviceAccount = new k8s.core.v1.ServiceAccount(
      `${name}-${account}`,
      { metadata: { name: account, namespace: ACCESS_NAMESPACE }, automountServiceAccountToken: false },
      { parent: this, dependsOn },
    );
    const binding = new k8s.rbac.v1.RoleBinding(
      `${name}-${account}`,
      {
        metadata: { name: account, namespace: BROKER_NAMESPACE },
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: BROKER_ROLE },
        subjects: [{ kind: "ServiceAccount", name: account, namespace: ACCESS_NAMESPACE }],
      },
      { parent: this, dependsOn: [...dependsOn, serviceAccount] },
    );
    return new k8s.core.v1.Secret(
      `${name}-${account}-token`,
      {
        metadata: {
          name: `${account}-token`,
          namespace: ACCESS_NAMESPACE,
          annotations: { "kubernetes.io/service-account.name": account },
        },
        type: "kubernetes.io/service-account-token",
      },
      // After the binding: a token that is handed out works.
      { parent: this, dependsOn: [serviceAccount, binding] },
    );
  }
}

/** Namespace, CRDs and the Role of a joined cluster; nothing else of upstream's broker is used here. */
export function selectBrokerObjects(manifest: KubeObject[]): KubeObject[] {
  const used = manifest.filter(
    ({ kind, metadata }) =>
      kind === "Namespace" || kind === "CustomResourceDefinition" || (kind === "Role" && metadata.name === BROKER_ROLE),
  );
  if (!used.some(({ kind }) => kind === "Role")) {
    throw new UserError(
      `submariner-broker.yaml has no Role ${BROKER_ROLE}: it is not the manifest of a Submariner this program knows.`,
      "Fetch the pinned manifests again, or pin another submariner.version in the topology.",
    );
  }
  return used;
}

/** One entry of a token's Secret. The control plane fills it, so a preview of the first `up` does not have it yet. */
function readToken(
  secret: k8s.core.v1.Secret,
  entry: string,
  decode: (base64: string) => string,
): pulumi.Output<string> {
  const text = secret.data.apply((data: Record<string, string> | undefined) => {
    const base64 = data?.[entry];
    if (base64) return decode(base64);
    if (pulumi.runtime.isDryRun()) return pulumi.unknown as unknown as string;
    throw new UserError(
      `The broker cluster has not filled ${entry} of a ServiceAccount's token.`,
      "Look at its kube-controller-manager (kubectl --namespace kube-system get pods), then run `pulumi up` again.",
    );
  });
  return pulumi.secret(text);
}
