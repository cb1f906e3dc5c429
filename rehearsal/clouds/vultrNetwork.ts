import { prefixOf } from "../machines/addresses";
import type { Failure, Props } from "../plugins/contract";
import { isUnknown } from "../plugins/encoding";
import { randomHex, randomUuid, timestamp, type Cloud, type CloudKind } from "./cloud";
import { isNetwork, parsePorts } from "./network";
import type { CloudObject } from "./store";
import { text } from "../plugins/text";

export const VPC = "vultr:index/vpc:Vpc";
export const FIREWALL_GROUP = "vultr:index/firewallGroup:FirewallGroup";
export const FIREWALL_RULE = "vultr:index/firewallRule:FirewallRule";
export const RESERVED_IP = "vultr:index/reservedIp:ReservedIp";
export const INSTANCE = "vultr:index/instance:Instance";

const REGIONS =
  "ams atl blr bom cdg del dfw ewr fra hnl icn itm jnb lax lhr mad man mel mex mia nrt ord sao scl sea sgp sjc sto syd tlv waw yto".split(
    " ",
  );

export const vultrError = (doing: string, error: string, status = 400): Error =>
  new Error(`${doing}: {"error":"${error}","status":${status}}`);

export const segmentOf = (vpcId: string): string => `vultr-${vpcId.slice(0, 18)}`;
export const vpcCidr = (vpc: CloudObject): string =>
  `${text(vpc.computed.v4Subnet)}/${text(vpc.computed.v4SubnetMask)}`;
export const vpcsOf = (instance: CloudObject): string[] => (instance.inputs.vpcIds ?? []) as string[];

export function checkRegion(object: CloudObject, doing: string): void {
  if (!REGIONS.includes(text(object.inputs.region).toLowerCase())) throw vultrError(doing, "Invalid region.");
}

export function vpcKind(cloud: Cloud): CloudKind {
  return {
    required: ["region"],
    replaceOn: ["region", "v4Subnet", "v4SubnetMask"],
    computed: ["dateCreated", "v4Subnet", "v4SubnetMask", "description"],
    newId: randomUuid,
    async create(object) {
      checkRegion(object, "error creating VPC");
      const { v4Subnet, v4SubnetMask, description } = object.inputs;
      // Left to Vultr, a VPC gets a /20 of its own.
      const cidr =
        v4Subnet === undefined
          ? `10.${cloud.list(VPC).length}.96.0/20`
          : `${text(v4Subnet)}/${text(v4SubnetMask ?? 20)}`;
      if (!isNetwork(cidr)) throw vultrError("error creating VPC", "Invalid v4_subnet or v4_subnet_mask.");
      object.computed = { v4Subnet: cidr.split("/")[0], v4SubnetMask: prefixOf(cidr) };
      await cloud.fleet.ensureSegment({ name: segmentOf(object.id), cidr });
      return { ...object.computed, description: description ?? "", dateCreated: timestamp() };
    },
    update: () => ({}),
    async delete(object) {
      const members = cloud.list(INSTANCE).filter((one) => vpcsOf(one).includes(object.id));
      const refusal = vultrError(
        `error deleting VPC (${object.id})`,
        "The following servers are attached to this VPC network",
        400,
      );
      cloud.assertUnused(members, `${refusal.message} (${members.map((one) => one.id).join(", ")})`);
      await cloud.fleet.removeSegment(segmentOf(object.id));
      cloud.store.dropPool(segmentOf(object.id));
    },
  };
}

export function firewallGroupKind(cloud: Cloud): CloudKind {
  return {
    computed: ["dateCreated", "dateModified", "instanceCount", "maxRuleCount", "ruleCount"],
    newId: randomUuid,
    create: () => ({
      dateCreated: timestamp(),
      dateModified: timestamp(),
      instanceCount: 0,
      maxRuleCount: 50,
      ruleCount: 0,
    }),
    update: () => ({ dateModified: timestamp() }),
    observe: (object) => ({
      instanceCount: cloud.list(INSTANCE).filter((one) => one.inputs.firewallGroupId === object.id).length,
      ruleCount: cloud.list(FIREWALL_RULE).filter((one) => one.inputs.firewallGroupId === object.id).length,
    }),
    delete(object) {
      const members = cloud.list(INSTANCE).filter((one) => one.inputs.firewallGroupId === object.id);
      const refusal = vultrError(
        `error destroying firewall group (${object.id})`,
        "Firewall group is in use by a server.",
      );
      cloud.assertUnused(members, refusal.message);
    },
  };
}

export function firewallRuleKind(cloud: Cloud): CloudKind {
  return {
    required: ["firewallGroupId", "ipType", "protocol", "subnet", "subnetSize"],
    check(inputs) {
      const failures: Failure[] = [];
      const oneOf = (property: string, allowed: string[]): void => {
        const value = inputs[property];
        if (typeof value === "string" && !isUnknown(value) && !allowed.includes(value))
          failures.push({
            property,
            reason: `expected ${property} to be one of ["${allowed.join('" "')}"], got ${value}`,
          });
      };
      oneOf("ipType", ["v4", "v6"]);
      oneOf("protocol", ["icmp", "tcp", "udp", "gre", "ah", "esp"]);
      return failures;
    },
    newId: () => text(Number.parseInt(randomHex(5), 16)),
    create(object) {
      const { inputs } = object;
      const fail = (error: string): Error => vultrError("error creating firewall rule ", error);
      cloud.need(FIREWALL_GROUP, inputs.firewallGroupId, () => fail("Invalid firewall group."));
      const isPorted = inputs.protocol === "tcp" || inputs.protocol === "udp";
      if (isPorted && !parsePorts(text(inputs.port ?? "")))
        throw fail("Invalid port. Use a single port or a range as 8000:9000.");
      if (!isPorted && inputs.port) throw fail("Port can only be set for TCP and UDP.");
      if (inputs.ipType === "v4" && !isNetwork(`${text(inputs.subnet)}/${text(inputs.subnetSize)}`))
        throw fail("Invalid subnet.");
      const key = (one: CloudObject): string =>
        JSON.stringify(
          ["firewallGroupId", "ipType", "protocol", "subnet", "subnetSize", "port", "source"].map(
            (name) => one.inputs[name] ?? "",
          ),
        );
      if (cloud.list(FIREWALL_RULE).some((other) => other !== object && key(other) === key(object)))
        throw fail("This rule is already defined");
      return { notes: "", source: "", port: "", ...inputs };
    },
  };
}

export function reservedIpKind(cloud: Cloud): CloudKind {
  return {
    required: ["ipType", "region"],
    replaceOn: ["region", "ipType", "label"],
    computed: ["subnet", "subnetSize"],
    newId: randomUuid,
    create(object) {
      checkRegion(object, "error creating reserved IP");
      if (object.inputs.ipType !== "v4")
        throw vultrError("error creating reserved IP", "The emulated Vultr has IPv4 only.");
      object.hidden.address ??= cloud.takePublicAddress(object.id, () =>
        vultrError("error creating reserved IP", "No reserved IPs are available."),
      );
      return {
        label: "",
        instanceId: "",
        ...object.inputs,
        ...bound(object),
        subnet: object.hidden.address,
        subnetSize: 32,
      };
    },
    update: bound,
    observe: (object) => ({
      instanceId: cloud.list(INSTANCE).find((one) => one.inputs.reservedIpId === object.id)?.id ?? "",
    }),
    delete(object) {
      const user = cloud.list(INSTANCE).filter((one) => one.inputs.reservedIpId === object.id);
      cloud.assertUnused(
        user,
        vultrError(
          `error destroying Reserved IP (${object.id})`,
          "Reserved IP is attached to a server. Detach it first.",
        ).message,
      );
      cloud.releasePublicAddress(object.id);
    },
  };
}

// An address attached later is a second one, which no machine here can have.
function bound(object: CloudObject): Props {
  if (object.inputs.instanceId)
    throw vultrError(
      "error attaching reserved IP",
      "The emulated Vultr binds a reserved IP when the instance is created (reservedIpId).",
    );
  return {};
}
