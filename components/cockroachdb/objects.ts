/** The database's Kubernetes objects as plain data: pure, no secret in them. */
import type { types } from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { DATABASE } from "../../plan/names";
import { type ClusterPlan, EXISTING, type Plan, type Topology } from "../../plan/types";
import { BINARY, CERTIFICATE_FOLDER, planStartArguments, renderInitScript, STORE_FOLDER } from "./command";
import { HTTP_PORT, INIT_JOB, NODE_SECRET, ROOT_SECRET, SQL_PORT } from "./names";

type StatefulSetSpec = types.input.apps.v1.StatefulSetSpec;
type ServiceSpec = types.input.core.v1.ServiceSpec;
type PodSpec = types.input.core.v1.PodSpec;
type JobSpec = types.input.batch.v1.JobSpec;

/** Which kind of database runs here, on every object that shows itself: `real` or `stand-in`, never left to a guess. */
export const NATURE_LABEL = "archipelago.internal/nature";
/** Fingerprint of the node certificate on the pods: a renewed certificate restarts them one by one. */
export const CERTIFICATE_ANNOTATION = "archipelago.internal/node-certificate";

export const natureOf = (topology: Topology): "real" | "stand-in" => (topology.database.standIn ? "stand-in" : "real");

/** Owner of the database's files in the image; the key files are readable by this group alone. */
const USER_ID = 1000;
const KEY_MODE = 0o440;

const CONTAINER_SECURITY: types.input.core.v1.SecurityContext = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ["ALL"] },
};

/** What selects the pods. It can never change, so it says nothing that could. */
export const SELECTOR = { "app.kubernetes.io/name": DATABASE.statefulSet, "app.kubernetes.io/component": "database" };

/** Labels of every object. */
export const planLabels = (topology: Topology): Record<string, string> => ({
  ...SELECTOR,
  "app.kubernetes.io/part-of": "archipelago",
  [NATURE_LABEL]: natureOf(topology),
});

/**
 * What one replica asks of its machine. The real database sizes its cache and its SQL memory by the limit (a quarter
 * each, see command.ts), so it must have one; the stand-in keeps nothing in memory.
 */
export const planResources = (topology: Topology): types.input.core.v1.ResourceRequirements =>
  natureOf(topology) === "stand-in"
    ? { requests: { cpu: "10m", memory: "16Mi" } }
    : { requests: { cpu: "500m", memory: "1Gi" }, limits: { memory: "2Gi" } };

const PORTS = [
  { name: "sql", port: SQL_PORT, targetPort: "sql" },
  { name: "http", port: HTTP_PORT, targetPort: "http" },
];

/** Gives every replica its name. Names must resolve before the replicas are ready, or they never find each other. */
export const planHeadlessService = (): ServiceSpec => ({
  clusterIP: "None",
  publishNotReadyAddresses: true,
  selector: SELECTOR,
  ports: PORTS,
});

/** For clients: any replica of this cluster that is ready. */
export const planPublicService = (): ServiceSpec => ({ type: "ClusterIP", selector: SELECTOR, ports: PORTS });

/**
 * The replicas: `topology.database.replicas` pods, each on its own static volume.
 *
 * @param certificate fingerprint of the node certificate.
 */
export function planStatefulSet(plan: Plan, cluster: ClusterPlan, certificate: pulumi.Input<string>): StatefulSetSpec {
  const { database } = plan.topology;
  const labels = planLabels(plan.topology);
  return {
    serviceName: DATABASE.statefulSet,
    replicas: database.replicas,
    // None is ready before `init`: started one after the other, the second would never come.
    podManagementPolicy: "Parallel",
    selector: { matchLabels: SELECTOR },
    persistentVolumeClaimRetentionPolicy: { whenDeleted: "Retain", whenScaled: "Retain" },
    template: {
      metadata: { labels, annotations: { [CERTIFICATE_ANNOTATION]: certificate } },
      spec: planReplica(plan, cluster),
    },
    volumeClaimTemplates: [
      {
        metadata: { name: DATABASE.claim },
        spec: {
          accessModes: ["ReadWriteOnce"],
          storageClassName: cluster.storageClass ?? DATABASE.storageClass,
          resources: { requests: { storage: `${database.storageGib}Gi` } },
        },
      },
    ],
  };
}

function planReplica(plan: Plan, cluster: ClusterPlan): PodSpec {
  return {
    ...planPodBasics(cluster),
    // Draining leases and connections takes minutes on a busy node.
    terminationGracePeriodSeconds: 300,
    affinity: {
      podAntiAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [
          {
            weight: 100,
            podAffinityTerm: { topologyKey: "kubernetes.io/hostname", labelSelector: { matchLabels: SELECTOR } },
          },
        ],
      },
    },
    containers: [
      {
        name: "cockroachdb",
        image: plan.topology.database.image,
        imagePullPolicy: "IfNotPresent",
        command: [BINARY],
        args: planStartArguments(plan, cluster),
        env: [
          { name: "POD_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
          { name: "NODE_NAME", valueFrom: { fieldRef: { fieldPath: "spec.nodeName" } } },
          { name: "COCKROACH_CHANNEL", value: "kubernetes-secure" },
        ],
        ports: [
          { name: "sql", containerPort: SQL_PORT },
          { name: "http", containerPort: HTTP_PORT },
        ],
        // No liveness probe: a replica that waits for its peers must not be killed for it.
        readinessProbe: {
          httpGet: { path: "/health?ready=1", port: "http", scheme: "HTTPS" },
          periodSeconds: 5,
          timeoutSeconds: 3,
          failureThreshold: 2,
        },
        resources: planResources(plan.topology),
        securityContext: CONTAINER_SECURITY,
        volumeMounts: [
          { name: DATABASE.claim, mountPath: STORE_FOLDER },
          { name: "certificates", mountPath: CERTIFICATE_FOLDER, readOnly: true },
        ],
      },
    ],
    volumes: [certificateVolume(NODE_SECRET)],
  };
}

/** The Job that initialises the database; made in the primary region alone. */
export function planInitJob(plan: Plan, cluster: ClusterPlan): JobSpec {
  return {
    // Tries for as long as it lives: whoever waits for it has the deadline, and a later `pulumi up` finds it still trying.
    backoffLimit: 1000,
    template: {
      metadata: { labels: { "app.kubernetes.io/name": INIT_JOB, [NATURE_LABEL]: natureOf(plan.topology) } },
      spec: {
        ...planPodBasics(cluster),
        restartPolicy: "OnFailure",
        containers: [
          {
            name: "init",
            image: plan.topology.database.image,
            imagePullPolicy: "IfNotPresent",
            command: ["/bin/sh", "-c", renderInitScript(cluster)],
            resources: { requests: { cpu: "10m", memory: "16Mi" } },
            securityContext: CONTAINER_SECURITY,
            volumeMounts: [{ name: "certificates", mountPath: CERTIFICATE_FOLDER, readOnly: true }],
          },
        ],
        volumes: [certificateVolume(ROOT_SECRET)],
      },
    },
  };
}

/** What all pods here have in common; it satisfies the `restricted` pod security standard. */
const planPodBasics = (cluster: ClusterPlan) => ({
  ...planPodDns(cluster),
  automountServiceAccountToken: false,
  // Kubernetes would add a variable for every Service, and the database reads those that begin with COCKROACH_.
  enableServiceLinks: false,
  securityContext: {
    runAsNonRoot: true,
    runAsUser: USER_ID,
    runAsGroup: USER_ID,
    fsGroup: USER_ID,
    // Else the kubelet walks through the whole store at every start.
    fsGroupChangePolicy: "OnRootMismatch",
    seccompProfile: { type: "RuntimeDefault" },
  },
});

/** In an existing cluster the kubelets name its own DNS to every pod, which does not know the fleet's names. */
function planPodDns({ cloud, dnsAddress, suffix }: ClusterPlan): Pick<PodSpec, "dnsPolicy" | "dnsConfig"> {
  if (cloud !== EXISTING) return {};
  const searches = [`${DATABASE.namespace}.svc.${suffix}`, `svc.${suffix}`, suffix];
  return {
    dnsPolicy: "None",
    dnsConfig: { nameservers: [dnsAddress], searches, options: [{ name: "ndots", value: "5" }] },
  };
}

const certificateVolume = (secretName: string) => ({
  name: "certificates",
  secret: { secretName, defaultMode: KEY_MODE },
});
