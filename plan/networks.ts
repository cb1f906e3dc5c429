/** What fits through each cloud's network, and what names and quotas it has. */
import { createHash } from "node:crypto";
import type { CloudName, SubmarinerSpec } from "./types";

/** UDP port of the tunnels where the topology says nothing: IPsec's own behind a NAT. */
export const DEFAULT_CABLE_PORT = 4500;

/** Fits through IPsec in UDP on every path there is, 1500 octets or 9000: a guess per pair would differ by direction. */
export const DEFAULT_MSS_OCTETS = 1320;

/** Between a cluster's nodes: what a packet may have on its way from a worker to the gateway. */
export const PRIVATE_MTU_OCTETS: Record<CloudName, number> = {
  aws: 9001,
  oci: 9000,
  vultr: 1450,
  civo: 1500,
  linode: 1500,
  "equinix-metal": 1500,
};

/** Between clouds. */
const INTERNET_MTU_OCTETS = 1500;

/** What each cable adds: outer IP and UDP headers, its own header, and for IPsec vector, padding and checksum. */
const CABLE_OVERHEAD_OCTETS: Record<SubmarinerSpec["cableDriver"], number> = {
  libreswan: 80,
  wireguard: 60,
  vxlan: 50,
};
/** Submariner's own VXLAN from a worker to its gateway. */
const INSIDE_OVERHEAD_OCTETS = 50;
const IP_AND_TCP_OCTETS = 40;

/** The largest TCP segment that passes undivided from any node of the cluster through the cable. */
export function largestMssOctets(cloud: CloudName, cableDriver: SubmarinerSpec["cableDriver"]): number {
  const inside = PRIVATE_MTU_OCTETS[cloud] - INSIDE_OVERHEAD_OCTETS;
  const outside = INTERNET_MTU_OCTETS - CABLE_OVERHEAD_OCTETS[cableDriver];
  return Math.min(inside, outside) - IP_AND_TCP_OCTETS;
}

/** Of a firewall, a NodeBalancer and its nodes at Linode. */
const LABEL_LENGTH = 32;
const LABEL_DIGEST_LENGTH = 6;

/** A label that Linode takes, each once in an account: what is cut off lives on in a digest. */
export function linodeLabel(text: string): string {
  if (text.length <= LABEL_LENGTH) return text;
  const digest = createHash("sha256").update(text).digest("hex").slice(0, LABEL_DIGEST_LENGTH);
  // Two hyphens in a row are refused.
  return `${text.slice(0, LABEL_LENGTH - LABEL_DIGEST_LENGTH - 1).replace(/-+$/, "")}-${digest}`;
}

/** Labels of firewalls where the cloud takes ours not whole, as the adapter makes them. */
export const FIREWALL_LABELS: Partial<Record<CloudName, (cluster: string, profile: string) => string>> = {
  linode: (cluster, profile) => linodeLabel(`archi-${cluster}-${profile}`),
};

/** What a cloud refuses in the name of a machine. */
export const REFUSED_IN_NAMES: Partial<Record<CloudName, { pattern: RegExp; what: string }>> = {
  linode: { pattern: /--/, what: "two hyphens in a row" },
};

/** Static addresses that a new account may hold in one place. */
export const ADDRESS_QUOTA: Partial<Record<CloudName, number>> = { aws: 5 };

/** Node ranges that a cloud keeps for itself. */
export const RESERVED_RANGES: Partial<Record<CloudName, { range: string; use: string }[]>> = {
  linode: [{ range: "192.168.128.0/17", use: "Linode's own private network" }],
};

/** Node ranges of clouds that assign them: the topology can only say which it was. */
export const ASSIGNED_RANGES: Partial<Record<CloudName, { within: string; prefixes: number[]; what: string }>> = {
  civo: { within: "192.168.0.0/16", prefixes: [24], what: "a /24 of 192.168.0.0/16" },
  "equinix-metal": { within: "10.0.0.0/8", prefixes: [25, 26, 27, 28], what: "a /25 to /28 of 10.0.0.0/8" },
};

/** Oracle's places with three availability domains; all others have one (docs.oracle.com, "Regions and Availability Domains"). */
const THREE_DOMAINS = ["us-ashburn-1", "us-phoenix-1", "eu-frankfurt-1", "uk-london-1"];

/** How many availability domains a place of Oracle's has. */
export const availabilityDomainsOf = (place: string): number => (THREE_DOMAINS.includes(place) ? 3 : 1);

/** How a zone of a place is written. */
export const ZONES: Partial<Record<CloudName, (place: string) => { pattern: RegExp; as: string }>> = {
  // No place has more than six; the plan has a part of the node range for each letter up to h.
  aws: (place) => ({ pattern: new RegExp(`^${escape(place)}[a-h]$`), as: `${place}a` }),
  oci: (place) => {
    const upper = place.toUpperCase();
    // The oldest places leave their number out.
    const short = upper.replace(/-1$/, "").replace("US-PHOENIX", "PHX");
    return {
      pattern: new RegExp(`^[^:]+:(${escape(upper)}|${escape(short)})-AD-[1-${availabilityDomainsOf(place)}]$`),
      as: `<prefix>:${short}-AD-1`,
    };
  },
};

/** How an account is written. */
export const ACCOUNTS: Partial<Record<CloudName, { pattern: RegExp; as: string }>> = {
  oci: {
    pattern: /^ocid1\.(compartment|tenancy)\.oc\d+\.[a-z0-9-]*\.[a-z0-9._-]+$/,
    as: "ocid1.compartment.oc1..<id>",
  },
  "equinix-metal": { pattern: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, as: "a UUID" },
};

function escape(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
