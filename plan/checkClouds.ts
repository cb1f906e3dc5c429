/** Rules on what a cluster asks of its cloud: account, place, sizes, zones, quotas. */
import { ADAPTER_NAMES, CLOUD_FACTS, isCloud } from "./clouds";
import { ACCOUNTS, ADDRESS_QUOTA, ZONES } from "./networks";
import { breaks, type RuleFinding } from "./rules";
import { REPLICATED_SERVERS } from "./servers";
import type { ClusterShape } from "./shape";
import { findNearest } from "./nearest";
import { TABLE_DATE } from "./prices";
import { defaultSize, findPlace, findSize, knownPlaces, knownSizes } from "./sizes";
import { CLOUDS, type CloudName, EXISTING } from "./types";

/** What kubeadm's preflight insists on. */
const SERVER_CPUS = 2;
const SERVER_MEMORY_GIB = 1.6;

const cloudsThat = (holds: (cloud: CloudName) => boolean): string => CLOUDS.filter(holds).join(", ");

export function checkClouds(clusters: Record<string, ClusterShape>, world: string): RuleFinding[] {
  const findings = Object.entries(clusters).flatMap(([name, cluster]) => {
    const { cloud } = cluster;
    if (isCloud(cloud)) return checkCloud(name, { ...cluster, cloud }, world);
    if (cloud === EXISTING) return [];
    const place = `clusters.${name}.cloud`;
    const near = findNearest(cloud, ADAPTER_NAMES);
    const remedy = near ? `choose one of these; is ${near} meant?` : "choose one of these";
    return [breaks("cloud-unknown", place, cloud || "empty", ADAPTER_NAMES.join(", "), remedy)];
  });
  return [...findings, ...checkQuotas(clusters)];
}

type Cluster = ClusterShape & { cloud: CloudName };

function checkCloud(name: string, cluster: Cluster, world: string): RuleFinding[] {
  const at = `clusters.${name}`;
  const { cloud, role } = cluster;
  const facts = CLOUD_FACTS[cloud];
  const findings: RuleFinding[] = [];
  if (facts.ended && world === "clouds") {
    const value = `${cloud}, but ${facts.label} ended on ${facts.ended.on}`;
    const live = cloudsThat((one) => !CLOUD_FACTS[one].ended);
    findings.push(breaks("cloud-ended", `${at}.cloud`, value, live, facts.ended.remedy));
  }
  if (role === "broker" && !facts.addressBeforeBoot) {
    const able = cloudsThat((one) => CLOUD_FACTS[one].addressBeforeBoot);
    const allowed = `${able} for the broker: its address must stand in its certificate before it boots`;
    findings.push(breaks("cloud-broker", `${at}.cloud`, cloud, allowed, "move the broker"));
  }
  return [
    ...findings,
    ...checkAccount(name, cluster),
    ...checkPlace(at, cluster),
    ...checkSizes(at, cluster),
    ...checkZones(at, cluster),
    ...checkServers(at, cluster),
  ];
}

/** What a control plane that outlives a server asks of its cloud. */
function checkServers(at: string, { cloud, nodes }: Cluster): RuleFinding[] {
  const servers = Object.entries(nodes).filter(([, { role }]) => role === "server");
  // How many there may be is checkClusters' matter.
  if (servers.length !== REPLICATED_SERVERS) return [];
  const { label, zones, severalServers } = CLOUD_FACTS[cloud];
  if (severalServers !== true) {
    const able = cloudsThat((one) => CLOUD_FACTS[one].severalServers === true);
    const why = severalServers ? `, which ${severalServers.lacks}` : "";
    const allowed = `one server on ${label}${why}; three on ${able}, whose load balancer gives the API a stable address`;
    return [breaks("server-cloud", `${at}.nodes`, `three servers on ${cloud}`, allowed, "make two of them workers")];
  }
  const distinct = new Set(servers.map(([, { zone }]) => zone));
  if (zones === "none" || (distinct.size === servers.length && !distinct.has(undefined))) return [];
  const value = servers.map(([key, { zone }]) => `${key} in ${zone ?? "no stated zone"}`).join(", ");
  const allowed = "three servers in three zones: two in one are lost together, and etcd with them";
  const remedy = "give each its own zone; where the place has fewer, add server-zones to `accepted`";
  return [breaks("server-zones", `${at}.nodes.*.zone`, value, allowed, remedy)];
}

function checkAccount(name: string, { cloud, account }: Cluster): RuleFinding[] {
  const place = `clusters.${name}.account`;
  const { account: wanted, label } = CLOUD_FACTS[cloud];
  if (!wanted) {
    if (account === undefined) return [];
    return [breaks("account-unused", place, account || "empty", `none: ${label} wants none`, "remove it")];
  }
  if (!account) {
    const remedy = `pulumi config set --path archipelago:cluster.account <${wanted}> -s ${name}`;
    return [breaks("account-missing", place, "missing", `the ${label} ${wanted}`, remedy)];
  }
  const format = ACCOUNTS[cloud];
  if (!format || format.pattern.test(account)) return [];
  return [breaks("account-format", place, account, `a ${label} ${wanted}: ${format.as}`, "copy it from the console")];
}

function checkPlace(at: string, { cloud, place }: Cluster): RuleFinding[] {
  const { label } = CLOUD_FACTS[cloud];
  if (place === "") {
    const remedy = "name the region, location or metro";
    return [breaks("place-missing", `${at}.place`, "empty", `a place of ${label}`, remedy)];
  }
  if (findPlace(cloud, place)) return [];
  const known = knownPlaces(cloud);
  const allowed = `a place of ${label} as of ${TABLE_DATE}: ${known.join(", ")}`;
  return [breaks("place-unknown", `${at}.place`, place, allowed, doubtful(place, known, "place-unknown"))];
}

function checkSizes(at: string, { cloud, nodes }: Cluster): RuleFinding[] {
  const { label } = CLOUD_FACTS[cloud];
  return Object.entries(nodes).flatMap(([key, node]): RuleFinding[] => {
    const place = `${at}.nodes.${key}.size`;
    const size = findSize(cloud, node.size ?? defaultSize(cloud) ?? "");
    if (!size) {
      const value = node.size || "empty";
      const allowed = `a size of ${label} in the table of ${TABLE_DATE} (plan/prices)`;
      const remedy = doubtful(node.size ?? "", knownSizes(cloud), "size-unknown");
      return [breaks("size-unknown", place, value, allowed, remedy)];
    }
    if (size.arm) {
      const remedy = "choose one with Intel's or AMD's processors";
      return [breaks("size-architecture", place, `${node.size}, which is Arm`, "amd64, as the images are", remedy)];
    }
    if (node.role === "server" && (size.vcpus < SERVER_CPUS || size.memoryGib < SERVER_MEMORY_GIB)) {
      const value = `${node.size} (CPUs: ${size.vcpus}, GiB: ${size.memoryGib}) for a server`;
      const allowed = `at least ${SERVER_CPUS} CPUs and 1.7 GB: kubeadm refuses less`;
      return [breaks("size-server", place, value, allowed, "choose a larger one")];
    }
    return [];
  });
}

function checkZones(at: string, { cloud, place, nodes }: Cluster): RuleFinding[] {
  const { zones, label, subnetPerZone } = CLOUD_FACTS[cloud];
  const entries = Object.entries(nodes);
  const zoned = entries.flatMap(([key, { zone, gateway }]) => (zone === undefined ? [] : [{ key, zone, gateway }]));
  const [first] = zoned;
  if (!first) return [];
  if (zones === "none") {
    const allowed = `nothing: ${label} has no zones`;
    return [breaks("zone-none", `${at}.nodes.${first.key}.zone`, first.zone, allowed, "remove it")];
  }
  const format = ZONES[cloud]?.(place);
  const findings = zoned
    .filter(({ zone }) => format && !format.pattern.test(zone))
    .map(({ key, zone }) => {
      const allowed = `a zone of ${place}, as ${format?.as}`;
      return breaks("zone-place", `${at}.nodes.${key}.zone`, zone || "empty", allowed, "correct it");
    });
  const distinct = new Set(entries.map(([, node]) => node.zone));
  if (subnetPerZone && distinct.has(undefined)) {
    const value = entries.map(([key, { zone }]) => `${key} in ${zone ?? "no stated zone"}`).join(", ");
    const allowed = `a zone on every node, or on none (${label}: each zone has a subnet of its own)`;
    findings.push(breaks("zone-mixed", `${at}.nodes.*.zone`, value, allowed, "give all nodes a zone, or none"));
  }
  const gateways = zoned.filter(({ gateway }) => gateway);
  if (gateways.length > 1 && new Set(gateways.map(({ zone }) => zone)).size === 1) {
    const value = `${gateways.map(({ key }) => key).join(", ")} in ${gateways[0]?.zone}`;
    const remedy = "put one of them into another zone";
    findings.push(breaks("gateway-zones", `${at}.nodes.*.zone`, value, "gateways in different zones", remedy));
  }
  return findings;
}

/** Gateways have one each, and the API: of its single server, or of the load balancer before several. */
function staticAddresses(nodes: ClusterShape["nodes"][string][]): number {
  const gateways = nodes.filter(({ gateway }) => gateway === true);
  const servers = nodes.filter(({ role }) => role === "server");
  const isShared = servers.length === 1 && servers[0]?.gateway === true;
  return gateways.length + (isShared ? 0 : 1);
}

/** A new account may hold few static addresses. */
function checkQuotas(clusters: Record<string, ClusterShape>): RuleFinding[] {
  const counts = new Map<string, { cloud: CloudName; place: string; names: string[]; count: number }>();
  for (const [name, { cloud, place, nodes }] of Object.entries(clusters)) {
    if (!isCloud(cloud)) continue;
    const key = `${cloud} ${place}`;
    const held = counts.get(key) ?? { cloud, place, names: [], count: 0 };
    held.names.push(name);
    held.count += staticAddresses(Object.values(nodes));
    counts.set(key, held);
  }
  return [...counts.values()].flatMap(({ cloud, place, names, count }) => {
    const quota = ADDRESS_QUOTA[cloud];
    if (quota === undefined || count <= quota) return [];
    const where = names.map((name) => `clusters.${name}.nodes`).join(" and ");
    const value = `${count} static addresses in ${place}`;
    const allowed = `${quota}, the quota of a new ${CLOUD_FACTS[cloud].label} account`;
    const remedy = "have the quota raised, then add address-quota to `accepted`";
    return [breaks("address-quota", where, value, allowed, remedy)];
  });
}

function doubtful(text: string, known: Iterable<string>, rule: string): string {
  const near = findNearest(text, known);
  const meant = near ? `is ${near} meant? ` : "";
  return `${meant}if it is newer than the table, add ${rule} to \`accepted\``;
}
