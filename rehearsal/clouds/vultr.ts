import type { FirewallRule } from "../machines/contract";
import type { Package, Props } from "../plugins/contract";
import { Cloud, randomHex, randomUuid, timestamp, type CloudKind, type CloudOptions } from "./cloud";
import type { Reach } from "./fleet";
import { addressAt, EVERY_PORT, firewallRule, parsePorts, takeAddress } from "./network";
import type { CloudObject } from "./store";
import * as vultr from "./vultrNetwork";
import {
  FIREWALL_GROUP,
  FIREWALL_RULE,
  INSTANCE,
  RESERVED_IP,
  segmentOf,
  VPC,
  vpcCidr,
  vpcsOf,
  vultrError,
} from "./vultrNetwork";
import { text } from "../plugins/text";

/** As the API numbers them. */
const SYSTEMS = [
  { id: 1743, name: "Ubuntu 22.04 LTS x64", arch: "x64", family: "ubuntu" },
  { id: 2284, name: "Ubuntu 24.04 LTS x64", arch: "x64", family: "ubuntu" },
  { id: 2136, name: "Debian 12 x64 (bookworm)", arch: "x64", family: "debian" },
  { id: 2625, name: "Debian 13 x64 (trixie)", arch: "x64", family: "debian" },
];

/** Vultr as far as the fleet uses it. */
export function vultrPackage(options: CloudOptions): Package {
  const cloud: Cloud = new Cloud("vultr", options, { type: INSTANCE, reach: (object) => reach(cloud, object) }, false);
  const kinds = {
    [VPC]: vultr.vpcKind(cloud),
    [FIREWALL_GROUP]: vultr.firewallGroupKind(cloud),
    [FIREWALL_RULE]: vultr.firewallRuleKind(cloud),
    [RESERVED_IP]: vultr.reservedIpKind(cloud),
    [INSTANCE]: instanceKind(cloud),
  };
  return cloud.package("2.21.0", kinds, {
    secretConfig: ["apiKey"],
    functions: { "vultr:index/getOs:getOs": (args) => Promise.resolve(getOs(args)) },
  });
}

function getOs(args: Props): Props {
  const filters = (args.filters ?? []) as { name: string; values: string[] }[];
  const found = SYSTEMS.filter((system) =>
    filters.every(({ name, values }) => values.includes(text((system as Props)[name]))),
  );
  if (found.length > 1)
    throw new Error("your search returned too many results : please refine your search to be more specific");
  const system = found[0];
  if (!system) throw new Error("no results were found");
  return { ...args, ...system, id: text(system.id) };
}

const COMPUTED = (
  "allowedBandwidth backups dateCreated ddosProtection defaultPassword disk features firewallGroupId gatewayV4 hostname internalIp kvm label " +
  "mainIp netmaskV4 os osId powerStatus ram reservedIpId serverStatus status userData v6MainIp v6Network v6NetworkSize vcpuCount vpcIds"
).split(" ");

function instanceKind(cloud: Cloud): CloudKind {
  const fail = (error: string, status = 400): Error => vultrError("error creating server", error, status);
  const checkReferences = (object: CloudObject): void => {
    const { firewallGroupId, region } = object.inputs;
    if (firewallGroupId) cloud.need(FIREWALL_GROUP, firewallGroupId, () => fail("Invalid firewall group."));
    for (const id of vpcsOf(object)) {
      const vpc = cloud.need(VPC, id, () => fail(`Invalid VPC ID: ${id}`));
      if (vpc.inputs.region !== region) throw fail(`VPC ${id} is not available in region ${text(region)}.`);
    }
  };

  return {
    required: ["plan", "region"],
    replaceOn:
      "region appId imageId osId scriptId disablePublicIpv4 sshKeyIds snapshotId userData hostname reservedIpId userScheme appVariables".split(
        " ",
      ),
    computed: COMPUTED,
    secretOutputs: ["defaultPassword"],
    check(inputs) {
      const sources = ["osId", "appId", "imageId", "isoId", "snapshotId"].filter((name) => inputs[name] !== undefined);
      if (sources.length === 0)
        return [{ property: "osId", reason: "error occurred while getting your intended os type" }];
      return sources.length > 1
        ? [
            {
              property: sources[1] ?? "",
              reason: `too many options have been selected : [${sources.join(" ")}] : please select one`,
            },
          ]
        : [];
    },
    newId: randomUuid,
    async create(object) {
      const { inputs, hidden } = object;
      vultr.checkRegion(object, "error creating server");
      const system = SYSTEMS.find((one) => one.id === Number(inputs.osId));
      if (inputs.osId !== undefined && !system) throw fail("Invalid OS ID.");
      checkReferences(object);
      if (inputs.reservedIpId) {
        const reserved = cloud.need(RESERVED_IP, inputs.reservedIpId, () => fail("Invalid reserved IP."));
        const user = cloud.list(INSTANCE).find((one) => one !== object && one.inputs.reservedIpId === reserved.id);
        if (user) throw fail("Floating IPv4 address is already attached to another server");
        hidden.publicAddress = reserved.computed.subnet;
      }
      hidden.publicAddress ??= cloud.takePublicAddress(object.id, () =>
        fail("No IPv4 addresses are available in this location."),
      );

      const segment = attach(cloud, object, fail);
      const hostname = text(inputs.hostname ?? inputs.label ?? "vultr.guest");
      hidden.machine = cloud.machineId(object);
      await cloud.fleet.ensureSegment(segment);
      await cloud.fleet.boot({
        id: text(hidden.machine),
        name: hostname,
        cloud: cloud.name,
        segment: segment.name,
        privateAddress: text(hidden.privateAddress),
        // The provider wraps plain text in base64 on the wire; the machine gets it as it was.
        userData: text(inputs.userData ?? ""),
        publicMode: "interface",
        ...reach(cloud, object),
      });
      return {
        ...{
          backups: "disabled",
          ddosProtection: false,
          enableIpv6: false,
          activationEmail: false,
          label: "",
          tags: [],
        },
        ...{ firewallGroupId: "", features: [], vpcIds: [], reservedIpId: "", userData: "", ...inputs, hostname },
        ...{
          mainIp: hidden.publicAddress,
          netmaskV4: "255.255.254.0",
          gatewayV4: addressAt(`${text(hidden.publicAddress)}/24`, 1),
        },
        ...{
          internalIp: vpcsOf(object).length > 0 ? hidden.privateAddress : "",
          os: system?.name ?? "",
          osId: system?.id ?? 0,
        },
        ...{ status: "active", powerStatus: "running", serverStatus: "ok", dateCreated: timestamp(), kvm: "", ...SIZE },
        ...{ defaultPassword: `${randomHex(6)}!${randomHex(8).toUpperCase()}` },
        ...{ v6MainIp: "", v6Network: "", v6NetworkSize: 0 },
      };
    },
    update(object, _context, olds) {
      checkReferences(object);
      // The machine's only private interface stays where it is.
      if (vpcsOf(object)[0] !== ((olds.vpcIds ?? []) as string[])[0])
        throw vultrError(
          `error updating instance ${object.id} `,
          "The emulated Vultr cannot move an instance to another VPC.",
        );
      return { ...object.inputs, firewallGroupId: object.inputs.firewallGroupId ?? "" };
    },
    async delete(object) {
      if (object.hidden.machine) await cloud.fleet.remove(text(object.hidden.machine));
      if (object.hidden.segment) cloud.store.release(text(object.hidden.segment), object.id);
      cloud.releasePublicAddress(object.id);
    },
  };
}

const SIZE = { ram: 4096, vcpuCount: 2, disk: 80, allowedBandwidth: 3 };

/** The machine's private network: its VPC, or one nobody sees when it has none. */
function attach(cloud: Cloud, object: CloudObject, fail: (error: string) => Error): { name: string; cidr: string } {
  const vpc = cloud.get(VPC, vpcsOf(object)[0]);
  const cidr = vpc ? vpcCidr(vpc) : "100.64.3.0/24";
  const name = vpc ? segmentOf(vpc.id) : "vultr-unattached";
  object.hidden.segment = name;
  object.hidden.privateAddress ??= takeAddress(
    cloud.store,
    { pool: name, range: cidr, keep: { first: 3, last: 1 }, holder: object.id },
    () => fail(`No addresses are left in VPC ${vpc?.id}.`),
  );
  return { name, cidr };
}

/** Without a group everything is let in; a group filters the public side only, never the VPC. */
function reach(cloud: Cloud, object: CloudObject): Reach {
  const publicAddress = text(object.hidden.publicAddress);
  const group = object.inputs.firewallGroupId;
  if (!group) return { firewall: undefined, publicAddress };
  const own = cloud
    .list(FIREWALL_RULE)
    .filter((one) => one.complete && one.inputs.firewallGroupId === group && one.inputs.ipType === "v4");
  const rules = own.map(({ inputs }) =>
    firewallRule(text(inputs.protocol), parsePorts(text(inputs.port ?? "")) ?? EVERY_PORT, [
      `${text(inputs.subnet)}/${text(inputs.subnetSize)}`,
    ]),
  );
  const vpc = cloud.get(VPC, vpcsOf(object)[0]);
  const inside: FirewallRule[] = vpc ? [{ protocol: "all", from: 0, to: 0, sources: [vpcCidr(vpc)] }] : [];
  return { firewall: [...rules.filter((one) => one !== undefined), ...inside], publicAddress };
}
