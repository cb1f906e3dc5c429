/** The data of the whole fleet, as written in stacks/topology.ts and overridden per stack, and what follows from it. */

export const CLOUDS = ["aws", "oci", "vultr", "equinix-metal", "civo", "linode"] as const;
/** A cloud in which machines are made. */
export type CloudName = (typeof CLOUDS)[number];

/** A cluster that somebody else has put up: joined by its kubeconfig, and left as it was found. */
export const EXISTING = "existing";
/** Whatever fulfils the contract of components/cloud.ts. */
export type AdapterName = CloudName | typeof EXISTING;

/** A machine of a cluster. The key in `nodes` is its name inside the cluster; never its position. */
export interface NodeSpec {
  role: "server" | "worker";
  /** Carries the tunnels; gets a static public address. */
  gateway?: boolean;
  /** Instance size in the cloud's own words; default: plan/prices has one for each cloud. */
  size?: string;
  /** Zone within the place, in the cloud's own words; each adapter has a default. */
  zone?: string;
  /**
   * Ordinals of the database replicas whose volume lies on this node. Default: all on a region's one node. Where there are
   * several, every ordinal stands on exactly one: a volume stays on its machine, and nothing else says which.
   */
  replicas?: number[];
  /** Of an existing cluster: the living node's own name, where it is not the key. */
  name?: string;
  /** Of an existing cluster's gateway: the IPv4 address at which the peers reach it. */
  publicAddress?: string;
}

export interface ClusterSpec {
  cloud: AdapterName;
  /** Region, location or metro in the cloud's own words; of an existing cluster any word, which stands in the locality. */
  place: string;
  role: "broker" | "region";
  /** The one region that initialises the database. */
  primary?: boolean;
  /** Where the cluster is put within the customer's account: OCI compartment, Equinix Metal project. */
  account?: string;
  /** IPv4 CIDRs, pairwise disjoint over the whole fleet. */
  podCidr: string;
  serviceCidr: string;
  nodeCidr: string;
  nodes: Record<string, NodeSpec>;
  /** Of an existing cluster: its storage class for the database's volumes. */
  storageClass?: string;
  /** Of an existing cluster: a free address of its service range for the fleet's resolver; default the twelfth. */
  dnsAddress?: string;
}

export interface Topology {
  /** Which world this topology is for; printed wherever results are shown. */
  world: "clouds" | "rehearsal";
  /** Parent of every cluster's DNS suffix: `<cluster>.<domain>`. */
  domain: string;
  /** Whose the fleet is: a tag on all that clouds let carry tags. Default: none. */
  owner?: string;
  /** Who may reach the Kubernetes API of the region clusters. */
  adminCidrs: string[];
  /** Where CoreDNS asks for names outside the fleet: addresses or a resolv.conf path; empty: nowhere. */
  upstreamDns: string[];
  /** Refuse to delete or replace machines that hold database volumes until the resource is unprotected. */
  protectData: boolean;
  kubernetes: { version: string };
  submariner: SubmarinerSpec;
  database: DatabaseSpec;
  /** How long certificates live; default: DEFAULT_CERTIFICATES of plan/certificates.ts. */
  certificates?: Partial<CertificateDays>;
  /** Rules (plan/rules.ts) whose findings are meant so: warnings, and the few errors that may be accepted. */
  accepted?: string[];
  clusters: Record<string, ClusterSpec>;
}

export interface SubmarinerSpec {
  version: string;
  repository: string;
  cableDriver: "libreswan" | "wireguard" | "vxlan";
  /** UDP port of the tunnels; default 4500. */
  cablePort?: number;
  /** Largest TCP segment through the tunnels, the same everywhere; default 1320. */
  mssOctets?: number;
}

export interface DatabaseSpec {
  image: string;
  standIn: boolean;
  /** Replicas a region. */
  replicas: number;
  /** Of each replica. */
  storageGib: number;
  /** What the database shall outlive. The plan holds the fleet to it; SQL sets it (ALTER DATABASE … SURVIVE …). */
  survive?: "region" | "zone";
  /** States that the licence key is, or will be, set (cluster setting enterprise.license). */
  licensed?: boolean;
}

/** In days: a CA and its renewal before the end, and the same of what it signs. */
export interface CertificateDays {
  ca: number;
  caRenewal: number;
  leaf: number;
  leafRenewal: number;
}

/** One thing wrong with the topology: where, what was found, what is allowed, what to do. */
export interface Finding {
  place: string;
  value: string;
  allowed: string;
  remedy: string;
}

/** One opening in a cluster's firewall. Everything not listed stays shut. */
export interface PortRule {
  name: string;
  /** Which nodes of the cluster it opens; or the load balancer before its servers, where that judges the clients. */
  on: "every node" | "server" | "gateways" | "load balancer";
  protocol: "tcp" | "udp" | "icmp";
  /** First and last port, inclusive; 0–0 for icmp. */
  from: number;
  to: number;
  /** IPv4 CIDRs that may connect. */
  sources: string[];
  why: string;
}

/** A part of a cluster's node range; on clouds whose subnets lie in one zone, the zone's. */
export interface SubnetPlan {
  cidr: string;
  /** Unset: the cloud chooses, or its subnets span the place. */
  zone?: string;
}

export interface NodePlan {
  /** Machine and Kubernetes node name: `<cluster>-<key>`, unique in the fleet; in an existing cluster the living node's. */
  name: string;
  key: string;
  role: "server" | "worker";
  gateway: boolean;
  /** Of an existing cluster's gateway, as stated. */
  publicAddress?: string;
  /** Public address that outlives the machine: gateways (peers dial it) and a single server (kubeconfigs name it). */
  staticAddress: boolean;
  /** Instance size: the node's own or its cloud's default; empty where the machines are not ours to make. */
  size: string;
  zone?: string;
  /** Set where it is chosen beforehand: for one of several servers, which must be found again when it is replaced. */
  privateAddress?: string;
  /** Ordinals of the database replicas whose volume lies on this node. */
  replicas: number[];
}

export interface PeerPlan {
  name: string;
  suffix: string;
  /** Address of the peer's CoreDNS service: the tenth of its service CIDR, or the stated one of an existing cluster. */
  dnsAddress: string;
  podCidr: string;
  serviceCidr: string;
}

export interface ClusterPlan {
  name: string;
  cloud: AdapterName;
  place: string;
  role: "broker" | "region";
  primary: boolean;
  account?: string;
  /** The fleet's. */
  owner?: string;
  /** Kubernetes DNS domain: `<name>.<domain>`. */
  suffix: string;
  /** Name in the API server's certificate and in every kubeconfig: `api.<suffix>`. */
  apiName: string;
  dnsAddress: string;
  podCidr: string;
  serviceCidr: string;
  nodeCidr: string;
  /** The parts of `nodeCidr`; at least one. */
  subnets: SubnetPlan[];
  /** Of an existing cluster; elsewhere the program makes its own. */
  storageClass?: string;
  /** Servers first. */
  nodes: NodePlan[];
  /** The other region clusters (empty for the broker). */
  peers: PeerPlan[];
  firewall: PortRule[];
}

export interface Plan {
  topology: Topology;
  broker: ClusterPlan;
  primary: ClusterPlan;
  /** Region clusters, primary first. */
  regions: ClusterPlan[];
  clusters: Record<string, ClusterPlan>;
}
