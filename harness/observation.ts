import type { ApiServer } from "./apiserver";

/** What one cluster says about itself. Plain data: rendered by summary.ts, printed by `--json`. */
export interface ClusterObservation {
  nodes: { name: string; ready: boolean; version: string }[];
  gateways: { node: string; active: boolean; failure?: string }[];
  tunnels: Tunnel[];
  databasePods: { name: string; ready: boolean; restarts: number; nature: Nature }[];
}

/** A gateway's view of one remote cluster. */
export interface Tunnel {
  gateway: string;
  /** Remote cluster id. */
  cluster: string;
  /** Remote gateway's host name. */
  remote: string;
  remoteAddress: string;
  cable: string;
  status: string;
  /** Average round trip in milliseconds, as Submariner measured it. */
  rttMs?: number;
}

/** The thing itself, a program of ours in its place, or not said by the pod. */
export type Nature = "real" | "stand-in" | "unknown";

interface Meta {
  metadata: { name: string; labels?: Record<string, string> };
}
interface Conditions {
  conditions?: { type: string; status: string }[];
}
type NodeObject = Meta & { status?: Conditions & { nodeInfo?: { kubeletVersion?: string } } };
type PodObject = Meta & { status?: Conditions & { containerStatuses?: { restartCount: number }[] } };
interface Endpoint {
  cluster_id: string;
  hostname: string;
  backend: string;
}
export interface GatewayObject extends Meta {
  status?: {
    haStatus?: string;
    statusFailure?: string;
    localEndpoint?: Partial<Endpoint>;
    connections?: {
      status: string;
      usingIP?: string;
      endpoint: Endpoint & { public_ip?: string; publicIPs?: string[] };
      latencyRTT?: { average?: string };
    }[];
  };
}

const NATURE_LABEL = "archipelago.internal/nature";

/** Asks a cluster for its nodes, gateways and database pods at once. Throws `ApiError` when it cannot be reached. */
export async function observeCluster(api: ApiServer, namespace = "cockroachdb"): Promise<ClusterObservation> {
  const [nodes, gateways, pods] = await Promise.all([
    api.list<NodeObject>("/api/v1/nodes"),
    api.list<GatewayObject>("/apis/submariner.io/v1/gateways"),
    api.list<PodObject>(`/api/v1/namespaces/${namespace}/pods`),
  ]);
  return {
    nodes: nodes.map(({ metadata, status }) => ({
      name: metadata.name,
      ready: isReady(status),
      version: status?.nodeInfo?.kubeletVersion ?? "",
    })),
    gateways: gateways.map(({ metadata, status }) => ({
      node: status?.localEndpoint?.hostname || metadata.name,
      active: status?.haStatus === "active",
      failure: status?.statusFailure || undefined,
    })),
    tunnels: gateways.flatMap(tunnelsOf),
    // Jobs run their pods in the same namespace; only the StatefulSet's pods have an ordinal.
    databasePods: pods
      .filter(({ metadata }) => /-\d+$/.test(metadata.name) && !metadata.labels?.["batch.kubernetes.io/job-name"])
      .map(({ metadata, status }) => ({
        name: metadata.name,
        ready: isReady(status),
        restarts: (status?.containerStatuses ?? []).reduce((sum, { restartCount }) => sum + restartCount, 0),
        nature: natureOf(metadata.labels?.[NATURE_LABEL]),
      })),
  };
}

/** The connections of the active gateway; a passive one carries none. */
export function tunnelsOf({ metadata, status }: GatewayObject): Tunnel[] {
  return (status?.connections ?? []).map(({ endpoint, usingIP, latencyRTT, status: state }) => ({
    gateway: status?.localEndpoint?.hostname || metadata.name,
    cluster: endpoint.cluster_id,
    remote: endpoint.hostname,
    remoteAddress: usingIP || endpoint.public_ip || endpoint.publicIPs?.[0] || "",
    cable: endpoint.backend,
    status: state,
    rttMs: latencyRTT?.average ? parseGoDuration(latencyRTT.average) : undefined,
  }));
}

/** Milliseconds of a Go duration such as "412.7µs", "1.2ms" or "1m2.5s"; `undefined` if it is none. */
export function parseGoDuration(text: string): number | undefined {
  const units: Record<string, number> = { ns: 1e-6, us: 1e-3, µs: 1e-3, μs: 1e-3, ms: 1, s: 1e3, m: 6e4, h: 3.6e6 };
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|μs|ms|s|m|h)/g)];
  if (parts.length === 0 || parts.map(([whole]) => whole).join("") !== text) return undefined;
  return parts.reduce((sum, [, number, unit]) => sum + Number(number) * (units[unit ?? ""] ?? NaN), 0);
}

function isReady(status: Conditions | undefined): boolean {
  return status?.conditions?.some(({ type, status: value }) => type === "Ready" && value === "True") ?? false;
}

function natureOf(label: string | undefined): Nature {
  return label === "real" || label === "stand-in" ? label : "unknown";
}
