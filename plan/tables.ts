/** Places and sizes of each cloud, as data: what is misspelt here is found before the cloud is asked. */
import type { CloudName } from "./types";

/** Of these lists, from the clouds' documentation; newer places and sizes are admitted by `accepted`. */
export const TABLES_DATE = "2025-06";

export interface Size {
  cpus: number;
  memoryGib: number;
  /** Of the machine's root disk, as the adapter makes it. */
  diskGib: number;
  /** Machine images are amd64. */
  arm?: true;
}

/** What an adapter takes for a node without `size`. */
export const DEFAULT_SIZES: Record<CloudName, string> = {
  aws: "t3.large",
  oci: "VM.Standard.E5.Flex",
  vultr: "vc2-2c-4gb",
  civo: "g3.large",
  linode: "g6-standard-4",
  "equinix-metal": "c3.small.x86",
};

const words = (text: string): string[] => text.trim().split(/\s+/);

/** `name:cpus:memory:disk` each. */
function sizes(text: string): [string, Size][] {
  return words(text).map((entry) => {
    const [name = "", cpus, memoryGib, diskGib] = entry.split(":");
    return [name, { cpus: Number(cpus), memoryGib: Number(memoryGib), diskGib: Number(diskGib) }];
  });
}

/** AWS's and Oracle's root disks are as large as their adapters ask for. */
const ROOT_DISK_GIB = 80;

function awsSizes(): [string, Size][] {
  const burst = ["nano:2:0.5", "micro:2:1", "small:2:2", "medium:2:4", "large:2:8", "xlarge:4:16", "2xlarge:8:32"];
  const steps: [string, number][] = [
    ["large", 2],
    ["xlarge", 4],
    ["2xlarge", 8],
    ["4xlarge", 16],
    ["8xlarge", 32],
  ];
  const perCpuGib: Record<string, number> = { c: 2, m: 4, r: 8 };
  const family = (name: string, arm?: true): [string, Size][] =>
    steps.map(([step, cpus]) => {
      const memoryGib = cpus * perCpuGib[name.charAt(0)]!;
      return [`${name}.${step}`, { cpus, memoryGib, diskGib: ROOT_DISK_GIB, ...(arm && { arm }) }];
    });
  const small = (name: string, arm?: true): [string, Size][] =>
    sizes(burst.map((size) => `${name}.${size}:${ROOT_DISK_GIB}`).join(" ")).map(([size, facts]) => [
      size,
      { ...facts, ...(arm && { arm }) },
    ]);
  return [
    ...["t3", "t3a"].flatMap((name) => small(name)),
    ...small("t4g", true),
    ...words("m5 m5a m6i m6a m7i m7a r5 r5a r6i r6a r7i r7a c6i c6a c7i c7a").flatMap((name) => family(name)),
    ...words("m6g m7g m8g c6g c7g c8g r6g r7g r8g").flatMap((name) => family(name, true)),
  ];
}

function ociSizes(): [string, Size][] {
  const flexible = { cpus: 4, memoryGib: 8, diskGib: ROOT_DISK_GIB };
  const x86 = words(
    "VM.Standard3.Flex VM.Standard.E3.Flex VM.Standard.E4.Flex VM.Standard.E5.Flex VM.Standard.E6.Flex",
  );
  // An OCPU is two threads of x86, and one core of Arm.
  const arm = { ...flexible, cpus: 2, arm: true } as const;
  const fixed = [1, 2, 4, 8, 16].map((cores): [string, Size] => [
    `VM.Standard2.${cores}`,
    { cpus: 2 * cores, memoryGib: 15 * cores, diskGib: ROOT_DISK_GIB },
  ]);
  return [
    ...[...x86, "VM.Optimized3.Flex"].map((name): [string, Size] => [name, flexible]),
    ...["VM.Standard.A1.Flex", "VM.Standard.A2.Flex"].map((name): [string, Size] => [name, arm]),
    ...fixed,
  ];
}

const SIZES: Record<CloudName, ReadonlyMap<string, Size>> = {
  aws: new Map(awsSizes()),
  oci: new Map(ociSizes()),
  vultr: new Map(
    sizes(`vc2-1c-1gb:1:1:25 vc2-1c-2gb:1:2:55 vc2-2c-2gb:2:2:65 vc2-2c-4gb:2:4:80 vc2-4c-8gb:4:8:160
      vc2-6c-16gb:6:16:320 vc2-8c-32gb:8:32:640 vc2-16c-64gb:16:64:1280
      vhf-1c-1gb:1:1:32 vhf-1c-2gb:1:2:64 vhf-2c-4gb:2:4:128 vhf-3c-8gb:3:8:256 vhf-4c-16gb:4:16:384
      vhp-2c-4gb-amd:2:4:100 vhp-4c-8gb-amd:4:8:180 vhp-4c-12gb-amd:4:12:260 vhp-8c-16gb-amd:8:16:350
      vhp-2c-4gb-intel:2:4:100 vhp-4c-8gb-intel:4:8:180 vhp-4c-12gb-intel:4:12:260 vhp-8c-16gb-intel:8:16:350`),
  ),
  civo: new Map(
    sizes(`g3.xsmall:1:1:25 g3.small:1:2:25 g3.medium:2:4:50 g3.large:4:8:100 g3.xlarge:6:16:150 g3.2xlarge:8:32:200
      g4s.xsmall:1:1:25 g4s.small:1:2:25 g4s.medium:2:4:50 g4s.large:4:8:100 g4s.xlarge:6:16:150`),
  ),
  linode: new Map(
    sizes(`g6-nanode-1:1:1:25 g6-standard-1:1:2:50 g6-standard-2:2:4:80 g6-standard-4:4:8:160 g6-standard-6:6:16:320
      g6-standard-8:8:32:640 g6-standard-16:16:64:1280 g6-dedicated-2:2:4:80 g6-dedicated-4:4:8:160
      g6-dedicated-8:8:16:320 g6-dedicated-16:16:32:640 g7-premium-2:2:4:80 g7-premium-4:4:8:160 g7-premium-8:8:16:320
      g7-premium-16:16:32:640`),
  ),
  "equinix-metal": new Map([
    ...sizes(`c3.small.x86:16:32:480 c3.medium.x86:48:64:480 m3.small.x86:16:64:480 m3.large.x86:64:256:480
      n3.xlarge.x86:64:512:480 s3.xlarge.x86:48:192:480 a3.large.x86:128:1024:480`),
    ["c3.large.arm64", { cpus: 80, memoryGib: 256, diskGib: 960, arm: true }],
  ]),
};

const PLACES: Record<CloudName, ReadonlySet<string>> = {
  aws: new Set(
    words(`us-east-1 us-east-2 us-west-1 us-west-2 ca-central-1 ca-west-1 mx-central-1 sa-east-1 eu-central-1 eu-central-2
      eu-west-1 eu-west-2 eu-west-3 eu-north-1 eu-south-1 eu-south-2 il-central-1 me-central-1 me-south-1 af-south-1
      ap-east-1 ap-east-2 ap-south-1 ap-south-2 ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-southeast-1
      ap-southeast-2 ap-southeast-3 ap-southeast-4 ap-southeast-5 ap-southeast-7`),
  ),
  oci: new Set(
    words(`us-ashburn-1 us-chicago-1 us-phoenix-1 us-sanjose-1 ca-montreal-1 ca-toronto-1 mx-queretaro-1 mx-monterrey-1
      sa-bogota-1 sa-santiago-1 sa-saopaulo-1 sa-valparaiso-1 sa-vinhedo-1 eu-amsterdam-1 eu-frankfurt-1 eu-madrid-1
      eu-marseille-1 eu-milan-1 eu-paris-1 eu-stockholm-1 eu-zurich-1 uk-cardiff-1 uk-london-1 il-jerusalem-1
      me-abudhabi-1 me-dubai-1 me-jeddah-1 me-riyadh-1 af-johannesburg-1 ap-chuncheon-1 ap-hyderabad-1 ap-melbourne-1
      ap-mumbai-1 ap-osaka-1 ap-seoul-1 ap-singapore-1 ap-sydney-1 ap-tokyo-1`),
  ),
  vultr: new Set(
    words(`ams atl blr bom cdg del dfw ewr fra hnl icn itm jnb lax lhr mad man mel mex mia nrt ord sao scl sea sgp sjc sto
      syd tlv waw yto`),
  ),
  civo: new Set(words("LON1 NYC1 FRA1 PHX1")),
  linode: new Set(
    words(`us-east us-central us-west us-southeast us-iad us-lax us-mia us-ord us-sea ca-central br-gru eu-central eu-west
      gb-lon de-fra-2 es-mad fr-par it-mil nl-ams se-sto ap-northeast ap-south ap-southeast ap-west au-mel id-cgk
      in-bom-2 in-maa jp-osa jp-tyo-3 sg-sin-2`),
  ),
  "equinix-metal": new Set(
    words("am at ch da dc dx fr ga hk he la ld ma md me mi mt mx ny os pa sg sk sl sp sv sy tr ty"),
  ),
};

export const sizesOf = (cloud: CloudName): ReadonlyMap<string, Size> => SIZES[cloud];

export const placesOf = (cloud: CloudName): ReadonlySet<string> => PLACES[cloud];

/** What a node is made of; undefined when its size is in no table. */
export const sizeOf = (cloud: CloudName, size: string | undefined): Size | undefined =>
  SIZES[cloud].get(size ?? DEFAULT_SIZES[cloud]);
