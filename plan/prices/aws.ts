/** AWS: on-demand Linux, shared tenancy, amd64 (the image the adapter boots). Disks are gp3 and billed by themselves. */
import type { CloudPrices, Place, Provenance, Size } from "../prices";

const SIZES: Provenance = {
  source: "https://aws.amazon.com/ec2/pricing/on-demand/",
  checked: "2026-01",
  copy: "aws/karpenter-provider-aws, pkg/providers/pricing/zz_generated.pricing_aws.go, us-east-1, read from the price API on 2026-01-19",
};
const MEMORY: Provenance = {
  source: "https://aws.amazon.com/ec2/pricing/on-demand/",
  from: "memory, unverified",
};

/** $0.005 for each of 730 hours, since February 2024. */
const ADDRESS: Provenance = {
  source: "https://aws.amazon.com/vpc/pricing/",
  checked: "2025-05",
  copy: "taourl.com/read-2607549.html of 2025-05-12, which quotes AWS's announcement",
};

const size = (
  name: string,
  vcpus: number,
  memoryGib: number,
  usdPerHour: number,
  provenance: Provenance = SIZES,
): Size => ({
  name,
  vcpus,
  memoryGib,
  usdPerHour,
  provenance,
});
/** Too small for a price of its own in the copy: half of the next one each. */
const burst = (name: string, usdPerMediumHour: number): Size[] => [
  size(`${name}.nano`, 2, 0.5, usdPerMediumHour / 8, MEMORY),
  size(`${name}.micro`, 2, 1, usdPerMediumHour / 4, MEMORY),
  size(`${name}.small`, 2, 2, usdPerMediumHour / 2, MEMORY),
  size(`${name}.medium`, 2, 4, usdPerMediumHour),
  size(`${name}.large`, 2, 8, usdPerMediumHour * 2),
  size(`${name}.xlarge`, 4, 16, usdPerMediumHour * 4),
  size(`${name}.2xlarge`, 8, 32, usdPerMediumHour * 8),
];

/** vCPUs of a size; within a family price and memory grow with them. */
const STEPS = { large: 2, xlarge: 4, "2xlarge": 8, "4xlarge": 16, "8xlarge": 32, "12xlarge": 48, "16xlarge": 64 };
const FLEX_STEPS = { large: 2, xlarge: 4, "2xlarge": 8, "4xlarge": 16, "8xlarge": 32 };
const C5_STEPS = { large: 2, xlarge: 4, "2xlarge": 8, "4xlarge": 16, "9xlarge": 36, "12xlarge": 48, "18xlarge": 72 };
const family = (name: string, gibPerVcpu: number, usdPerLargeHour: number, steps: Record<string, number> = STEPS) =>
  Object.entries(steps).map(([step, vcpus]) =>
    size(`${name}.${step}`, vcpus, vcpus * gibPerVcpu, (usdPerLargeHour * vcpus) / 2),
  );

/** No image of ours runs there, so nobody pays for it. */
const asArm = ({ name, vcpus, memoryGib }: Size): Size => ({ name, vcpus, memoryGib, arm: true, provenance: MEMORY });

/**
 * How much dearer machines and gp3 are than in us-east-1. One word for a whole region: the ratio of t4g.xlarge (t3 from
 * memory in Mumbai, where the two part), a few per cent off for other families. Disks and traffic from memory.
 */
const place = (
  name: string,
  machineFactor: number,
  diskFactor: number,
  egressUsdPerGb?: number,
  provenance: Provenance = MEMORY,
): Place => ({ name, machineFactor, diskFactor, egressUsdPerGb, provenance });
const likeVirginia = (name: string, provenance: Provenance): Place => place(name, 1, 1, undefined, provenance);
const RATIOS: Provenance = {
  source: "https://aws.amazon.com/ec2/pricing/on-demand/",
  from: "an undated copy, unverified",
};

export const AWS: CloudPrices = {
  defaultSize: "t3.large",
  lists: {
    sizes: {
      source: "https://aws.amazon.com/ec2/instance-types/",
      from: "an undated copy, unverified",
      copy: "kubernetes/autoscaler, ec2_instance_types.go, generated from AWS's price list",
    },
    places: {
      source: "https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html",
      from: "an undated copy, unverified",
      copy: "the type stubs of boto3, RegionName",
    },
  },
  sizes: [
    ...burst("t3", 0.0416),
    ...burst("t3a", 0.0376),
    ...family("m5", 4, 0.096),
    ...family("m5a", 4, 0.086),
    ...family("m5d", 4, 0.113),
    ...family("m6a", 4, 0.0864),
    ...family("m6i", 4, 0.096),
    ...family("m6id", 4, 0.11865),
    ...family("m7a", 4, 0.11592),
    ...family("m7i", 4, 0.1008),
    ...family("m7i-flex", 4, 0.09576, FLEX_STEPS),
    ...family("m8a", 4, 0.12172),
    ...family("m8i", 4, 0.10584),
    ...family("m8i-flex", 4, 0.10055, FLEX_STEPS),
    ...family("c5", 2, 0.085, C5_STEPS),
    ...family("c5a", 2, 0.077),
    ...family("c6a", 2, 0.0765),
    ...family("c6i", 2, 0.085),
    ...family("c7a", 2, 0.10264),
    ...family("c7i", 2, 0.08925),
    ...family("c8i", 2, 0.09371),
    ...family("r5", 8, 0.126),
    ...family("r5a", 8, 0.113),
    ...family("r6a", 8, 0.1134),
    ...family("r6i", 8, 0.126),
    ...family("r7a", 8, 0.15215),
    ...family("r7i", 8, 0.1323),
    ...burst("t4g", 0).map(asArm),
    ...["m6g", "m7g", "m8g"].flatMap((name) => family(name, 4, 0, FLEX_STEPS)).map(asArm),
    ...["c6g", "c7g", "c8g"].flatMap((name) => family(name, 2, 0, FLEX_STEPS)).map(asArm),
    ...["r6g", "r7g", "r8g"].flatMap((name) => family(name, 8, 0, FLEX_STEPS)).map(asArm),
  ],
  places: [
    likeVirginia("us-east-1", SIZES),
    likeVirginia("us-east-2", RATIOS),
    place("us-west-1", 1.19, 1.2),
    likeVirginia("us-west-2", RATIOS),
    place("ca-central-1", 1.095, 1.1),
    place("eu-west-1", 1.095, 1.1),
    place("eu-west-2", 1.119, 1.16),
    place("eu-west-3", 1.119, 1.16),
    place("eu-central-1", 1.143, 1.19),
    place("eu-north-1", 1.024, 1.045),
    place("eu-south-1", 1.143, 1.16),
    place("ap-northeast-1", 1.286, 1.2, 0.114),
    place("ap-northeast-2", 1.238, 1.14, 0.126),
    place("ap-northeast-3", 1.295, 1.2, 0.114),
    place("ap-southeast-1", 1.262, 1.2, 0.12),
    place("ap-southeast-2", 1.262, 1.2, 0.114),
    place("ap-south-1", 1.077, 1.14, 0.1093),
    place("ap-east-1", 1.381, 1.32, 0.12),
    { name: "ap-east-2", provenance: MEMORY },
    place("sa-east-1", 1.615, 1.9, 0.15),
    place("me-south-1", 1.195, 1.21, 0.117),
    place("af-south-1", 1.29, 1.31, 0.154),
    place("ca-west-1", 1.115, 1.1),
    place("mx-central-1", 1.1, 1.1),
    place("eu-central-2", 1.27, 1.31),
    place("eu-south-2", 1.096, 1.1),
    place("ap-south-2", 1.077, 1.14, 0.1093),
    place("ap-southeast-3", 1.262, 1.2, 0.132),
    place("ap-southeast-4", 1.269, 1.2, 0.114),
    place("ap-southeast-5", 1.2, 1.2, 0.12),
    { name: "ap-southeast-6", provenance: MEMORY },
    place("ap-southeast-7", 1.2, 1.2, 0.12),
    place("me-central-1", 1.214, 1.21, 0.11),
    place("il-central-1", 1.15, 1.2, 0.11),
  ],
  bootDiskGib: 80,
  disk: { usd: 0.08, provenance: { source: "https://aws.amazon.com/ebs/pricing/", from: "memory, unverified" } },
  // Every public address costs, kept or not.
  staticAddress: { usd: 3.65, provenance: ADDRESS },
  ephemeralAddress: { usd: 3.65, provenance: ADDRESS },
  // $0.0225 for each of 730 hours; what an API's clients send through it is far below one capacity unit ($0.006 an hour).
  balancer: {
    usd: 16.43,
    provenance: { source: "https://aws.amazon.com/elasticloadbalancing/pricing/", from: "memory, unverified" },
  },
  egress: {
    usd: 0.09,
    freeGb: 100,
    note: "the first 10 TB's price; more costs less a GB",
    provenance: {
      source: "https://aws.amazon.com/ec2/pricing/on-demand/#Data_Transfer",
      checked: "2026-06",
      copy: "usage.ai/blogs/aws/networking-cost/data-transfer-costs, updated 2026-06-02; prices outside the USA and Europe from memory",
    },
  },
};
