/** Every rule a topology must keep, by name: what plan/check*.ts finds, docs/topology.md lists and a fixture breaks. */
import type { Finding } from "./types";

export type Severity = "error" | "warning";

interface Rule {
  severity: Severity;
  /** An error that is none once the topology states that it is meant so (`accepted`); every warning is such. */
  unlessAccepted?: true;
  /** What must hold. */
  holds: string;
}

const error = (holds: string): Rule => ({ severity: "error", holds });
const unlessAccepted = (holds: string): Rule => ({ severity: "error", unlessAccepted: true, holds });
const warning = (holds: string): Rule => ({ severity: "warning", holds });

export const RULES = {
  // shape
  "field-type": error("Every field has its type."),
  "field-missing": error("Every required field is there."),
  "field-unknown": error("There is no field that nobody reads."),
  "accepted-rule": error("`accepted` names warnings, or errors that may be accepted, by their rule."),

  // fleet
  world: error("`world` is clouds or rehearsal."),
  domain: error("`domain` is a DNS name of at least two labels."),
  "domain-label": error("No label of `domain` is longer than 63 characters."),
  "domain-length": error("`domain` is no longer than 100 characters, so that the names of the replicas fit into 253."),
  "domain-reserved": error("`domain` is not under a name that resolvers or Kubernetes keep for themselves."),
  owner: error("`owner` is 1 to 40 letters, digits, dots, hyphens and underscores: what every cloud takes in a tag."),
  "upstream-dns": error("`upstreamDns` holds IPv4 addresses or absolute paths."),
  "upstream-dns-count": error("`upstreamDns` holds at most 15 entries: CoreDNS forwards to no more."),
  "upstream-dns-loop": error("No address of `upstreamDns` lies inside a cluster's pod or service range."),
  "data-unprotected": warning("On clouds `protectData` is true."),
  "kubernetes-version": error("`kubernetes.version` is a release, as v1.37.2."),
  "kubernetes-minor": error("Kubernetes is 1.31 or newer: kubeadm reads no v1beta4 configuration before."),
  "kubernetes-rehearsed": warning("The release of Kubernetes is one that was rehearsed."),

  // submariner
  "submariner-version": error("`submariner.version` is a release, as 0.24.2."),
  "submariner-vulnerable": error("On clouds Submariner is 0.24.2 or newer: CVE-2026-66785, -66786 and -66788."),
  "submariner-repository": error("`submariner.repository` is an image repository."),
  "cable-driver": error("`submariner.cableDriver` is libreswan, wireguard or vxlan."),
  "cable-unencrypted": warning("On clouds the cable driver encrypts; vxlan does not."),
  "port-number": error("Ports are whole numbers from 1 to 65535."),
  "port-clash": error("The cable's ports differ from each other and from every UDP port in use on a gateway."),
  "mss-large": error("`submariner.mssOctets` fits through the tunnel on every cloud's MTU."),
  "mss-small": error("`submariner.mssOctets` is a whole number from 536 up, which every IPv4 host must take."),

  // administrators
  "admin-missing": error("`adminCidrs` names at least one range."),
  "admin-malformed": error("Every entry of `adminCidrs` is an IPv4 CIDR."),
  "admin-open": unlessAccepted("No entry of `adminCidrs` is wider than /8: that is the whole internet, or nearly."),
  "admin-private": warning("On clouds `adminCidrs` are public: an API at a public address is never asked from others."),
  "admin-count": warning("`adminCidrs` holds at most 40 entries: clouds limit the rules of a firewall."),

  // address ranges
  "cidr-malformed": error("Every range is an IPv4 CIDR."),
  "cidr-unaligned": error("Every range begins with its block's first address."),
  "cidr-overlap": error("All ranges of the fleet are pairwise disjoint: the tunnels route by them."),
  "cidr-this-network": error("No range touches 0.0.0.0/8."),
  "cidr-loopback": error("No range touches 127.0.0.0/8."),
  "cidr-link-local": error("No range touches 169.254.0.0/16: there the clouds' metadata services are."),
  "cidr-vtep": error("No range touches 240.0.0.0/7: Submariner's tunnel ends take their addresses from there."),
  "cidr-multicast": error("No range touches the multicast and the other reserved addresses from 224.0.0.0 up."),
  "cidr-public": error("Ranges are private: RFC 1918, and 100.64.0.0/10 for pods and services."),
  "cidr-docker": warning("No range touches 172.17.0.0/16, which Docker takes on administrators' machines."),
  "cidr-cloud": error("No node range touches what its cloud keeps for itself."),
  "cidr-balancer": error("No pods or services of a region lie where a load balancer dials its servers from."),
  "node-cidr-assigned": warning("Where the cloud assigns the node range, it is one that the cloud can assign."),
  "pod-cidr-prefix": error("`podCidr` is /12 to /20."),
  "service-cidr-prefix": error("`serviceCidr` is /12 to /24."),
  "node-cidr-prefix": error("`nodeCidr` is /16 to /28."),
  "pod-cidr-room": error("`podCidr` has a /24 for every node: 110 pods, and as many again that are coming or going."),
  "node-cidr-room": error(
    "`nodeCidr`, or a zone's part of it, has an address for every node beside those that the cloud keeps.",
  ),
  "vtep-collision": error("With the vxlan cable, node addresses of regions differ in their last three octets."),

  // names
  "cluster-name": error("A cluster's name is a DNS label that begins with a letter."),
  "cluster-name-length": error("A cluster's name is no longer than 20 characters."),
  "node-key": error("A node's key is a DNS label that begins with a letter."),
  "node-name-length": error("`<cluster>-<node>` is no longer than 63 characters: a hostname and a label's value."),
  "node-name-unique": error("`<cluster>-<node>` is unique in the fleet."),
  "name-trimmed": error("What a cloud trims to its limit stays unique."),
  "name-characters": error("Names have no characters that their cloud refuses."),

  // roles
  "cluster-role": error("A cluster's role is broker or region."),
  "broker-count": error("Exactly one cluster is the broker."),
  "primary-count": error("Exactly one region is the primary."),
  "primary-broker": error("The broker is not the primary region."),
  "node-role": error("A node's role is server or worker."),
  "server-count": error("A cluster has one server, or three: etcd with two survives no more than with one."),
  "server-cloud": error("Three servers are on a cloud whose load balancer the adapter can put before them."),
  "server-zones": unlessAccepted("Where the cloud has zones, three servers lie in three of them."),
  "gateway-missing": error("Every region has a gateway."),
  "gateway-broker": error("The broker has no gateway."),
  "gateway-zones": warning("Two gateways of a region do not lie in one zone."),

  // clouds
  "cloud-unknown": error("`cloud` is one of those that have an adapter."),
  "cloud-ended": error("On clouds, the cloud is still in service."),
  "cloud-broker": error("The broker's cloud tells a static address before its machine boots."),
  "account-missing": error("Where the cloud wants an account, it is named."),
  "account-format": error("The account is written as its cloud writes it."),
  "account-unused": warning("Where the cloud wants no account, none is named."),
  "place-missing": error("`place` is not empty."),
  "place-unknown": unlessAccepted("`place` stands in the dated table of its cloud."),
  "size-unknown": unlessAccepted("`size` stands in the dated table of its cloud."),
  "size-architecture": error("`size` is amd64, as the machine images are."),
  "size-server": error("A server has the 2 CPUs and the 1.7 GB of memory that kubeadm insists on."),
  "zone-none": error("Where the cloud has no zones, none is named."),
  "zone-mixed": error("Where a subnet lies in one zone, all nodes of a cluster name theirs, or none does."),
  "zone-place": error("A zone belongs to its place."),
  "address-quota": warning("Static addresses in one place are within the cloud's usual quota."),

  "boot-script": error("A machine's boot script fits into 16 KiB, the smallest user data of any cloud."),

  // existing clusters
  "existing-broker": error("An existing cluster is a region, not the broker."),
  "existing-field": error("What belongs to machines of ours stands in no existing cluster, and the other way round."),
  "existing-role": error("Every node of an existing cluster is a worker: its control plane is somebody else's."),
  "existing-node-name": error("A living node's name is a DNS name, and is said once in its cluster."),
  "existing-place": error("The place of an existing cluster can stand in the database's locality."),
  "public-address-missing": error("Every gateway of an existing cluster states its public address."),
  "public-address-form": error("The public address of a gateway is an IPv4 address, on clouds a public one."),
  "public-address-unique": error("No two gateways have the same public address."),
  "storage-class-missing": error("An existing cluster names the storage class of the database's volumes."),
  "dns-address": error("`dnsAddress` is an address of the service range that Kubernetes does not keep for itself."),

  // database
  "database-image": error("`database.image` is an image with its tag or digest."),
  "database-latest": error("The tag of the database is not a moving one: replicas would differ."),
  "database-replicas": error("`database.replicas` is 3 to 9 a region."),
  "database-storage": error("`database.storageGib` is a whole number from 1 up."),
  "database-disk": error("The volumes of a machine's replicas fit on its disk."),
  "database-room": error(
    "The replicas' requests for CPU and memory fit on their machine, beside what else runs there.",
  ),
  "replica-missing": error("In a region of several nodes, every replica has its node."),
  "replica-doubled": error("No replica has two nodes."),
  "replica-range": error("Replicas on nodes are whole numbers below `database.replicas`."),
  "replica-broker": error("The broker holds no replicas."),
  "survival-goal": error("`database.survive` is region or zone."),
  "survival-regions": error("To survive the loss of a region there are at least three."),
  "survival-zone": error("To survive the loss of a zone, which is a machine here, every region has three of them."),
  "database-licence": warning("From v24.3 on, the database has its licence key."),
  "stand-in-clouds": error("On clouds, the database is the real one."),
  "stand-in-image": error("An image of the stand-in is called one."),
  "round-trip": warning("No two regions are further apart than the database's defaults bear (150 ms)."),

  // certificates
  "certificate-days": error("Lifetimes of certificates are whole numbers of days from 1 up."),
  "certificate-ca": error("A certificate authority lives longer than what it signs."),
  "certificate-renewal": error("Certificates are renewed before they expire, and do not begin their life due."),
  "certificate-ca-renewal": error("A CA is renewed so early that nothing it signed outlives it."),
  "certificate-rare": warning("Certificates are due for renewal at least 30 days before they expire."),
} satisfies Record<string, Rule>;

export type RuleId = keyof typeof RULES;

/** One thing wrong with the topology, and by which rule. */
export interface RuleFinding extends Finding {
  rule: RuleId;
  severity: Severity;
}

export const isRule = (name: string): name is RuleId => Object.hasOwn(RULES, name);

/** Whether a topology may state that it means what the rule finds. */
export const isAcceptable = (rule: RuleId): boolean => {
  const { severity, unlessAccepted: acceptable }: Rule = RULES[rule];
  return severity === "warning" || acceptable === true;
};

/** What plan/check*.ts make their findings with. */
export function breaks(rule: RuleId, place: string, value: string, allowed: string, remedy: string): RuleFinding {
  return { rule, severity: RULES[rule].severity, place, value, allowed, remedy };
}
