/** Machines and their disks: encryption, metadata service, tags. */
import type { AdapterName, ClusterPlan, Finding } from "../plan/types";
import { at, listAt, numberAt, type Properties, textsAt, UNKNOWN } from "./properties";
import type { ResourceRule, Settings, StackRule } from "./rule";

// disks

const ENCRYPT = "set it; a disk made without cannot be encrypted afterwards, only replaced";

/** What is wrong with a resource's disks: field and value. */
const DISKS: Record<string, (properties: Properties) => [field: string, wanted: string][]> = {
  "aws:ec2/instance:Instance": (machine) => [
    ...unless(at(machine, "rootBlockDevice", "encrypted"), true, "rootBlockDevice.encrypted"),
    ...listAt(machine, "ebsBlockDevices").flatMap((disk, index) =>
      unless(at(disk, "encrypted"), true, `ebsBlockDevices[${index}].encrypted`),
    ),
  ],
  "aws:ebs/volume:Volume": (volume) => unless(at(volume, "encrypted"), true, "encrypted"),
  // At rest Oracle encrypts every volume and nobody can ask it not to; on the wire to the machine it is asked.
  "oci:Core/instance:Instance": (machine) =>
    unless(at(machine, "isPvEncryptionInTransitEnabled"), true, "isPvEncryptionInTransitEnabled"),
  // Where the site can, it is the default; it can be switched off.
  "linode:index/instance:Instance": (machine) =>
    at(machine, "diskEncryption") === "disabled" ? [["diskEncryption", "enabled"]] : [],
  "linode:index/volume:Volume": (volume) => unless(at(volume, "encryption"), "enabled", "encryption"),
};

function unless(value: unknown, wanted: string | boolean, field: string): [string, string][] {
  return value === wanted || value === UNKNOWN ? [] : [[field, String(wanted)]];
}

export const encryptedDisks: ResourceRule = {
  name: "disks-encrypted",
  description: "Every disk is encrypted where the cloud lets one say so.",
  level: "mandatory",
  severity: "high",
  reason: "the disk holds the cluster's CA key and the database, and it can only be encrypted when it is made",
  check: ({ type, name, properties }) =>
    (DISKS[type]?.(properties) ?? []).map(([field, wanted]) => ({
      place: `${name}.${field}`,
      value: renderValue(at(properties, ...field.split(/[.[\]]+/).filter(Boolean))),
      allowed: wanted,
      remedy: ENCRYPT,
    })),
};

/** Clouds whose packages know no setting for it; what their hardware does is theirs to say. */
const WITHOUT_SETTING: Partial<Record<AdapterName, string>> = {
  vultr: "vultr:index/instance:Instance",
  civo: "civo:index/instance:Instance",
  "equinix-metal": "equinix-metal:index/device:Device",
};

export const unsettledDisks: ResourceRule = {
  name: "database-on-disks-without-a-setting",
  description: "Database volumes lie on clouds whose disks can be told to be encrypted.",
  level: "advisory",
  severity: "low",
  reason: "there is no setting to change, only another cloud to choose: blocking would forbid three of six clouds",
  check: ({ type, name }, { plan, cluster }) => {
    const holds = cluster?.nodes.find((node) => node.name === name)?.replicas.length ?? 0;
    if (!cluster || plan.topology.world !== "clouds" || WITHOUT_SETTING[cluster.cloud] !== type || holds === 0)
      return [];
    return [
      {
        place: name,
        value: `${holds} database volume${holds === 1 ? "" : "s"} on ${cluster.cloud}, where no input says whether the disk is encrypted`,
        allowed: "a disk known to be encrypted",
        remedy:
          "ask the cloud and write its answer down, choose another cloud for this cluster, or encrypt the store itself",
      },
    ];
  },
};

// metadata service

export const metadataTokens: ResourceRule = {
  name: "metadata-service-version-2",
  description: "The machine's metadata service answers only to those who hold a token, and not to pods.",
  level: "mandatory",
  severity: "high",
  reason: "user data holds the cluster's CA key; without tokens one tricked request from a pod reads it",
  check: ({ type, name, properties }) => {
    const remedy = "set it as components/clouds does; it changes in place";
    const wrong = (field: string, value: unknown, allowed: string): Finding => ({
      place: `${name}.${field}`,
      value: renderValue(value),
      allowed,
      remedy,
    });
    if (type === "aws:ec2/instance:Instance" || type === "aws:ec2/launchTemplate:LaunchTemplate") {
      if (at(properties, "metadataOptions", "httpEndpoint") === "disabled") return [];
      const tokens = at(properties, "metadataOptions", "httpTokens");
      const hops = numberAt(properties, "metadataOptions", "httpPutResponseHopLimit");
      return [
        ...(tokens === "required" || tokens === UNKNOWN
          ? []
          : [wrong("metadataOptions.httpTokens", tokens, "required")]),
        ...((hops ?? 1) <= 1
          ? []
          : [wrong("metadataOptions.httpPutResponseHopLimit", hops, "1, so that no pod reaches it")]),
      ];
    }
    if (type === "oci:Core/instance:Instance") {
      const field = "instanceOptions.areLegacyImdsEndpointsDisabled";
      const disabled = at(properties, "instanceOptions", "areLegacyImdsEndpointsDisabled");
      return disabled === true || disabled === UNKNOWN ? [] : [wrong(field, disabled, "true")];
    }
    return [];
  },
};

// tags

/** Types that cost money or open something and can be tagged, and how they are. */
const TAGGED: Record<string, "map" | "freeform" | "list"> = {
  "aws:ec2/instance:Instance": "map",
  "aws:ec2/eip:Eip": "map",
  "aws:ec2/vpc:Vpc": "map",
  "aws:ec2/subnet:Subnet": "map",
  "aws:ec2/securityGroup:SecurityGroup": "map",
  "aws:ebs/volume:Volume": "map",
  "oci:Core/instance:Instance": "freeform",
  "oci:Core/publicIp:PublicIp": "freeform",
  "oci:Core/vcn:Vcn": "freeform",
  "oci:Core/subnet:Subnet": "freeform",
  "oci:Core/networkSecurityGroup:NetworkSecurityGroup": "freeform",
  "vultr:index/instance:Instance": "list",
  "civo:index/instance:Instance": "list",
  "linode:index/instance:Instance": "list",
  "linode:index/firewall:Firewall": "list",
  "linode:index/nodeBalancer:NodeBalancer": "list",
  "equinix-metal:index/device:Device": "list",
};

export const PROJECT_TAG = "archipelago";

export const tags: ResourceRule = {
  name: "tags-present",
  description:
    "What costs money says by its tags whose it is: project, cluster, and the owner where the topology names one.",
  level: "advisory",
  severity: "low",
  reason: "nothing breaks without: the bill is harder to read and a forgotten machine harder to find",
  settings: {
    keys: {
      type: "array",
      items: { type: "string" },
      description: "further tags that must be there, e.g. owner; in clouds with plain lists as `owner:…` or `owner=…`",
    },
  },
  check: ({ type, name, properties }, { cluster }, settings) => {
    const kind = TAGGED[type];
    if (!kind || !cluster) return [];
    const field = kind === "freeform" ? "freeformTags" : "tags";
    if (at(properties, field) === UNKNOWN) return [];
    const missing =
      kind === "list"
        ? missingFromList(properties, cluster, settings)
        : missingFromMap(properties, field, cluster, settings);
    if (missing.length === 0) return [];
    return [
      {
        place: `${name}.${field}`,
        value: `no ${missing.join(", no ")}`,
        allowed: "the tags of tagsOf and tagListOf in components/cloud.ts, and those this policy's `keys` asks for",
        remedy: "pass them where the resource is made",
      },
    ];
  },
};

const furtherKeys = ({ keys }: Settings): string[] => (keys as string[] | undefined) ?? [];

/** Which fleet and cluster a thing belongs to, and whose they are. */
type Whose = Pick<ClusterPlan, "name" | "owner">;

function missingFromMap(properties: Properties, field: string, { name, owner }: Whose, settings: Settings): string[] {
  const all = { project: PROJECT_TAG, cluster: name, ...(owner !== undefined && { owner }) };
  const wrong = Object.entries(all).flatMap(([key, wanted]) => {
    const value = at(properties, field, key);
    return value === wanted || value === UNKNOWN ? [] : [`${key}=${wanted}`];
  });
  const absent = furtherKeys(settings).filter((key) =>
    [undefined, null, ""].includes(at(properties, field, key) as null),
  );
  return [...wrong, ...absent];
}

function missingFromList(properties: Properties, { name, owner }: Whose, settings: Settings): string[] {
  const list = textsAt(properties, "tags");
  const wrong = [PROJECT_TAG, name, ...(owner !== undefined ? [`owner:${owner}`] : [])].filter(
    (tag) => !list.includes(tag),
  );
  const absent = furtherKeys(settings).filter(
    (key) => !list.some((tag) => tag.startsWith(`${key}:`) || tag.startsWith(`${key}=`)),
  );
  return [...wrong, ...absent];
}

export const statedOwner: StackRule = {
  name: "owner-stated",
  description: "On live clouds the topology says whose the fleet is.",
  level: "advisory",
  severity: "low",
  reason: "nothing breaks without: whoever finds a machine on the bill has nobody to ask",
  checkStack: (_, { plan, cluster }) => {
    const { world, owner } = plan.topology;
    if (!cluster || world !== "clouds" || owner !== undefined) return [];
    const remedy =
      "set it in Pulumi.yaml (archipelago:fleet); every machine, network and address is then tagged with it";
    return [{ place: "owner", value: "missing", allowed: "one word: a team or a person", remedy }];
  },
};

function renderValue(value: unknown): string {
  if (value === undefined || value === null) return "not set";
  return typeof value === "string" ? value : JSON.stringify(value);
}
