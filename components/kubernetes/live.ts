/** Asks a living cluster for what plan/live.ts judges. Reads only. */
import { UserError } from "../../plan/errors";
import type { ApiAccess } from "../../plan/kubeconfig";
import { checkLive, isMarked, type LiveFacts, liveWarnings, OWN_NAMESPACES, renderLiveFindings } from "../../plan/live";
import type { ClusterPlan } from "../../plan/types";
import { askApi } from "./api";

const DEADLINE_SECONDS = 60;
const INTERVAL_SECONDS = 2;
const PODS_ASKED = 500;
/** For documentation (RFC 5737): in nobody's service range. */
const OUTSIDE = "192.0.2.1";

interface Meta {
  metadata: { name: string; namespace?: string; labels?: Record<string, string> };
}
type NodeObject = Meta & {
  spec?: { podCIDRs?: string[] };
  status?: { addresses?: { type: string; address: string }[] };
};
type PodObject = Meta & {
  spec?: { nodeName?: string; hostNetwork?: boolean };
  status?: { phase?: string; podIP?: string };
};
type ServiceObject = Meta & { spec?: { clusterIP?: string } };
type ServiceCidrObject = Meta & { spec?: { cidrs?: string[] } };
type SubmarinerObject = Meta & { spec?: { clusterID?: string } };
type ConfigMapObject = Meta & { data?: Record<string, string> };

/**
 * Resolves with warnings once everything stated of an existing cluster holds in it.
 *
 * @param deadlineSeconds how long nobody needs to answer; default 60.
 * @throws UserError with all findings, or when nobody answers until the deadline.
 */
export async function awaitExisting(
  cluster: ClusterPlan,
  access: ApiAccess,
  deadlineSeconds = DEADLINE_SECONDS,
): Promise<string[]> {
  const begin = Date.now();
  for (;;) {
    try {
      const live = await observeCluster(cluster, access);
      const findings = checkLive(cluster, live);
      if (findings.length === 0) return liveWarnings(cluster, live);
      throw new UserError(
        renderLiveFindings(cluster, findings),
        `Correct these in Pulumi.${cluster.name}.yaml (archipelago:cluster) or in the cluster, then run \`pulumi up -s ${cluster.name}\` again; ` +
          "what is checked stands in docs/existing-clusters.md.",
      );
    } catch (error) {
      if (error instanceof UserError) throw error;
      if (Date.now() - begin >= deadlineSeconds * 1000) {
        throw new UserError(
          `${cluster.name}: no use of https://${access.host}:${access.port} after ${deadlineSeconds} s; last seen: ${reasonOf(error)}.`,
          `See that it is reached from here, then run \`pulumi up -s ${cluster.name}\` again. ${kubeconfigRemedy(cluster.name)}`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, INTERVAL_SECONDS * 1000));
    }
  }
}

export const kubeconfigRemedy = (cluster: string): string =>
  `The kubeconfig is set by \`kubectl config view --raw --minify --flatten | pulumi config set --secret archipelago:kubeconfig -s ${cluster}\`; ` +
  "it must hold a certificate or a token itself (docs/existing-clusters.md).";

const reasonOf = (error: unknown): string => {
  const { code, message } = error as NodeJS.ErrnoException;
  return code ? `${code}: ${message}` : message;
};

/** Everything in one look. */
async function observeCluster(cluster: ClusterPlan, access: ApiAccess): Promise<LiveFacts> {
  const get = async <T>(path: string): Promise<T | undefined> => {
    const { status, body } = await askApi(access, "GET", path);
    if (status === 404) return undefined;
    // Whoever may not read this may not write: the answer to the question about rights says so.
    if (status === 403) return undefined;
    if (status === 401) {
      throw new UserError(
        `${cluster.name}: its API server does not know the kubeconfig's user (401).`,
        kubeconfigRemedy(cluster.name),
      );
    }
    if (status !== 200) throw new Error(`${path} answers ${status}`);
    return JSON.parse(body) as T;
  };
  const list = async <T>(path: string): Promise<T[]> => (await get<{ items?: T[] }>(path))?.items ?? [];

  const version = await get<{ gitVersion?: string }>("/version");
  const [nodes, pods, services, ranges, proxies, classes, namespaces, submariners, isAdministrator] = await Promise.all(
    [
      list<NodeObject>("/api/v1/nodes"),
      list<PodObject>(`/api/v1/pods?limit=${PODS_ASKED}&fieldSelector=status.phase%3DRunning`),
      list<ServiceObject>("/api/v1/services"),
      get<{ items?: ServiceCidrObject[] }>("/apis/networking.k8s.io/v1/servicecidrs"),
      // kubeadm's name, and that of EKS.
      Promise.all(["kube-proxy", "kube-proxy-config"].map((name) => get<ConfigMapObject>(configMap(name)))),
      list<Meta>("/apis/storage.k8s.io/v1/storageclasses"),
      Promise.all(OWN_NAMESPACES.map((name) => get<Meta>(`/api/v1/namespaces/${name}`))),
      list<SubmarinerObject>("/apis/submariner.io/v1alpha1/submariners"),
      mayDoEverything(access),
    ],
  );
  const holder = services.find(
    ({ spec, metadata }) => spec?.clusterIP === cluster.dnsAddress && !isMarked(metadata.labels),
  );
  return {
    version: version?.gitVersion ?? "",
    isAdministrator,
    nodes: nodes.map(({ metadata, spec, status }) => ({
      name: metadata.name,
      addresses: (status?.addresses ?? [])
        .filter(({ type, address }) => type === "InternalIP" && !address.includes(":"))
        .map(({ address }) => address),
      podCidrs: (spec?.podCIDRs ?? []).filter((cidr) => !cidr.includes(":")),
    })),
    pods: pods.flatMap(({ metadata, spec, status }) =>
      status?.podIP && !spec?.hostNetwork && !status.podIP.includes(":") && status.phase === "Running"
        ? [{ name: `${metadata.namespace}/${metadata.name}`, node: spec?.nodeName ?? "", address: status.podIP }]
        : [],
    ),
    serviceCidrs: ranges
      ? (ranges.items ?? []).flatMap(({ spec }) => (spec?.cidrs ?? []).filter((cidr) => !cidr.includes(":"))).sort()
      : await askServiceRange(access),
    apiServiceAddress: services.find(isApiService)?.spec?.clusterIP ?? "",
    resolverAddressHolder: holder && `${holder.metadata.namespace}/${holder.metadata.name}`,
    proxyMode: proxies.flatMap((map) => proxyModeOf(map) ?? [])[0],
    storageClasses: classes.map(({ metadata }) => metadata.name),
    namespaces: namespaces.flatMap((namespace) =>
      namespace ? [{ name: namespace.metadata.name, isOurs: isMarked(namespace.metadata.labels) }] : [],
    ),
    submariners: submariners.map(({ spec }) => spec?.clusterID ?? ""),
  };
}

const configMap = (name: string): string => `/api/v1/namespaces/kube-system/configmaps/${name}`;

const isApiService = ({ metadata }: ServiceObject): boolean =>
  metadata.namespace === "default" && metadata.name === "kubernetes";

const proxyModeOf = (map: ConfigMapObject | undefined): string | undefined =>
  /^\s*mode:\s*"?([a-z]+)"?\s*$/m.exec(Object.values(map?.data ?? {}).join("\n"))?.[1];

/** Before 1.33 only a refusal names the range. Nothing is made: it is a dry run. */
async function askServiceRange(access: ApiAccess): Promise<string[] | undefined> {
  const { body } = await askApi(access, "POST", "/api/v1/namespaces/default/services?dryRun=All", {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "archipelago-range" },
    spec: { clusterIP: OUTSIDE, ports: [{ port: 1 }] },
  });
  const range = /range of valid IPs is (\d[\d.]*\/\d+)/.exec(body)?.[1];
  return range === undefined ? undefined : [range];
}

async function mayDoEverything(access: ApiAccess): Promise<boolean> {
  const { status, body } = await askApi(access, "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", {
    apiVersion: "authorization.k8s.io/v1",
    kind: "SelfSubjectAccessReview",
    spec: { resourceAttributes: { verb: "*", group: "*", resource: "*" } },
  });
  return status === 201 && (JSON.parse(body) as { status?: { allowed?: boolean } }).status?.allowed === true;
}
