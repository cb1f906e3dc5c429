/** What must hold before living clusters are brought to other versions. Pure; the runbook is docs/upgrades.md. */
import type { Finding, Topology } from "./types";

/** What one living cluster says of its versions. */
export interface LivingVersions {
  cluster: string;
  /** As v1.37.2, the oldest among its servers; undefined: its Kubernetes is not ours to upgrade. */
  apiServer?: string;
  /** By node, as v1.37.2. */
  kubelets: Record<string, string>;
  /** As 0.24.2; undefined: none runs here. */
  submariner?: string;
  /** Image of the database; undefined: none runs here. */
  databaseImage?: string;
}

/** kubeadm and the API server work with kubelets up to three minor versions older than themselves. */
const KUBELET_SKEW_MINORS = 3;

/** All findings at once, in the order of the clusters; empty when the topology's versions can be reached in one step. */
export function checkUpgrade(
  living: LivingVersions[],
  { kubernetes, submariner, database }: Pick<Topology, "kubernetes" | "submariner" | "database">,
): Finding[] {
  return living.flatMap((cluster) => [
    ...(cluster.apiServer === undefined ? [] : checkKubernetes(cluster, cluster.apiServer, kubernetes.version)),
    ...checkSubmariner(cluster, submariner.version),
    ...checkDatabase(cluster, database.image),
  ]);
}

function checkKubernetes({ cluster, kubelets }: LivingVersions, from: string, to: string): Finding[] {
  const place = `${cluster}: Kubernetes`;
  const value = `${from} to ${to}`;
  const [now, then] = [numbersOf(from), numbersOf(to)];
  if (!now || !then) {
    return [{ place, value, allowed: "releases as v1.37.2", remedy: "bring the cluster to a release by hand" }];
  }
  if (compare(then, now) < 0) {
    const allowed = `${from} or newer: kubeadm takes no cluster back`;
    return [{ place, value, allowed, remedy: `set kubernetes.version to ${from}` }];
  }
  const findings: Finding[] = [];
  if (then[0] !== now[0] || then[1]! > now[1]! + 1) {
    const next = `v${now[0]}.${now[1]! + 1}`;
    const allowed = "at most one minor version at a time";
    findings.push({
      place,
      value,
      allowed,
      remedy: `set kubernetes.version to a release of ${next}, upgrade, then go on`,
    });
  }
  for (const [node, version] of Object.entries(kubelets)) {
    const kubelet = numbersOf(version);
    if (!kubelet) continue;
    const told = { place: `${cluster}: kubelet of ${node}`, value: version };
    if (compare(kubelet, then) > 0) {
      const remedy = `set kubernetes.version to ${version} or newer`;
      findings.push({ ...told, allowed: `at most ${to}: no kubelet is newer than its API server`, remedy });
    } else if (kubelet[0] === then[0] && then[1]! - kubelet[1]! > KUBELET_SKEW_MINORS) {
      const allowed = `at most ${KUBELET_SKEW_MINORS} minor versions older than ${to}`;
      findings.push({ ...told, allowed, remedy: `replace the node, or bring it to ${from} first` });
    }
  }
  return findings;
}

function checkSubmariner({ cluster, submariner: from }: LivingVersions, to: string): Finding[] {
  const [now, then] = [numbersOf(from ?? ""), numbersOf(to)];
  if (from === undefined || !now || !then || compare(then, now) >= 0) return [];
  const remedy = `set submariner.version to ${from}; to go back on purpose see docs/upgrades.md`;
  const allowed = `${from} or newer: an older one may not read what the newer one has announced`;
  return [{ place: `${cluster}: Submariner`, value: `${from} to ${to}`, allowed, remedy }];
}

function checkDatabase({ cluster, databaseImage: from }: LivingVersions, to: string): Finding[] {
  if (from === undefined || from === to) return [];
  const place = `${cluster}: database`;
  const value = `${from} to ${to}`;
  const [now, then] = [imageOf(from), imageOf(to)];
  if (now.name !== then.name) {
    const allowed = "another tag of the same image: another image is another database";
    return [{ place, value, allowed, remedy: `set database.image to a tag of ${now.name}` }];
  }
  const [old, wanted] = [numbersOf(now.tag), numbersOf(then.tag)];
  if (!old || !wanted) {
    const allowed = "images with their release as tag, as v25.4.14: of others nobody can tell which is newer";
    return [{ place, value, allowed, remedy: "name the release" }];
  }
  if (compare(wanted, old) < 0) {
    const allowed = `${now.tag} or newer`;
    return [{ place, value, allowed, remedy: `set database.image back; to go back on purpose see docs/upgrades.md` }];
  }
  if (!isOneMajorStep([old[0]!, old[1]!], [wanted[0]!, wanted[1]!])) {
    const allowed = "the next major version; an innovation release between two others may be left out";
    const remedy = "go by the majors between, finalising each (docs/upgrades.md)";
    return [{ place, value, allowed, remedy }];
  }
  return [];
}

/** CockroachDB's majors in a row: two a year until 2023, three in 2024, four a year since. 25.1 is number 1. */
function majorOrdinal([year, release]: [number, number]): number {
  if (year >= 25) return (year - 25) * 4 + release;
  return year === 24 ? release - 3 : (year - 24) * 2 + release - 3;
}

/** 24.2, 25.1, 25.3, 26.1 and so on: they may be skipped. */
const isInnovation = (ordinal: number): boolean => ordinal >= -1 && ordinal % 2 !== 0;

function isOneMajorStep(from: [number, number], to: [number, number]): boolean {
  const [one, other] = [majorOrdinal(from), majorOrdinal(to)];
  return other - one <= 1 || (other - one === 2 && isInnovation(one + 1));
}

/** The three numbers of `v1.37.2`, `1.37.2`; undefined if it is no release. */
export function numbersOf(version: string): number[] | undefined {
  const parts = /^v?(\d+)\.(\d+)\.(\d+)$/.exec(version)?.slice(1).map(Number);
  return parts?.length === 3 ? parts : undefined;
}

function compare(one: number[], other: number[]): number {
  const at = one.findIndex((number, index) => number !== other[index]);
  return at < 0 ? 0 : one[at]! - other[at]!;
}

/** `host:5000/name:tag@sha256:…` → name and tag. */
function imageOf(reference: string): { name: string; tag: string } {
  const [, name = reference, tag = ""] = /^(.+?)(?::([\w][\w.-]*))?(?:@sha256:[0-9a-f]+)?$/.exec(reference) ?? [];
  return { name, tag };
}
