/** Vultr: cloud compute by the month, disk and traffic within; one price in every place, as far as the plan is sold there. */
import type { CloudPrices, Provenance } from "../prices";
import { priceByMonth, priceEverywhere } from "./rows";

const SOURCE = "https://www.vultr.com/pricing/";
const UNDATED: Provenance = { source: SOURCE, from: "an undated copy, unverified" };
const MEMORY: Provenance = { source: SOURCE, from: "memory, unverified" };
const MAY: Provenance = {
  source: "https://api.vultr.com/v2/plans",
  checked: "2026-05",
  copy: "the specification of cloud-finops-decision-agent, which quotes the plans API of 2026-05-25",
};
const SEPTEMBER: Provenance = {
  source: SOURCE,
  checked: "2026-09",
  copy: "a public ledger of machines bought on 2026-09-26: $0.0274 an hour, 730 hours a month",
};

const size = priceByMonth(UNDATED);

/** High performance comes on AMD and on Intel at one price. */
const highPerformance = (vcpus: number, memoryGib: number, diskGib: number, includedGb: number, usdPerMonth: number) =>
  ["amd", "intel"].map((maker) =>
    size(`vhp-${vcpus}c-${memoryGib}gb-${maker}`, vcpus, memoryGib, diskGib, includedGb, usdPerMonth),
  );

const PLACES =
  "ams atl blr bom cdg del dfw ewr fra hnl icn itm jnb lax lhr mad man mel mex mia nrt ord sao scl sea sgp sjc sto syd tlv waw yto";

export const VULTR: CloudPrices = {
  defaultSize: "vc2-2c-4gb",
  lists: {
    sizes: {
      source: "https://api.vultr.com/v2/plans",
      from: "an undated copy, unverified",
      copy: "dstackai/dstack, backends/vultr/compute.py: plans by name, which says cores and memory",
    },
    places: { source: "https://api.vultr.com/v2/regions", from: "memory, unverified" },
  },
  sizes: [
    size("vc2-1c-1gb", 1, 1, 25, 1000, 5, MEMORY),
    size("vc2-1c-2gb", 1, 2, 55, 2000, 10),
    size("vc2-2c-2gb", 2, 2, 65, 3000, 15),
    size("vc2-2c-4gb", 2, 4, 80, 3000, 20, SEPTEMBER),
    size("vc2-4c-8gb", 4, 8, 160, 4000, 40, MAY),
    size("vc2-6c-16gb", 6, 16, 320, 5000, 80),
    size("vc2-8c-32gb", 8, 32, 640, 6000, 160),
    size("vc2-16c-64gb", 16, 64, 1280, 10_000, 320),
    size("vc2-24c-96gb", 24, 96, 1600, 15_000, 640),
    size("vhf-1c-1gb", 1, 1, 32, 1000, 6, MEMORY),
    size("vhf-1c-2gb", 1, 2, 64, 2000, 12, MEMORY),
    size("vhf-2c-4gb", 2, 4, 128, 3000, 24),
    size("vhf-3c-8gb", 3, 8, 256, 4000, 48),
    size("vhf-4c-16gb", 4, 16, 384, 5000, 96),
    size("vhf-6c-24gb", 6, 24, 448, 6000, 144),
    size("vhf-8c-32gb", 8, 32, 512, 7000, 192),
    ...highPerformance(2, 4, 100, 5000, 24),
    ...highPerformance(4, 8, 180, 6000, 48),
    ...highPerformance(4, 12, 260, 7000, 72),
    ...highPerformance(8, 16, 350, 8000, 96),
    ...highPerformance(12, 24, 500, 12_000, 144),
    size("voc-g-2c-8gb-50s-amd", 2, 8, 50, 5000, 60),
    size("voc-g-4c-16gb-80s-amd", 4, 16, 80, 6000, 120),
    size("voc-g-8c-32gb-160s-amd", 8, 32, 160, 7000, 240),
    size("voc-c-2c-4gb-75s-amd", 2, 4, 75, 5000, 45),
    size("voc-c-4c-8gb-75s-amd", 4, 8, 75, 6000, 80),
    size("voc-c-8c-16gb-150s-amd", 8, 16, 150, 7000, 160),
  ],
  places: priceEverywhere(PLACES, { source: "https://api.vultr.com/v2/regions", from: "memory, unverified" }),
  staticAddress: { usd: 3, provenance: MEMORY },
  ephemeralAddress: { usd: 0, provenance: MEMORY },
  egress: {
    usd: 0.01,
    freeGb: 2000,
    note: "what comes with the machines is one pool, and 2 TB more an account",
    provenance: { source: "https://docs.vultr.com/platform/billing", from: "an undated copy, unverified" },
  },
};
