import type { FirewallRule } from "../machines/contract";
import type { Failure, Props } from "../plugins/contract";
import { isUnknown } from "../plugins/encoding";
import { awsError, awsId, common, INSTANCE, tagsAll, VPC } from "./awsNetwork";
import type { Cloud, CloudKind } from "./cloud";
import { EVERY_PORT, firewallRule, isNetwork } from "./network";
import type { CloudObject } from "./store";
import { text } from "../plugins/text";

export const SECURITY_GROUP = "aws:ec2/securityGroup:SecurityGroup";
export const INGRESS_RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule";
export const EGRESS_RULE = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule";

const PEERS = ["cidrIpv4", "cidrIpv6", "prefixListId", "referencedSecurityGroupId"];
const PROTOCOLS: Record<string, string> = { "-1": "all", "1": "icmp", "6": "tcp", "17": "udp" };

export const securityGroupsOf = (instance: CloudObject): string[] =>
  (instance.inputs.vpcSecurityGroupIds ?? []) as string[];

/** Security groups and their rules. */
export function awsSecurityKinds(cloud: Cloud): Record<string, CloudKind> {
  const group: CloudKind = {
    nameInput: "name",
    replaceOn: ["name", "namePrefix", "description", "vpcId", "region"],
    computed: ["arn", "ownerId", "tagsAll", "ingress", "egress", "vpcId", "region"],
    check: (inputs) => {
      const name = inputs.name;
      return typeof name === "string" && name.startsWith("sg-")
        ? [{ property: "name", reason: `invalid value for name (cannot begin with sg-): "${name}"` }]
        : [];
    },
    newId: () => awsId("sg"),
    create(object, context) {
      const fail = (error: string): Error =>
        new Error(awsError(`creating Security Group (${text(object.inputs.name)})`, "CreateSecurityGroup", error));
      const vpcId = object.inputs.vpcId;
      if (vpcId === undefined) throw fail("VPCIdNotSpecified: No default VPC for this user");
      cloud.need(VPC, vpcId, () => fail(`InvalidVpcID.NotFound: The vpc ID '${text(vpcId)}' does not exist`));
      const twins = cloud.list(SECURITY_GROUP).filter((one) => one !== object && one.inputs.vpcId === vpcId);
      if (twins.some((one) => one.inputs.name === object.inputs.name))
        throw fail(
          `InvalidGroup.Duplicate: The security group '${text(object.inputs.name)}' already exists for VPC '${text(vpcId)}'`,
        );
      return { ...common(object, context, "security-group"), description: "Managed by Pulumi", ...seen(object) };
    },
    update: (object) => ({ ...tagsAll(object), ...seen(object) }),
    delete(object) {
      const members = cloud.list(INSTANCE).filter((one) => securityGroupsOf(one).includes(object.id));
      const referring = cloud
        .list(INGRESS_RULE)
        .concat(cloud.list(EGRESS_RULE))
        .filter(
          (one) => one.inputs.referencedSecurityGroupId === object.id && one.inputs.securityGroupId !== object.id,
        );
      const refusal = `DependencyViolation: resource ${object.id} has a dependent object`;
      cloud.assertUnused(
        [...members, ...referring],
        awsError(`deleting Security Group (${object.id})`, "DeleteSecurityGroup", refusal),
      );
    },
  };

  const rule = (type: string, operation: string): CloudKind => ({
    required: ["ipProtocol", "securityGroupId"],
    replaceOn: ["securityGroupId", "region"],
    computed: ["arn", "securityGroupRuleId", "tagsAll", "region"],
    check: ruleFailures,
    newId: () => awsId("sgr"),
    create(object, context) {
      checkRule(cloud, object, type, operation);
      return { ...common(object, context, "security-group-rule"), securityGroupRuleId: object.id };
    },
    update(object) {
      checkRule(cloud, object, type, "ModifySecurityGroupRules");
      return tagsAll(object);
    },
  });

  return {
    [SECURITY_GROUP]: group,
    [INGRESS_RULE]: rule(INGRESS_RULE, "AuthorizeSecurityGroupIngress"),
    [EGRESS_RULE]: rule(EGRESS_RULE, "AuthorizeSecurityGroupEgress"),
  };
}

const seen = ({ inputs }: CloudObject): Props => ({ ingress: inputs.ingress ?? [], egress: inputs.egress ?? [] });

function ruleFailures(inputs: Props): Failure[] {
  const failures: Failure[] = [];
  const given = PEERS.filter((peer) => inputs[peer] !== undefined);
  if (given.length !== 1) {
    const count = given.length === 0 ? "No attribute specified" : "More than one attribute specified";
    const names = "cidr_ipv4,cidr_ipv6,prefix_list_id,referenced_security_group_id";
    failures.push({
      property: "cidrIpv4",
      reason: `Invalid Attribute Combination. ${count} when one (and only one) of [${names}] is required`,
    });
  }
  const cidr = inputs.cidrIpv4;
  if (cidr !== undefined && !isUnknown(cidr) && !isNetwork(cidr))
    failures.push({ property: "cidrIpv4", reason: `Invalid CIDR block: "${text(cidr)}" is not a valid CIDR block` });
  if (inputs.ipProtocol === "-1" && (inputs.fromPort !== undefined || inputs.toPort !== undefined))
    if (inputs.fromPort !== -1 || inputs.toPort !== -1)
      failures.push({ property: "fromPort", reason: "not valid with ip_protocol -1: leave out from_port and to_port" });
  return failures;
}

function checkRule(cloud: Cloud, object: CloudObject, type: string, operation: string): void {
  const { securityGroupId, ipProtocol, fromPort, toPort, referencedSecurityGroupId } = object.inputs;
  const fail = (error: string): Error => new Error(awsError("creating VPC Security Group Rule", operation, error));
  const missing = (id: unknown) => (): Error =>
    fail(`InvalidGroup.NotFound: The security group '${text(id)}' does not exist`);
  cloud.need(SECURITY_GROUP, securityGroupId, missing(securityGroupId));
  if (referencedSecurityGroupId !== undefined)
    cloud.need(SECURITY_GROUP, referencedSecurityGroupId, missing(referencedSecurityGroupId));
  const protocol = protocolOf(ipProtocol);
  if ((protocol === "tcp" || protocol === "udp") && (fromPort === undefined || toPort === undefined))
    throw fail(
      "InvalidParameterValue: Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.",
    );
  const key = (one: CloudObject): string =>
    JSON.stringify(
      [one.inputs.securityGroupId, protocolOf(one.inputs.ipProtocol), one.inputs.fromPort, one.inputs.toPort].concat(
        PEERS.map((peer) => one.inputs[peer] ?? null),
      ),
    );
  if (cloud.list(type).some((other) => other !== object && key(other) === key(object))) {
    const peer = text(PEERS.map((name) => object.inputs[name]).find((value) => value !== undefined));
    throw fail(
      `InvalidPermission.Duplicate: the specified rule "peer: ${peer}, ${protocol.toUpperCase()}, from port: ${text(fromPort)}, to port: ${text(toPort)}, ALLOW" already exists`,
    );
  }
}

const protocolOf = (protocol: unknown): string => PROTOCOLS[text(protocol)] ?? text(protocol).toLowerCase();

/** Inbound rules that a machine's security groups add up to. */
export function inboundRules(cloud: Cloud, instance: CloudObject): FirewallRule[] {
  const groups = securityGroupsOf(instance);
  // Provider and API leave a new group without any outbound rule. Machines here filter inbound traffic only, so a
  // machine that may send nothing is shut wholly: it must be noticed here and not first in the real cloud.
  const maySend = groups.some(
    (id) =>
      cloud.list(EGRESS_RULE).some((one) => one.inputs.securityGroupId === id) ||
      ((cloud.get(SECURITY_GROUP, id)?.inputs.egress ?? []) as unknown[]).length > 0,
  );
  if (!maySend) return [];
  const separate = cloud
    .list(INGRESS_RULE)
    .filter((one) => one.complete && groups.includes(text(one.inputs.securityGroupId)));
  return [
    ...separate.map((one) => toRule(cloud, one.inputs)),
    ...groups.flatMap((id) => inlineRules(cloud, id)),
  ].filter((one) => one !== undefined);
}

function toRule(cloud: Cloud, inputs: Props): FirewallRule | undefined {
  const sources =
    inputs.referencedSecurityGroupId === undefined
      ? [inputs.cidrIpv4].filter((one) => typeof one === "string")
      : membersOf(cloud, text(inputs.referencedSecurityGroupId));
  return sources.length === 0 ? undefined : firewallRule(protocolOf(inputs.ipProtocol), portsOf(inputs), sources);
}

function inlineRules(cloud: Cloud, id: string): (FirewallRule | undefined)[] {
  const rules = (cloud.get(SECURITY_GROUP, id)?.inputs.ingress ?? []) as Props[];
  return rules.map((rule) => {
    const groups = [...((rule.securityGroups ?? []) as string[]), ...(rule.self === true ? [id] : [])];
    const sources = [...((rule.cidrBlocks ?? []) as string[]), ...groups.flatMap((group) => membersOf(cloud, group))];
    return sources.length === 0 ? undefined : firewallRule(protocolOf(rule.protocol), portsOf(rule), sources);
  });
}

const membersOf = (cloud: Cloud, group: string): string[] =>
  cloud
    .list(INSTANCE)
    .filter((one) => one.complete && securityGroupsOf(one).includes(group))
    .map((one) => `${text(one.computed.privateIp)}/32`);

const portsOf = ({ fromPort, toPort }: Props): { from: number; to: number } =>
  typeof fromPort === "number" && typeof toPort === "number" && fromPort >= 0
    ? { from: fromPort, to: toPort }
    : EVERY_PORT;
