/** Addresses and names of the replicas, all known before any cloud is asked: pure, the same in every region. */
import { DATABASE } from "../../plan/names";
import type { ClusterPlan, Plan } from "../../plan/types";

export const SQL_PORT = 26257;
export const HTTP_PORT = 8080;

/** Service that clients use. Never named `cockroach`: Kubernetes would then set COCKROACH_PORT, which the program reads. */
export const PUBLIC_SERVICE = "cockroachdb-public";
export const INIT_JOB = DATABASE.initJob;

/** Secret with ca.crt, node.crt and node.key. */
export const NODE_SECRET = "cockroachdb-node";
/** Secret with ca.crt, client.root.crt and client.root.key; only in the primary region. */
export const ROOT_SECRET = "cockroachdb-client-root";

/** Addresses a region puts into the join list: one would make a region unreachable for newcomers when that replica is down. */
const JOIN_ADDRESSES_PER_REGION = 2;

/** DNS name of one replica, as every cluster resolves it. */
export const replicaName = (cluster: Pick<ClusterPlan, "suffix">, ordinal: number): string =>
  `${DATABASE.statefulSet}-${ordinal}.${serviceName(cluster)}`;

/** Advertised address of one replica: name and port. */
export const replicaAddress = (cluster: Pick<ClusterPlan, "suffix">, ordinal: number): string =>
  `${replicaName(cluster, ordinal)}:${SQL_PORT}`;

/** DNS name of the headless Service; its children are the replicas. */
export const serviceName = (cluster: Pick<ClusterPlan, "suffix">): string =>
  `${DATABASE.statefulSet}.${DATABASE.namespace}.svc.${cluster.suffix}`;

/**
 * Where a starting replica looks for the others: two replicas of every region. It must be the same list in every
 * region: replicas that know different sets of peers can end up in two databases that never merge.
 */
export function planJoinList(plan: Plan): string[] {
  const perRegion = Math.min(JOIN_ADDRESSES_PER_REGION, plan.topology.database.replicas);
  return plan.regions.flatMap((region) =>
    Array.from({ length: perRegion }, (_, ordinal) => replicaAddress(region, ordinal)),
  );
}

/** What a node certificate vouches for. */
export interface SubjectNames {
  dnsNames: string[];
  ipAddresses: string[];
}

/**
 * Names in one region's node certificate: the public Service and, by wildcard, every replica, each in all the forms
 * that the search list of a pod can shorten it to; and the loopback for a shell inside the pod.
 */
export function planSubjectNames(cluster: Pick<ClusterPlan, "suffix">): SubjectNames {
  const { namespace, statefulSet } = DATABASE;
  const endings = ["", `.${namespace}`, `.${namespace}.svc`, `.${namespace}.svc.${cluster.suffix}`];
  const forms = (name: string) => endings.map((ending) => `${name}${ending}`);
  return {
    dnsNames: ["localhost", ...forms(PUBLIC_SERVICE), ...forms(`*.${statefulSet}`)],
    // As an IP entry: Go ignores an address that stands among the DNS names.
    ipAddresses: ["127.0.0.1"],
  };
}
