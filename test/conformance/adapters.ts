/** What the suite has to know of each cloud in order to ask all adapters the same; how they answer is not in here. */
import type { CloudName } from "../../plan/types";

type Props = Record<string, unknown>;

export interface Adapter {
  /** Name of its cluster: twenty characters, the longest that the plan allows. */
  cluster: string;
  place: string;
  account?: string;
  /** Only where the cloud chooses it. */
  nodeCidr?: string;
  /** Of a second pool of workers. */
  otherSize: string;
  machineType: string;
  sizeOf: (inputs: Props) => unknown;
  /** The inputs of a machine with the next image of the catalogue. */
  withImage: (inputs: Props) => Props;
  /** How the cloud refuses user data that is too large, or why that cannot be asked. */
  userDataLimit: { refusal: RegExp } | { skip: string };
  /** Three of the place's, where the cloud has zones. */
  zones?: [string, string, string];
  /** In which zone a machine of the emulated cloud lies. */
  zoneOf?: (outputs: Props) => unknown;
  /** Inputs that the provider reads back otherwise than they were given, though nobody has changed the program. */
  readsBack: { inputs: Props } | { skip: string };
  /** What the cloud lets in beside the firewall's rules; its documentation says so. */
  alwaysOpen?: (nodeCidr: string) => string[];
}

const NO_LIMIT = (cloud: string): { skip: string } => ({
  skip: `${cloud} publishes no limit and the emulated one has none; the plan's own 16,384 bytes hold before it is asked`,
});

const AS_GIVEN = (provider: string): { skip: string } => ({
  skip: `${provider} reads back what it was given, by its source; the second preview's tests hold it to that`,
});

export const ADAPTERS: Record<CloudName, Adapter> = {
  aws: {
    cluster: "aws-with-a-long-name",
    place: "us-west-2",
    otherSize: "t3.xlarge",
    machineType: "aws:ec2/instance:Instance",
    sizeOf: (inputs) => inputs.instanceType,
    withImage: (inputs) => ({ ...inputs, ami: "ami-0fedcba9876543210" }),
    userDataLimit: { refusal: /InvalidParameterValue: User data is limited to 16384 bytes/ },
    zones: ["us-west-2a", "us-west-2b", "us-west-2c"],
    zoneOf: (outputs) => outputs.availabilityZone,
    // Of a machine that is stopped (hashicorp/terraform-provider-aws#33775): it would be replaced.
    readsBack: { inputs: { associatePublicIpAddress: false } },
  },
  oci: {
    cluster: "oci-with-a-long-name",
    place: "us-ashburn-1",
    account: "ocid1.compartment.oc1..conformance",
    otherSize: "VM.Standard.E4.Flex",
    machineType: "oci:Core/instance:Instance",
    sizeOf: (inputs) => inputs.shape,
    withImage: (inputs) => ({
      ...inputs,
      sourceDetails: { ...(inputs.sourceDetails as Props), sourceId: "ocid1.image.oc1.iad.next" },
    }),
    zones: ["Emul:US-ASHBURN-1-AD-1", "Emul:US-ASHBURN-1-AD-2", "Emul:US-ASHBURN-1-AD-3"],
    zoneOf: (outputs) => outputs.availabilityDomain,
    userDataLimit: { refusal: /Metadata size is \d+ bytes and cannot be larger than 32000 bytes/ },
    readsBack: AS_GIVEN("Oracle's provider"),
  },
  vultr: {
    cluster: "vultr-with-long-name",
    place: "ewr",
    otherSize: "vc2-4c-8gb",
    machineType: "vultr:index/instance:Instance",
    sizeOf: (inputs) => inputs.plan,
    withImage: (inputs) => ({ ...inputs, osId: 2136 }),
    userDataLimit: NO_LIMIT("Vultr"),
    // `ddosProtection`, `label`, `reservedIpId` and `userData` are not read at all.
    readsBack: AS_GIVEN("Vultr's provider"),
    // Its firewall groups stand before the public interface only.
    alwaysOpen: (nodeCidr) => [`all from ${nodeCidr}`],
  },
  "equinix-metal": {
    cluster: "equinix-metal-island",
    place: "ty",
    account: "00000000-0000-4000-8000-00000000c0f0",
    nodeCidr: "10.70.0.0/25",
    otherSize: "m3.small.x86",
    machineType: "equinix-metal:index/device:Device",
    sizeOf: (inputs) => inputs.plan,
    withImage: (inputs) => ({ ...inputs, operatingSystem: "debian_12" }),
    userDataLimit: NO_LIMIT("Equinix Metal"),
    readsBack: AS_GIVEN("Metal's provider"),
  },
  civo: {
    cluster: "civo-has-a-long-name",
    place: "LON1",
    nodeCidr: "192.168.1.0/24",
    otherSize: "g3.xlarge",
    machineType: "civo:index/instance:Instance",
    sizeOf: (inputs) => inputs.size,
    withImage: (inputs) => ({ ...inputs, template: "debian-12" }),
    userDataLimit: NO_LIMIT("Civo"),
    // The provider copies what the API answers, and nobody promises that the API keeps a script.
    readsBack: { inputs: { script: "" } },
  },
  linode: {
    cluster: "linode-has-long-name",
    place: "jp-tyo-3",
    otherSize: "g6-standard-6",
    machineType: "linode:index/instance:Instance",
    sizeOf: (inputs) => inputs.type,
    withImage: (inputs) => ({ ...inputs, image: "linode/debian13" }),
    userDataLimit: { refusal: /decoded user_data must not exceed 16384 bytes/ },
    readsBack: AS_GIVEN("Linode's provider"),
  },
};
