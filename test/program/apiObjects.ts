/** Kinds the pretend API server knows from the start, and what it writes into their status so that waits end. */

export type Json = Record<string, unknown>;

export interface KindInfo {
  group: string;
  version: string;
  kind: string;
  plural: string;
  namespaced: boolean;
}

const kind = (groupVersion: string, name: string, plural: string, namespaced: boolean): KindInfo => {
  const [group, version] = groupVersion.includes("/") ? groupVersion.split("/") : ["", groupVersion];
  return { group: group ?? "", version: version ?? "", kind: name, plural, namespaced };
};

export const BUILT_IN: KindInfo[] = [
  kind("v1", "Namespace", "namespaces", false),
  kind("v1", "Node", "nodes", false),
  kind("v1", "PersistentVolume", "persistentvolumes", false),
  kind("v1", "PersistentVolumeClaim", "persistentvolumeclaims", true),
  kind("v1", "Pod", "pods", true),
  kind("v1", "Event", "events", true),
  kind("v1", "Endpoints", "endpoints", true),
  kind("v1", "ConfigMap", "configmaps", true),
  kind("v1", "Secret", "secrets", true),
  kind("v1", "Service", "services", true),
  kind("v1", "ServiceAccount", "serviceaccounts", true),
  kind("apps/v1", "Deployment", "deployments", true),
  kind("apps/v1", "DaemonSet", "daemonsets", true),
  kind("apps/v1", "StatefulSet", "statefulsets", true),
  kind("batch/v1", "Job", "jobs", true),
  kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets", true),
  kind("storage.k8s.io/v1", "StorageClass", "storageclasses", false),
  kind("scheduling.k8s.io/v1", "PriorityClass", "priorityclasses", false),
  kind("discovery.k8s.io/v1", "EndpointSlice", "endpointslices", true),
  kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies", true),
  kind("rbac.authorization.k8s.io/v1", "Role", "roles", true),
  kind("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings", true),
  kind("rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles", false),
  kind("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "clusterrolebindings", false),
  kind("apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions", false),
];

const at = (o: Json, path: string): unknown =>
  path.split(".").reduce<unknown>((v, k) => (v && typeof v === "object" ? (v as Json)[k] : undefined), o);

/** What controllers would have written once everything is well. */
export function settledStatus(object: Json, token: string): Json {
  const replicas = Number(at(object, "spec.replicas") ?? 1);
  const generation = at(object, "metadata.generation");
  switch (object.kind) {
    case "Namespace":
      return { status: { phase: "Active" } };
    case "Deployment":
      return {
        status: {
          observedGeneration: generation,
          replicas,
          readyReplicas: replicas,
          updatedReplicas: replicas,
          availableReplicas: replicas,
          conditions: [
            { type: "Available", status: "True", reason: "MinimumReplicasAvailable" },
            { type: "Progressing", status: "True", reason: "NewReplicaSetAvailable" },
          ],
        },
      };
    case "StatefulSet":
      return {
        status: {
          observedGeneration: generation,
          replicas,
          readyReplicas: replicas,
          updatedReplicas: replicas,
          currentReplicas: replicas,
          availableReplicas: replicas,
          currentRevision: "r1",
          updateRevision: "r1",
        },
      };
    case "DaemonSet":
      return {
        status: {
          observedGeneration: generation,
          desiredNumberScheduled: 1,
          currentNumberScheduled: 1,
          updatedNumberScheduled: 1,
          numberReady: 1,
          numberAvailable: 1,
        },
      };
    case "Job":
      return {
        status: { startTime: "2026-01-01T00:00:00Z", succeeded: 1, conditions: [{ type: "Complete", status: "True" }] },
      };
    case "PersistentVolume":
      return { status: { phase: "Available" } };
    case "PersistentVolumeClaim":
      return { status: { phase: "Bound" } };
    case "CustomResourceDefinition":
      return {
        status: {
          conditions: [
            { type: "NamesAccepted", status: "True" },
            { type: "Established", status: "True" },
          ],
        },
      };
    case "Secret":
      return object.type === "kubernetes.io/service-account-token"
        ? {
            data: {
              token: Buffer.from(token).toString("base64"),
              "ca.crt": Buffer.from("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n").toString(
                "base64",
              ),
              namespace: Buffer.from(String(at(object, "metadata.namespace"))).toString("base64"),
            },
          }
        : {};
    default:
      return {};
  }
}
