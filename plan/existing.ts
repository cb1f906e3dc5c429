/** What is known beforehand of a cluster that somebody else has put up. Pure. */
import { addressAt } from "./cidr";
import type { ClusterPlan, ClusterSpec, NodePlan, PortRule } from "./types";

/**
 * Where the fleet's resolver stands in the service range unless the topology says otherwise. Kubernetes deals addresses
 * from the upper end and leaves at least the first sixteen to those who choose; the tenth is mostly the cluster's own DNS.
 */
const RESOLVER_OFFSET = 12;

/** The fleet's own CoreDNS in an existing cluster: the cluster's own serves another zone, and is not touched. */
export const RESOLVER = {
  namespace: "archipelago-dns",
  name: "resolver",
  /** The release that kubeadm of the rehearsed Kubernetes takes. */
  image: "registry.k8s.io/coredns/coredns:v1.14.6",
  /** No capability is needed above 1023. */
  port: 1053,
} as const;

/** Marks what is ours in a cluster of somebody else. */
export const PART_OF = { "app.kubernetes.io/part-of": "archipelago" };

/** Service address of the fleet's resolver. */
export const resolverAddress = ({ dnsAddress, serviceCidr }: Pick<ClusterSpec, "dnsAddress" | "serviceCidr">): string =>
  dnsAddress ?? addressAt(serviceCidr, RESOLVER_OFFSET);

/** The living nodes by their own names. Where replicas run is their scheduler's choice: their volumes are no folder of ours. */
export function planExistingNodes(spec: ClusterSpec): NodePlan[] {
  return Object.entries(spec.nodes).map(([key, { role, name, gateway = false, publicAddress }]) => ({
    name: name ?? key,
    key,
    role,
    gateway,
    publicAddress,
    staticAddress: gateway,
    // Nobody orders them.
    size: "",
    replicas: [],
  }));
}

const renderPort = ({ protocol, from, to }: PortRule): string =>
  protocol === "icmp" ? "ICMP" : `${protocol.toUpperCase()} ${from === to ? from : `${from}-${to}`}`;

/** What must be opened by hand, a line each: the firewall before an existing cluster is not ours. */
export function renderOpenings({ name, firewall }: Pick<ClusterPlan, "name" | "firewall">): string[] {
  return [
    `${name} is an existing cluster: its firewall is not ours. Open there, if it is not open:`,
    ...firewall.map((rule) => {
      const { on, sources, why } = rule;
      return `  ${renderPort(rule)} on ${on === "gateways" ? "the gateways" : on}, from ${sources.join(", ")}: ${why}`;
    }),
    "  and from every node outwards: the broker's API (TCP 6443) and UDP to the other gateways",
  ];
}
