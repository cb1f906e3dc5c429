/** Civo: by the hour, disk and address within, traffic free; the same price in every region. */
import type { CloudPrices, Provenance, Size } from "../prices";
import { priceEverywhere } from "./rows";

const SOURCE = "https://www.civo.com/pricing";
const UNDATED: Provenance = { source: SOURCE, from: "an undated copy, unverified" };
const MEMORY: Provenance = { source: "https://www.civo.com/docs/overview/regions", from: "memory, unverified" };

/** Both generations cost the same; which of them a region sells differs. */
const sizes = (kind: string, vcpus: number, memoryGib: number, diskGib: number, usdPerHour: number): Size[] =>
  ["g3", "g4s"].map((generation) => ({
    name: `${generation}.${kind}`,
    vcpus,
    memoryGib,
    diskGib,
    usdPerHour,
    provenance: UNDATED,
  }));
const performance = (name: string, vcpus: number, memoryGib: number, diskGib: number, usdPerHour: number): Size => ({
  name,
  vcpus,
  memoryGib,
  diskGib,
  usdPerHour,
  provenance: UNDATED,
});

export const CIVO: CloudPrices = {
  defaultSize: "g3.large",
  lists: {
    sizes: { source: SOURCE, from: "an undated copy, unverified" },
    places: MEMORY,
  },
  sizes: [
    ...sizes("xsmall", 1, 1, 25, 0.00744),
    ...sizes("small", 1, 2, 25, 0.014881),
    ...sizes("medium", 2, 4, 50, 0.029762),
    ...sizes("large", 4, 8, 100, 0.059524),
    ...sizes("xlarge", 6, 16, 150, 0.119048),
    ...sizes("2xlarge", 8, 32, 200, 0.238095),
    performance("g4p.small", 4, 16, 60, 0.119048),
    performance("g4p.medium", 8, 32, 80, 0.238095),
    performance("g4p.large", 16, 64, 120, 0.47619),
    performance("g4c.small", 8, 16, 60, 0.190476),
    performance("g4c.medium", 16, 32, 80, 0.380952),
    performance("g4m.small", 2, 16, 60, 0.107143),
    performance("g4m.medium", 4, 32, 80, 0.214286),
  ],
  places: priceEverywhere("LON1 NYC1 FRA1 PHX1 MUM1", MEMORY),
  // The adapter's machines have their own address and keep it as long as they live.
  staticAddress: { usd: 0, provenance: UNDATED },
  ephemeralAddress: { usd: 0, provenance: UNDATED },
  egress: { usd: 0, freeGb: 0, note: "traffic is not billed", provenance: UNDATED },
};
