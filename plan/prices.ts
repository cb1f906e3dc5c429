/** What the clouds sell, and where, and what they ask for it: the one table. Data, no rules; each figure with where it comes from. */
import { AWS } from "./prices/aws";
import { CIVO } from "./prices/civo";
import { EQUINIX_METAL } from "./prices/equinixMetal";
import { LINODE } from "./prices/linode";
import { OCI } from "./prices/oci";
import { VULTR } from "./prices/vultr";
import type { CloudName } from "./types";

/**
 * Month in which these tables were put together; each figure's own month stands in its provenance. What is newer is admitted
 * by the topology's `accepted`.
 */
export const TABLE_DATE = "2026-11";

/** Where a figure is published, and whether and when a copy of that publication was read. */
export type Provenance = { source: string } & (
  | {
      /** Month of the copy that was read, as 2026-09. */
      checked: string;
      /** Which copy. */
      copy: string;
    }
  | {
      from: "memory, unverified" | "an undated copy, unverified";
      /** Which copy, where it is worth finding again. */
      copy?: string;
    }
);

/** An instance size, by the name the cloud gives it. */
export interface Size {
  name: string;
  /** Threads, as Kubernetes counts them. */
  vcpus: number;
  memoryGib: number;
  /** Root disk that comes with it and costs nothing more. Unset: the disk is billed by itself, see `bootDiskGib`. */
  diskGib?: number;
  /** Machine images are amd64: it is here to be refused by its name. */
  arm?: true;
  /** Traffic out that comes with it, GB a month. */
  includedGb?: number;
  /** As the cloud lists it: a month's price where it caps the hours, otherwise an hour's. Neither: no price is known. */
  usdPerMonth?: number;
  usdPerHour?: number;
  provenance: Provenance;
}

/** A region, location or metro. */
export interface Place {
  name: string;
  /** Machines cost this many times the size's price. Unset: not known; the cloud's usual price is taken. */
  machineFactor?: number;
  /** Block storage costs this many times the cloud's price. */
  diskFactor?: number;
  /** A load balancer costs this many times the cloud's price; default: as much. */
  balancerFactor?: number;
  /** Traffic out to the internet beyond what is free. Unset: the cloud's usual price. */
  egressUsdPerGb?: number;
  provenance: Provenance;
}

export interface Figure {
  usd: number;
  provenance: Provenance;
}

export interface CloudPrices {
  /** What a node without `size` is made of. */
  defaultSize: string;
  sizes: Size[];
  places: Place[];
  /** Where the names, cores and memory of the sizes, and the names of the places, were read. */
  lists: { sizes: Provenance; places: Provenance };
  /** Size of the disk the adapter orders, where it is billed by itself. */
  bootDiskGib?: number;
  /** A GiB of that disk for a month. */
  disk?: Figure;
  /** A month of a public address: kept when the machine goes, and the machine's own. */
  staticAddress: Figure;
  ephemeralAddress: Figure;
  /** A month of the load balancer before several servers, without its address; unset where there is none to be had. */
  balancer?: Figure;
  egress: Figure & {
    /** What an account may send for nothing each month, whatever runs in it. */
    freeGb: number;
    /** Says what the figure leaves out. */
    note?: string;
  };
  /** Nothing can be bought any more; what takes its place in an estimate, by place. */
  ended?: { on: string; instead: { cloud: CloudName; places: Record<string, string>; otherwise: string } };
}

/** Price tables by cloud. A cloud without one costs an unknown sum, which the estimate says. */
export const PRICES: { readonly [cloud in CloudName]?: CloudPrices } = {
  aws: AWS,
  oci: OCI,
  vultr: VULTR,
  civo: CIVO,
  linode: LINODE,
  "equinix-metal": EQUINIX_METAL,
};

/** Whether a dated copy of the publication was read. */
export const isChecked = (provenance: Provenance): boolean => "checked" in provenance;
