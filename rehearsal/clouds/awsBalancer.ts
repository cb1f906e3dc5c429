import type { Balancer } from "../machines/contract";
import { text } from "../plugins/text";
import type { Failure, Props } from "../plugins/contract";
import { isUnknown } from "../plugins/encoding";
import { EIP } from "./awsAddresses";
import { ACCOUNT, INSTANCE, INTERNET_GATEWAY, regionOf, SUBNET, VPC } from "./awsNetwork";
import { randomHex, type Cloud, type CloudKind } from "./cloud";
import type { CloudObject } from "./store";

export const LOAD_BALANCER = "aws:lb/loadBalancer:LoadBalancer";
export const TARGET_GROUP = "aws:lb/targetGroup:TargetGroup";
export const LISTENER = "aws:lb/listener:Listener";
export const TARGET_GROUP_ATTACHMENT = "aws:lb/targetGroupAttachment:TargetGroupAttachment";

const NAME_LENGTH = 32;

const lbError = (doing: string, operation: string, error: string): Error =>
  new Error(
    `${doing}: operation error Elastic Load Balancing v2: ${operation}, https response error StatusCode: 400, api error ${error}`,
  );

const arn = (region: string, what: string): string =>
  `arn:aws:elasticloadbalancing:${region}:${ACCOUNT}:${what}/${randomHex(16)}`;

function nameFailures(inputs: Props): Failure[] {
  const name = inputs.name;
  if (typeof name !== "string" || isUnknown(name)) return [];
  const say = (reason: string): Failure[] => [{ property: "name", reason: `"name" ${reason}` }];
  if (name.length > NAME_LENGTH) return say(`cannot be longer than ${NAME_LENGTH} characters`);
  if (!/^[0-9A-Za-z-]+$/.test(name)) return say("can only contain alphanumeric characters and hyphens");
  return /^-|-$|^internal-/.test(name) ? say("cannot begin or end with a hyphen, nor begin with internal-") : [];
}

interface Mapping {
  subnetId: string;
  allocationId?: string;
}

const mappingsOf = ({ inputs }: CloudObject): Mapping[] => (inputs.subnetMappings ?? []) as Mapping[];

/** Load balancers that use an object: as long as they do, it cannot be deleted. */
export const balancersWith = (cloud: Cloud, id: string): CloudObject[] =>
  cloud
    .list(LOAD_BALANCER)
    .filter((one) => mappingsOf(one).some(({ subnetId, allocationId }) => subnetId === id || allocationId === id));

/** Load balancers in a network. */
export const balancersIn = (cloud: Cloud, vpcId: unknown): CloudObject[] =>
  cloud.list(LOAD_BALANCER).filter((one) => one.hidden.vpc === vpcId);

/** Network load balancers of the emulated AWS, as far as the fleet uses them: internet-facing, TCP, instances behind. */
export function awsBalancerKinds(cloud: Cloud): Record<string, CloudKind> {
  const loadBalancer: CloudKind = {
    nameInput: "name",
    // A network load balancer's subnets and addresses are settled with it.
    replaceOn: ["name", "internal", "loadBalancerType", "subnetMappings", "subnets", "customerOwnedIpv4Pool", "region"],
    computed: ["arn", "arnSuffix", "dnsName", "zoneId", "vpcId", "tagsAll", "region", "securityGroups", "subnets"],
    check: nameFailures,
    newId: (inputs, context) => arn(regionOf(inputs, context), `loadbalancer/net/${text(inputs.name)}`),
    create(object, context) {
      const fail = (error: string): Error =>
        lbError(`creating ELBv2 network Load Balancer (${text(object.inputs.name)})`, "CreateLoadBalancer", error);
      if (object.inputs.loadBalancerType !== "network")
        throw fail("ValidationError: only network load balancers are emulated here");
      const mappings = mappingsOf(object);
      if (mappings.length === 0) throw fail("ValidationError: At least one subnet must be specified");
      const subnets = mappings.map(({ subnetId }) =>
        cloud.need(SUBNET, subnetId, () => fail(`SubnetNotFound: The subnet ID '${subnetId}' does not exist`)),
      );
      const zones = subnets.map(({ computed }) => computed.availabilityZone);
      if (new Set(zones).size < zones.length)
        throw fail(
          "InvalidConfigurationRequest: A load balancer cannot be attached to multiple subnets in the same Availability Zone",
        );
      for (const { allocationId } of mappings) checkAddress(cloud, object, allocationId, fail);
      const [first] = subnets;
      const vpc = text(first?.inputs.vpcId);
      if (object.inputs.internal !== true && !cloud.list(INTERNET_GATEWAY).some((one) => one.inputs.vpcId === vpc))
        throw fail(`InvalidSubnet: VPC ${vpc} has no internet gateway`);
      object.hidden.vpc = vpc;
      const region = regionOf(object.inputs, context);
      return {
        ...{ arn: object.id, arnSuffix: object.id.split(":loadbalancer/")[1], vpcId: vpc, region },
        dnsName: `${text(object.inputs.name)}-${object.id.split("/").at(-1)}.elb.${region}.amazonaws.com`,
        ...{ zoneId: "Z18D5FSROUN65G", ipAddressType: "ipv4", securityGroups: [], tagsAll: object.inputs.tags ?? {} },
        subnets: mappings.map(({ subnetId }) => subnetId),
      };
    },
    update: (object) => ({ tagsAll: object.inputs.tags ?? {} }),
    delete(object) {
      if (object.inputs.enableDeletionProtection === true)
        throw lbError(
          `deleting ELBv2 Load Balancer (${object.id})`,
          "DeleteLoadBalancer",
          `OperationNotPermitted: Load balancer '${object.id}' cannot be deleted because deletion protection is enabled`,
        );
    },
  };

  const targetGroup: CloudKind = {
    nameInput: "name",
    replaceOn: ["name", "port", "protocol", "protocolVersion", "targetType", "vpcId", "ipAddressType", "region"],
    computed: ["arn", "arnSuffix", "loadBalancerArns", "tagsAll", "region"],
    check: (inputs) => [
      ...nameFailures(inputs),
      ...["port", "protocol", "vpcId"]
        .filter((property) => inputs[property] === undefined)
        .map((property) => ({ property, reason: `"${property}" is required for target type instance` })),
    ],
    newId: (inputs, context) => arn(regionOf(inputs, context), `targetgroup/${text(inputs.name)}`),
    create(object, context) {
      const fail = (error: string): Error =>
        lbError(`creating ELBv2 Target Group (${text(object.inputs.name)})`, "CreateTargetGroup", error);
      cloud.need(VPC, object.inputs.vpcId, () =>
        fail(`ValidationError: The VPC ID '${text(object.inputs.vpcId)}' is not found`),
      );
      const region = regionOf(object.inputs, context);
      return {
        ...{ arn: object.id, arnSuffix: object.id.split(":").at(-1), region, loadBalancerArns: [] },
        tagsAll: object.inputs.tags ?? {},
      };
    },
    update: (object) => ({ tagsAll: object.inputs.tags ?? {} }),
    observe: (object) => ({ loadBalancerArns: listenersTo(object.id).map(({ inputs }) => inputs.loadBalancerArn) }),
    delete(object) {
      const refusal = `ResourceInUse: Target group '${object.id}' is currently in use by a listener or a rule`;
      cloud.assertUnused(
        listenersTo(object.id),
        lbError(`deleting ELBv2 Target Group (${object.id})`, "DeleteTargetGroup", refusal).message,
      );
    },
  };

  const listenersTo = (group: string): CloudObject[] =>
    cloud.list(LISTENER).filter((one) => actionsOf(one).some(({ targetGroupArn }) => targetGroupArn === group));

  const checkListener = (object: CloudObject): void => {
    const fail = (error: string): Error => lbError("creating ELBv2 Listener", "CreateListener", error);
    cloud.need(LOAD_BALANCER, object.inputs.loadBalancerArn, () =>
      fail(`LoadBalancerNotFound: Load balancer '${text(object.inputs.loadBalancerArn)}' not found`),
    );
    for (const { targetGroupArn } of actionsOf(object))
      cloud.need(TARGET_GROUP, targetGroupArn, () =>
        fail(`TargetGroupNotFound: Target group '${text(targetGroupArn)}' not found`),
      );
    const { loadBalancerArn, port } = object.inputs;
    const twin = cloud
      .list(LISTENER)
      .some((one) => one !== object && one.inputs.loadBalancerArn === loadBalancerArn && one.inputs.port === port);
    if (twin) throw fail("DuplicateListener: A listener already exists on this port for this load balancer");
  };

  const listener: CloudKind = {
    required: ["defaultActions", "loadBalancerArn"],
    replaceOn: ["loadBalancerArn", "region"],
    computed: ["arn", "tagsAll", "region", "sslPolicy"],
    newId: (inputs) => `${text(inputs.loadBalancerArn).replace(":loadbalancer/", ":listener/")}/${randomHex(16)}`,
    create(object, context) {
      checkListener(object);
      return { arn: object.id, region: regionOf(object.inputs, context), tagsAll: object.inputs.tags ?? {} };
    },
    update(object) {
      checkListener(object);
      return { tagsAll: object.inputs.tags ?? {} };
    },
  };

  const attachment: CloudKind = {
    required: ["targetGroupArn", "targetId"],
    replaceOn: ["targetGroupArn", "targetId", "port", "availabilityZone", "region"],
    computed: ["region"],
    newId: (inputs) => `${text(inputs.targetGroupArn)}-${randomHex(26)}`,
    create(object, context) {
      const { targetGroupArn, targetId } = object.inputs;
      const fail = (error: string): Error =>
        lbError(`registering ELBv2 Target Group (${text(targetGroupArn)}) target`, "RegisterTargets", error);
      const group = cloud.need(TARGET_GROUP, targetGroupArn, () =>
        fail(`TargetGroupNotFound: Target groups '${text(targetGroupArn)}' not found`),
      );
      const instance = cloud.get(INSTANCE, targetId);
      if (instance?.hidden.vpc !== group.inputs.vpcId)
        throw fail(
          `InvalidTarget: The following targets are not in the target group VPC '${text(group.inputs.vpcId)}': '${text(targetId)}'`,
        );
      return { region: regionOf(object.inputs, context) };
    },
  };

  return {
    [LOAD_BALANCER]: loadBalancer,
    [TARGET_GROUP]: targetGroup,
    [LISTENER]: listener,
    [TARGET_GROUP_ATTACHMENT]: attachment,
  };
}

function checkAddress(cloud: Cloud, object: CloudObject, allocation: unknown, fail: (error: string) => Error): void {
  if (allocation === undefined) return;
  cloud.need(EIP, allocation, () =>
    fail(`AllocationIdNotFound: The allocation IDs '${text(allocation)}' do not exist`),
  );
  if (balancersWith(cloud, text(allocation)).some((other) => other !== object))
    throw fail(`ResourceInUse: The allocation IDs '${text(allocation)}' are not available for use`);
}

interface Action {
  type?: string;
  targetGroupArn?: string;
}

const actionsOf = ({ inputs }: CloudObject): Action[] => (inputs.defaultActions ?? []) as Action[];

/** What listeners, target groups and their members add up to: a balancer for each address of each listener. */
export function awsBalancers(cloud: Cloud): Balancer[] {
  return cloud.list(LISTENER).flatMap((listener): Balancer[] => {
    const balancer = cloud.get(LOAD_BALANCER, listener.inputs.loadBalancerArn);
    if (!listener.complete || !balancer) return [];
    const groups = actionsOf(listener).map(({ targetGroupArn }) => targetGroupArn);
    const targets = cloud
      .list(TARGET_GROUP_ATTACHMENT)
      .filter((one) => one.complete && groups.includes(text(one.inputs.targetGroupArn)))
      .map((one) => cloud.get(INSTANCE, one.inputs.targetId)?.computed.privateIp)
      .filter((address) => typeof address === "string");
    return mappingsOf(balancer).flatMap(({ allocationId }): Balancer[] => {
      const publicAddress = cloud.get(EIP, allocationId)?.computed.publicIp;
      if (typeof publicAddress !== "string") return [];
      return [
        {
          id: `${listener.id} ${publicAddress}`,
          publicAddress,
          port: Number(listener.inputs.port),
          targets: targets.sort(),
        },
      ];
    });
  });
}
