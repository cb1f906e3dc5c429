import type { Props } from "../plugins/contract";
import { isUnknown } from "../plugins/encoding";
import { text } from "../plugins/text";
import { randomHex, randomUuid, type Cloud, type CloudKind } from "./cloud";
import type { Reach } from "./fleet";
import { removeNodesAt } from "./linodeBalancer";
import {
  FIREWALL,
  INSTANCE,
  labelFailures,
  linodeError,
  NETWORKING_IP,
  newNumber,
  REGION,
  SUBNET,
  VPC,
} from "./linodeNames";
import { segmentOf } from "./linodeNetwork";
import { takeAddress } from "./network";
import type { CloudObject } from "./store";
import { decodeBase64, decodeUserData } from "./userData";

/** Of the user data after base64. */
const USER_DATA_LIMIT_BYTES = 16384;

/** Of every region, shared by all machines in it; its last /24 is the NodeBalancers' own. */
const PRIVATE_NETWORK = { range: "192.168.128.0/17", keep: { first: 16, last: 256 } };
const privatePool = (region: unknown): string => `linode private ${text(region)}`;

interface Interface {
  purpose: string;
  subnetId?: number;
  primary?: boolean;
  ipv4?: { vpc?: string; nat11?: string };
}

const COMPUTED = (
  "alerts backups bootConfigLabel booted capabilities configs diskEncryption disks hasUserData hostUuid interfaces ipAddress " +
  "ipv4s ipv6 label lkeClusterId placementGroup privateIpAddress rootPass sharedIpv4s specs status swapSize tags watchdogEnabled"
).split(" ");

/** Machines of the emulated Linode. @param reach how far a machine can be reached now. */
export function linodeInstanceKind(cloud: Cloud, reach: (object: CloudObject) => Reach): CloudKind {
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
      takeRegionalAddress(cloud, object);
      hidden.machine = cloud.machineId(object);
      await cloud.fleet.ensureSegment(network);
      const isTranslated =
        hidden.publicAddress !== undefined && !interfacesOf(inputs).some(({ purpose }) => purpose === "public");
      await cloud.fleet.boot({
        id: text(hidden.machine),
        name: text(inputs.label),
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
        JSON.stringify(interfacesOf(inputs).map(({ purpose, subnetId, ipv4 }) => [purpose, subnetId, ipv4?.vpc]));
      if (subnets(object.inputs) !== subnets(olds))
        throw linodeError("interfaces", "the emulated Linode cannot change the interfaces of an instance");
      if (olds.privateIp === true && object.inputs.privateIp !== true)
        throw new Error(
          `Error removing private IP address for Instance ${object.id}: Removing a Private IP address must be handled through a support ticket`,
        );
      takeRegionalAddress(cloud, object);
      return { ...object.inputs, interfaces: object.computed.interfaces, ...addressesOf(object) };
    },
    async delete(object) {
      if (object.hidden.machine) await cloud.fleet.remove(text(object.hidden.machine));
      if (object.hidden.segment) cloud.store.release(text(object.hidden.segment), object.id);
      cloud.releasePublicAddress(object.id);
      if (object.hidden.regionalAddress === undefined) return;
      removeNodesAt(cloud, text(object.inputs.region), text(object.hidden.regionalAddress));
      cloud.store.release(privatePool(object.inputs.region), object.id);
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

/** An address in the region's private network for a machine that asks for one: it cannot be chosen. */
function takeRegionalAddress(cloud: Cloud, { id, inputs, hidden }: CloudObject): void {
  if (inputs.privateIp !== true) return;
  const lease = { pool: privatePool(inputs.region), ...PRIVATE_NETWORK, holder: id };
  hidden.regionalAddress ??= takeAddress(cloud.store, lease, () =>
    linodeError("private_ip", "No addresses are available"),
  );
}

function addressesOf({ hidden }: CloudObject): Props {
  const { publicAddress = "", regionalAddress = "" } = hidden as { publicAddress?: string; regionalAddress?: string };
  const ipv4s = [publicAddress, regionalAddress].filter((address) => address !== "");
  return { ipAddress: publicAddress, ipv4s, privateIpAddress: regionalAddress };
}

function outputsOf(object: CloudObject): Props {
  const { inputs, hidden, id } = object;
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
    ...{ ...addressesOf(object), ipv6: "", status: "running" },
    ...{ hasUserData: metadataOf(inputs) !== undefined, hostUuid: randomUuid().replaceAll("-", ""), lkeClusterId: 0 },
    ...{ bootConfigLabel: "My Ubuntu Disk Profile", configs: [], disks: [], capabilities: ["SMTP Enabled"] },
    specs: { disk: 81920, memory: 4096, transfer: 4000, vcpus: 2, acceleratedDevices: 0, gpus: 0 },
    alerts: { cpu: 180, io: 10000, networkIn: 10, networkOut: 10, transferQuota: 80 },
    backups: { available: false, enabled: false, schedule: { day: "", window: "" } },
  };
}
