import type { Package, Props } from "../plugins/contract";
import { isUnknown } from "../plugins/encoding";
import { Cloud, randomHex, randomUuid, timestamp, type CloudKind, type CloudOptions } from "./cloud";
import type { Reach } from "./fleet";
import {
  DEVICE,
  getPrecreatedIpBlock,
  IP_ATTACHMENT,
  ipAttachmentKind,
  metalError,
  privateBlock,
  RESERVED_IP_BLOCK,
  reservedAddress,
  reservedIpBlockKind,
  type Block,
} from "./equinixMetalAddresses";
import { addressAt, takeAddress } from "./network";
import type { CloudObject } from "./store";
import { text } from "../plugins/text";

const PROJECT = "equinix-metal:index/project:Project";
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const METROS = "am at ch da dc dx fr ga hk he la ld ma md me mi mt mx ny os pa sg sk sl sp sv sy tr ty".split(" ");
const SYSTEMS = [
  "debian_11",
  "debian_12",
  "ubuntu_20_04",
  "ubuntu_22_04",
  "ubuntu_24_04",
  "rocky_9",
  "flatcar_stable",
  "custom_ipxe",
];
const PLANS =
  "c3.small.x86 c3.medium.x86 c3.large.arm64 m3.small.x86 m3.large.x86 n3.xlarge.x86 s3.xlarge.x86 a3.large.x86".split(
    " ",
  );

/** The real service has ended; what is emulated is how it was. */
export function equinixMetalPackage(options: CloudOptions): Package {
  const cloud: Cloud = new Cloud(
    "equinix-metal",
    options,
    { type: DEVICE, reach: (object) => reach(cloud, object) },
    false,
  );
  const kinds = {
    [PROJECT]: projectKind(cloud),
    [DEVICE]: deviceKind(cloud),
    [RESERVED_IP_BLOCK]: reservedIpBlockKind(cloud),
    [IP_ATTACHMENT]: ipAttachmentKind(cloud),
  };
  return cloud.package("2.0.0", kinds, {
    secretConfig: ["authToken"],
    functions: {
      "equinix-metal:index/getOperatingSystem:getOperatingSystem": (args) => Promise.resolve(getOperatingSystem(args)),
      "equinix-metal:index/getPrecreatedIpBlock:getPrecreatedIpBlock": (args) =>
        Promise.resolve(getPrecreatedIpBlock(cloud, args)),
    },
  });
}

function getOperatingSystem(args: Props): Props {
  const wanted = [args.distro, args.version]
    .filter((part) => part !== undefined)
    .map(text)
    .join("_")
    .replaceAll(".", "_")
    .toLowerCase();
  const found = SYSTEMS.filter((slug) => slug.startsWith(wanted) || slug === args.name);
  if (found.length !== 1)
    throw new Error(
      found.length === 0
        ? "There are no operating systems that match the search criteria"
        : "There is more than one operating system that matches the search criteria",
    );
  return { ...args, id: found[0], slug: found[0] };
}

// projects

function projectKind(cloud: Cloud): CloudKind {
  return {
    nameInput: "name",
    replaceOn: ["organizationId"],
    computed: ["created", "updated", "organizationId", "paymentMethodId", "backendTransfer"],
    newId: randomUuid,
    create: (object) => ({
      backendTransfer: false,
      paymentMethodId: "",
      organizationId: randomUuid(),
      ...object.inputs,
      created: timestamp(),
      updated: timestamp(),
    }),
    update: () => ({ updated: timestamp() }),
    delete(object) {
      const devices = cloud.list(DEVICE).filter((one) => one.inputs.projectId === object.id);
      const refusal = metalError(`DELETE /projects/${object.id}`, 422, "Cannot delete project with active devices");
      cloud.assertUnused(devices, refusal.message);
    },
  };
}

// machines

const COMPUTED = (
  "accessPrivateIpv4 accessPublicIpv4 accessPublicIpv6 created deployedFacility deployedHardwareReservationId locked " +
  "networkType networks ports rootPassword sshKeyIds state updated"
).split(" ");

function deviceKind(cloud: Cloud): CloudKind {
  return {
    required: ["billingCycle", "hostname", "operatingSystem", "plan", "projectId"],
    replaceOn:
      "projectId operatingSystem metro facilities plan billingCycle hardwareReservationId storage projectSshKeyIds userData customData".split(
        " ",
      ),
    computed: COMPUTED,
    secretOutputs: ["rootPassword", "userData", "customData"],
    check(inputs) {
      if (inputs.metro === undefined && inputs.facilities === undefined)
        return [{ property: "metro", reason: "one of facilies and metro must be configured" }];
      const both = inputs.metro !== undefined && inputs.facilities !== undefined;
      const billing = inputs.billingCycle;
      if (typeof billing === "string" && !isUnknown(billing) && !["hourly", "monthly"].includes(billing))
        return [{ property: "billingCycle", reason: `${billing} is not a valid billing cycle` }];
      return both ? [{ property: "metro", reason: '"metro": conflicts with facilities' }] : [];
    },
    newId: randomUuid,
    async create(object) {
      const { inputs, hidden } = object;
      const project = text(inputs.projectId);
      const fail = (status: number, why: string): Error => metalError(`POST /projects/${project}/devices`, status, why);
      if (!UUID.test(project)) throw fail(404, "Not found");
      const facility = ((inputs.facilities ?? []) as string[])[0];
      const metro = text(inputs.metro ?? facility?.slice(0, 2) ?? "").toLowerCase();
      if (!METROS.includes(metro)) throw fail(422, `${metro} is not a valid metro`);
      if (!PLANS.includes(text(inputs.plan))) throw fail(422, `Plan ${text(inputs.plan)} is not valid`);
      if (!SYSTEMS.includes(text(inputs.operatingSystem)))
        throw fail(422, `Operating system ${text(inputs.operatingSystem)} is not valid`);

      const block = privateBlock(cloud, project, metro);
      hidden.block = block;
      hidden.privateAddress ??= takeAddress(
        cloud.store,
        // Every device has a /31: the lower address is the switch's, the upper one its own.
        { pool: block.segment, range: block.cidr, keep: { first: 3, last: 0 }, step: 2, holder: object.id },
        () => fail(422, "The project's private block has no address left"),
      );
      hidden.publicAddress ??=
        reservedAddress(cloud, inputs, fail) ??
        cloud.takePublicAddress(object.id, () =>
          fail(503, "The facility has no provisionable addresses matching your criteria"),
        );
      hidden.machine = cloud.machineId(object);
      await cloud.fleet.ensureSegment({ name: block.segment, cidr: block.cidr });
      await cloud.fleet.boot({
        id: text(hidden.machine),
        name: text(inputs.hostname),
        cloud: cloud.name,
        segment: block.segment,
        privateAddress: text(hidden.privateAddress),
        userData: text(inputs.userData ?? ""),
        publicMode: "interface",
        ...reach(cloud, object),
      });
      return {
        ...{
          alwaysPxe: false,
          forceDetachVolumes: false,
          waitForReservationDeprovision: false,
          description: "",
          ...inputs,
        },
        ...{
          state: "active",
          locked: false,
          networkType: "layer3",
          deployedFacility: facility ?? `${metro}11`,
          sshKeyIds: [],
        },
        ...{ accessPublicIpv4: hidden.publicAddress, accessPrivateIpv4: hidden.privateAddress, accessPublicIpv6: "" },
        ...{ networks: networksOf(object), ports: [], deployedHardwareReservationId: "" },
        ...{ created: timestamp(), updated: timestamp(), rootPassword: randomHex(10) },
      };
    },
    update: (object) => ({ ...object.inputs, updated: timestamp() }),
    async delete(object) {
      if (object.hidden.machine) await cloud.fleet.remove(text(object.hidden.machine));
      cloud.releasePublicAddress(object.id);
      const block = object.hidden.block as Block | undefined;
      if (!block) return;
      cloud.store.release(block.segment, object.id);
      const others = cloud
        .list(DEVICE)
        .filter((one) => one !== object && (one.hidden.block as Block | undefined)?.key === block.key);
      if (others.length > 0) return;
      // No resource stands for the project's network: it goes with its last machine.
      await cloud.fleet.removeSegment(block.segment);
      cloud.store.dropPool(block.segment);
      cloud.store.release("metal blocks", block.key);
    },
  };
}

function networksOf({ hidden }: CloudObject): Props[] {
  return [hidden.publicAddress, hidden.privateAddress].map((address, at) => ({
    ...{ address, family: 4, cidr: 31, public: at === 0 },
    gateway: addressAt(`${text(address)}/31`, 0),
  }));
}

/** Metal has no firewall. Machines here have one public address: an attached one takes the place of their own. */
function reach(cloud: Cloud, object: CloudObject): Reach {
  const attached = cloud.list(IP_ATTACHMENT).find((one) => one.complete && one.inputs.deviceId === object.id);
  return { firewall: undefined, publicAddress: text(attached?.computed.address ?? object.hidden.publicAddress) };
}
