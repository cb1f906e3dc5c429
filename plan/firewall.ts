/** What each cluster's firewall opens, and why. Nothing else is open. */
import { API_PORT } from "./names";
import { DEFAULT_CABLE_PORT } from "./networks";
import type { NodePlan, PortRule } from "./types";

const ANYWHERE = "0.0.0.0/0";

/** UDP port on which gateways find out how they see each other through NAT. */
export const NAT_DISCOVERY_PORT = 4490;

/** Clients, and the members among themselves. */
const ETCD_PORTS = { from: 2379, to: 2380 };

export interface FirewallInput {
  role: "broker" | "region";
  nodeCidr: string;
  adminCidrs: string[];
  /** UDP port on which gateways carry each other's traffic; default 4500. */
  cablePort?: number;
  /** Private addresses of several servers; none where there is one. */
  serverAddresses?: string[];
  /** Range from which the load balancer before several servers dials them, where they see no client's address. */
  balancerSource?: string;
  /** Of a cluster that is not ours only what the fleet adds: its own openings are its owner's. */
  existing?: boolean;
}

export function planFirewall({
  role,
  nodeCidr,
  adminCidrs,
  cablePort = DEFAULT_CABLE_PORT,
  serverAddresses = [],
  balancerSource,
  existing = false,
}: FirewallInput): PortRule[] {
  const inside = (name: string, protocol: "tcp" | "udp", port: number, why: string): PortRule => ({
    name,
    on: "every node",
    protocol,
    from: port,
    to: port,
    sources: [nodeCidr],
    why,
  });
  const cable = (name: string, port: number, what: string): PortRule => ({
    name,
    on: "gateways",
    protocol: "udp",
    from: port,
    to: port,
    sources: [ANYWHERE],
    why: `${what}; the peers' addresses belong to other stacks, the pre-shared key is what keeps strangers out`,
  });
  const api: PortRule = {
    name: "api",
    on: "server",
    protocol: "tcp",
    from: API_PORT,
    to: API_PORT,
    sources: role === "broker" ? [ANYWHERE] : [...new Set([...adminCidrs, nodeCidr])],
    why:
      role === "broker"
        ? "Kubernetes API: every gateway exchanges endpoints here from an address known only later; token and TLS guard it"
        : "Kubernetes API, for administrators and the cluster's own nodes",
  };
  const behindBalancer = (source: string): PortRule[] => [
    {
      ...api,
      sources: [nodeCidr, source],
      why: "Kubernetes API, for the cluster's own nodes, and for the load balancer, which hides who its clients are",
    },
    {
      ...api,
      name: "api-clients",
      on: "load balancer",
      sources: role === "broker" ? api.sources : adminCidrs,
      why: role === "broker" ? api.why : "Kubernetes API, for administrators: here alone their addresses are seen",
    },
  ];
  const ping: PortRule = {
    name: "ping",
    on: "every node",
    protocol: "icmp",
    from: 0,
    to: 0,
    sources: [ANYWHERE],
    why: "path MTU discovery and round trip times",
  };
  const etcd: PortRule = {
    name: "etcd",
    on: "server",
    protocol: "tcp",
    from: ETCD_PORTS.from,
    to: ETCD_PORTS.to,
    sources: serverAddresses.map((address) => `${address}/32`),
    why: "etcd: the servers keep the cluster's state together; certificates on both sides guard it",
  };
  const isReplicated = serverAddresses.length > 0;
  const common = [
    ...(isReplicated && balancerSource !== undefined ? behindBalancer(balancerSource) : [api]),
    ...(isReplicated ? [etcd] : []),
    inside("kubelet", "tcp", 10250, "API server to kubelets: logs, exec, metrics"),
    inside("flannel", "udp", 8472, "pod network between the cluster's nodes (VXLAN)"),
    ping,
  ];
  if (role === "broker") return common;
  return [
    ...(existing ? [ping] : common),
    inside("mesh-inside", "udp", 4800, "Submariner: from any node to its cluster's gateway (VXLAN)"),
    cable("cable", cablePort, "tunnels between the gateways"),
    cable("nat-discovery", NAT_DISCOVERY_PORT, "Submariner NAT discovery between the gateways"),
  ];
}

function applies({ on }: PortRule, { role, gateway }: NodePlan): boolean {
  switch (on) {
    case "every node":
      return true;
    case "server":
      return role === "server";
    case "gateways":
      return gateway;
    case "load balancer":
      return false;
  }
}

/** Rules for one node. */
export const nodeRules = (rules: PortRule[], node: NodePlan): PortRule[] => rules.filter((rule) => applies(rule, node));

/**
 * What lets clients reach the API through a load balancer, where the cloud filters at that: the rules that stand there
 * alone, or the servers' own where these see the clients, too.
 */
export function balancerProfile(rules: PortRule[]): FirewallProfile {
  const own = rules.filter(({ on }) => on === "load balancer");
  return { name: "balancer", rules: own.length > 0 ? own : rules.filter(({ name }) => name === "api") };
}

export interface FirewallProfile {
  name: "server" | "server-gateway" | "gateway" | "worker" | "balancer";
  rules: PortRule[];
}

export const profileName = (node: Pick<NodePlan, "role" | "gateway">): Exclude<FirewallProfile["name"], "balancer"> =>
  node.role === "server" ? (node.gateway ? "server-gateway" : "server") : node.gateway ? "gateway" : "worker";

/** One firewall per kind of node that the cluster has: a worker opens no port to the outside. */
export function firewallProfiles(rules: PortRule[], nodes: NodePlan[]): FirewallProfile[] {
  const profiles = new Map<string, FirewallProfile>();
  for (const node of nodes) {
    const name = profileName(node);
    if (!profiles.has(name)) profiles.set(name, { name, rules: nodeRules(rules, node) });
  }
  return [...profiles.values()];
}
