import { balancersIn, balancersWith } from "./awsBalancer";
import { overlap, prefixOf } from "../machines/addresses";
import type { Failure, Props, ResourceContext } from "../plugins/contract";
import { isUnknown } from "../plugins/encoding";
import { randomHex, type Cloud, type CloudKind } from "./cloud";
import { isInside, isNetwork } from "./network";
import type { CloudObject } from "./store";
import { text } from "../plugins/text";

export const INSTANCE = "aws:ec2/instance:Instance";
export const VPC = "aws:ec2/vpc:Vpc";
export const INTERNET_GATEWAY = "aws:ec2/internetGateway:InternetGateway";
export const SUBNET = "aws:ec2/subnet:Subnet";
export const ROUTE_TABLE = "aws:ec2/routeTable:RouteTable";
export const ROUTE = "aws:ec2/route:Route";
export const ROUTE_TABLE_ASSOCIATION = "aws:ec2/routeTableAssociation:RouteTableAssociation";

export const ACCOUNT = "123456789012";

export const awsId = (prefix: string): string => `${prefix}-0${randomHex(16)}`;
export const regionOf = (inputs: Props, context: Pick<ResourceContext, "config">): string =>
  text(inputs.region ?? context.config.region ?? "us-west-2");
export const arnOf = (region: string, what: string, id: string): string =>
  `arn:aws:ec2:${region}:${ACCOUNT}:${what}/${id}`;

/** The words of the AWS SDK around the API's own error. */
export const awsError = (doing: string, operation: string, error: string): string =>
  `${doing}: operation error EC2: ${operation}, https response error StatusCode: 400, api error ${error}`;

export const common = (object: CloudObject, context: ResourceContext, what: string): Props => {
  const region = regionOf(object.inputs, context);
  object.hidden.region = region;
  return { arn: arnOf(region, what, object.id), ownerId: ACCOUNT, region, tagsAll: object.inputs.tags ?? {} };
};
export const tagsAll = (object: CloudObject): Props => ({ tagsAll: object.inputs.tags ?? {} });

export const segmentOf = (vpcId: string): string => `aws-${vpcId}`;

export function cidrFailures(inputs: Props, property: string): Failure[] {
  const cidr = inputs[property];
  if (cidr === undefined || isUnknown(cidr) || isNetwork(cidr)) return [];
  return [{ property, reason: `"${text(cidr)}" is not a valid IPv4 CIDR block` }];
}

/** VPC, subnets and routes of the emulated AWS. */
export function awsNetworkKinds(cloud: Cloud): Record<string, CloudKind> {
  const needVpc = (id: unknown, doing: string, operation: string): CloudObject =>
    cloud.need(
      VPC,
      id,
      () => new Error(awsError(doing, operation, `InvalidVpcID.NotFound: The vpc ID '${text(id)}' does not exist`)),
    );
  const inVpc = (type: string, id: string): CloudObject[] => cloud.list(type).filter((one) => one.inputs.vpcId === id);

  const vpc: CloudKind = {
    replaceOn: ["cidrBlock", "instanceTenancy", "ipv4IpamPoolId", "ipv4NetmaskLength", "region"],
    computed: ["arn", "defaultNetworkAclId", "defaultRouteTableId", "defaultSecurityGroupId", "dhcpOptionsId"].concat([
      "mainRouteTableId",
      "ownerId",
      "tagsAll",
      "region",
    ]),
    check: (inputs) =>
      inputs.cidrBlock === undefined && inputs.ipv4IpamPoolId === undefined
        ? [{ property: "cidrBlock", reason: '"cidr_block": one of `cidr_block,ipv4_ipam_pool_id` must be specified' }]
        : cidrFailures(inputs, "cidrBlock"),
    newId: () => awsId("vpc"),
    async create(object, context) {
      const cidr = text(object.inputs.cidrBlock);
      if (prefixOf(cidr) < 16 || prefixOf(cidr) > 28)
        throw new Error(awsError("creating EC2 VPC", "CreateVpc", `InvalidVpc.Range: The CIDR '${cidr}' is invalid.`));
      await cloud.fleet.ensureSegment({ name: segmentOf(object.id), cidr });
      const table = awsId("rtb");
      return {
        ...common(object, context, "vpc"),
        ...{ enableDnsHostnames: false, enableDnsSupport: true, instanceTenancy: "default", ...object.inputs },
        ...{ defaultNetworkAclId: awsId("acl"), defaultSecurityGroupId: awsId("sg"), dhcpOptionsId: awsId("dopt") },
        ...{ mainRouteTableId: table, defaultRouteTableId: table, assignGeneratedIpv6CidrBlock: false },
      };
    },
    update: (object) => ({ ...object.inputs, ...tagsAll(object) }),
    async delete(object) {
      const users = [SUBNET, INTERNET_GATEWAY, ROUTE_TABLE, "aws:ec2/securityGroup:SecurityGroup"].flatMap((type) =>
        inVpc(type, object.id),
      );
      const refusal = `DependencyViolation: The vpc '${object.id}' has dependencies and cannot be deleted.`;
      cloud.assertUnused(users, awsError(`deleting EC2 VPC (${object.id})`, "DeleteVpc", refusal));
      await cloud.fleet.removeSegment(segmentOf(object.id));
      cloud.store.dropPool(segmentOf(object.id));
    },
  };

  const internetGateway: CloudKind = {
    replaceOn: ["region"],
    computed: ["arn", "ownerId", "tagsAll", "region"],
    newId: () => awsId("igw"),
    create(object, context) {
      if (object.inputs.vpcId !== undefined) {
        const { id } = needVpc(object.inputs.vpcId, "creating EC2 Internet Gateway", "AttachInternetGateway");
        if (inVpc(INTERNET_GATEWAY, id).some((other) => other !== object))
          throw new Error(
            awsError(
              "creating EC2 Internet Gateway: attaching",
              "AttachInternetGateway",
              `Resource.AlreadyAssociated: resource ${id} is already attached to an internet gateway`,
            ),
          );
      }
      return common(object, context, "internet-gateway");
    },
    update: tagsAll,
    delete(object) {
      const mapped = cloud
        .list(INSTANCE)
        .filter((one) => one.hidden.vpc === object.inputs.vpcId && (one.hidden.ephemeral || one.computed.publicIp));
      const refusal = `DependencyViolation: Network ${text(object.inputs.vpcId)} has some mapped public address(es). Please unmap those public address(es) before detaching the gateway.`;
      cloud.assertUnused(
        [...mapped, ...balancersIn(cloud, object.inputs.vpcId)],
        awsError(`deleting EC2 Internet Gateway (${object.id})`, "DetachInternetGateway", refusal),
      );
    },
  };

  const subnet: CloudKind = {
    required: ["vpcId"],
    replaceOn: ["vpcId", "cidrBlock", "availabilityZone", "availabilityZoneId", "outpostArn", "ipv6Native", "region"],
    computed: ["arn", "availabilityZone", "availabilityZoneId", "ownerId", "tagsAll", "region"],
    check: (inputs) => cidrFailures(inputs, "cidrBlock"),
    newId: () => awsId("subnet"),
    create(object, context) {
      const fail = (error: string): Error => new Error(awsError("creating EC2 Subnet", "CreateSubnet", error));
      const parent = needVpc(object.inputs.vpcId, "creating EC2 Subnet", "CreateSubnet");
      const cidr = text(object.inputs.cidrBlock ?? "");
      if (!cidr) throw fail("MissingParameter: Either 'cidrBlock' or 'ipv6CidrBlock' should be provided.");
      if (!isInside(text(parent.inputs.cidrBlock), cidr) || prefixOf(cidr) > 28)
        throw fail(`InvalidSubnet.Range: The CIDR '${cidr}' is invalid.`);
      if (inVpc(SUBNET, parent.id).some((other) => other !== object && overlap(cidr, text(other.inputs.cidrBlock))))
        throw fail(`InvalidSubnet.Conflict: The CIDR '${cidr}' conflicts with another subnet`);
      const region = regionOf(object.inputs, context);
      const zones = ["a", "b", "c", "d"].map((letter) => region + letter);
      const zone = text(object.inputs.availabilityZone ?? zones[0]);
      if (!zones.includes(zone))
        throw fail(
          `InvalidParameterValue: Value (${zone}) for parameter availabilityZone is invalid. Subnets can currently only be created in the following availability zones: ${zones.join(", ")}.`,
        );
      return {
        ...common(object, context, "subnet"),
        ...{ mapPublicIpOnLaunch: false, assignIpv6AddressOnCreation: false, enableDns64: false, ...object.inputs },
        ...{ availabilityZone: zone, availabilityZoneId: `${region}-az${zones.indexOf(zone) + 1}` },
        privateDnsHostnameTypeOnLaunch: "ip-name",
      };
    },
    update: (object) => ({ ...object.inputs, ...tagsAll(object) }),
    delete(object) {
      const machines = cloud.list(INSTANCE).filter((one) => one.inputs.subnetId === object.id);
      const users = [...machines, ...balancersWith(cloud, object.id)];
      const refusal = `DependencyViolation: The subnet '${object.id}' has dependencies and cannot be deleted.`;
      cloud.assertUnused(users, awsError(`deleting EC2 Subnet (${object.id})`, "DeleteSubnet", refusal));
    },
  };

  const checkTarget = (route: Props, operation: string): void => {
    const gateway = route.gatewayId;
    if (typeof gateway === "string" && gateway.startsWith("igw-") && !cloud.get(INTERNET_GATEWAY, gateway))
      throw new Error(
        awsError(
          "creating EC2 Route",
          operation,
          `InvalidInternetGatewayID.NotFound: The internetGateway ID '${gateway}' does not exist`,
        ),
      );
  };
  const checkTargets = (object: CloudObject): void => {
    for (const route of (object.inputs.routes ?? []) as Props[]) checkTarget(route, "CreateRoute");
  };

  const routeTable: CloudKind = {
    required: ["vpcId"],
    replaceOn: ["vpcId", "region"],
    computed: ["arn", "ownerId", "tagsAll", "routes", "propagatingVgws", "region"],
    newId: () => awsId("rtb"),
    create(object, context) {
      needVpc(object.inputs.vpcId, "creating EC2 Route Table", "CreateRouteTable");
      checkTargets(object);
      return { ...common(object, context, "route-table"), routes: object.inputs.routes ?? [], propagatingVgws: [] };
    },
    update(object) {
      checkTargets(object);
      return { routes: object.inputs.routes ?? [], ...tagsAll(object) };
    },
    delete(object) {
      const users = cloud.list(ROUTE_TABLE_ASSOCIATION).filter((one) => one.inputs.routeTableId === object.id);
      const refusal = `DependencyViolation: The routeTable '${object.id}' has dependencies and cannot be deleted.`;
      cloud.assertUnused(users, awsError(`deleting EC2 Route Table (${object.id})`, "DeleteRouteTable", refusal));
    },
  };

  const needTable = (id: unknown, doing: string, operation: string): CloudObject =>
    cloud.need(ROUTE_TABLE, id, () => {
      const error = `InvalidRouteTableID.NotFound: The routeTable ID '${text(id)}' does not exist`;
      return new Error(awsError(doing, operation, error));
    });

  const route: CloudKind = {
    required: ["routeTableId"],
    replaceOn: ["routeTableId", "destinationCidrBlock", "destinationIpv6CidrBlock", "destinationPrefixListId"],
    computed: ["instanceId", "instanceOwnerId", "origin", "state"],
    check: (inputs) => cidrFailures(inputs, "destinationCidrBlock"),
    newId: () => `r-rtb-0${randomHex(16)}${randomHex(9)}`,
    create(object) {
      needTable(object.inputs.routeTableId, "creating EC2 Route", "CreateRoute");
      checkTarget(object.inputs, "CreateRoute");
      return { origin: "CreateRoute", state: "active", instanceId: "", instanceOwnerId: "" };
    },
    update(object) {
      checkTarget(object.inputs, "ReplaceRoute");
      return {};
    },
  };

  const association: CloudKind = {
    required: ["routeTableId"],
    replaceOn: ["subnetId", "gatewayId"],
    check: (inputs) =>
      (inputs.subnetId === undefined) === (inputs.gatewayId === undefined)
        ? [{ property: "subnetId", reason: '"subnet_id": one of `gateway_id,subnet_id` must be specified' }]
        : [],
    newId: () => awsId("rtbassoc"),
    create(object) {
      const [doing, operation] = ["creating EC2 Route Table Association", "AssociateRouteTable"];
      needTable(object.inputs.routeTableId, doing, operation);
      const subnetId = object.inputs.subnetId;
      if (subnetId === undefined) return {};
      cloud.need(SUBNET, subnetId, () => {
        const error = `InvalidSubnetID.NotFound: The subnet ID '${text(subnetId)}' does not exist`;
        return new Error(awsError(doing, operation, error));
      });
      const others = cloud
        .list(ROUTE_TABLE_ASSOCIATION)
        .filter((one) => one !== object && one.inputs.subnetId === subnetId);
      if (others.length > 0) {
        const error = `Resource.AlreadyAssociated: the specified association for route table ${text(object.inputs.routeTableId)} conflicts with an existing association`;
        throw new Error(awsError(doing, operation, error));
      }
      return {};
    },
    update: () => ({}),
  };

  return {
    [VPC]: vpc,
    [INTERNET_GATEWAY]: internetGateway,
    [SUBNET]: subnet,
    [ROUTE_TABLE]: routeTable,
    [ROUTE]: route,
    [ROUTE_TABLE_ASSOCIATION]: association,
  };
}

/** Whether the subnet's route table sends the rest of the world to an internet gateway of its VPC. */
export function reachesInternet(cloud: Cloud, subnet: CloudObject): boolean {
  const association = cloud.list(ROUTE_TABLE_ASSOCIATION).find((one) => one.inputs.subnetId === subnet.id);
  const table = cloud.get(ROUTE_TABLE, association?.inputs.routeTableId);
  if (!table) return false;
  const inline = ((table.inputs.routes ?? []) as Props[]).map((one) => ({ to: one.cidrBlock, by: one.gatewayId }));
  const separate = cloud
    .list(ROUTE)
    .filter((one) => one.inputs.routeTableId === table.id)
    .map(({ inputs }) => ({ to: inputs.destinationCidrBlock, by: inputs.gatewayId }));
  return [...inline, ...separate].some(
    ({ to, by }) => to === "0.0.0.0/0" && cloud.get(INTERNET_GATEWAY, by)?.inputs.vpcId === subnet.inputs.vpcId,
  );
}
