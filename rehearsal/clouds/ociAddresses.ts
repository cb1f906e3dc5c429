import type { Props } from "../plugins/contract";
import { isUnknown } from "../plugins/encoding";
import type { Cloud, CloudKind } from "./cloud";
import { balancerAt } from "./ociBalancer";
import { takeAddress } from "./network";
import * as oci from "./ociNetwork";
import type { CloudObject } from "./store";
import { text } from "../plugins/text";

export const PUBLIC_IP = "oci:Core/publicIp:PublicIp";

/** Addresses inside a subnet; a reserved one is there before its machine. */
export function ociPrivateIpKind(cloud: Cloud): CloudKind {
  return {
    replaceOn: ["subnetId", "vlanId", "ipAddress", "cidrPrefixLength", "ipv4subnetCidrAtCreation"],
    computed:
      "availabilityDomain compartmentId definedTags displayName freeformTags hostnameLabel ipAddress ipState isPrimary isReserved lifetime subnetId timeCreated vnicId".split(
        " ",
      ),
    check: (inputs) =>
      [inputs.subnetId, inputs.vnicId, inputs.vlanId].every((one) => one === undefined)
        ? [{ property: "subnetId", reason: "one of subnetId, vlanId or vnicId is required" }]
        : [],
    newId: (_inputs, context) => oci.ocid("privateip", context),
    create(object) {
      const { inputs, hidden } = object;
      const owner =
        inputs.vnicId === undefined
          ? undefined
          : cloud.list(oci.INSTANCE).find((one) => one.hidden.vnic === inputs.vnicId);
      if (inputs.vnicId !== undefined && !owner) throw oci.notFound("PrivateIp");
      const parent = cloud.need(oci.SUBNET, inputs.subnetId ?? owner?.hidden.subnet, () => oci.notFound("PrivateIp"));
      if (inputs.vnicId === undefined && inputs.lifetime !== "RESERVED")
        throw oci.ociError(
          "400-InvalidParameter",
          "A private IP that is created without a VNIC must have lifetime RESERVED.",
          "PrivateIp",
        );
      hidden.subnet = parent.id;
      hidden.address ??= takePrivateAddress(cloud, parent, object.id, inputs.ipAddress as string | undefined);
      return {
        ...{
          ipAddress: hidden.address,
          subnetId: parent.id,
          compartmentId: parent.inputs.compartmentId,
          lifetime: "EPHEMERAL",
        },
        ...{ isPrimary: false, isReserved: inputs.lifetime === "RESERVED", ipState: owner ? "ASSIGNED" : "AVAILABLE" },
        ...{ hostnameLabel: "", vnicId: "", availabilityDomain: "" },
        ...oci.born(object),
      };
    },
    update: oci.renewed,
    observe(object) {
      const user = instanceOf(cloud, object);
      return {
        ipState: user ? "ASSIGNED" : "AVAILABLE",
        isPrimary: user !== undefined,
        vnicId: user?.hidden.vnic ?? object.inputs.vnicId ?? "",
      };
    },
    delete(object) {
      const user = instanceOf(cloud, object);
      const refusal = oci.ociError(
        "409-IncorrectState",
        `The private IP ${object.id} is the primary one of a VNIC and cannot be deleted.`,
        "PrivateIp",
      );
      cloud.assertUnused(user ? [user] : [], refusal.message);
      const parent = cloud.get(oci.SUBNET, object.hidden.subnet);
      if (parent) cloud.store.release(oci.segmentOf(text(parent.inputs.vcnId)), object.id);
    },
  };
}

/** The instance whose primary VNIC has the private IP. */
export const instanceOf = (cloud: Cloud, privateIp: CloudObject): CloudObject | undefined =>
  cloud.list(oci.INSTANCE).find((one) => one.hidden.privateIp === privateIp.id);

/** The first two addresses and the last one of every subnet are Oracle's. */
export function takePrivateAddress(cloud: Cloud, subnet: CloudObject, holder: string, wish?: string): string {
  const lease = {
    ...{ pool: oci.segmentOf(text(subnet.inputs.vcnId)), range: text(subnet.inputs.cidrBlock), holder, wish },
    keep: { first: 2, last: 1 },
  };
  return takeAddress(cloud.store, lease, (why) =>
    oci.ociError(
      why === "full" ? "400-LimitExceeded" : "400-InvalidParameter",
      {
        taken: `Private IP address ${wish} is already in use.`,
        outside: `Private IP address ${wish} is not in the subnet's CIDR or is reserved.`,
        full: `Subnet ${subnet.id} has no private IP address left.`,
      }[why],
      "PrivateIp",
    ),
  );
}

/** Reserved and ephemeral public addresses. */
export function ociPublicIpKind(cloud: Cloud): CloudKind {
  const bound = (object: CloudObject): Props => {
    const target = object.inputs.privateIpId;
    if (target === undefined || target === "") return { state: "AVAILABLE", assignedEntityId: "", privateIpId: "" };
    cloud.need(oci.PRIVATE_IP, target, () => oci.notFound("PublicIp"));
    if (cloud.list(PUBLIC_IP).some((other) => other !== object && other.inputs.privateIpId === target))
      throw oci.ociError("409-Conflict", `The private IP ${text(target)} already has a public IP.`, "PublicIp");
    return { state: "ASSIGNED", assignedEntityId: target, assignedEntityType: "PRIVATE_IP", privateIpId: target };
  };
  return {
    required: ["compartmentId", "lifetime"],
    replaceOn: ["lifetime", "publicIpPoolId"],
    computed:
      "assignedEntityId assignedEntityType availabilityDomain definedTags displayName freeformTags ipAddress privateIpId publicIpPoolId scope state timeCreated".split(
        " ",
      ),
    check(inputs) {
      const { lifetime } = inputs;
      const known = typeof lifetime !== "string" || isUnknown(lifetime) || ["RESERVED", "EPHEMERAL"].includes(lifetime);
      const reason = `expected lifetime to be one of ["EPHEMERAL" "RESERVED"], got ${text(lifetime)}`;
      return [...(known ? [] : [{ property: "lifetime", reason }]), ...oci.compartmentFailures(inputs)];
    },
    newId: (_inputs, context) => oci.ocid("publicip", context),
    create(object) {
      const binding = bound(object);
      object.hidden.address ??= cloud.takePublicAddress(object.id, () =>
        oci.ociError(
          "400-LimitExceeded",
          "The limit of reserved public IPs for this tenancy has been exceeded.",
          "PublicIp",
        ),
      );
      const scope = object.inputs.lifetime === "RESERVED" ? "REGION" : "AVAILABILITY_DOMAIN";
      return {
        ...oci.born(object),
        ...{ scope, availabilityDomain: "", publicIpPoolId: "" },
        ...binding,
        ipAddress: object.hidden.address,
      };
    },
    update: (object) => ({ ...oci.renewed(object), ...bound(object) }),
    observe(object) {
      const balancer = balancerAt(cloud, object.id);
      return balancer ? { state: "ASSIGNED", assignedEntityId: balancer.id, privateIpId: balancer.hidden.address } : {};
    },
    delete(object) {
      const balancer = balancerAt(cloud, object.id);
      const refusal = oci.ociError(
        "409-Conflict",
        `The public IP ${object.id} is in use by ${balancer?.id}.`,
        "PublicIp",
      );
      cloud.assertUnused(balancer ? [balancer] : [], refusal.message);
      cloud.releasePublicAddress(object.id);
    },
  };
}
