/** Rules on the database: what it is, what it shall survive, and whether it fits. */
import { isCloud } from "./clouds";
import { farPairs, type Metro, metroOf, ROUND_TRIP_LIMIT_MS } from "./distances";
import { checkReplicas as checkPlacement } from "./checkReplicas";
import { spreadReplicas } from "./replicas";
import { breaks, type RuleFinding, type RuleId } from "./rules";
import type { ClusterShape, FleetShape } from "./shape";
import { defaultSize, findSize, rootDiskGib } from "./sizes";

const FEWEST_REPLICAS = 3;
const MOST_REPLICAS = 9;
/** Of failure domains, so that two are left when one is lost. */
const QUORUM_DOMAINS = 3;

/** What one replica asks of its machine (components/cockroachdb/objects.ts). */
export const REPLICA_REQUEST = { cpus: 0.5, memoryGib: 1 };
/** What else asks: kubeadm's control plane and CoreDNS on a server, flannel on every node. */
const NODE_REQUEST = {
  server: { cpus: 0.95, memoryGib: 0.3 },
  worker: { cpus: 0.1, memoryGib: 0.1 },
};
/** Kept by the kernel, the system and the kubelet. */
const SYSTEM_MEMORY_GIB = 0.5;
/** System, images, logs and etcd. */
const SYSTEM_DISK_GIB = 15;

/** The first release under the CockroachDB Software License. */
const LICENCE_SINCE = [24, 3];
const STAND_IN_REGISTRY = "archipelago.internal/";

type Clusters = Record<string, ClusterShape>;

/** @param incomplete clusters were left out for their shape: then nothing that counts them would be true. */
export function checkDatabase({ database, world }: FleetShape, clusters: Clusters, incomplete: boolean): RuleFinding[] {
  return [
    ...checkImage(database, world),
    ...checkReplicas(database),
    ...(isCount(database.replicas, FEWEST_REPLICAS, MOST_REPLICAS) ? checkPlacement(database.replicas, clusters) : []),
    ...checkRoom(database, clusters),
    ...(incomplete ? [] : checkSurvival(database, clusters)),
    ...(world === "clouds" ? checkDistances(clusters) : []),
  ];
}

function checkImage({ image, standIn, licensed }: FleetShape["database"], world: string): RuleFinding[] {
  const place = "database.image";
  const findings: RuleFinding[] = [];
  const parts = /^[^\s@:]+(:\d+\/[^\s@:]+)?(?::([\w][\w.-]*))?(@sha256:[0-9a-f]{64})?$/.exec(image);
  const [, , tag, digest] = parts ?? [];
  if (!parts || (tag === undefined && digest === undefined)) {
    findings.push(breaks("database-image", place, image || "empty", "an image with its tag or digest", "correct it"));
  } else if (digest === undefined && tag === "latest") {
    const allowed = "a tag that stays what it is: a replica that restarts would be of another release";
    findings.push(breaks("database-latest", place, image, allowed, "name the release"));
  }
  if (standIn && world === "clouds") {
    const remedy = "name the real image and set standIn: false";
    findings.push(breaks("stand-in-clouds", "database.standIn", "true", "false on clouds: it stores nothing", remedy));
  }
  if (!standIn && image.startsWith(STAND_IN_REGISTRY)) {
    const allowed = "true with this image: every output must say that it is a stand-in";
    findings.push(breaks("stand-in-image", "database.standIn", `false with ${image}`, allowed, "set standIn: true"));
  }
  const release = /^v(\d+)\.(\d+)/
    .exec(tag ?? "")
    ?.slice(1)
    .map(Number);
  const [major = Infinity, minor = 0] = release ?? [];
  const [licenceMajor = 0, licenceMinor = 0] = LICENCE_SINCE;
  const needsLicence = major > licenceMajor || (major === licenceMajor && minor >= licenceMinor);
  if (!standIn && parts && needsLicence && licensed !== true) {
    const allowed = "true: without a key at most 5 transactions are open at once from the 7th day after init";
    const remedy = "get a key (free or paid), SET CLUSTER SETTING enterprise.license, then set it to true";
    findings.push(breaks("database-licence", "database.licensed", String(licensed ?? "missing"), allowed, remedy));
  }
  return findings;
}

function checkReplicas({ replicas, storageGib }: FleetShape["database"]): RuleFinding[] {
  const findings: RuleFinding[] = [];
  if (!isCount(replicas, FEWEST_REPLICAS, MOST_REPLICAS)) {
    const allowed = `${FEWEST_REPLICAS} to ${MOST_REPLICAS} a region`;
    findings.push(breaks("database-replicas", "database.replicas", String(replicas), allowed, `make it ${allowed}`));
  }
  if (!isCount(storageGib, 1, Infinity)) {
    const allowed = "a whole number of GiB from 1 up";
    const value = String(storageGib);
    findings.push(breaks("database-storage", "database.storageGib", value, allowed, `make it ${allowed}`));
  }
  return findings;
}

const isCount = (count: number, from: number, to: number): boolean =>
  Number.isInteger(count) && count >= from && count <= to;

/** Whether the replicas find CPU, memory and disk where the plan puts them. */
function checkRoom({ replicas, storageGib, standIn }: FleetShape["database"], clusters: Clusters): RuleFinding[] {
  // The stand-in asks for next to nothing and stores nothing.
  if (standIn || !isCount(replicas, FEWEST_REPLICAS, MOST_REPLICAS) || !isCount(storageGib, 1, Infinity)) return [];
  return regionsOf(clusters).flatMap(([name, { cloud, nodes }]) => {
    const held = spreadReplicas(nodes, replicas);
    return Object.entries(nodes).flatMap(([key, node]): RuleFinding[] => {
      const count = held.get(key)?.length ?? 0;
      const size = findSize(cloud, node.size ?? defaultSize(cloud) ?? "");
      if (!size || count === 0) return [];
      const place = `clusters.${name}.nodes.${key}`;
      const remedy = "choose a larger size, or add workers";
      const findings: RuleFinding[] = [];
      const others = NODE_REQUEST[node.role === "server" ? "server" : "worker"];
      const cpus = count * REPLICA_REQUEST.cpus + others.cpus;
      const memoryGib = count * REPLICA_REQUEST.memoryGib + others.memoryGib + SYSTEM_MEMORY_GIB;
      if (cpus > size.vcpus || memoryGib > size.memoryGib) {
        const value = `${count} replicas on ${size.vcpus} CPUs and ${size.memoryGib} GiB`;
        const allowed = `at least ${round(cpus)} CPUs and ${round(memoryGib)} GiB, or they stay Pending`;
        findings.push(breaks("database-room", place, value, allowed, remedy));
      }
      const diskGib = count * storageGib + SYSTEM_DISK_GIB;
      const rootGib = rootDiskGib(cloud, size);
      if (diskGib > rootGib) {
        const value = `${count} volumes of ${storageGib} GiB on a disk of ${rootGib} GiB`;
        const allowed = `a disk of ${diskGib} GiB, system and images included`;
        findings.push(breaks("database-disk", place, value, allowed, `${remedy}, or make storageGib smaller`));
      }
      return findings;
    });
  });
}

const round = (number: number): string => String(Math.round(number * 100) / 100);

function checkSurvival({ survive, replicas }: FleetShape["database"], clusters: Clusters): RuleFinding[] {
  if (survive === undefined) return [];
  const regions = regionsOf(clusters);
  const say = (rule: RuleId, place: string, value: string, allowed: string, remedy: string) =>
    breaks(rule, place, value, allowed, remedy);
  if (survive === "region") {
    if (regions.length >= QUORUM_DOMAINS) return [];
    const value = `region, with ${regions.length} of them`;
    const allowed = `at least ${QUORUM_DOMAINS} regions: two must be left to agree`;
    return [say("survival-regions", "database.survive", value, allowed, "add regions, or set survive: zone")];
  }
  if (survive !== "zone") {
    return [say("survival-goal", "database.survive", survive || "empty", "region or zone", "choose one")];
  }
  return regions.flatMap(([name, { nodes }]) => {
    const count = [...spreadReplicas(nodes, replicas).values()].filter((held) => held.length > 0).length;
    if (count >= QUORUM_DOMAINS) return [];
    const value = `replicas on ${count} machine${count === 1 ? "" : "s"}, survive: zone`;
    const allowed = `at least ${QUORUM_DOMAINS} machines: each is a zone to the database`;
    return [say("survival-zone", `clusters.${name}.nodes`, value, allowed, "add workers, or set survive: region")];
  });
}

/** Pairs of regions for which the database's defaults are too short. */
function checkDistances(clusters: Clusters): RuleFinding[] {
  const places = new Map<Metro, string[]>();
  for (const [name, { cloud, place }] of regionsOf(clusters)) {
    const metro = isCloud(cloud) ? metroOf(cloud, place) : undefined;
    if (metro) places.set(metro, [...(places.get(metro) ?? []), `clusters.${name}`]);
  }
  return farPairs().flatMap(([one, other, ms]) => {
    const [ours, theirs] = [places.get(one), places.get(other)];
    if (!ours || !theirs) return [];
    const allowed = `at most ${ROUND_TRIP_LIMIT_MS} ms`;
    const remedy =
      "raise kv.closed_timestamp.lead_for_global_reads_override before using GLOBAL tables, then add round-trip to `accepted`";
    const value = `${one}–${other} ${ms} ms`;
    return [breaks("round-trip", `${ours.join(", ")} and ${theirs.join(", ")}`, value, allowed, remedy)];
  });
}

const regionsOf = (clusters: Clusters): [string, ClusterShape][] =>
  Object.entries(clusters).filter(([, { role }]) => role === "region");
