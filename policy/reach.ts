/** Who may reach what from the internet. */
import { planFirewall } from "../plan/firewall";
import type { ClusterPlan, Finding, PortRule } from "../plan/types";
import { isWorld, type Opening, openingsOf } from "./openings";
import type { Fleet, Resource, ResourceRule, Settings } from "./rule";

/** Ports behind which a stranger with one leaked credential owns the cluster. */
const MANAGEMENT: Record<number, string> = {
  22: "SSH",
  2379: "etcd",
  2380: "etcd",
  6443: "the Kubernetes API",
  10250: "the kubelet",
  10257: "the controller manager",
  10259: "the scheduler",
};

/** A statement that a port of a cluster is meant to be open to everybody. */
export interface Statement {
  cluster?: string;
  protocol: string;
  port: number;
  /** At least a sentence. */
  why: string;
}

export const managementPorts: ResourceRule = {
  name: "no-management-port-open-to-the-world",
  description: "SSH, the Kubernetes API and the control plane's other ports are open to stated addresses alone.",
  level: "mandatory",
  severity: "critical",
  reason: "scanners find an open port within minutes, and there is no way back from what comes in by it",
  settings: statementSettings(),
  check: (resource, fleet, settings) =>
    unstated(resource, fleet, settings).flatMap((opening) => {
      const reached = managed(opening);
      return reached.length === 0 ? [] : [finding(resource, opening, `${reached.join(", ")} for everybody`)];
    }),
};

export const otherPorts: ResourceRule = {
  name: "only-planned-ports-open-to-the-world",
  description: "What everybody may reach is what the plan opens, each port with its reason.",
  level: "advisory",
  severity: "medium",
  reason:
    "an application may rightly have a public port that the plan does not know: somebody should look, not be stopped",
  settings: statementSettings(),
  check: (resource, fleet, settings) =>
    unstated(resource, fleet, settings).flatMap((opening) =>
      managed(opening).length > 0 ? [] : [finding(resource, opening, `${renderPorts(opening)} for everybody`)],
    ),
};

function unstated({ type, properties }: Resource, fleet: Fleet, settings: Settings): Opening[] {
  const stated = [...designedOpenings(fleet), ...(fleet.cluster ? readStatements(fleet.cluster, settings) : [])];
  return openingsOf(type, properties)
    .filter(({ sources }) => sources.some(isWorld))
    .filter((opening) => !stated.some((rule) => covers(rule, opening)));
}

/** The plan's own rule for administrators from everywhere; a topology that lists it among `accepted` has stated it. */
const ACCEPTED_RULE = "admin-open";

/**
 * What the program opens to everybody by its design, each with its `why`: the rules that hold even when there is no
 * administrator. So `adminCidrs: ["0.0.0.0/0"]` alone states nothing: it is what this policy is here to find.
 */
export function designedOpenings({ plan, cluster }: Fleet): PortRule[] {
  if (!cluster) return [];
  const { role, nodeCidr } = cluster;
  const { submariner, adminCidrs, accepted = [] } = plan.topology;
  const stated = accepted.includes(ACCEPTED_RULE) ? adminCidrs : [];
  return planFirewall({ role, nodeCidr, adminCidrs: stated, cablePort: submariner.cablePort }).filter(
    ({ sources, why }) => why !== "" && sources.some(isWorld),
  );
}

type Stated = Pick<PortRule, "protocol" | "from" | "to">;

/** A statement without a reason is none. */
function readStatements(cluster: ClusterPlan, { stated }: Settings): Stated[] {
  return ((stated as Statement[] | undefined) ?? [])
    .filter(({ cluster: name, why }) => (name ?? cluster.name) === cluster.name && why.trim() !== "")
    .map(({ protocol, port }) => ({ protocol: protocol as PortRule["protocol"], from: port, to: port }));
}

function covers(rule: Stated, opening: Opening): boolean {
  if (rule.protocol !== opening.protocol) return false;
  return rule.protocol === "icmp" || (rule.from <= opening.from && opening.to <= rule.to);
}

function managed({ protocol, from, to }: Opening): string[] {
  if (protocol !== "tcp" && protocol !== "all") return [];
  const names = Object.entries(MANAGEMENT).flatMap(([port, name]) => (from <= +port && +port <= to ? [name] : []));
  return [...new Set(names)];
}

const renderPorts = ({ protocol, from, to }: Opening): string =>
  protocol === "all" || protocol === "other" || protocol === "icmp"
    ? protocol === "all"
      ? "every port"
      : `protocol ${protocol}`
    : `${protocol} ${from === to ? from : `${from}–${to}`}`;

const finding = (resource: Resource, { sources }: Opening, value: string): Finding => ({
  place: resource.name,
  value: `opens ${value} (${sources.filter(isWorld).join(", ")})`,
  allowed: "the addresses that need it, or a port that plan/firewall.ts opens to everybody and says why",
  remedy:
    "narrow the sources (adminCidrs in the topology); if it is meant so, state it: `accepted` in the topology, or this policy's `stated` with its why",
});

function statementSettings(): Record<string, object> {
  const properties = {
    cluster: { type: "string" },
    protocol: { type: "string", enum: ["tcp", "udp", "icmp"] },
    port: { type: "integer" },
    why: { type: "string", minLength: 10 },
  };
  const items = { type: "object", properties, required: ["protocol", "port", "why"], additionalProperties: false };
  return { stated: { type: "array", items, description: "ports that are meant to be open to everybody" } };
}
