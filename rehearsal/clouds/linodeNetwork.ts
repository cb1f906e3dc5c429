import { overlap } from "../machines/addresses";
import { isUnknown } from "../plugins/encoding";
import { text } from "../plugins/text";
import { timestamp, type Cloud, type CloudKind } from "./cloud";
import { INSTANCE, labelFailures, linodeError, NETWORKING_IP, newNumber, REGION, SUBNET, VPC } from "./linodeNames";
import { isNetwork } from "./network";
import type { CloudObject } from "./store";

/** VPCs, their subnets, and addresses that are reserved by themselves. */
export const linodeNetworkKinds = (cloud: Cloud): Record<string, CloudKind> => ({
  [VPC]: vpcKind(cloud),
  [SUBNET]: subnetKind(cloud),
  [NETWORKING_IP]: networkingIpKind(cloud),
});

export const segmentOf = (subnetId: string): string => `linode-subnet-${subnetId}`;

function vpcKind(cloud: Cloud): CloudKind {
  return {
    required: ["label", "region"],
    replaceOn: ["region"],
    computed: ["created", "updated", "description"],
    check: (inputs) => labelFailures(inputs, 1, 64),
    newId: newNumber,
    create(object) {
      const { label, region } = object.inputs;
      if (!REGION.test(text(region))) throw linodeError("region", "region is not valid");
      if (cloud.list(VPC).some((one) => one !== object && one.inputs.label === label))
        throw linodeError("label", "Label must be unique among your VPCs");
      return { description: "", ...object.inputs, created: timestamp(), updated: timestamp() };
    },
    update: (object) => ({ ...object.inputs, updated: timestamp() }),
    delete(object) {
      const users = cloud.list(SUBNET).filter((one) => text(one.inputs.vpcId) === object.id);
      cloud.assertUnused(users, linodeError("id", "Subnets must be deleted before the VPC").message);
    },
  };
}

function subnetKind(cloud: Cloud): CloudKind {
  return {
    required: ["ipv4", "label", "vpcId"],
    replaceOn: ["vpcId", "ipv4"],
    computed: ["created", "linodes", "updated"],
    check(inputs) {
      const { ipv4 } = inputs;
      const bad = ipv4 !== undefined && !isUnknown(ipv4) && !isNetwork(ipv4);
      return [
        ...(bad ? [{ property: "ipv4", reason: `${text(ipv4)} is not a valid IPv4 network` }] : []),
        ...labelFailures(inputs, 1, 64),
      ];
    },
    newId: newNumber,
    async create(object) {
      const { vpcId, ipv4, label } = object.inputs;
      cloud.need(VPC, text(vpcId), () => linodeError("vpc_id", "VPC not found"));
      const siblings = cloud.list(SUBNET).filter((one) => one !== object && one.inputs.vpcId === vpcId);
      if (siblings.some((one) => one.inputs.label === label))
        throw linodeError("label", "Label must be unique among the VPC's subnets");
      if (siblings.some((one) => overlap(text(ipv4), text(one.inputs.ipv4))))
        throw linodeError("ipv4", "Subnet IPv4 range overlaps with another subnet of the VPC");
      await cloud.fleet.ensureSegment({ name: segmentOf(object.id), cidr: text(ipv4) });
      return { created: timestamp(), updated: timestamp(), linodes: [] };
    },
    update: () => ({ updated: timestamp() }),
    async delete(object) {
      const users = cloud.list(INSTANCE).filter((one) => one.hidden.subnet === object.id);
      cloud.assertUnused(
        users,
        linodeError("id", "Subnet has Linodes assigned; remove their interfaces first").message,
      );
      await cloud.fleet.removeSegment(segmentOf(object.id));
      cloud.store.dropPool(segmentOf(object.id));
    },
  };
}

function networkingIpKind(cloud: Cloud): CloudKind {
  const assigned = (object: CloudObject): CloudObject | undefined =>
    cloud.list(INSTANCE).find((one) => one.hidden.publicAddress === object.hidden.address);
  return {
    replaceOn: ["type", "public", "region", "reserved"],
    computed: "address gateway linodeId prefix rdns region reserved subnetMask vpcNat11 type public".split(" "),
    newId: (_inputs, context) => context.name,
    create(object) {
      const { reserved, type = "ipv4", linodeId } = object.inputs;
      if (reserved !== true || type !== "ipv4" || linodeId !== undefined)
        throw linodeError("reserved", "the emulated Linode reserves unassigned IPv4 addresses only (reserved: true)");
      object.hidden.address ??= cloud.takePublicAddress(object.id, () =>
        linodeError("region", "No addresses are available"),
      );
      const basics = { type, public: true, prefix: 24, subnetMask: "255.255.255.0", gateway: "", rdns: "" };
      return { ...basics, ...object.inputs, address: object.hidden.address };
    },
    update: () => ({}),
    observe: (object) => ({ linodeId: Number(assigned(object)?.id ?? 0) }),
    delete(object) {
      cloud.assertUnused(
        [assigned(object)].filter((one) => one !== undefined),
        linodeError("address", "Address is assigned to a Linode").message,
      );
      cloud.releasePublicAddress(object.id);
    },
  };
}
