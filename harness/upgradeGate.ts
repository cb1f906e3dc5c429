/** Whether a cluster has come to rest after a change: what readiness alone does not show. */
import { renderCorefile } from "../plan/corefile";
import { RESOLVER } from "../plan/existing";
import { DATABASE } from "../plan/names";
import { type ClusterPlan, EXISTING, type Topology } from "../plan/types";
import { ApiError, type ApiServer } from "./apiserver";
import { SUBMARINER_NAMESPACE } from "./upgradeLook";

interface Workload {
  metadata: { name: string; generation?: number };
  spec: { replicas?: number; template: { spec: { containers: { name: string; image: string }[] } } };
  status?: {
    observedGeneration?: number;
    // Deployments, StatefulSets
    updatedReplicas?: number;
    readyReplicas?: number;
    replicas?: number;
    currentRevision?: string;
    updateRevision?: string;
    // DaemonSets
    desiredNumberScheduled?: number;
    updatedNumberScheduled?: number;
    numberAvailable?: number;
  };
}

/** Everything that is not yet as the topology says and rolled out to the last pod, in words. Throws `ApiError`. */
export async function lookForUnsettled(api: ApiServer, cluster: ClusterPlan, topology: Topology): Promise<string[]> {
  const list = (kind: string, namespace: string): Promise<Workload[]> =>
    api.list<Workload>(`/apis/apps/v1/namespaces/${namespace}/${kind}`);
  // What is in an existing cluster's kube-system, its own DNS too, is its owner's.
  const isOurs = cluster.cloud !== EXISTING;
  const [system, proxies, mesh, operators, databases, corefile] = await Promise.all([
    list("deployments", isOurs ? "kube-system" : RESOLVER.namespace),
    isOurs ? list("daemonsets", "kube-system") : [],
    list("daemonsets", SUBMARINER_NAMESPACE),
    list("deployments", SUBMARINER_NAMESPACE),
    list("statefulsets", DATABASE.namespace),
    isOurs
      ? api.get<{ data?: Record<string, string> }>("/api/v1/namespaces/kube-system/configmaps/coredns")
      : undefined,
  ]);
  const { submariner, database } = topology;
  const meshImage = (image: string): boolean =>
    image.startsWith(`${submariner.repository}/`) && image.endsWith(`:${submariner.version}`);
  return [
    ...[...system, ...operators].flatMap(checkDeployment),
    ...[...proxies, ...mesh].flatMap(checkDaemonSet),
    ...databases.flatMap(checkStatefulSet),
    ...[...mesh, ...operators].flatMap((one) => checkImages(one, meshImage, submariner.version)),
    ...databases.flatMap((one) => checkImages(one, (image) => image === database.image, database.image)),
    ...(corefile ? checkCorefile(corefile.data?.Corefile, cluster, topology) : []),
    ...(databases.length > 0 && !database.standIn ? await checkRanges(api, database.replicas) : []),
  ];
}

function checkDeployment({ metadata, spec, status = {} }: Workload): string[] {
  const { replicas = 1 } = spec;
  const { updatedReplicas = 0, readyReplicas = 0, replicas: all = 0 } = status;
  const isOut = isObserved(metadata, status) && updatedReplicas === replicas && readyReplicas === replicas;
  return isOut && all === replicas ? [] : [`${metadata.name}: ${readyReplicas} of ${replicas} pods of the new kind`];
}

function checkDaemonSet({ metadata, status = {} }: Workload): string[] {
  const { desiredNumberScheduled: wanted = 0, updatedNumberScheduled = 0, numberAvailable = 0 } = status;
  const isOut = isObserved(metadata, status) && updatedNumberScheduled === wanted && numberAvailable === wanted;
  return isOut
    ? []
    : [`${metadata.name}: ${updatedNumberScheduled} of ${wanted} pods new, ${numberAvailable} available`];
}

function checkStatefulSet({ metadata, spec, status = {} }: Workload): string[] {
  const { replicas = 1 } = spec;
  const { updatedReplicas = 0, readyReplicas = 0, currentRevision, updateRevision } = status;
  const isNew = currentRevision === updateRevision || updatedReplicas === replicas;
  if (isObserved(metadata, status) && isNew && readyReplicas === replicas) return [];
  return [`${metadata.name}: ${updatedReplicas} of ${replicas} pods new, ${readyReplicas} Ready`];
}

const isObserved = (
  { generation = 0 }: Workload["metadata"],
  { observedGeneration = 0 }: Workload["status"] & object,
) => observedGeneration >= generation;

function checkImages({ metadata, spec }: Workload, isWanted: (image: string) => boolean, wanted: string): string[] {
  const others = spec.template.spec.containers.filter(({ image }) => !isWanted(image));
  return others.map(({ image }) => `${metadata.name}: still ${image}, not ${wanted}`);
}

/** kubeadm leaves a changed Corefile alone unless CoreDNS has dropped something in it; then it rewrites it. */
function checkCorefile(found: string | undefined, cluster: ClusterPlan, { upstreamDns }: Topology): string[] {
  if (found === renderCorefile(cluster, upstreamDns)) return [];
  return [`CoreDNS's Corefile is not the program's: pulumi up --refresh -s ${cluster.name} writes it again`];
}

const RANGE_METRICS = ["ranges_underreplicated", "ranges_unavailable"];

/** The real database tells in its metrics, which ask for no session, whether every range has all its copies. */
async function checkRanges(api: ApiServer, replicas: number): Promise<string[]> {
  const counts = await Promise.all(
    Array.from({ length: replicas }, async (_, ordinal) => {
      const pod = `https:${DATABASE.statefulSet}-${ordinal}:8080`;
      try {
        const vars = await api.text(`/api/v1/namespaces/${DATABASE.namespace}/pods/${pod}/proxy/_status/vars`);
        const lacking = rangesLacking(vars);
        const untold = RANGE_METRICS.filter((name) => lacking[name] === undefined);
        return {
          ...lacking,
          ...Object.fromEntries(untold.map((name) => [`replica ${ordinal} does not tell ${name}`, 1])),
        };
      } catch (error) {
        if (error instanceof ApiError) return { [`replica ${ordinal} does not tell (${error.message})`]: 1 };
        throw error;
      }
    }),
  );
  const lacking = counts.flatMap((one) => Object.entries(one)).filter(([, count]) => count > 0);
  return lacking.map(([name, count]) => `database: ${name} ${count}`);
}

/** Sums over the stores of one node, by metric, from Prometheus' text. */
export function rangesLacking(text: string): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const line of text.split("\n")) {
    const [, name = "", value = ""] = /^(\w+)(?:\{[^}]*\})? (\S+)$/.exec(line) ?? [];
    if (RANGE_METRICS.includes(name)) sums[name] = (sums[name] ?? 0) + Number(value);
  }
  return sums;
}
