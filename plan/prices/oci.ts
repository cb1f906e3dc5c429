/** Oracle Cloud: shapes by OCPU and GiB of memory, the same price in every commercial region. Disks are billed by themselves. */
import type { CloudPrices, Place, Provenance, Size } from "../prices";

const PRICE_LIST = "https://www.oracle.com/cloud/price-list/";
const CHECKED: Provenance = {
  source: PRICE_LIST,
  checked: "2026-01",
  copy: "jasonwilbur/oci-pricing-mcp, src/data/pricing-data.json, price API of 2026-01-05",
};
const MEMORY: Provenance = { source: PRICE_LIST, from: "memory, unverified" };

/** What is asked of a flexible shape; an OCPU is two vCPUs. */
export const FLEXIBLE = { ocpus: 2, memoryGib: 8 };

const flexible = (
  name: string,
  usdPerOcpuHour: number,
  usdPerGibHour: number,
  provenance: Provenance = CHECKED,
): Size => ({
  name,
  vcpus: FLEXIBLE.ocpus * 2,
  memoryGib: FLEXIBLE.memoryGib,
  usdPerHour: FLEXIBLE.ocpus * usdPerOcpuHour + FLEXIBLE.memoryGib * usdPerGibHour,
  provenance,
});
const fixed = (name: string, ocpus: number, memoryGib: number, usdPerOcpuHour: number): Size => ({
  name,
  vcpus: ocpus * 2,
  memoryGib,
  usdPerHour: ocpus * usdPerOcpuHour,
  provenance: MEMORY,
});
const place = (name: string, egressUsdPerGb?: number): Place => ({
  name,
  machineFactor: 1,
  diskFactor: 1,
  egressUsdPerGb,
  provenance: MEMORY,
});
/** Egress prices by group of regions: Asia, Pacific and South America; Middle East and Africa. */
const APAC = 0.025;
const MEA = 0.05;

export const OCI: CloudPrices = {
  defaultSize: "VM.Standard.E5.Flex",
  lists: {
    sizes: {
      source: "https://docs.oracle.com/en-us/iaas/Content/Compute/References/computeshapes.htm",
      from: "memory, unverified",
    },
    places: {
      source: "https://docs.oracle.com/en-us/iaas/Content/General/Concepts/regions.htm",
      from: "an undated copy, unverified",
      copy: "Oracle's own SDK for .NET, Region.cs, realm OC1",
    },
  },
  sizes: [
    flexible("VM.Standard.E3.Flex", 0.025, 0.0015, MEMORY),
    flexible("VM.Standard.E4.Flex", 0.025, 0.0015),
    flexible("VM.Standard.E5.Flex", 0.03, 0.002),
    flexible("VM.Standard.E6.Flex", 0.03, 0.002),
    flexible("VM.Standard3.Flex", 0.04, 0.0015, MEMORY),
    flexible("VM.Optimized3.Flex", 0.054, 0.0015, MEMORY),
    fixed("VM.Standard2.1", 1, 15, 0.0638),
    fixed("VM.Standard2.2", 2, 30, 0.0638),
    fixed("VM.Standard2.4", 4, 60, 0.0638),
    fixed("VM.Standard2.8", 8, 120, 0.0638),
    fixed("VM.Standard2.16", 16, 240, 0.0638),
    // An OCPU is one core there.
    ...["VM.Standard.A1.Flex", "VM.Standard.A2.Flex"].map((name): Size => {
      return { name, vcpus: FLEXIBLE.ocpus, memoryGib: FLEXIBLE.memoryGib, arm: true, provenance: MEMORY };
    }),
  ],
  places: [
    place("us-ashburn-1"),
    place("us-phoenix-1"),
    place("us-sanjose-1"),
    place("us-chicago-1"),
    place("us-dallas-1"),
    place("ca-toronto-1"),
    place("ca-montreal-1"),
    place("uk-london-1"),
    place("uk-cardiff-1"),
    place("eu-frankfurt-1"),
    place("eu-amsterdam-1"),
    place("eu-zurich-1"),
    place("eu-paris-1"),
    place("eu-marseille-1"),
    place("eu-milan-1"),
    place("eu-madrid-1"),
    place("eu-stockholm-1"),
    place("ap-tokyo-1", APAC),
    place("ap-osaka-1", APAC),
    place("ap-seoul-1", APAC),
    place("ap-chuncheon-1", APAC),
    place("ap-mumbai-1", APAC),
    place("ap-hyderabad-1", APAC),
    place("ap-singapore-1", APAC),
    place("ap-singapore-2", APAC),
    place("ap-sydney-1", APAC),
    place("ap-melbourne-1", APAC),
    place("ap-batam-1", APAC),
    place("sa-saopaulo-1", APAC),
    place("sa-vinhedo-1", APAC),
    place("sa-santiago-1", APAC),
    place("sa-valparaiso-1", APAC),
    place("sa-bogota-1", APAC),
    place("mx-queretaro-1", APAC),
    place("mx-monterrey-1", APAC),
    place("il-jerusalem-1", MEA),
    place("me-jeddah-1", MEA),
    place("me-riyadh-1", MEA),
    place("me-dubai-1", MEA),
    place("me-abudhabi-1", MEA),
    place("af-johannesburg-1", MEA),
  ],
  bootDiskGib: 80,
  // $0.0255 for the GB and ten performance units of $0.0017: "balanced", what a boot volume has unless told otherwise.
  disk: { usd: 0.0425, provenance: CHECKED },
  staticAddress: {
    usd: 0,
    provenance: { source: "https://www.oracle.com/cloud/networking/pricing/", from: "memory, unverified" },
  },
  ephemeralAddress: {
    usd: 0,
    provenance: { source: "https://www.oracle.com/cloud/networking/pricing/", from: "memory, unverified" },
  },
  balancer: {
    usd: 0,
    provenance: { source: "https://www.oracle.com/cloud/networking/pricing/", from: "memory, unverified" },
  },
  egress: {
    usd: 0.0085,
    freeGb: 10_000,
    note: "the free 10 TB are an account's, not a region's",
    provenance: { source: "https://www.oracle.com/cloud/networking/pricing/", from: "memory, unverified" },
  },
};
