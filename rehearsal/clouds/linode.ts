import { overlap } from "../machines/addresses";
import type { Failure, Package, Props } from "../plugins/contract";
import { isUnknown } from "../plugins/encoding";
import { Cloud, randomHex, randomUuid, timestamp, type CloudKind, type CloudOptions } from "./cloud";
import type { Reach } from "./fleet";
import { linodeFirewallKinds, linodeFirewallOf } from "./linodeFirewall";
import { FIREWALL, INSTANCE, linodeError, newNumber } from "./linodeNames";
import { isNetwork, takeAddress } from "./network";
import type { CloudObject } from "./store";
import { decodeBase64, decodeUserData } from "./userData";
import { text } from "../plugins/text";

const VPC = "linode:index/vpc:Vpc";
const SUBNET = "linode:index/vpcSubnet:VpcSubnet";
const NETWORKING_IP = "linode:index/networkingIp:NetworkingIp";

/** Of the user data after base64. */
const USER_DATA_LIMIT_BYTES = 16384;

const REGION = /^[a-z]{2}-[a-z]{3,}(-\d+)?$/;

interface Interface {
  purpose: string;
  subnetId?: number;
  primary?: boolean;
  ipv4?: { vpc?: string; nat11?: string };
}

/** Linode (Akamai) as far as the fleet uses it. */
export function linodePackage(options: CloudOptions): Package {
  const reach = (object: CloudObject): Reach => ({
    firewall: linodeFirewallOf(cloud, object),
    publicAddress: object.hidden.publicAddress as string | undefined,
  });
  const cloud: Cloud = new Cloud("linode", options, { type: INSTANCE, reach }, false);
  const kinds = {
    [VPC]: vpcKind(cloud),
    [SUBNET]: subnetKind(cloud),
    ...linodeFirewallKinds(cloud),
    [NETWORKING_IP]: networkingIpKind(cloud),
    [INSTANCE]: instanceKind(cloud, reach),
  };
  const images = ["linode/debian12", "linode/debian13", "linode/ubuntu22.04", "linode/ubuntu24.04"].map((id) => ({
    ...{ id, label: id.replace("linode/", ""), isPublic: true, deprecated: false, status: "available", type: "manual" },
    ...{ vendor: id.includes("ubuntu") ? "Ubuntu" : "Debian", size: 3300, capabilities: ["cloud-init"] },
  }));
  return cloud.package("5.1.1", kinds, {
    secretConfig: ["token", "objSecretKey"],
    functions: { "linode:index/getImages:getImages": (args) => Promise.resolve({ ...args, id: "images", images }) },
  });
}

// network

const segmentOf = (subnetId: string): string => `linode-subnet-${subnetId}`;

function labelFailures(inputs: Props, shortest: number, longest: number): Failure[] {
  const { label } = inputs;
  if (typeof label !== "string" || isUnknown(label)) return [];
  const fits = label.length >= shortest && label.length <= longest;
  const reason = `expected length of label to be in the range (${shortest} - ${longest}), got ${label}`;
  return fits ? [] : [{ property: "label", reason }];
}

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

// machines

const COMPUTED = (
  "alerts backups bootConfigLabel booted capabilities configs diskEncryption disks hasUserData hostUuid interfaces ipAddress " +
  "ipv4s ipv6 label lkeClusterId placementGroup privateIpAddress rootPass sharedIpv4s specs status swapSize tags watchdogEnabled"
).split(" ");

function instanceKind(cloud: Cloud, reach: (object: CloudObject) => Reach): CloudKind {
  return {
    required: ["region"],
    nameInput: "label",
    replaceOn: (
      "image backupId stackscriptId stackscriptData ipv4s authorizedKeys authorizedUsers rootPass firewallId swapSize " +
      "diskEncryption metadatas[*].userData"
    ).split(" "),
    // `interfaces` are inputs and outputs at once: what the cloud fills in is unknown until then.
    computed: COMPUTED,
    secretOutputs: ["rootPass", "stackscriptData"],
    check(inputs) {
      const failures = labelFailures(inputs, 3, 50);
      const encoded = metadataOf(inputs);
      if (typeof encoded === "string" && !isUnknown(encoded) && !decodeBase64(encoded))
        failures.push({ property: "metadatas", reason: "user_data must be base64-encoded" });
      return failures;
    },
    newId: newNumber,
    async create(object) {
      const { inputs, hidden } = object;
      if (!REGION.test(text(inputs.region))) throw linodeError("region", "region is not valid");
      if (inputs.image !== undefined && !/^(linode|private)\//.test(text(inputs.image)))
        throw linodeError("image", "image is not valid");
      if (!/^g\d+-[a-z0-9-]+$/.test(text(inputs.type ?? "g6-standard-1")))
        throw linodeError("type", "A valid plan type by that ID was not found");
      if (cloud.list(INSTANCE).some((one) => one !== object && one.inputs.label === inputs.label))
        throw linodeError("label", "Label must be unique among your linodes");
      if (inputs.firewallId !== undefined)
        cloud.need(FIREWALL, text(inputs.firewallId), () => linodeError("firewall_id", "Firewall not found"));
      const bytes = decodeBase64(metadataOf(inputs) ?? "") ?? Buffer.alloc(0);
      if (bytes.length > USER_DATA_LIMIT_BYTES)
        throw linodeError("metadata.user_data", `decoded user_data must not exceed ${USER_DATA_LIMIT_BYTES} bytes`);

      const network = attach(cloud, object);
      hidden.publicAddress ??= publicAddress(cloud, object);
      hidden.machine = cloud.machineId(object);
      await cloud.fleet.ensureSegment(network);
      const isTranslated =
        hidden.publicAddress !== undefined && !interfacesOf(inputs).some(({ purpose }) => purpose === "public");
      await cloud.fleet.boot({
        id: text(hidden.machine),
        name: text(inputs.label)
          .toLowerCase()
          .replace(/[^a-z0-9-]/g, "-"),
        cloud: cloud.name,
        segment: network.name,
        privateAddress: text(hidden.privateAddress),
        userData: decodeUserData(bytes),
        publicMode: isTranslated ? "nat" : "interface",
        ...reach(object),
      });
      return outputsOf(object);
    },
    update(object, _context, olds) {
      // The machine's interfaces stay as they were made.
      const subnets = (inputs: Props): string =>
        JSON.stringify(interfacesOf(inputs).map(({ purpose, subnetId }) => [purpose, subnetId]));
      if (subnets(object.inputs) !== subnets(olds))
        throw linodeError("interfaces", "the emulated Linode cannot change the interfaces of an instance");
      return { ...object.inputs, interfaces: object.computed.interfaces };
    },
    async delete(object) {
      if (object.hidden.machine) await cloud.fleet.remove(text(object.hidden.machine));
      if (object.hidden.segment) cloud.store.release(text(object.hidden.segment), object.id);
      cloud.releasePublicAddress(object.id);
    },
  };
}

const metadataOf = (inputs: Props): string | undefined =>
  ((inputs.metadatas ?? []) as { userData?: string }[])[0]?.userData;

/** An instance without interfaces has a public one. */
const interfacesOf = (inputs: Props): Interface[] =>
  ((inputs.interfaces ?? []) as Interface[]).length > 0 ? (inputs.interfaces as Interface[]) : [{ purpose: "public" }];

/** The machine's private network: its subnet, or one nobody sees when it has none. */
function attach(cloud: Cloud, object: CloudObject): { name: string; cidr: string } {
  const wanted = interfacesOf(object.inputs).find(({ purpose }) => purpose === "vpc");
  let network = { name: "linode-unattached", cidr: "100.64.6.0/24" };
  if (wanted) {
    const subnet = cloud.need(SUBNET, text(wanted.subnetId), () =>
      linodeError("interfaces[].subnet_id", "Subnet not found"),
    );
    const vpc = cloud.need(VPC, text(subnet.inputs.vpcId), () => linodeError("vpc_id", "VPC not found"));
    if (vpc.inputs.region !== object.inputs.region)
      throw linodeError("interfaces[].subnet_id", "The subnet's VPC is in another region than the Linode");
    network = { name: segmentOf(subnet.id), cidr: text(subnet.inputs.ipv4) };
    object.hidden.subnet = subnet.id;
    object.hidden.vpc = vpc.id;
  }
  object.hidden.segment = network.name;
  object.hidden.privateAddress ??= takeAddress(
    cloud.store,
    // The first two and the last two addresses of every subnet are Linode's.
    {
      pool: network.name,
      range: network.cidr,
      keep: { first: 2, last: 2 },
      wish: wanted?.ipv4?.vpc,
      holder: object.id,
    },
    (why) =>
      linodeError(
        "interfaces[].ipv4.vpc",
        {
          taken: "Address is already in use",
          outside: "Address is not in the subnet",
          full: "No address is left in the subnet",
        }[why],
      ),
  );
  return network;
}

/** A reserved address given at creation, or a new one; none for a machine that is in a VPC alone. */
function publicAddress(cloud: Cloud, object: CloudObject): string | undefined {
  const interfaces = interfacesOf(object.inputs);
  const isPublic = interfaces.some(({ purpose, ipv4 }) => purpose === "public" || ipv4?.nat11 !== undefined);
  if (!isPublic) return undefined;
  const wish = ((object.inputs.ipv4s ?? []) as string[])[0];
  if (wish === undefined)
    return cloud.takePublicAddress(object.id, () => linodeError("region", "No addresses are available"));
  if (!cloud.list(NETWORKING_IP).some((one) => one.hidden.address === wish))
    throw linodeError("ipv4", `${wish} is not a reserved address of this account`);
  const user = cloud.list(INSTANCE).find((one) => one !== object && one.hidden.publicAddress === wish);
  if (user) throw linodeError("ipv4", `${wish} is already assigned to Linode ${user.id}`);
  return wish;
}

function outputsOf({ inputs, hidden, id }: CloudObject): Props {
  const address = (hidden.publicAddress ?? "") as string;
  const interfaces = interfacesOf(inputs).map((one, at) => {
    const inVpc = one.purpose === "vpc";
    const ipv4 = { vpc: inVpc ? hidden.privateAddress : "", nat11: inVpc && one.ipv4?.nat11 ? address : "" };
    const ids = { id: Number(id) * 10 + at, vpcId: inVpc ? Number(hidden.vpc) : 0 };
    return { primary: false, ...one, ipv4, active: true, ipRanges: [], ...ids };
  });
  return {
    ...{
      type: "g6-standard-1",
      backupsEnabled: false,
      booted: true,
      diskEncryption: "enabled",
      group: "",
      privateIp: false,
    },
    ...{ migrationType: "cold", resizeDisk: false, sharedIpv4s: [], swapSize: 512, tags: [], watchdogEnabled: true },
    ...{ rootPass: randomHex(32), ...inputs, interfaces: inputs.interfaces === undefined ? [] : interfaces },
    ...{ ipAddress: address, ipv4s: address ? [address] : [], ipv6: "", privateIpAddress: "", status: "running" },
    ...{ hasUserData: metadataOf(inputs) !== undefined, hostUuid: randomUuid().replaceAll("-", ""), lkeClusterId: 0 },
    ...{ bootConfigLabel: "My Ubuntu Disk Profile", configs: [], disks: [], capabilities: ["SMTP Enabled"] },
    specs: { disk: 81920, memory: 4096, transfer: 4000, vcpus: 2, acceleratedDevices: 0, gpus: 0 },
    alerts: { cpu: 180, io: 10000, networkIn: 10, networkOut: 10, transferQuota: 80 },
    backups: { available: false, enabled: false, schedule: { day: "", window: "" } },
  };
}
