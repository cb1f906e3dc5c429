/** What living clusters say of their versions. */
import { parse } from "yaml";
import type { LivingVersions } from "../plan/checkUpgrade";
import { DATABASE } from "../plan/names";
import { type ClusterPlan, EXISTING } from "../plan/types";
import { ApiError, type ApiServer } from "./apiserver";

export interface LivingNode {
  name: string;
  /** As v1.37.2. */
  kubelet: string;
  /** Of its API server; undefined on workers. */
  apiServer?: string;
  /** Cordoned by an upgrade that was broken off. */
  leftCordoned: boolean;
}

export interface LivingCluster extends LivingVersions {
  nodes: LivingNode[];
  /** What kubeadm has made of the whole cluster, as v1.37.2; undefined: it is not kubeadm's, or not ours. */
  kubeadm?: string;
  /** Repository of Submariner's images. */
  submarinerRepository?: string;
}

/** Marks a node that an upgrade has cordoned, so that the next run knows whose cordon it is. */
export const CORDON_ANNOTATION = "archipelago.internal/cordoned-by-upgrade";

/** The names are Submariner's. */
export const SUBMARINER_NAMESPACE = "submariner-operator";

interface NodeObject {
  metadata: { name: string; annotations?: Record<string, string> };
  status?: { nodeInfo?: { kubeletVersion?: string } };
}
interface PodObject {
  spec: { nodeName?: string; containers: { image: string }[] };
}
interface SubmarinerObject {
  spec: { version?: string; repository?: string };
}
interface StatefulSetObject {
  spec: { template: { spec: { containers: { image: string }[] } } };
}

/** Asks one cluster. Throws `ApiError` when it cannot be reached. */
export async function lookAtVersions(
  api: ApiServer,
  { name: cluster, cloud }: Pick<ClusterPlan, "name" | "cloud">,
): Promise<LivingCluster> {
  const [nodes, servers, kubeadm, submariners, databases] = await Promise.all([
    api.list<NodeObject>("/api/v1/nodes"),
    api.list<PodObject>("/api/v1/namespaces/kube-system/pods?labelSelector=component%3Dkube-apiserver"),
    // Somebody else's may be kubeadm's too: its Kubernetes is still theirs.
    cloud === EXISTING ? undefined : readKubeadmVersion(api),
    api.list<SubmarinerObject>(`/apis/submariner.io/v1alpha1/namespaces/${SUBMARINER_NAMESPACE}/submariners`),
    api.list<StatefulSetObject>(`/apis/apps/v1/namespaces/${DATABASE.namespace}/statefulsets`),
  ]);
  const apiServerOf = new Map(servers.map(({ spec }) => [spec.nodeName, tagOf(spec.containers[0]?.image)]));
  const living = nodes.map(({ metadata, status }): LivingNode => ({
    name: metadata.name,
    kubelet: status?.nodeInfo?.kubeletVersion ?? "",
    apiServer: apiServerOf.get(metadata.name),
    leftCordoned: metadata.annotations?.[CORDON_ANNOTATION] !== undefined,
  }));
  const versions = living.flatMap(({ apiServer }) => apiServer ?? []);
  return {
    cluster,
    nodes: living,
    kubeadm,
    apiServer: kubeadm === undefined ? undefined : versions.sort(byRelease)[0],
    kubelets: Object.fromEntries(living.map(({ name, kubelet }) => [name, kubelet])),
    submariner: submariners[0]?.spec.version,
    submarinerRepository: submariners[0]?.spec.repository,
    databaseImage: databases[0]?.spec.template.spec.containers[0]?.image,
  };
}

async function readKubeadmVersion(api: ApiServer): Promise<string | undefined> {
  try {
    const { data } = await api.get<{ data: Record<string, string> }>(
      "/api/v1/namespaces/kube-system/configmaps/kubeadm-config",
    );
    return (parse(data.ClusterConfiguration ?? "") as { kubernetesVersion?: string } | null)?.kubernetesVersion;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return undefined;
    throw error;
  }
}

const tagOf = (image = ""): string => image.slice(image.lastIndexOf(":") + 1);

/** Oldest first. */
const byRelease = (one: string, other: string): number => one.localeCompare(other, "en", { numeric: true });
