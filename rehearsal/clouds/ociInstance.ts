import { availabilityDomainsOf } from "../../plan/networks";
import type { Failure, Props, ResourceContext } from "../plugins/contract";
import { isUnknown } from "../plugins/encoding";
import { timestamp, type Cloud, type CloudKind } from "./cloud";
import type { Reach } from "./fleet";
import { instanceOf, PUBLIC_IP, takePrivateAddress } from "./ociAddresses";
import * as oci from "./ociNetwork";
import { inboundRules, nsgsOf } from "./ociSecurity";
import type { CloudObject } from "./store";
import { byteLength, decodeBase64, decodeUserData } from "./userData";
import { text } from "../plugins/text";

/** Of keys and values of metadata and extendedMetadata together; user data counts in its base64 form. */
const METADATA_LIMIT_BYTES = 32000;

/** The availability domains of the place; the prefix differs from tenancy to tenancy. */
export function availabilityDomains(config: Props): string[] {
  const region = text(config.region ?? "us-ashburn-1");
  const numbers = Array.from({ length: availabilityDomainsOf(region) }, (_none, at) => at + 1);
  return numbers.map((number) => `Emul:${region.toUpperCase()}-AD-${number}`);
}

const COMPUTED = (
  "agentConfig availabilityConfig bootVolumeId createVnicDetails definedTags displayName extendedMetadata faultDomain " +
  "freeformTags hostnameLabel image instanceOptions isPvEncryptionInTransitEnabled launchMode launchOptions metadata " +
  "platformConfig privateIp publicIp region shape shapeConfig sourceDetails state subnetId systemTags timeCreated"
).split(" ");

const VNIC_REPLACING = "assignIpv6ip assignPrivateDnsRecord privateIp privateIpId subnetId subnetCidr vlanId".split(
  " ",
);
const REPLACING = [
  ..."availabilityDomain image subnetId hostnameLabel ipxeScript preserveBootVolume computeClusterId sourceDetails.sourceType".split(
    " ",
  ),
  ..."preemptibleInstanceConfig launchVolumeAttachments isPvEncryptionInTransitEnabled".split(" "),
  // The API refuses to change these two in a launched instance, so the provider makes another one.
  ...["metadata.user_data", "metadata.ssh_authorized_keys"],
  ...VNIC_REPLACING.map((property) => `createVnicDetails.${property}`),
];

const vnicOf = (object: CloudObject): Props => (object.inputs.createVnicDetails ?? {}) as Props;
const refuse = (message: string): Error => oci.ociError("400-InvalidParameter", message, "Instance");

/** Virtual machines of the emulated Oracle cloud. */
export function ociInstanceKind(cloud: Cloud): CloudKind {
  const checkGroups = (object: CloudObject): void => {
    for (const id of nsgsOf(object)) cloud.need(oci.NSG, id, () => oci.notFound("Instance"));
  };
  /** Takes the private address: of a reserved private IP made before, or a new one. */
  const takeAddress = (object: CloudObject, subnet: CloudObject): string => {
    const vnic = vnicOf(object);
    if (vnic.privateIpId === undefined)
      return takePrivateAddress(cloud, subnet, object.id, vnic.privateIp as string | undefined);
    const reserved = cloud.need(oci.PRIVATE_IP, vnic.privateIpId, () => oci.notFound("Instance"));
    if (reserved.hidden.subnet !== subnet.id)
      throw refuse(`The private IP ${reserved.id} is not in subnet ${subnet.id}.`);
    const user = instanceOf(cloud, reserved);
    if (user && user !== object)
      throw oci.ociError("409-Conflict", `The private IP ${reserved.id} is already assigned to a VNIC.`, "Instance");
    object.hidden.privateIp = reserved.id;
    return text(reserved.computed.ipAddress);
  };

  return {
    required: ["availabilityDomain", "compartmentId"],
    replaceOn: REPLACING,
    computed: COMPUTED,
    check: instanceFailures,
    newId: (_inputs, context) => oci.ocid("instance", context),
    async create(object, context) {
      const { inputs, hidden } = object;
      const vnic = vnicOf(object);
      if (!availabilityDomains(context.config).includes(text(inputs.availabilityDomain)))
        throw refuse(`The availability domain ${text(inputs.availabilityDomain)} does not exist in this region.`);
      const subnet = cloud.need(oci.SUBNET, vnic.subnetId ?? inputs.subnetId, () => oci.notFound("Instance"));
      const vcn = cloud.need(oci.VCN, subnet.inputs.vcnId, () => oci.notFound("Instance"));
      checkGroups(object);
      const userData = userDataOf(inputs);
      const isPrivate = subnet.inputs.prohibitPublicIpOnVnic === true;
      if (isPrivate && vnic.assignPublicIp === "true")
        throw refuse("A public IP cannot be assigned to a VNIC of a private subnet (prohibitPublicIpOnVnic).");

      hidden.subnet = subnet.id;
      hidden.vnic ??= oci.ocid("vnic", context);
      hidden.address ??= takeAddress(object, subnet);
      // Left open, a public subnet gives a public address; a given private IP waits for a reserved one.
      if (text(vnic.assignPublicIp ?? !isPrivate) === "true" && vnic.privateIpId === undefined)
        hidden.ephemeral ??= cloud.takePublicAddress(object.id, () =>
          refuse("No public IP address is left in this region."),
        );

      hidden.machine = cloud.machineId(object);
      const segment = { name: oci.segmentOf(vcn.id), cidr: oci.vcnCidrs(vcn)[0] ?? "" };
      await cloud.fleet.ensureSegment(segment);
      await cloud.fleet.boot({
        id: text(hidden.machine),
        name: text(vnic.hostnameLabel ?? inputs.displayName ?? "instance"),
        cloud: cloud.name,
        segment: segment.name,
        privateAddress: text(hidden.address),
        userData,
        publicMode: "nat",
        ...ociReach(cloud, object),
      });
      return { ...defaults(object, subnet, context), ...addresses(cloud, object) };
    },
    update(object) {
      checkGroups(object);
      userDataOf(object.inputs);
      return { ...oci.renewed(object), ...nested(object) };
    },
    observe: (object) => addresses(cloud, object),
    async delete(object) {
      if (object.hidden.machine) await cloud.fleet.remove(text(object.hidden.machine));
      const subnet = cloud.get(oci.SUBNET, object.hidden.subnet);
      if (subnet) cloud.store.release(oci.segmentOf(text(subnet.inputs.vcnId)), object.id);
      cloud.releasePublicAddress(object.id);
    },
  };
}

function instanceFailures(inputs: Props): Failure[] {
  const failures = oci.compartmentFailures(inputs);
  const { shape, shapeConfig, metadata } = inputs;
  const need = (property: string, reason: string): void => void failures.push({ property, reason });
  if (shape === undefined) need("shape", "shape is required to launch an instance");
  else if (text(shape).endsWith(".Flex") && shapeConfig === undefined)
    need("shapeConfig", `shapeConfig (ocpus, memoryInGbs) is required for the flexible shape ${text(shape)}`);
  if (inputs.sourceDetails === undefined && inputs.image === undefined)
    need("sourceDetails", "sourceDetails (sourceType, sourceId) is required to launch an instance");
  if ((inputs.createVnicDetails as Props | undefined)?.subnetId === undefined && inputs.subnetId === undefined)
    need("createVnicDetails.subnetId", "the subnet of the primary VNIC is required");
  const assign = (inputs.createVnicDetails as Props | undefined)?.assignPublicIp;
  if (typeof assign === "boolean")
    need("createVnicDetails.assignPublicIp", 'assignPublicIp is a string: "true" or "false"');
  const encoded = (metadata as Props | undefined)?.user_data;
  if (typeof encoded === "string" && !isUnknown(encoded) && !decodeBase64(encoded))
    need("metadata.user_data", "user_data must be base64 encoded");
  return failures;
}

function userDataOf(inputs: Props): string {
  const pairs = [inputs.metadata, inputs.extendedMetadata].flatMap((one) => Object.entries((one ?? {}) as Props));
  const size = pairs.reduce((sum, [key, value]) => sum + byteLength(key) + byteLength(text(value)), 0);
  if (size > METADATA_LIMIT_BYTES)
    throw refuse(`Metadata size is ${size} bytes and cannot be larger than ${METADATA_LIMIT_BYTES} bytes.`);
  return decodeUserData(decodeBase64(text((inputs.metadata as Props | undefined)?.user_data ?? "")) ?? Buffer.alloc(0));
}

function defaults(object: CloudObject, subnet: CloudObject, context: ResourceContext): Props {
  return {
    ...{ faultDomain: "FAULT-DOMAIN-1", hostnameLabel: "", extendedMetadata: {}, metadata: {}, shapeConfig: {} },
    ...{ isPvEncryptionInTransitEnabled: false, launchMode: "PARAVIRTUALIZED", launchOptions: {}, systemTags: {} },
    ...{ agentConfig: {}, availabilityConfig: {}, platformConfig: {} },
    ...oci.born(object),
    ...nested(object),
    ...{ state: "RUNNING", timeCreated: timestamp(), region: text(context.config.region ?? "us-ashburn-1") },
    ...{ bootVolumeId: oci.ocid("bootvolume", context), subnetId: subnet.id },
    image: (object.inputs.sourceDetails as Props | undefined)?.sourceId ?? object.inputs.image,
  };
}

const nested = (object: CloudObject): Props => ({
  createVnicDetails: { skipSourceDestCheck: false, nsgIds: [], displayName: "", ...vnicOf(object) },
  instanceOptions: { areLegacyImdsEndpointsDisabled: false, ...(object.inputs.instanceOptions as Props | undefined) },
  sourceDetails: { bootVolumeSizeInGbs: "47", ...(object.inputs.sourceDetails as Props | undefined) },
});

/** A reserved public IP on the primary private IP takes the place of an ephemeral one. */
function publicAddressOf(cloud: Cloud, object: CloudObject): string | undefined {
  const { privateIp, ephemeral } = object.hidden;
  const reserved =
    privateIp === undefined
      ? undefined
      : cloud.list(PUBLIC_IP).find((one) => one.complete && one.inputs.privateIpId === privateIp);
  return (reserved ? reserved.computed.ipAddress : ephemeral) as string | undefined;
}

const addresses = (cloud: Cloud, object: CloudObject): Props => ({
  privateIp: object.hidden.address,
  publicIp: publicAddressOf(cloud, object) ?? "",
});

/** Without a route to an internet gateway a public address leads nowhere. */
export function ociReach(cloud: Cloud, object: CloudObject): Reach {
  const subnet = cloud.get(oci.SUBNET, object.hidden.subnet);
  const routed = subnet !== undefined && oci.reachesInternet(cloud, subnet);
  return { firewall: inboundRules(cloud, object), publicAddress: routed ? publicAddressOf(cloud, object) : undefined };
}
