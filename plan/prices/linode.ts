/** Linode (Akamai): by the month, disk, address and traffic within; dearer in two places. */
import type { CloudPrices, Place, Provenance } from "../prices";
import { priceByMonth, priceEverywhere } from "./rows";

const TYPES = "https://api.linode.com/v4/linode/types";
const CHECKED: Provenance = {
  source: TYPES,
  checked: "2026-09",
  copy: "api-evangelist/linode, plans/linode-plans-pricing.yml, types API of 2026-09-17",
};
const JULY: Provenance = {
  source: TYPES,
  checked: "2026-07",
  copy: "the price list of a public Go program (LinodePlan), checked by its author against the plan catalogue on 2026-07-18",
};
const UNDATED: Provenance = { source: TYPES, from: "an undated copy, unverified" };
const MEMORY: Provenance = { source: TYPES, from: "memory, unverified" };
const TRANSFER = "https://techdocs.akamai.com/cloud-computing/docs/network-transfer-usage-and-costs";

const size = priceByMonth(MEMORY);

const PLACES =
  "ap-northeast ap-south ap-southeast ap-west au-mel ca-central de-fra-2 es-mad eu-central eu-west fr-par fr-par-2 gb-lon " +
  "in-bom-2 in-maa it-mil jp-osa jp-tyo-3 nl-ams se-sto sg-sin-2 us-central us-east us-iad us-lax us-mia us-ord us-sea " +
  "us-southeast us-west";
/** $28.80 and $33.60 for the machine that costs $24 elsewhere, $12 and $14 for the NodeBalancer that costs $10. */
const dearer = (name: string, machineFactor: number, egressUsdPerGb: number): Place => ({
  name,
  machineFactor,
  diskFactor: machineFactor,
  balancerFactor: machineFactor,
  egressUsdPerGb,
  provenance: UNDATED,
});

export const LINODE: CloudPrices = {
  defaultSize: "g6-standard-4",
  lists: {
    sizes: {
      source: TYPES,
      from: "an undated copy, unverified",
      copy: "the plans listed by several public Terraform modules",
    },
    places: {
      source: "https://api.linode.com/v4/regions",
      from: "an undated copy, unverified",
      copy: "a public Terraform module for LKE, which refuses other regions; fr-par-2 from Linode's Ansible collection",
    },
  },
  sizes: [
    size("g6-nanode-1", 1, 1, 25, 1000, 5, CHECKED),
    size("g6-standard-1", 1, 2, 50, 2000, 12, CHECKED),
    size("g6-standard-2", 2, 4, 80, 4000, 24, JULY),
    size("g6-standard-4", 4, 8, 160, 5000, 48, JULY),
    size("g6-standard-6", 6, 16, 320, 8000, 96, JULY),
    size("g6-standard-8", 8, 32, 640, 16_000, 192, JULY),
    size("g6-standard-16", 16, 64, 1280, 20_000, 384),
    size("g6-standard-20", 20, 96, 1920, 20_000, 576),
    size("g6-standard-24", 24, 128, 2560, 20_000, 768),
    size("g6-standard-32", 32, 192, 3840, 20_000, 1152, CHECKED),
    size("g6-dedicated-2", 2, 4, 80, 4000, 36, CHECKED),
    size("g6-dedicated-4", 4, 8, 160, 5000, 72),
    size("g6-dedicated-8", 8, 16, 320, 6000, 144),
    size("g6-dedicated-16", 16, 32, 640, 7000, 288),
    size("g6-dedicated-32", 32, 64, 1280, 8000, 576),
    size("g7-highmem-1", 2, 24, 20, 5000, 60, CHECKED),
    size("g7-premium-2", 2, 4, 80, 4000, 43, CHECKED),
    size("g7-premium-4", 4, 8, 160, 5000, 86),
    size("g7-premium-8", 8, 16, 320, 6000, 173),
    { name: "g7-premium-16", vcpus: 16, memoryGib: 32, diskGib: 640, provenance: MEMORY },
  ],
  // That only two regions have prices of their own is from the copy.
  places: [...priceEverywhere(PLACES, UNDATED), dearer("id-cgk", 1.2, 0.015), dearer("br-gru", 1.4, 0.007)],
  staticAddress: { usd: 0, provenance: MEMORY },
  ephemeralAddress: { usd: 0, provenance: MEMORY },
  balancer: {
    usd: 10,
    provenance: {
      source: "https://api.linode.com/v4/nodebalancers/types",
      from: "an undated copy, unverified",
      copy: "linode/ansible_linode, nodebalancer_type_list, which quotes the API's answer: $0.015 an hour, $10 a month",
    },
  },
  egress: {
    usd: 0.005,
    freeGb: 0,
    note: "what comes with the machines is one pool",
    provenance: { source: TRANSFER, from: "an undated copy, unverified" },
  },
};
