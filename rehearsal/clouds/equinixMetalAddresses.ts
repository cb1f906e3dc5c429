import type { Props } from "../plugins/contract";
import { digest, randomUuid, type Cloud, type CloudKind } from "./cloud";
import { addressAt } from "./network";
import { text } from "../plugins/text";

export const DEVICE = "equinix-metal:index/device:Device";
export const RESERVED_IP_BLOCK = "equinix-metal:index/reservedIpBlock:ReservedIpBlock";
export const IP_ATTACHMENT = "equinix-metal:index/ipAttachment:IpAttachment";

export const metalError = (operation: string, status: number, why: string): Error =>
  new Error(`${operation}: ${status} ${why}`);

// the project's private block

export interface Block {
  key: string;
  cidr: string;
  segment: string;
}

/** Metal gives every project a private /25 in every metro; its machines reach each other in it. */
export function privateBlock(cloud: Cloud, project: string, metro: string): Block {
  const key = `${project} ${metro}`;
  const blocks = Array.from({ length: 512 }, (_none, at) => `10.70.${Math.floor(at / 2)}.${(at % 2) * 128}/25`);
  const held = blocks.find((cidr) => cloud.store.holder("metal blocks", cidr) === key);
  const cidr = held ?? blocks.find((one) => cloud.store.holder("metal blocks", one) === undefined);
  if (!cidr) throw new Error("no private block is left");
  if (!held) cloud.store.hold("metal blocks", cidr, key);
  return { key, cidr, segment: `metal-${digest(key).slice(0, 16)}` };
}

export function getPrecreatedIpBlock(cloud: Cloud, args: Props): Props {
  if (args.addressFamily !== 4 || args.public !== false)
    throw new Error("the emulated Metal has precreated blocks of private IPv4 addresses only");
  const { cidr, segment } = privateBlock(cloud, text(args.projectId), text(args.metro ?? args.facility ?? ""));
  return {
    ...{
      ...args,
      id: segment,
      type: "private_ipv4",
      quantity: 128,
      manageable: true,
      management: true,
      cidr: 25,
      cidrNotation: cidr,
    },
    ...{
      address: addressAt(cidr, 0),
      network: addressAt(cidr, 0),
      gateway: addressAt(cidr, 1),
      netmask: "255.255.255.128",
    },
  };
}

// addresses

/** Elastic addresses of a project. */
export function reservedIpBlockKind(cloud: Cloud): CloudKind {
  return {
    required: ["projectId", "quantity"],
    replaceOn: ["projectId", "quantity", "type", "facility", "metro"],
    computed:
      "address addressFamily cidr cidrNotation gateway global manageable management netmask network public".split(" "),
    newId: randomUuid,
    create(object) {
      const { projectId, quantity, type = "public_ipv4", metro, facility } = object.inputs;
      const fail = (why: string): Error => metalError(`POST /projects/${text(projectId)}/ips`, 422, why);
      if (type !== "public_ipv4" || quantity !== 1)
        throw fail("the emulated Metal reserves single public IPv4 addresses (quantity 1)");
      if (metro === undefined && facility === undefined)
        throw fail("you should set either metro or facility for public_ipv4");
      object.hidden.address ??= cloud.takePublicAddress(object.id, () => fail("No addresses are left in this metro"));
      return { type, ...object.inputs, ...addressOutputs(text(object.hidden.address)), public: true, global: false };
    },
    update: () => ({}),
    delete(object) {
      const users = [
        ...cloud.list(IP_ATTACHMENT).filter((one) => one.inputs.cidrNotation === object.computed.cidrNotation),
        ...cloud.list(DEVICE).filter((one) => one.hidden.publicAddress === object.hidden.address),
      ];
      cloud.assertUnused(
        users,
        metalError(`DELETE /ips/${object.id}`, 422, "IP reservation has assigned addresses").message,
      );
      cloud.releasePublicAddress(object.id);
    },
  };
}

const addressOutputs = (address: string): Props => ({
  ...{
    address,
    network: address,
    cidr: 32,
    cidrNotation: `${address}/32`,
    netmask: "255.255.255.255",
    gateway: address,
  },
  ...{ addressFamily: 4, manageable: true, management: false },
});

/** An elastic address on a device. */
export function ipAttachmentKind(cloud: Cloud): CloudKind {
  return {
    required: ["cidrNotation", "deviceId"],
    computed: "address addressFamily cidr gateway global manageable management netmask network public".split(" "),
    newId: randomUuid,
    create(object) {
      const { cidrNotation, deviceId } = object.inputs;
      const fail = (status: number, why: string): Error =>
        metalError(`POST /devices/${text(deviceId)}/ips`, status, why);
      cloud.need(DEVICE, deviceId, () => fail(404, "Not found"));
      const block = cloud.list(RESERVED_IP_BLOCK).find((one) => one.computed.cidrNotation === cidrNotation);
      if (!block) throw fail(422, `${text(cidrNotation)} is not in a reserved block of the project`);
      if (cloud.list(IP_ATTACHMENT).some((one) => one !== object && one.inputs.cidrNotation === cidrNotation))
        throw fail(422, `${text(cidrNotation)} is already assigned`);
      return { ...addressOutputs(text(block.computed.address)), public: true, global: false };
    },
  };
}

/** An address of a reserved block, when the device asks for one. */
export function reservedAddress(cloud: Cloud, inputs: Props, fail: (status: number, why: string) => Error): unknown {
  const wishes = (inputs.ipAddresses ?? []) as { type: string; reservationIds?: string[] }[];
  const id = wishes.find((wish) => wish.type === "public_ipv4")?.reservationIds?.[0];
  if (id === undefined) return undefined;
  const block = cloud.need(RESERVED_IP_BLOCK, id, () => fail(422, `Invalid IP reservation ${id}`));
  const user = cloud.list(DEVICE).find((one) => one.hidden.publicAddress === block.computed.address);
  if (user) throw fail(422, `IP reservation ${id} has no address left: it is assigned to device ${user.id}`);
  return block.computed.address;
}
