/** Everything that can be wrong with a topology, found at once and before any cloud is asked. */
import { checkAddresses, checkAdmins } from "./checkAddresses";
import { checkBoot } from "./checkBoot";
import { checkClouds } from "./checkClouds";
import { checkClusters, checkCounts } from "./checkClusters";
import { checkDatabase } from "./checkDatabase";
import { checkExisting } from "./checkExisting";
import { checkFleet } from "./checkFleet";
import { UserError } from "./errors";
import { isAcceptable, type RuleFinding } from "./rules";
import { type ClusterShape, clusterShape, type FleetShape, fleetShape, shapeFindings } from "./shape";
import type { Finding, Topology } from "./types";

/** A topology of hundreds of clusters can be wrong in thousands of pairs. */
const LINES_SHOWN = 100;

/** All findings but those the topology accepts; without an error among them planFleet can plan it. */
export function checkTopology(data: unknown): RuleFinding[] {
  const parsed = fleetShape.safeParse(data);
  const { clusters, findings } = shapeClusters(parsed.success ? parsed.data.clusters : clustersOf(data));
  const shape = parsed.success ? findings : [...shapeFindings(parsed.error, data, []), ...findings];
  const values = [...shape, ...checkValues(parsed.data, clusters, findings.length > 0)];
  // What is wrong already cannot be planned.
  const isSound = values.every(({ severity, rule }) => severity !== "error" || isAcceptable(rule));
  const found = isSound ? [...values, ...checkBoot(data as Topology)] : values;
  const accepted = new Set<string>(parsed.data?.accepted);
  return found.filter(({ rule }) => !(accepted.has(rule) && isAcceptable(rule)));
}

/**
 * Lets a topology without errors through, typed; warnings do not stop it.
 *
 * @throws UserError that lists every finding, errors first.
 */
export function assertTopology(data: unknown): Topology {
  const findings = checkTopology(data);
  const errors = findings.filter(({ severity }) => severity === "error");
  if (errors.length === 0) return data as Topology;
  const warnings = findings.filter(({ severity }) => severity === "warning");
  const count = warnings.length === 1 ? "One thing is" : `${warnings.length} things are`;
  const more = warnings.length === 0 ? [] : [`${count} doubtful:`, ...renderLines(warnings)];
  throw new UserError(
    [renderFindings(errors), ...more].join("\n"),
    "Correct these in Pulumi.<stack>.yaml (archipelago:cluster), Pulumi.yaml (archipelago:fleet) or stacks/topology.ts; " +
      "the rules are in docs/topology.md.",
  );
}

/**
 * What a sound topology should be told all the same.
 *
 * @param chosen only what concerns these clusters or the whole fleet; default everything.
 */
export function topologyWarnings(topology: Topology, chosen = Object.keys(topology.clusters)): RuleFinding[] {
  const others = Object.keys(topology.clusters).filter((name) => !chosen.includes(name));
  const names = (place: string, name: string) => new RegExp(`\\bclusters\\.${name}(?![\\w-])`).test(place);
  const concerns = (place: string) =>
    chosen.some((name) => names(place, name)) || !others.some((name) => names(place, name));
  return checkTopology(topology).filter(({ severity, place }) => severity === "warning" && concerns(place));
}

/** One line a finding. */
export function renderFindings(findings: Finding[]): string {
  const count = findings.length === 1 ? "One thing is" : `${findings.length} things are`;
  return [`${count} wrong with the topology:`, ...renderLines(findings)].join("\n");
}

/** Begins every warning that a stack's program prints: the harness, which has told them already, leaves them out. */
export const WARNING_MARK = "topology: ";

/** Place, value, what is allowed, what to do, and by which rule. */
export function renderFinding({ place, value, allowed, remedy, ...rest }: Finding | RuleFinding): string {
  const rule = "rule" in rest ? ` [${rest.rule}]` : "";
  return `${place}: ${value}; allowed: ${allowed}. Do: ${remedy}.${rule}`;
}

function renderLines(findings: Finding[]): string[] {
  const lines = findings.slice(0, LINES_SHOWN).map((finding) => `  ${renderFinding(finding)}`);
  const left = findings.length - lines.length;
  return left > 0 ? [...lines, `  and ${left} more`] : lines;
}

function checkValues(
  fleet: FleetShape | undefined,
  clusters: Record<string, ClusterShape>,
  incomplete: boolean,
): RuleFinding[] {
  return [
    ...(fleet ? checkFleet(fleet, clusters) : []),
    // A cluster left out for its shape would make the counts wrong.
    ...(incomplete ? [] : checkCounts(clusters)),
    ...checkClusters(clusters),
    ...checkClouds(clusters, fleet?.world ?? ""),
    ...checkExisting(clusters, fleet?.world ?? ""),
    ...(fleet ? checkDatabase(fleet, clusters, incomplete) : []),
    ...(fleet ? checkAdmins(fleet) : []),
    ...checkAddresses(clusters, fleet?.submariner.cableDriver),
  ];
}

function clustersOf(data: unknown): object {
  const clusters = (data as { clusters?: unknown } | null | undefined)?.clusters;
  return typeof clusters === "object" && clusters !== null ? clusters : {};
}

function shapeClusters(data: object): { clusters: Record<string, ClusterShape>; findings: RuleFinding[] } {
  const clusters: Record<string, ClusterShape> = {};
  const findings: RuleFinding[] = [];
  for (const [name, cluster] of Object.entries(data)) {
    const parsed = clusterShape.safeParse(cluster);
    if (parsed.success) clusters[name] = parsed.data;
    else findings.push(...shapeFindings(parsed.error, cluster, ["clusters", name]));
  }
  return { clusters, findings };
}
