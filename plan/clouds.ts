/** What the plan must know of each cloud before asking it. */
import { type AdapterName, CLOUDS, type CloudName, EXISTING } from "./types";

/** Every word that `cloud` may be. */
export const ADAPTER_NAMES: readonly AdapterName[] = [...CLOUDS, EXISTING];

/** So their packages: an instance's private address is no input there. */
const NO_CHOSEN_ADDRESS = { lacks: "assigns private addresses and lets none be chosen" };

/** Whether the program makes machines there. */
export const isCloud = (name: string): name is CloudName => (CLOUDS as readonly string[]).includes(name);

export interface CloudFacts {
  label: string;
  /** A static address is known before its machine boots, so that it can stand in the API server's certificate. */
  addressBeforeBoot: boolean;
  /** Whether nodes lie each in the zone they want, or the cloud has no zones. */
  zones: "each" | "none";
  /** A subnet lies in one zone: each zone in use needs a part of the node range, and nodes must say in which they lie. */
  subnetPerZone?: true;
  /**
   * Whether the cloud has what a cluster of three servers needs, and the adapter makes it: a load balancer whose address is
   * known before they boot, and private addresses that can be chosen; or what it lacks, to be read after the cloud's name.
   */
  severalServers?: true | { lacks: string };
  /**
   * Range from which the load balancer dials the servers: they see no client's address there, so clients are judged at the
   * load balancer. Unset: it hands the client's address on, and the servers' firewall judges it.
   */
  balancerSource?: string;
  /** What `account` means here, when the cloud needs it. */
  account?: string;
  /** No firewall of the cloud's own: the boot script filters on the host. */
  hostFirewall: boolean;
  /** Addresses of a subnet that the cloud keeps for itself. */
  reservedAddresses: number;
  /** The service has ended: nothing can be created in the real cloud any more. */
  ended?: { on: string; remedy: string };
}

export const CLOUD_FACTS: Record<AdapterName, CloudFacts> = {
  aws: {
    label: "AWS",
    addressBeforeBoot: true,
    zones: "each",
    subnetPerZone: true,
    severalServers: true,
    hostFirewall: false,
    reservedAddresses: 5,
  },
  oci: {
    label: "Oracle Cloud",
    addressBeforeBoot: true,
    zones: "each",
    severalServers: true,
    account: "compartment OCID",
    hostFirewall: false,
    reservedAddresses: 3,
  },
  vultr: {
    label: "Vultr",
    addressBeforeBoot: true,
    zones: "none",
    severalServers: NO_CHOSEN_ADDRESS,
    hostFirewall: false,
    reservedAddresses: 3,
  },
  civo: {
    label: "Civo",
    addressBeforeBoot: false,
    zones: "none",
    severalServers: NO_CHOSEN_ADDRESS,
    hostFirewall: false,
    reservedAddresses: 3,
  },
  linode: {
    label: "Linode",
    addressBeforeBoot: false,
    zones: "none",
    severalServers: true,
    // The range of all NodeBalancers of a region, anybody's (techdocs.akamai.com, "Network and firewall details" of LKE).
    balancerSource: "192.168.255.0/24",
    hostFirewall: false,
    reservedAddresses: 4,
  },
  "equinix-metal": {
    label: "Equinix Metal",
    addressBeforeBoot: false,
    zones: "none",
    severalServers: { lacks: "has ended" },
    account: "project id",
    hostFirewall: true,
    reservedAddresses: 3,
    ended: { on: "2026-06-30", remedy: "choose another cloud for it, e.g. cloud: linode, place: jp-tyo-3" },
  },
  // Whatever it runs on: addresses and zones are facts there, and the firewall is somebody else's.
  existing: {
    label: "an existing cluster",
    addressBeforeBoot: true,
    zones: "none",
    hostFirewall: false,
    reservedAddresses: 0,
  },
};
