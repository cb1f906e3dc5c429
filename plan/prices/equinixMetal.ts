/** Equinix Metal: ended on 2026-06-30. Names only, for the rehearsal's emulated one: nothing can be bought, so nothing has a price. */
import type { CloudPrices, Provenance, Size } from "../prices";
import { priceEverywhere } from "./rows";

const MEMORY: Provenance = {
  source: "https://docs.equinix.com/metal/hardware/standard-servers/",
  from: "memory, unverified",
};

/** With the smallest boot disk of any: 480 GB. */
const size = (name: string, vcpus: number, memoryGib: number): Size => ({
  name,
  vcpus,
  memoryGib,
  diskGib: 480,
  provenance: MEMORY,
});

const PLACES = "am at ch da dc dx fr ga hk he la ld ma md me mi mt mu mx ny os pa se sg sk sl sp sv sy tr ty";

export const EQUINIX_METAL: CloudPrices = {
  defaultSize: "c3.small.x86",
  lists: { sizes: MEMORY, places: MEMORY },
  sizes: [
    size("c3.small.x86", 16, 32),
    size("c3.medium.x86", 48, 64),
    size("m3.small.x86", 16, 64),
    size("m3.large.x86", 64, 256),
    size("n3.xlarge.x86", 64, 512),
    size("s3.xlarge.x86", 48, 192),
    size("a3.large.x86", 128, 1024),
    { ...size("c3.large.arm64", 80, 256), arm: true },
  ],
  places: priceEverywhere(PLACES, MEMORY),
  staticAddress: { usd: 0, provenance: MEMORY },
  ephemeralAddress: { usd: 0, provenance: MEMORY },
  egress: { usd: 0, freeGb: 0, provenance: MEMORY },
  ended: {
    on: "2026-06-30",
    instead: {
      cloud: "linode",
      places: { ty: "jp-tyo-3", os: "jp-osa", fr: "de-fra-2", ld: "gb-lon", sg: "sg-sin-2" },
      otherwise: "us-iad",
    },
  },
};
