/** What the emulated clouds ask of the one-machine world. Two implementations: podman machines, and none (recorded only). */

/** One L2 segment with a router as its only way out; the counterpart of a VPC's subnet. */
export interface Segment {
  /** Unique, `[a-z0-9-]{1,40}`. */
  name: string;
  /** The private IPv4 range; its first address belongs to the router. */
  cidr: string;
}

export interface FirewallRule {
  protocol: "tcp" | "udp" | "icmp" | "all";
  /** Inclusive; 0 and 65535 for every port; ignored for icmp and all. */
  from: number;
  to: number;
  /** IPv4 CIDRs. */
  sources: string[];
}

export interface MachineSpec {
  /** Globally unique machine id, `[a-z0-9-]{1,60}`; creating the same id twice is the same machine. */
  id: string;
  /** Hostname. */
  name: string;
  /** Emulated cloud, for listings and container labels. */
  cloud: string;
  segment: string;
  /** Inside the segment's range. */
  privateAddress: string;
  /** Exactly the bytes the program handed to the cloud, decoded as the cloud decodes them (never gzip or base64 here). */
  userData: string;
  /** Stateful inbound rules; everything else inbound is dropped. `undefined`: no cloud firewall at all (as on Metal). */
  firewall: FirewallRule[] | undefined;
  /** Where the public address lives: on the machine's own interface, or 1:1 translated at the router. */
  publicMode: "interface" | "nat";
  /** Known at creation or attached later. */
  publicAddress?: string;
}

/**
 * A cloud's load balancer for TCP: connections to its public address go on to machines that answer `/readyz` by HTTPS with
 * 200, in turn.
 */
export interface Balancer {
  /** Unique in its cloud. */
  id: string;
  publicAddress: string;
  /** Its own and the machines'. */
  port: number;
  /** Private addresses. */
  targets: string[];
  /** Where it dials the machines from, so that they see this address. Unset: they see the client's own. */
  source?: string;
  /** IPv4 CIDRs whose connections it takes. Unset: anybody's, and the machines' firewalls judge. */
  clients?: string[];
}

export interface Machines {
  ensureSegment(segment: Segment): Promise<void>;
  removeSegment(name: string): Promise<void>;
  /** Idempotent by id; resolves when the machine has started to boot. */
  createMachine(spec: MachineSpec): Promise<void>;
  /** Idempotent. */
  removeMachine(id: string): Promise<void>;
  setFirewall(id: string, rules: FirewallRule[] | undefined): Promise<void>;
  /** Attach, move or (undefined) detach the public address of a running machine. */
  setPublicAddress(id: string, address: string | undefined): Promise<void>;
  /** All balancers that a cloud has now; those it had before and that are not among them are gone. */
  setBalancers(cloud: string, balancers: Balancer[]): Promise<void>;
}
