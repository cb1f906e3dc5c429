import { createHash } from "node:crypto";
import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { UserError } from "../../plan/errors";
import type { DatabaseCertificates } from "../../plan/join";
import { DATABASE } from "../../plan/names";
import type { ClusterPlan, Plan } from "../../plan/types";
import { INIT_JOB, NODE_SECRET, PUBLIC_SERVICE, ROOT_SECRET } from "./names";
import * as objects from "./objects";

/** Replicas join over the tunnels and wait for the primary's `init`: minutes on a slow machine, never a quarter of an hour. */
const READY_TIMEOUT = "15m";
const SKIP_AWAIT = { "pulumi.com/skipAwait": "true" };

/**
 * One region's share of the database: namespace, certificates, Services, the StatefulSet, and in the primary region the
 * Job that initialises it. Needs the region's volumes, DNS and tunnels (pass them as `dependsOn`). On return the
 * replicas are ready (elsewhere) or the database is initialised (primary).
 */
export class Database extends pulumi.ComponentResource {
  constructor(
    name: string,
    args: { plan: Plan; cluster: ClusterPlan; certificates: pulumi.Output<DatabaseCertificates> },
    opts?: pulumi.ComponentResourceOptions,
  ) {
    super("archipelago:cockroachdb:Database", name, {}, opts);
    const { plan, cluster, certificates } = args;
    const labels = objects.planLabels(plan.topology);
    const metadata = (object: string, annotations?: Record<string, string>) => ({
      name: object,
      namespace: DATABASE.namespace,
      labels,
      ...(annotations && { annotations }),
    });

    const namespace = new k8s.core.v1.Namespace(
      `${name}-namespace`,
      {
        metadata: {
          name: DATABASE.namespace,
          labels: { ...labels, "pod-security.kubernetes.io/enforce": "restricted" },
        },
      },
      // The claims on the volumes go when it goes.
      { parent: this, protect: plan.topology.protectData },
    );
    const inside = { parent: this, dependsOn: [namespace] };

    const nodeSecret = new k8s.core.v1.Secret(
      `${name}-node-certificate`,
      {
        metadata: metadata(NODE_SECRET),
        type: "Opaque",
        data: encodeFiles(certificates, ({ caCert, nodeCert, nodeKey }) => ({
          "ca.crt": caCert,
          "node.crt": nodeCert,
          "node.key": nodeKey,
        })),
      },
      inside,
    );

    const headless = new k8s.core.v1.Service(
      `${name}-replicas`,
      { metadata: metadata(DATABASE.statefulSet, SKIP_AWAIT), spec: objects.planHeadlessService() },
      inside,
    );
    new k8s.core.v1.Service(
      `${name}-public`,
      // It has no ready endpoint before `init`: awaited here, it would hold up the very thing that it waits for.
      { metadata: metadata(PUBLIC_SERVICE, SKIP_AWAIT), spec: objects.planPublicService() },
      inside,
    );
    new k8s.policy.v1.PodDisruptionBudget(
      `${name}-budget`,
      {
        metadata: metadata(DATABASE.statefulSet),
        spec: { maxUnavailable: 1, selector: { matchLabels: objects.SELECTOR } },
      },
      inside,
    );

    const replicas = new k8s.apps.v1.StatefulSet(
      `${name}-replicas`,
      {
        // In the primary region the Job below makes the replicas ready: awaiting them before it would never end.
        metadata: metadata(DATABASE.statefulSet, cluster.primary ? SKIP_AWAIT : undefined),
        spec: objects.planStatefulSet(plan, cluster, fingerprint(certificates)),
      },
      {
        parent: this,
        dependsOn: [namespace, nodeSecret, headless],
        customTimeouts: { create: READY_TIMEOUT, update: READY_TIMEOUT },
        // Kubernetes cannot change them in place, and a replacement would stop the whole region at once.
        ignoreChanges: ["spec.volumeClaimTemplates"],
      },
    );

    if (cluster.primary) this.initialise(name, args, namespace, replicas);
    this.registerOutputs({});
  }

  /** Exactly once in the fleet: two initialised databases can never be merged. */
  private initialise(
    name: string,
    {
      plan,
      cluster,
      certificates,
    }: { plan: Plan; cluster: ClusterPlan; certificates: pulumi.Output<DatabaseCertificates> },
    namespace: pulumi.Resource,
    replicas: pulumi.Resource,
  ): void {
    const labels = objects.planLabels(plan.topology);
    const rootSecret = new k8s.core.v1.Secret(
      `${name}-root-certificate`,
      {
        metadata: { name: ROOT_SECRET, namespace: DATABASE.namespace, labels },
        type: "Opaque",
        data: encodeFiles(certificates, ({ caCert, rootCert, rootKey }) => ({
          "ca.crt": caCert,
          "client.root.crt": demanded(rootCert, "rootCert"),
          "client.root.key": demanded(rootKey, "rootKey"),
        })),
      },
      { parent: this, dependsOn: [namespace] },
    );
    new k8s.batch.v1.Job(
      `${name}-init`,
      {
        metadata: { name: INIT_JOB, namespace: DATABASE.namespace, labels },
        spec: objects.planInitJob(plan, cluster),
      },
      {
        parent: this,
        dependsOn: [rootSecret, replicas],
        customTimeouts: { create: READY_TIMEOUT },
        // A Job's template cannot change; run again, it finds the database initialised and ends well.
        deleteBeforeReplace: true,
      },
    );
  }
}

/** Files of a Secret, base64; secret. */
const encodeFiles = (
  certificates: pulumi.Output<DatabaseCertificates>,
  choose: (certificates: DatabaseCertificates) => Record<string, string>,
): pulumi.Output<Record<string, string>> =>
  pulumi.secret(
    certificates.apply((texts) =>
      Object.fromEntries(
        Object.entries(choose(texts)).map(([file, text]) => [file, Buffer.from(text).toString("base64")]),
      ),
    ),
  );

/** Of the certificate, which is public: the plan may show that it changes. */
const fingerprint = (certificates: pulumi.Output<DatabaseCertificates>): pulumi.Output<string> =>
  pulumi.unsecret(
    certificates.apply(({ nodeCert }) => createHash("sha256").update(nodeCert).digest("hex").slice(0, 16)),
  );

function demanded(text: string | undefined, field: string): string {
  if (text) return text;
  throw new UserError(
    `The broker's entry for the primary region has no ${field}.`,
    "Run `pulumi up` on the broker stack, then again here.",
  );
}
