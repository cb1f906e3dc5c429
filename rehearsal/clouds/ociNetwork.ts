import { overlap } from "../machines/addresses";
import type { Failure, Props, ResourceContext } from "../plugins/contract";
import { isUnknown } from "../plugins/encoding";
import { digest, randomHex, timestamp, type Cloud, type CloudKind } from "./cloud";
import { LOAD_BALANCER } from "./ociBalancer";
import { addressAt, isInside, isNetwork } from "./network";
import type { CloudObject } from "./store";
import { text } from "../plugins/text";

export const VCN = "oci:Core/vcn:Vcn";
export const INTERNET_GATEWAY = "oci:Core/internetGateway:InternetGateway";
export const ROUTE_TABLE = "oci:Core/routeTable:RouteTable";
export const SUBNET = "oci:Core/subnet:Subnet";
export const SECURITY_LIST = "oci:Core/securityList:SecurityList";
export const NSG = "oci:Core/networkSecurityGroup:NetworkSecurityGroup";
export const PRIVATE_IP = "oci:Core/privateIp:PrivateIp";
export const INSTANCE = "oci:Core/instance:Instance";

const REGION_KEYS: Record<string, string> = { "us-ashburn-1": "iad", "us-phoenix-1": "phx", "eu-frankfurt-1": "fra" };

/** An OCID: kind, realm, region, sixty characters. */
export function ocid(kind: string, context: ResourceContext): string {
  const region = text(context.config.region ?? "us-ashburn-1");
  const unique = (digest(randomHex(32)) + digest(randomHex(32))).slice(0, 60);
  return `ocid1.${kind}.oc1.${REGION_KEYS[region] ?? region}.${unique}`;
}

export const ociError = (status: string, message: string, resource: string): Error =>
  new Error(`${status}, ${message} Suggestion: check the ${resource} in the program. API: Core ${resource}`);
export const notFound = (resource: string): Error =>
  ociError("404-NotAuthorizedOrNotFound", "Authorization failed or requested resource not found.", resource);
const conflict = (resource: string, id: string, by: string): string =>
  ociError(
    "409-Conflict",
    `The ${resource} ${id} references the ${by}. You must remove the reference to proceed with this operation.`,
    resource,
  ).message;

export function compartmentFailures(inputs: Props): Failure[] {
  const id = inputs.compartmentId;
  if (id === undefined || isUnknown(id) || /^ocid1\.(compartment|tenancy)\.\w+\./.test(text(id))) return [];
  return [{ property: "compartmentId", reason: `"${text(id)}" is not the OCID of a compartment` }];
}

export const born = (object: CloudObject): Props => ({
  state: "AVAILABLE",
  timeCreated: timestamp(),
  ...{ definedTags: {}, freeformTags: {}, displayName: named(object) },
  ...object.inputs,
});
const named = (object: CloudObject): string =>
  `${object.type.split(":").at(-1)?.toLowerCase()}${timestamp().replace(/\D/g, "")}`;
/** What an update shows: the new inputs over what was there. */
export const renewed = (object: CloudObject): Props => ({ ...object.inputs });

const BORN = ["state", "timeCreated", "definedTags", "freeformTags", "displayName"];

export const vcnCidrs = (vcn: CloudObject): string[] =>
  (vcn.inputs.cidrBlocks as string[] | undefined) ?? [text(vcn.inputs.cidrBlock)];
export const segmentOf = (vcnId: string): string => `oci-${digest(vcnId).slice(0, 16)}`;

/** VCN, gateway, routes, subnets and addresses of the emulated Oracle cloud. */
export function ociNetworkKinds(cloud: Cloud): Record<string, CloudKind> {
  const inVcn = (type: string, id: string): CloudObject[] => cloud.list(type).filter((one) => one.inputs.vcnId === id);
  const needVcn = (object: CloudObject): CloudObject => cloud.need(VCN, object.inputs.vcnId, () => notFound("Vcn"));

  const vcn: CloudKind = {
    required: ["compartmentId"],
    replaceOn: [
      "cidrBlock",
      "dnsLabel",
      "isIpv6enabled",
      "ipv6privateCidrBlocks",
      "byoipv6cidrDetails",
      "isOracleGuaAllocationEnabled",
    ],
    computed: [
      ...BORN,
      "cidrBlock",
      "cidrBlocks",
      "defaultDhcpOptionsId",
      "defaultRouteTableId",
      "defaultSecurityListId",
    ].concat(["byoipv6cidrBlocks", "ipv6cidrBlocks", "vcnDomainName", "isIpv6enabled", "dnsLabel"]),
    check(inputs) {
      const blocks = inputs.cidrBlocks ?? (inputs.cidrBlock === undefined ? undefined : [inputs.cidrBlock]);
      if (blocks === undefined)
        return [
          { property: "cidrBlocks", reason: "one of cidrBlock or cidrBlocks is required" },
          ...compartmentFailures(inputs),
        ];
      const bad = Array.isArray(blocks) ? blocks.filter((block) => !isUnknown(block) && !isNetwork(block)) : [];
      return [
        ...bad.map((block) => ({ property: "cidrBlocks", reason: `"${text(block)}" is not a valid CIDR block` })),
        ...compartmentFailures(inputs),
      ];
    },
    newId: (_inputs, context) => ocid("vcn", context),
    async create(object, context) {
      const blocks = vcnCidrs(object);
      await cloud.fleet.ensureSegment({ name: segmentOf(object.id), cidr: blocks[0] ?? "" });
      const label = object.inputs.dnsLabel;
      return {
        ...born(object),
        ...{
          cidrBlocks: blocks,
          cidrBlock: blocks[0],
          byoipv6cidrBlocks: [],
          ipv6cidrBlocks: [],
          isIpv6enabled: false,
        },
        ...{ defaultDhcpOptionsId: ocid("dhcpoptions", context), defaultRouteTableId: ocid("routetable", context) },
        ...{ defaultSecurityListId: ocid("securitylist", context), dnsLabel: label ?? "" },
        vcnDomainName: label === undefined ? "" : `${text(label)}.oraclevcn.com`,
      };
    },
    update: (object) => ({ ...renewed(object), cidrBlocks: vcnCidrs(object) }),
    async delete(object) {
      const users = [SUBNET, INTERNET_GATEWAY, ROUTE_TABLE, NSG, SECURITY_LIST].flatMap((type) =>
        inVcn(type, object.id),
      );
      cloud.assertUnused(users, conflict("VCN", object.id, users[0]?.id ?? ""));
      await cloud.fleet.removeSegment(segmentOf(object.id));
      cloud.store.dropPool(segmentOf(object.id));
    },
  };

  const internetGateway: CloudKind = {
    required: ["compartmentId", "vcnId"],
    replaceOn: ["vcnId"],
    computed: [...BORN, "enabled"],
    check: compartmentFailures,
    newId: (_inputs, context) => ocid("internetgateway", context),
    create(object) {
      const { id } = needVcn(object);
      if (inVcn(INTERNET_GATEWAY, id).some((other) => other !== object))
        throw ociError(
          "400-LimitExceeded",
          "The limit of 1 internet gateway per VCN has been reached.",
          "InternetGateway",
        );
      return { enabled: true, ...born(object) };
    },
    update: renewed,
    delete(object) {
      const users = cloud
        .list(ROUTE_TABLE)
        .filter((one) => rulesOf(one).some((rule) => rule.networkEntityId === object.id));
      cloud.assertUnused(users, conflict("InternetGateway", object.id, `Route Table ${users[0]?.id}`));
    },
  };

  const checkRules = (object: CloudObject): void => {
    for (const rule of rulesOf(object))
      if (text(rule.networkEntityId).startsWith("ocid1.internetgateway."))
        cloud.need(INTERNET_GATEWAY, rule.networkEntityId, () => notFound("RouteTable"));
  };
  const routeTable: CloudKind = {
    required: ["compartmentId", "vcnId"],
    replaceOn: ["vcnId"],
    computed: [...BORN, "routeRules"],
    check: compartmentFailures,
    newId: (_inputs, context) => ocid("routetable", context),
    create(object) {
      needVcn(object);
      checkRules(object);
      return { routeRules: [], ...born(object) };
    },
    update(object) {
      checkRules(object);
      return renewed(object);
    },
    delete(object) {
      const users = cloud.list(SUBNET).filter((one) => one.inputs.routeTableId === object.id);
      cloud.assertUnused(users, conflict("RouteTable", object.id, `Subnet ${users[0]?.id}`));
    },
  };

  const subnet: CloudKind = {
    required: ["compartmentId", "vcnId"],
    replaceOn: [
      "vcnId",
      "availabilityDomain",
      "dnsLabel",
      "prohibitInternetIngress",
      "prohibitPublicIpOnVnic",
      "ipv4cidrBlocks",
    ],
    computed: [
      ...BORN,
      "cidrBlock",
      "dhcpOptionsId",
      "routeTableId",
      "securityListIds",
      "subnetDomainName",
      "virtualRouterIp",
    ].concat([
      "virtualRouterMac",
      "ipv6virtualRouterIp",
      "prohibitInternetIngress",
      "prohibitPublicIpOnVnic",
      "dnsLabel",
    ]),
    check(inputs) {
      const cidr = inputs.cidrBlock;
      const bad = cidr !== undefined && !isUnknown(cidr) && !isNetwork(cidr);
      return [
        ...(bad ? [{ property: "cidrBlock", reason: `"${text(cidr)}" is not a valid CIDR block` }] : []),
        ...compartmentFailures(inputs),
      ];
    },
    newId: (_inputs, context) => ocid("subnet", context),
    create(object) {
      const parent = needVcn(object);
      const { inputs } = object;
      const cidr = text(inputs.cidrBlock ?? "");
      if (!isNetwork(cidr) || !vcnCidrs(parent).some((block) => isInside(block, cidr)))
        throw ociError(
          "400-InvalidParameter",
          `The requested CIDR ${cidr} is invalid: subnet CIDR is not contained in its VCN's CIDRs.`,
          "Subnet",
        );
      const other = inVcn(SUBNET, parent.id).find((one) => one !== object && overlap(cidr, text(one.inputs.cidrBlock)));
      if (other)
        throw ociError(
          "400-InvalidParameter",
          `The requested CIDR ${cidr} is invalid: subnet ${other.id} with CIDR ${text(other.inputs.cidrBlock)} overlaps with this CIDR.`,
          "Subnet",
        );
      if (inputs.routeTableId !== undefined && inputs.routeTableId !== parent.computed.defaultRouteTableId)
        cloud.need(ROUTE_TABLE, inputs.routeTableId, () => notFound("Subnet"));
      for (const list of (inputs.securityListIds ?? []) as string[])
        if (list !== parent.computed.defaultSecurityListId) cloud.need(SECURITY_LIST, list, () => notFound("Subnet"));
      return {
        ...{ routeTableId: parent.computed.defaultRouteTableId, dhcpOptionsId: parent.computed.defaultDhcpOptionsId },
        ...{ prohibitInternetIngress: false, prohibitPublicIpOnVnic: false, dnsLabel: "", subnetDomainName: "" },
        ...born(object),
        securityListIds: inputs.securityListIds ?? [parent.computed.defaultSecurityListId],
        ...{ virtualRouterIp: addressAt(cidr, 1), virtualRouterMac: "00:00:17:00:00:01", ipv6virtualRouterIp: "" },
      };
    },
    update: renewed,
    delete(object) {
      const users = cloud
        .list(INSTANCE)
        .filter((one) => one.hidden.subnet === object.id)
        .concat(cloud.list(PRIVATE_IP).filter((one) => one.inputs.subnetId === object.id))
        .concat(cloud.list(LOAD_BALANCER).filter((one) => one.inputs.subnetId === object.id));
      cloud.assertUnused(users, conflict("Subnet", object.id, `VNIC of ${users[0]?.id}`));
    },
  };

  return {
    [VCN]: vcn,
    [INTERNET_GATEWAY]: internetGateway,
    [ROUTE_TABLE]: routeTable,
    [SUBNET]: subnet,
  };
}

const rulesOf = (table: CloudObject): Props[] => (table.inputs.routeRules ?? []) as Props[];

/** Whether the subnet's route table sends the rest of the world to an enabled internet gateway. */
export function reachesInternet(cloud: Cloud, subnet: CloudObject): boolean {
  const table = cloud.get(ROUTE_TABLE, subnet.inputs.routeTableId);
  if (!table) return false;
  return rulesOf(table).some(
    (rule) =>
      (rule.destination ?? rule.cidrBlock) === "0.0.0.0/0" &&
      cloud.get(INTERNET_GATEWAY, rule.networkEntityId)?.inputs.enabled !== false &&
      cloud.get(INTERNET_GATEWAY, rule.networkEntityId) !== undefined,
  );
}
