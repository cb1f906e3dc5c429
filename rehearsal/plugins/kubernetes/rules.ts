import type { Props } from "../contract";
import { parsePath, type Path } from "../diff";
import { groupOf, isConfigMap, isSecret } from "./objects";
import type { Settings } from "./settings";

const selector = ["spec.selector"];

const volumeSources =
  "awsElasticBlockStore azureDisk azureFile cephfs cinder csi fc flexVolume flocker gcePersistentDisk glusterfs hostPath " +
  "iscsi local nfs photonPersistentDisk portworxVolume quobyte rbd scaleIO storageos vsphereVolume";

const podFields =
  "affinity automountServiceAccountToken containers dnsConfig dnsPolicy enableServiceLinks hostAliases hostIPC hostNetwork " +
  "hostPID hostname imagePullSecrets initContainers nodeName nodeSelector overhead preemptionPolicy priority " +
  "priorityClassName readinessGates restartPolicy runtimeClassName schedulerName securityContext serviceAccount " +
  "serviceAccountName shareProcessNamespace subdomain terminationGracePeriodSeconds volumes";

const inSpec = (fields: string): string[] => fields.split(" ").map((field) => `spec.${field}`);

/** Fields that the API server lets nobody change, by "group/kind", as the real plugin lists them. */
const immutable: Record<string, string[]> = {
  "apps/DaemonSet": selector,
  "apps/Deployment": selector,
  "apps/StatefulSet": inSpec("podManagementPolicy revisionHistoryLimit selector serviceName volumeClaimTemplates"),
  "batch/Job": inSpec("completions parallelism selector template"),
  "/PersistentVolume": inSpec(volumeSources),
  "/PersistentVolumeClaim": inSpec("accessModes selector storageClassName volumeName"),
  "/Pod": inSpec(podFields),
  "/ResourceQuota": inSpec("scopes"),
  "/Secret": ["type"],
  "/Service": inSpec("clusterIP"),
  "rbac.authorization.k8s.io/ClusterRoleBinding": ["roleRef"],
  "rbac.authorization.k8s.io/RoleBinding": ["roleRef"],
  "storage.k8s.io/StorageClass": ["parameters", "provisioner"],
};

/** The input paths whose change replaces an object of this kind. */
export function planReplacements(object: Props, patch: boolean, settings: Settings): Path[] {
  const paths = ["metadata.name", "metadata.namespace"];
  if (!patch) {
    paths.push(...(immutable[`${groupOf(String(object.apiVersion))}/${String(object.kind)}`] ?? []));
    // By default the real plugin never changes a Secret or ConfigMap in place, so that pods see the new one.
    const frozen = object.immutable === true;
    if (isSecret(object) && (frozen || !settings.secretMutable)) paths.push("data", "stringData");
    if (isConfigMap(object) && (frozen || !settings.configMapMutable)) paths.push("data", "binaryData");
  }
  return paths.map(parsePath);
}
