import type { FirewallRule } from "../machines/contract";
import type { Failure, Props } from "../plugins/contract";
import { isUnknown } from "../plugins/encoding";
import { randomHex, timestamp, type Cloud, type CloudKind } from "./cloud";
import { balancersWithin } from "./ociBalancer";
import { EVERY_PORT, firewallRule, isNetwork } from "./network";
import * as oci from "./ociNetwork";
import type { CloudObject } from "./store";
import { text } from "../plugins/text";

export const NSG_RULE = "oci:Core/networkSecurityGroupSecurityRule:NetworkSecurityGroupSecurityRule";
const DEFAULT_SECURITY_LIST = "oci:Core/defaultSecurityList:DefaultSecurityList";

const PROTOCOLS: Record<string, string> = { "1": "icmp", "6": "tcp", "17": "udp", all: "all" };

export const nsgsOf = (instance: CloudObject): string[] =>
  ((instance.inputs.createVnicDetails as Props | undefined)?.nsgIds ?? []) as string[];

/** Network security groups and security lists. */
export function ociSecurityKinds(cloud: Cloud): Record<string, CloudKind> {
  const group: CloudKind = {
    required: ["compartmentId", "vcnId"],
    replaceOn: ["vcnId"],
    computed: ["state", "timeCreated", "definedTags", "freeformTags", "displayName"],
    check: oci.compartmentFailures,
    newId: (_inputs, context) => oci.ocid("networksecuritygroup", context),
    create(object) {
      cloud.need(oci.VCN, object.inputs.vcnId, () => oci.notFound("NetworkSecurityGroup"));
      return oci.born(object);
    },
    update: oci.renewed,
    delete(object) {
      const machines = cloud.list(oci.INSTANCE).filter((one) => nsgsOf(one).includes(object.id));
      const members = [...machines, ...balancersWithin(cloud, object.id)];
      const refusal = `The NetworkSecurityGroup ${object.id} is in use by the VNIC of ${members[0]?.id}.`;
      cloud.assertUnused(members, oci.ociError("409-Conflict", refusal, "NetworkSecurityGroup").message);
    },
  };

  const rule: CloudKind = {
    required: ["direction", "networkSecurityGroupId", "protocol"],
    // The provider has no update for a rule.
    computed: ["isValid", "timeCreated", "stateless", "sourceType", "destinationType", "description"],
    check: ruleFailures,
    newId: () => randomHex(6).toUpperCase(),
    create(object) {
      const { networkSecurityGroupId, source, sourceType } = object.inputs;
      cloud.need(oci.NSG, networkSecurityGroupId, () => oci.notFound("NetworkSecurityGroupSecurityRule"));
      if (sourceType === "NETWORK_SECURITY_GROUP")
        cloud.need(oci.NSG, source, () => oci.notFound("NetworkSecurityGroupSecurityRule"));
      const defaults = { stateless: false, description: "", sourceType: "", destinationType: "" };
      return { ...defaults, ...object.inputs, isValid: true, timeCreated: timestamp() };
    },
  };

  const list: CloudKind = {
    required: ["compartmentId", "vcnId"],
    replaceOn: ["vcnId"],
    computed: ["state", "timeCreated", "definedTags", "freeformTags", "displayName"],
    check: oci.compartmentFailures,
    newId: (_inputs, context) => oci.ocid("securitylist", context),
    create(object) {
      cloud.need(oci.VCN, object.inputs.vcnId, () => oci.notFound("SecurityList"));
      return oci.born(object);
    },
    update: oci.renewed,
    delete(object) {
      const users = cloud
        .list(oci.SUBNET)
        .filter((one) => ((one.inputs.securityListIds ?? []) as string[]).includes(object.id));
      const refusal = `The SecurityList ${object.id} is referenced by Subnet ${users[0]?.id}.`;
      cloud.assertUnused(users, oci.ociError("409-Conflict", refusal, "SecurityList").message);
    },
  };

  const defaultList: CloudKind = {
    required: ["manageDefaultResourceId"],
    replaceOn: ["manageDefaultResourceId"],
    computed: ["state", "timeCreated", "displayName", "compartmentId"],
    newId: (inputs) => text(inputs.manageDefaultResourceId),
    create(object) {
      if (!cloud.list(oci.VCN).some((vcn) => vcn.computed.defaultSecurityListId === object.id))
        throw oci.notFound("SecurityList");
      return oci.born(object);
    },
    update: oci.renewed,
  };

  return { [oci.NSG]: group, [NSG_RULE]: rule, [oci.SECURITY_LIST]: list, [DEFAULT_SECURITY_LIST]: defaultList };
}

function ruleFailures(inputs: Props): Failure[] {
  const failures: Failure[] = [];
  const { direction, protocol, source, sourceType, destination } = inputs;
  if (typeof direction === "string" && !isUnknown(direction) && !["INGRESS", "EGRESS"].includes(direction))
    failures.push({
      property: "direction",
      reason: `expected direction to be one of ["EGRESS" "INGRESS"], got ${direction}`,
    });
  if (direction === "INGRESS" && source === undefined)
    failures.push({ property: "source", reason: "a rule with direction INGRESS needs a source" });
  if (direction === "EGRESS" && destination === undefined)
    failures.push({ property: "destination", reason: "a rule with direction EGRESS needs a destination" });
  if (typeof protocol === "string" && !isUnknown(protocol) && !/^(all|\d+)$/.test(protocol))
    failures.push({
      property: "protocol",
      reason: `"${protocol}" is not "all" or an IANA protocol number ("6" TCP, "17" UDP, "1" ICMP)`,
    });
  const cidr = (sourceType ?? "CIDR_BLOCK") === "CIDR_BLOCK" && source !== undefined && !isUnknown(source);
  if (cidr && !isNetwork(source))
    failures.push({ property: "source", reason: `"${text(source)}" is not a valid CIDR block` });
  return failures;
}

/** Inbound rules of a machine: its groups' and, added to them, its subnet's security lists'. */
export function inboundRules(cloud: Cloud, instance: CloudObject): FirewallRule[] {
  const groups = nsgsOf(instance);
  return [...groupRules(cloud, groups), ...listRules(cloud, instance)].filter((one) => one !== undefined);
}

const groupRules = (cloud: Cloud, groups: string[]): (FirewallRule | undefined)[] =>
  cloud
    .list(NSG_RULE)
    .filter(
      ({ complete, inputs }) =>
        complete && inputs.direction === "INGRESS" && groups.includes(text(inputs.networkSecurityGroupId)),
    )
    .map(({ inputs }) => toRule(inputs, sourcesOf(cloud, inputs), portsOf(inputs)));

/** Whether these groups let anybody in at a TCP port. */
export const admits = (cloud: Cloud, groups: string[], port: number): boolean =>
  groupRules(cloud, groups).some(
    (rule) => rule && ["tcp", "all"].includes(rule.protocol) && rule.from <= port && port <= rule.to,
  );

function listRules(cloud: Cloud, instance: CloudObject): (FirewallRule | undefined)[] {
  const subnet = cloud.get(oci.SUBNET, instance.hidden.subnet);
  const vcn = cloud.get(oci.VCN, subnet?.inputs.vcnId);
  if (!subnet || !vcn) return [];
  return ((subnet.computed.securityListIds ?? []) as string[]).flatMap((id) => {
    const own = cloud.get(oci.SECURITY_LIST, id) ?? cloud.get(DEFAULT_SECURITY_LIST, id);
    // What a VCN's default list lets in when nobody has changed it: SSH and some ICMP from everywhere.
    if (!own) return ["tcp", "icmp"].map((protocol) => firewallRule(protocol, { from: 22, to: 22 }, ["0.0.0.0/0"]));
    return ((own.inputs.ingressSecurityRules ?? []) as Props[]).map((one) =>
      toRule(one, [text(one.source)], listPortsOf(one)),
    );
  });
}

const toRule = (inputs: Props, sources: string[], ports: { from: number; to: number }): FirewallRule | undefined =>
  sources.length === 0 ? undefined : firewallRule(PROTOCOLS[text(inputs.protocol)] ?? "", ports, sources);

const sourcesOf = (cloud: Cloud, inputs: Props): string[] =>
  inputs.sourceType === "NETWORK_SECURITY_GROUP"
    ? cloud
        .list(oci.INSTANCE)
        .filter((one) => one.complete && nsgsOf(one).includes(text(inputs.source)))
        .map((one) => `${text(one.computed.privateIp)}/32`)
    : [text(inputs.source)];

function portsOf(inputs: Props): { from: number; to: number } {
  const options = (inputs.tcpOptions ?? inputs.udpOptions) as Props | undefined;
  const range = options?.destinationPortRange as { min: number; max: number } | undefined;
  return range ? { from: range.min, to: range.max } : EVERY_PORT;
}

function listPortsOf(rule: Props): { from: number; to: number } {
  const options = (rule.tcpOptions ?? rule.udpOptions) as { min?: number; max?: number } | undefined;
  return options?.min !== undefined && options.max !== undefined ? { from: options.min, to: options.max } : EVERY_PORT;
}
