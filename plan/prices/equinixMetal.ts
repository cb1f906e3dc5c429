/** Equinix Metal: ended on 2026-06-30. Names only, for the rehearsal's emulated one: nothing can be bought, so nothing has a price. */
import type { CloudPrices, Provenance, SizePrice } from "../prices";

const MEMORY: Provenance = {
  source: "https://docs.equinix.com/metal/hardware/standard-servers/",
  from: "memory, unverified",
};

const size = (name: string, vcpus: number, memoryGib: number): SizePrice => ({
  name,
  vcpus,
  memoryGib,
  provenance: MEMORY,
});

export const EQUINIX_METAL: CloudPrices = {
  defaultSize: "c3.small.x86",
  sizes: [
    size("c3.small.x86", 16, 32),
    size("c3.medium.x86", 48, 64),
    size("m3.small.x86", 16, 64),
    size("m3.large.x86", 64, 256),
    size("n3.xlarge.x86", 64, 512),
    size("s3.xlarge.x86", 32, 192),
  ],
  places: "am at ch da dc fr hk la ld ma me mi mt mu ny os pa se sg sk sl sp sv sy tr ty".split(" ").map((name) => ({
    name,
    machineFactor: 1,
    diskFactor: 1,
    provenance: MEMORY,
  })),
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
