/** What a living cluster says of itself against what the topology states of it. Pure. */
import { contains, parseAddress, parseCidr } from "./cidr";
import { renderFinding } from "./check";
import { PART_OF, RESOLVER } from "./existing";
import { DATABASE } from "./names";
import type { ClusterPlan, Finding } from "./types";

/** Before, a StatefulSet cannot say that its claims are kept. Submariner itself names 1.19 as the oldest it was tested on. */
const OLDEST_MINOR = 27;
/** Of a list that may be long. */
const SHOWN = 5;

export interface LiveNode {
  name: string;
  /** IPv4, of the kind InternalIP. */
  addresses: string[];
  /** What the controller manager assigned; not every pod network uses it. */
  podCidrs: string[];
}

/** A running pod with an address of the pod network. */
export interface LivePod {
  /** `<namespace>/<name>`. */
  name: string;
  node: string;
  address: string;
}

export interface LiveFacts {
  /** As v1.33.5+k3s1. */
  version: string;
  /** Whether the kubeconfig's user may do everything. */
  isAdministrator: boolean;
  nodes: LiveNode[];
  pods: LivePod[];
  /** IPv4 ranges of Services; undefined where the API tells none. */
  serviceCidrs?: string[];
  /** Of default/kubernetes: the first of the service range. */
  apiServiceAddress: string;
  /** `<namespace>/<name>` of the Service that has the resolver's address. */
  resolverAddressHolder?: string;
  /** Of kube-proxy, where its configuration can be seen. */
  proxyMode?: string;
  storageClasses: string[];
  /** Namespaces there are, of those the program makes: whether they are marked as its own. */
  namespaces: { name: string; isOurs: boolean }[];
  /** Cluster ids of the Submariner resources there. */
  submariners: string[];
}

/** What is stated and does not hold. Everything at once. */
export function checkLive(cluster: ClusterPlan, live: LiveFacts): Finding[] {
  const at = `clusters.${cluster.name}`;
  return [
    ...checkVersion(at, live),
    ...checkRights(live),
    ...checkNodes(at, cluster, live),
    ...checkPods(at, cluster, live),
    ...checkServices(at, cluster, live),
    ...checkProxy(at, live),
    ...checkStorage(at, cluster, live),
    ...checkTenants(at, cluster, live),
  ];
}

/** What is no fault, and may be a surprise. */
export function liveWarnings(cluster: ClusterPlan, live: LiveFacts): string[] {
  const planned = new Set(cluster.nodes.map(({ name }) => name));
  const others = live.nodes.map(({ name }) => name).filter((name) => !planned.has(name));
  if (others.length === 0) return [];
  return [
    `${cluster.name}: nodes that the topology does not name: ${some(others)}. Pods there use the tunnels too, but TCP ` +
      "segments are not clamped on these nodes: name them under nodes (role: worker).",
  ];
}

/** Message of the error that stops `up`. */
export function renderLiveFindings(cluster: ClusterPlan, findings: Finding[]): string {
  const count = findings.length === 1 ? "One thing is" : `${findings.length} things are`;
  const lines = findings.map((finding) => `  ${renderFinding(finding)}`);
  return [`${count} not as stated in the living cluster ${cluster.name}:`, ...lines].join("\n");
}

function checkVersion(at: string, { version }: LiveFacts): Finding[] {
  const minor = /^v1\.(\d+)/.exec(version)?.[1];
  if (minor !== undefined && Number(minor) >= OLDEST_MINOR) return [];
  const allowed = `v1.${OLDEST_MINOR} or newer`;
  return [{ place: at, value: `Kubernetes ${version || "of no version"}`, allowed, remedy: "upgrade that cluster" }];
}

function checkRights({ isAdministrator }: LiveFacts): Finding[] {
  if (isAdministrator) return [];
  const allowed = "an administrator: CRDs, cluster roles and nodes are written";
  const remedy = "bind its user to cluster-admin (docs/existing-clusters.md), or set another one";
  return [{ place: "archipelago:kubeconfig", value: "a user who may not do everything", allowed, remedy }];
}

function checkNodes(at: string, { nodes, nodeCidr }: ClusterPlan, live: LiveFacts): Finding[] {
  const names = live.nodes.map(({ name }) => name);
  const findings = nodes
    .filter(({ name }) => !names.includes(name))
    .map(({ key, name }): Finding => {
      const allowed = `a node of the living cluster: ${some(names)}`;
      return { place: `${at}.nodes.${key}`, value: name, allowed, remedy: "correct its key or its name" };
    });
  const range = parseCidr(nodeCidr);
  const outside = live.nodes.flatMap(({ name, addresses }) =>
    addresses.filter((address) => !isInside(range, address)).map((address) => `${address} (${name})`),
  );
  if (outside.length > 0) {
    const allowed = "the range in which all nodes' own addresses lie";
    const remedy = `state the subnet of the nodes; ${nodeCidr} is not it`;
    findings.push({ place: `${at}.nodeCidr`, value: `${nodeCidr}, without ${some(outside)}`, allowed, remedy });
  }
  return findings;
}

function checkPods(at: string, { podCidr }: ClusterPlan, { nodes, pods }: LiveFacts): Finding[] {
  const range = parseCidr(podCidr);
  const outside = pods
    .filter(({ address }) => !isInside(range, address))
    .map(({ name, address }) => `${address} (${name})`);
  // A pod network that deals addresses by itself leaves the nodes' ranges unused: they then mean nothing.
  const used = nodes.filter((node) =>
    node.podCidrs.some((cidr) => {
      const here = pods.filter((pod) => pod.node === node.name);
      return here.length === 0 || here.some(({ address }) => isInside(parseCidr(cidr), address));
    }),
  );
  const ranges = used.flatMap(({ name, podCidrs }) =>
    podCidrs
      .filter((cidr) => !isInside(range, cidr.split("/")[0] ?? "") && parseCidr(cidr))
      .map((cidr) => `${cidr} (node ${name})`),
  );
  if (outside.length + ranges.length === 0) return [];
  const allowed = "the range in which all pods' addresses lie";
  const remedy = "state the one the cluster was made with (--cluster-cidr, podsCidr); tunnels route by it";
  return [{ place: `${at}.podCidr`, value: `${podCidr}, without ${some([...ranges, ...outside])}`, allowed, remedy }];
}

function checkServices(at: string, { serviceCidr, dnsAddress }: ClusterPlan, live: LiveFacts): Finding[] {
  const { serviceCidrs, apiServiceAddress, resolverAddressHolder } = live;
  const findings: Finding[] = [];
  const place = `${at}.serviceCidr`;
  if (serviceCidrs && serviceCidrs.join() !== serviceCidr) {
    const allowed = `what its API server says: ${serviceCidrs.join(" and ") || "no IPv4 range"}`;
    const remedy = serviceCidrs.length === 1 ? `state ${serviceCidrs[0]}` : "leave it one range: Submariner takes one";
    findings.push({ place, value: serviceCidr, allowed, remedy });
  } else if (!isInside(parseCidr(serviceCidr), apiServiceAddress)) {
    const allowed = `the range of its Services, with ${apiServiceAddress || "an IPv4 address"} of default/kubernetes`;
    const remedy = "state the one the cluster was made with (--service-cidr, servicesCidr)";
    findings.push({ place, value: serviceCidr, allowed, remedy });
  }
  if (resolverAddressHolder !== undefined) {
    const allowed = "an address that no Service has: the fleet's resolver takes it";
    const remedy = `choose a free one near the beginning of ${serviceCidr} and set dnsAddress, here and for all regions`;
    const value = `${dnsAddress}, which ${resolverAddressHolder} has`;
    findings.push({ place: `${at}.dnsAddress`, value, allowed, remedy });
  }
  return findings;
}

function checkProxy(at: string, { proxyMode }: LiveFacts): Finding[] {
  if (proxyMode !== "ipvs") return [];
  const allowed = "iptables or nftables: Submariner's traffic to Services is lost with IPVS";
  return [{ place: at, value: "kube-proxy in mode ipvs", allowed, remedy: "change the mode of its kube-proxy" }];
}

function checkStorage(at: string, { storageClass = "" }: ClusterPlan, { storageClasses }: LiveFacts): Finding[] {
  if (storageClasses.includes(storageClass)) return [];
  const allowed = `a storage class of the cluster: ${some(storageClasses) || "it has none"}`;
  return [{ place: `${at}.storageClass`, value: storageClass, allowed, remedy: "correct it, or make one there" }];
}

/** Somebody else's things under our names would be taken over, and deleted by `down`. */
function checkTenants(at: string, { name }: ClusterPlan, { namespaces, submariners }: LiveFacts): Finding[] {
  const findings = namespaces
    .filter(({ isOurs }) => !isOurs)
    .map((namespace): Finding => {
      const allowed = "a cluster without that namespace, or with the one this program made";
      const remedy = "remove or rename what lives there, or take another cluster";
      return { place: at, value: `the namespace ${namespace.name} is somebody else's`, allowed, remedy };
    });
  const others = submariners.filter((id) => id !== name);
  if (others.length > 0) {
    const value = `Submariner joins it to a mesh as ${some(others)}`;
    const allowed = "a cluster of no other mesh";
    findings.push({ place: at, value, allowed, remedy: "take it out of that mesh first (subctl uninstall)" });
  }
  return findings;
}

/** Namespaces that the program makes and marks in an existing cluster. */
export const OWN_NAMESPACES = [DATABASE.namespace, RESOLVER.namespace] as const;

/** Whether an object bears the program's mark. */
export const isMarked = (labels: Record<string, string> | undefined): boolean =>
  Object.entries(PART_OF).every(([label, value]) => labels?.[label] === value);

function isInside(cidr: ReturnType<typeof parseCidr>, text: string): boolean {
  const address = parseAddress(text);
  return cidr !== undefined && address !== undefined && contains(cidr, address);
}

function some(names: string[]): string {
  const more = names.length - SHOWN;
  return more > 0 ? `${names.slice(0, SHOWN).join(", ")} and ${more} more` : names.join(", ");
}
