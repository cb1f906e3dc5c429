import type { Failure, Props } from "../plugins/contract";
import { isUnknown } from "../plugins/encoding";
import { elasticAddressOf } from "./awsAddresses";
import { inboundRules, SECURITY_GROUP, securityGroupsOf } from "./awsSecurity";
import { awsError, awsId, common, reachesInternet, segmentOf, SUBNET, tagsAll, VPC } from "./awsNetwork";
import type { Cloud, CloudKind } from "./cloud";
import type { Reach } from "./fleet";
import { takeAddress } from "./network";
import type { CloudObject } from "./store";
import { decodeBase64, decodeUserData } from "./userData";
import { text } from "../plugins/text";

/** Of the raw user data, before base64. */
const USER_DATA_LIMIT_BYTES = 16384;

const COMPUTED = (
  "arn availabilityZone cpuOptions disableApiTermination ebsOptimized instanceLifecycle instanceState metadataOptions " +
  "monitoring placementGroup primaryNetworkInterfaceId privateDns privateIp publicDns publicIp rootBlockDevice " +
  "secondaryPrivateIps securityGroups tagsAll tenancy vpcSecurityGroupIds region"
).split(" ");

const REPLACING = (
  "ami availabilityZone subnetId keyName privateIp associatePublicIpAddress tenancy placementGroup hostId cpuOptions " +
  "ebsBlockDevices ephemeralBlockDevices enclaveOptions hibernation networkInterfaces primaryNetworkInterface " +
  "securityGroups ipv6Addresses instanceMarketOptions getPasswordData rootBlockDevice.encrypted rootBlockDevice.kmsKeyId region"
).split(" ");

/** Virtual machines of the emulated AWS. */
export function awsInstanceKind(cloud: Cloud): CloudKind {
  const doing = "creating EC2 Instance";
  const fail = (error: string): Error => new Error(awsError(doing, "RunInstances", error));

  const checkGroups = (object: CloudObject, vpc: string): void => {
    for (const id of securityGroupsOf(object)) {
      const group = cloud.need(SECURITY_GROUP, id, () =>
        fail(`InvalidGroup.NotFound: The security group '${id}' does not exist in VPC '${vpc}'`),
      );
      if (group.inputs.vpcId !== vpc)
        throw fail(
          `InvalidParameter: Security group ${id} and subnet ${text(object.inputs.subnetId)} belong to different networks.`,
        );
    }
  };

  return {
    replaceOn: REPLACING,
    computed: COMPUTED,
    check: instanceFailures,
    newId: () => awsId("i"),
    async create(object, context) {
      const { inputs, hidden } = object;
      if (!/^ami-[0-9a-f]{8,17}$/.test(text(inputs.ami)))
        throw fail(`InvalidAMIID.Malformed: Invalid id: "${text(inputs.ami)}"`);
      if (!/^[a-z0-9-]+\.[a-z0-9-]+$/.test(text(inputs.instanceType)))
        throw fail(`InvalidParameterValue: Invalid value '${text(inputs.instanceType)}' for InstanceType.`);
      if (inputs.subnetId === undefined)
        throw fail(
          "VPCIdNotSpecified: No default VPC for this user. GroupName is only supported for EC2-Classic and default VPC.",
        );
      const subnet = cloud.need(SUBNET, inputs.subnetId, () =>
        fail(`InvalidSubnetID.NotFound: The subnet ID '${text(inputs.subnetId)}' does not exist`),
      );
      const vpc = cloud.need(VPC, subnet.inputs.vpcId, () => fail("InvalidVpcID.NotFound"));
      checkGroups(object, vpc.id);
      const zone = subnet.computed.availabilityZone;
      if (inputs.availabilityZone !== undefined && inputs.availabilityZone !== zone)
        throw fail(
          `InvalidParameterValue: The availability zone '${text(inputs.availabilityZone)}' does not match the subnet's, '${text(zone)}'.`,
        );
      const userData = userDataOf(inputs, fail);

      hidden.vpc = vpc.id;
      const range = text(subnet.inputs.cidrBlock);
      const wish = inputs.privateIp as string | undefined;
      hidden.privateIp ??= takeAddress(
        cloud.store,
        // The first four addresses and the last one of every subnet are Amazon's.
        { pool: segmentOf(vpc.id), range, keep: { first: 4, last: 1 }, wish, holder: object.id },
        (why) =>
          fail(
            {
              taken: `InvalidIPAddress.InUse: Address ${wish} is in use.`,
              outside: `InvalidParameterValue: Address ${wish} does not fall within the subnet's address range`,
              full: `InsufficientFreeAddressesInSubnet: There are not enough free addresses in subnet '${subnet.id}' to satisfy the requested number of instances.`,
            }[why],
          ),
      );
      if (inputs.associatePublicIpAddress ?? subnet.inputs.mapPublicIpOnLaunch)
        hidden.ephemeral ??= cloud.takePublicAddress(object.id, () =>
          fail("InsufficientAddressCapacity: no public address is left"),
        );

      const privateIp = text(hidden.privateIp);
      hidden.machine = cloud.machineId(object);
      await cloud.fleet.ensureSegment({ name: segmentOf(vpc.id), cidr: text(vpc.inputs.cidrBlock) });
      await cloud.fleet.boot({
        id: text(hidden.machine),
        // EC2's own hostnames (hostname below) say nothing to people; machines are listed by their Name tag.
        name: text((inputs.tags as Props | undefined)?.Name ?? hostname(privateIp)),
        cloud: cloud.name,
        segment: segmentOf(vpc.id),
        privateAddress: privateIp,
        userData,
        publicMode: "nat",
        ...awsReach(cloud, object),
      });
      return {
        ...common(object, context, "instance"),
        ...defaults(object, subnet),
        ...addresses(cloud, object),
      };
    },
    update(object) {
      userDataOf(object.inputs, fail);
      checkGroups(object, text(object.hidden.vpc));
      const root = {
        ...(object.computed.rootBlockDevice as Props),
        ...(object.inputs.rootBlockDevice as Props | undefined),
      };
      return { ...tagsAll(object), rootBlockDevice: root, vpcSecurityGroupIds: securityGroupsOf(object) };
    },
    observe: (object) => addresses(cloud, object),
    async delete(object) {
      if (object.inputs.disableApiTermination === true)
        throw new Error(
          awsError(
            `deleting EC2 Instance (${object.id})`,
            "TerminateInstances",
            `OperationNotPermitted: The instance '${object.id}' may not be terminated. Modify its 'disableApiTermination' instance attribute and try again.`,
          ),
        );
      if (object.hidden.machine) await cloud.fleet.remove(text(object.hidden.machine));
      cloud.store.release(segmentOf(text(object.hidden.vpc)), object.id);
      cloud.releasePublicAddress(object.id);
    },
  };
}

function instanceFailures(inputs: Props): Failure[] {
  const failures: Failure[] = [];
  for (const [property, name] of [
    ["ami", "ami"],
    ["instanceType", "instance_type"],
  ] as const)
    if (inputs[property] === undefined && inputs.launchTemplate === undefined)
      failures.push({ property, reason: `"${name}": one of \`${name},launch_template\` must be specified` });
  if (inputs.userData !== undefined && inputs.userDataBase64 !== undefined)
    failures.push({ property: "userData", reason: '"user_data": conflicts with user_data_base64' });
  const encoded = inputs.userDataBase64;
  if (typeof encoded === "string" && !isUnknown(encoded) && !decodeBase64(encoded))
    failures.push({ property: "userDataBase64", reason: "expected base64-encoded data" });
  return failures;
}

function userDataOf(inputs: Props, fail: (error: string) => Error): string {
  const bytes =
    typeof inputs.userDataBase64 === "string"
      ? (decodeBase64(inputs.userDataBase64) ?? Buffer.alloc(0))
      : Buffer.from(text(inputs.userData ?? ""), "utf8");
  if (bytes.length > USER_DATA_LIMIT_BYTES)
    throw fail(`InvalidParameterValue: User data is limited to ${USER_DATA_LIMIT_BYTES} bytes`);
  return decodeUserData(bytes);
}

/** What the guest calls itself: EC2 names machines after their private address. */
const hostname = (privateIp: string): string => `ip-${privateIp.replaceAll(".", "-")}`;

function defaults(object: CloudObject, subnet: CloudObject): Props {
  const { inputs } = object;
  return {
    availabilityZone: subnet.computed.availabilityZone,
    ...{ disableApiTermination: false, disableApiStop: false, ebsOptimized: false, getPasswordData: false },
    ...{
      instanceState: "running",
      instanceLifecycle: "",
      monitoring: false,
      sourceDestCheck: true,
      tenancy: "default",
    },
    ...{
      hibernation: false,
      placementGroup: "",
      securityGroups: [],
      secondaryPrivateIps: [],
      userDataReplaceOnChange: false,
    },
    ...inputs,
    primaryNetworkInterfaceId: `eni-${object.id.slice(2)}`,
    vpcSecurityGroupIds: securityGroupsOf(object),
    metadataOptions: {
      ...{ httpEndpoint: "enabled", httpProtocolIpv6: "disabled", httpPutResponseHopLimit: 2 },
      ...{ httpTokens: "required", instanceMetadataTags: "disabled", ...(inputs.metadataOptions as Props | undefined) },
    },
    rootBlockDevice: {
      ...{ deleteOnTermination: true, deviceName: "/dev/sda1", encrypted: false, iops: 3000, throughput: 125 },
      ...{ volumeId: `vol-${object.id.slice(2)}`, volumeSize: 8, volumeType: "gp3" },
      ...(inputs.rootBlockDevice as Props | undefined),
    },
  };
}

/** The Elastic IP bound to the instance takes the place of the one it was born with. */
function publicAddressOf(cloud: Cloud, object: CloudObject): string | undefined {
  return (elasticAddressOf(cloud, object.id) ?? object.hidden.ephemeral) as string | undefined;
}

function addresses(cloud: Cloud, object: CloudObject): Props {
  const [privateIp, publicIp] = [text(object.hidden.privateIp), publicAddressOf(cloud, object) ?? ""];
  const region = text(object.hidden.region);
  return {
    privateIp,
    privateDns: `${hostname(privateIp)}.${region}.compute.internal`,
    publicIp,
    publicDns: publicIp && `ec2-${publicIp.replaceAll(".", "-")}.${region}.compute.amazonaws.com`,
  };
}

/** Without a route to an internet gateway a public address leads nowhere. */
export function awsReach(cloud: Cloud, object: CloudObject): Reach {
  const subnet = cloud.get(SUBNET, object.inputs.subnetId);
  const routed = subnet !== undefined && reachesInternet(cloud, subnet);
  return { firewall: inboundRules(cloud, object), publicAddress: routed ? publicAddressOf(cloud, object) : undefined };
}
