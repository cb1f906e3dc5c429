/** Everything that can be wrong with a topology, found at once and before any cloud is asked. */
import { checkAddresses } from "./checkAddresses";
import { CLOUD_FACTS } from "./clouds";
import { UserError } from "./errors";
import { type ClusterShape, clusterShape, type FleetShape, fleetShape, shapeFindings } from "./shape";
import { CLOUDS, type CloudName, type Finding, type Topology } from "./types";

const LABEL = /^[a-z]([a-z0-9-]*[a-z0-9])?$/;
const DOMAIN = /^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]([a-z0-9-]*[a-z0-9])?$/;
/** `<cluster>-<key>` becomes a hostname and a label value in every cloud. */
const NODE_NAME_LENGTH = 40;

/** All findings; an empty list means that planFleet can plan it. */
export function checkTopology(data: unknown): Finding[] {
  const fleet = fleetShape.safeParse(data);
  if (!fleet.success) {
    const clusters = (data as { clusters?: unknown } | null | undefined)?.clusters;
    const { findings } = shapeClusters(typeof clusters === "object" && clusters !== null ? clusters : {});
    return [...shapeFindings(fleet.error, data, []), ...findings];
  }
  const { clusters, findings } = shapeClusters(fleet.data.clusters);
  return [
    ...findings,
    ...checkFleet(fleet.data),
    ...checkRoles(clusters, findings.length > 0),
    ...Object.entries(clusters).flatMap(([name, cluster]) => checkCluster(name, cluster, fleet.data.world)),
    ...checkAddresses(fleet.data.adminCidrs, clusters),
  ];
}

/**
 * Lets a sound topology through, typed.
 *
 * @throws UserError that lists every finding.
 */
export function assertTopology(data: unknown): Topology {
  const findings = checkTopology(data);
  if (findings.length === 0) return data as Topology;
  throw new UserError(
    renderFindings(findings),
    "Correct these in Pulumi.<stack>.yaml (archipelago:cluster), Pulumi.yaml (archipelago:fleet) or stacks/topology.ts.",
  );
}

/** One line a finding. */
export function renderFindings(findings: Finding[]): string {
  const count = findings.length === 1 ? "One thing is" : `${findings.length} things are`;
  const lines = findings.map(
    ({ place, value, allowed, remedy }) => `  ${place}: ${value}; allowed: ${allowed}. Do: ${remedy}.`,
  );
  return [`${count} wrong with the topology:`, ...lines].join("\n");
}

function shapeClusters(data: object): { clusters: Record<string, ClusterShape>; findings: Finding[] } {
  const clusters: Record<string, ClusterShape> = {};
  const findings: Finding[] = [];
  for (const [name, cluster] of Object.entries(data)) {
    const parsed = clusterShape.safeParse(cluster);
    if (parsed.success) clusters[name] = parsed.data;
    else findings.push(...shapeFindings(parsed.error, cluster, ["clusters", name]));
  }
  return { clusters, findings };
}

function checkFleet(fleet: FleetShape): Finding[] {
  const findings: Finding[] = [];
  const expect = (holds: boolean, place: string, value: unknown, allowed: string, remedy = `make it ${allowed}`) => {
    if (!holds) findings.push({ place, value: JSON.stringify(value), allowed, remedy });
  };
  const { kubernetes, submariner, database } = fleet;
  expect(["clouds", "rehearsal"].includes(fleet.world), "world", fleet.world, "clouds or rehearsal");
  expect(
    DOMAIN.test(fleet.domain) && fleet.domain.length <= 100,
    "domain",
    fleet.domain,
    "a DNS name of at least two labels",
  );
  expect(/^v1\.\d+\.\d+$/.test(kubernetes.version), "kubernetes.version", kubernetes.version, "a release as v1.37.2");
  expect(/^\d+\.\d+\.\d+$/.test(submariner.version), "submariner.version", submariner.version, "a release as 0.24.2");
  expect(
    submariner.repository !== "",
    "submariner.repository",
    submariner.repository,
    "an image repository as quay.io/submariner",
  );
  const drivers = ["libreswan", "wireguard", "vxlan"];
  expect(
    drivers.includes(submariner.cableDriver),
    "submariner.cableDriver",
    submariner.cableDriver,
    drivers.join(", "),
  );
  expect(
    /^[^\s@]+[:@][^\s/]+$/.test(database.image),
    "database.image",
    database.image,
    "an image with its tag or digest",
  );
  const { replicas, storageGib } = database;
  expect(
    Number.isInteger(replicas) && replicas >= 3 && replicas <= 9,
    "database.replicas",
    replicas,
    "3 to 9 a region",
  );
  expect(
    Number.isInteger(storageGib) && storageGib >= 1,
    "database.storageGib",
    storageGib,
    "a whole number of GiB from 1 up",
  );
  return findings;
}

function checkRoles(clusters: Record<string, ClusterShape>, incomplete: boolean): Finding[] {
  // A cluster left out above would make these counts wrong.
  if (incomplete) return [];
  const findings: Finding[] = [];
  const entries = Object.entries(clusters);
  const names = (holds: (cluster: ClusterShape) => boolean) =>
    entries.filter(([, c]) => holds(c)).map(([name]) => name);
  const exactlyOne = (found: string[], place: string, what: string, remedy: string) => {
    if (found.length === 1) return;
    findings.push({ place, value: found.join(", ") || "none", allowed: `exactly one ${what}`, remedy });
  };
  exactlyOne(
    names((c) => c.role === "broker"),
    "clusters.*.role",
    "broker",
    "give one cluster role: broker, the others role: region",
  );
  exactlyOne(
    names((c) => c.primary === true),
    "clusters.*.primary",
    "primary region",
    "set primary: true on the region that shall initialise the database, on no other",
  );
  return findings;
}

function checkCluster(name: string, cluster: ClusterShape, world: string): Finding[] {
  const at = `clusters.${name}`;
  const findings: Finding[] = [];
  const expect = (holds: boolean, place: string, value: string, allowed: string, remedy: string) => {
    if (!holds) findings.push({ place: `${at}${place}`, value, allowed, remedy });
  };
  expect(LABEL.test(name) && name.length <= 20, "", name, "a DNS label of at most 20 characters", "rename the cluster");
  expect(cluster.place !== "", ".place", "empty", "a region of the cloud", "name the region, location or metro");
  expect(["broker", "region"].includes(cluster.role), ".role", cluster.role, "broker or region", "choose one");
  const isBroker = cluster.role === "broker";
  expect(!(isBroker && cluster.primary), ".primary", "true on the broker", "a region", "set it on a region");
  findings.push(...checkCloud(at, cluster, world));

  const nodes = Object.entries(cluster.nodes);
  const servers = nodes.filter(([, node]) => node.role === "server").length;
  expect(
    servers === 1,
    ".nodes",
    `${servers} servers`,
    "exactly one node with role: server",
    "make one node the server and the others workers",
  );
  if (!isBroker) {
    const gateway = nodes.some(([, node]) => node.gateway === true);
    expect(
      gateway,
      ".nodes",
      "no gateway",
      "at least one node with gateway: true",
      "set gateway: true on the node that shall carry the tunnels",
    );
  }
  for (const [key, node] of nodes) {
    const place = `.nodes.${key}`;
    expect(LABEL.test(key), place, key, "a DNS label", "rename the node");
    const length = name.length + 1 + key.length;
    expect(
      length <= NODE_NAME_LENGTH,
      place,
      `${name}-${key}`,
      `at most ${NODE_NAME_LENGTH} characters`,
      "choose shorter names",
    );
    expect(["server", "worker"].includes(node.role), `${place}.role`, node.role, "server or worker", "choose one");
    expect(
      !(isBroker && node.gateway),
      `${place}.gateway`,
      "true on the broker",
      "false: the broker is not part of the mesh",
      "remove it",
    );
  }
  return findings;
}

function checkCloud(at: string, cluster: ClusterShape, world: string): Finding[] {
  const findings: Finding[] = [];
  const add = (place: string, value: string, allowed: string, remedy: string) =>
    findings.push({ place: `${at}.${place}`, value, allowed, remedy });
  if (!isCloud(cluster.cloud)) {
    add("cloud", cluster.cloud || "empty", CLOUDS.join(", "), "choose one of these");
    return findings;
  }
  const facts = CLOUD_FACTS[cluster.cloud];
  const live = Object.keys(CLOUD_FACTS)
    .filter((name) => !CLOUD_FACTS[name as CloudName].ended)
    .join(", ");
  if (facts.ended && world === "clouds") {
    add("cloud", `${cluster.cloud}, but ${facts.label} ended on ${facts.ended.on}`, live, facts.ended.remedy);
  }
  if (cluster.role === "broker" && !facts.addressBeforeBoot) {
    const able = Object.keys(CLOUD_FACTS)
      .filter((name) => CLOUD_FACTS[name as CloudName].addressBeforeBoot)
      .join(", ");
    add(
      "cloud",
      cluster.cloud,
      `${able} for the broker: its address must stand in its certificate before it boots`,
      "move the broker",
    );
  }
  if (facts.account && !cluster.account) {
    const remedy = `pulumi config set --path archipelago:cluster.account <${facts.account}> -s ${at.split(".")[1]}`;
    add("account", "missing", `the ${facts.label} ${facts.account}`, remedy);
  }
  const zones = Object.entries(cluster.nodes).filter(([, node]) => node.zone !== undefined);
  if (facts.zones === "none" && zones.length > 0) {
    add(`nodes.${zones[0]?.[0]}.zone`, zones[0]?.[1].zone ?? "", `nothing: ${facts.label} has no zones`, "remove it");
  }
  const distinct = new Set(Object.values(cluster.nodes).map((node) => node.zone));
  if (facts.zones === "one" && distinct.size > 1) {
    add(
      "nodes.*.zone",
      [...distinct].map((zone) => zone ?? "unset").join(", "),
      `the same zone on all nodes (${facts.label})`,
      "give all nodes one zone, or none",
    );
  }
  return findings;
}

const isCloud = (name: string): name is CloudName => (CLOUDS as readonly string[]).includes(name);
