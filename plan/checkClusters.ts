/** Rules on clusters and nodes: names and roles. */
import { isCloud } from "./clouds";
import { profileName } from "./firewall";
import { FIREWALL_LABELS, REFUSED_IN_NAMES } from "./networks";
import { breaks, type RuleFinding } from "./rules";
import { REPLICATED_SERVERS } from "./servers";
import type { ClusterShape } from "./shape";
import { EXISTING } from "./types";

const LABEL = /^[a-z]([a-z0-9-]*[a-z0-9])?$/;
const CLUSTER_NAME_LENGTH = 20;
/** A hostname and the value of a label. */
const NODE_NAME_LENGTH = 63;

type Clusters = Record<string, ClusterShape>;

export function checkClusters(clusters: Clusters): RuleFinding[] {
  return [
    ...Object.entries(clusters).flatMap(([name, cluster]) => [
      ...checkClusterName(name, cluster),
      ...checkRoles(name, cluster),
      ...checkNodes(name, cluster),
    ]),
    ...checkUniqueness(clusters),
    ...checkTrimmed(clusters),
  ];
}

/** How many there are of what there may be only one; only meaningful when no cluster is left out. */
export function checkCounts(clusters: Clusters): RuleFinding[] {
  const names = (holds: (cluster: ClusterShape) => boolean) =>
    Object.entries(clusters)
      .filter(([, cluster]) => holds(cluster))
      .map(([name]) => name);
  const brokers = names((cluster) => cluster.role === "broker");
  const primaries = names((cluster) => cluster.primary === true);
  const findings: RuleFinding[] = [];
  if (brokers.length !== 1) {
    const remedy = "give one cluster role: broker, the others role: region";
    findings.push(
      breaks("broker-count", "clusters.*.role", brokers.join(", ") || "none", "exactly one broker", remedy),
    );
  }
  if (primaries.length !== 1) {
    const remedy = "set primary: true on the region that shall initialise the database, on no other";
    const value = primaries.join(", ") || "none";
    findings.push(breaks("primary-count", "clusters.*.primary", value, "exactly one primary region", remedy));
  }
  return findings;
}

function checkClusterName(name: string, { cloud }: ClusterShape): RuleFinding[] {
  const place = `clusters.${name}`;
  if (!LABEL.test(name)) {
    const allowed = "a DNS label of small letters, digits and hyphens that begins with a letter";
    return [breaks("cluster-name", place, name || "empty", allowed, "rename the cluster")];
  }
  if (name.length > CLUSTER_NAME_LENGTH) {
    const allowed = `at most ${CLUSTER_NAME_LENGTH} characters`;
    return [breaks("cluster-name-length", place, name, allowed, "rename the cluster")];
  }
  return checkCharacters(place, name, cloud, "rename the cluster");
}

function checkCharacters(place: string, name: string, cloud: string, remedy: string): RuleFinding[] {
  const refused = isCloud(cloud) ? REFUSED_IN_NAMES[cloud] : undefined;
  if (!refused?.pattern.test(name)) return [];
  return [breaks("name-characters", place, name, `a name without ${refused.what} (${cloud})`, remedy)];
}

function checkRoles(name: string, { cloud, role, primary, nodes }: ClusterShape): RuleFinding[] {
  const at = `clusters.${name}`;
  const findings: RuleFinding[] = [];
  if (!["broker", "region"].includes(role)) {
    findings.push(breaks("cluster-role", `${at}.role`, role || "empty", "broker or region", "choose one"));
  }
  if (role === "broker" && primary) {
    findings.push(breaks("primary-broker", `${at}.primary`, "true on the broker", "a region", "set it on a region"));
  }
  const all = Object.values(nodes);
  const servers = all.filter((node) => node.role === "server").length;
  if (![1, REPLICATED_SERVERS].includes(servers) && cloud !== EXISTING) {
    const remedy = "make one node the server, or three, and the others workers";
    const allowed = `one node with role: server, or ${REPLICATED_SERVERS}`;
    findings.push(breaks("server-count", `${at}.nodes`, `${servers} servers`, allowed, remedy));
  }
  if (role !== "broker" && !all.some((node) => node.gateway === true)) {
    const remedy = "set gateway: true on the node that shall carry the tunnels";
    findings.push(
      breaks("gateway-missing", `${at}.nodes`, "no gateway", "at least one node with gateway: true", remedy),
    );
  }
  return findings;
}

function checkNodes(name: string, { role, cloud, nodes }: ClusterShape): RuleFinding[] {
  return Object.entries(nodes).flatMap(([key, node]) => {
    const place = `clusters.${name}.nodes.${key}`;
    const findings: RuleFinding[] = [];
    const whole = `${name}-${key}`;
    if (!LABEL.test(key)) {
      const allowed = "a DNS label of small letters, digits and hyphens that begins with a letter";
      findings.push(breaks("node-key", place, key || "empty", allowed, "rename the node"));
    } else if (whole.length > NODE_NAME_LENGTH && cloud !== EXISTING) {
      const allowed = `at most ${NODE_NAME_LENGTH} characters with the cluster's name`;
      findings.push(breaks("node-name-length", place, whole, allowed, "choose shorter names"));
    } else {
      findings.push(...checkCharacters(place, key, cloud, "rename the node"));
    }
    if (!["server", "worker"].includes(node.role)) {
      findings.push(breaks("node-role", `${place}.role`, node.role || "empty", "server or worker", "choose one"));
    }
    if (role === "broker" && node.gateway) {
      const allowed = "false: the broker is not part of the mesh";
      findings.push(breaks("gateway-broker", `${place}.gateway`, "true on the broker", allowed, "remove it"));
    }
    return findings;
  });
}

/** `a-b` with node `c` and `a` with node `b-c` would be one machine. */
function checkUniqueness(clusters: Clusters): RuleFinding[] {
  const places = Object.entries(clusters).flatMap(([name, { cloud, nodes }]) =>
    // Nodes of an existing cluster keep their own names.
    Object.keys(cloud === EXISTING ? {} : nodes).map((key) => ({
      name: `${name}-${key}`,
      place: `clusters.${name}.nodes.${key}`,
    })),
  );
  return duplicates(places).map(([name, first, second]) =>
    breaks("node-name-unique", `${first} and ${second}`, name, "names that differ", "rename one of the nodes"),
  );
}

/** What is cut off by a cloud's limit must not be the difference. */
function checkTrimmed(clusters: Clusters): RuleFinding[] {
  const byCloud = new Map<string, { name: string; place: string }[]>();
  for (const [name, { cloud, nodes }] of Object.entries(clusters)) {
    const label = isCloud(cloud) ? FIREWALL_LABELS[cloud] : undefined;
    if (!label) continue;
    const profiles = Object.values(nodes).map((node) =>
      profileName({ role: node.role === "server" ? "server" : "worker", gateway: node.gateway ?? false }),
    );
    const labels = [...new Set(profiles)].map((profile) => ({
      name: label(name, profile),
      place: `clusters.${name} (firewall ${profile})`,
    }));
    byCloud.set(cloud, [...(byCloud.get(cloud) ?? []), ...labels]);
  }
  return [...byCloud].flatMap(([cloud, labels]) =>
    duplicates(labels).map(([name, first, second]) => {
      const allowed = `labels that differ after ${cloud} has cut them to ${name.length} characters`;
      return breaks("name-trimmed", `${first} and ${second}`, name, allowed, "choose shorter names");
    }),
  );
}

/** Each name that comes again, with the first place it stood in and the later one. */
function duplicates(named: { name: string; place: string }[]): [name: string, first: string, later: string][] {
  const seen = new Map<string, string>();
  return named.flatMap(({ name, place }): [string, string, string][] => {
    const first = seen.get(name);
    if (first !== undefined) return [[name, first, place]];
    seen.set(name, place);
    return [];
  });
}
