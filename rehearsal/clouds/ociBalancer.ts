import type { Balancer } from "../machines/contract";
import { text } from "../plugins/text";
import type { Props } from "../plugins/contract";
import { timestamp, type Cloud, type CloudKind } from "./cloud";
import { PUBLIC_IP, takePrivateAddress } from "./ociAddresses";
import * as oci from "./ociNetwork";
import { admits } from "./ociSecurity";
import type { CloudObject } from "./store";

export const LOAD_BALANCER = "oci:NetworkLoadBalancer/networkLoadBalancer:NetworkLoadBalancer";
const BACKEND_SET = "oci:NetworkLoadBalancer/backendSet:BackendSet";
const BACKEND = "oci:NetworkLoadBalancer/backend:Backend";
const LISTENER = "oci:NetworkLoadBalancer/listener:Listener";

const reservedOf = ({ inputs }: CloudObject): string[] =>
  ((inputs.reservedIps ?? []) as { id: string }[]).map(({ id }) => id);

/** The load balancer that has a reserved public address. */
export const balancerAt = (cloud: Cloud, publicIp: string): CloudObject | undefined =>
  cloud.list(LOAD_BALANCER).find((one) => reservedOf(one).includes(publicIp));

/** Network load balancers of the emulated Oracle cloud, as far as the fleet uses them: public, TCP, addresses behind. */
export function ociBalancerKinds(cloud: Cloud): Record<string, CloudKind> {
  const needBalancer = (object: CloudObject): CloudObject =>
    cloud.need(LOAD_BALANCER, object.inputs.networkLoadBalancerId, () => oci.notFound("NetworkLoadBalancer"));
  const within = (type: string, balancer: unknown): CloudObject[] =>
    cloud.list(type).filter((one) => one.inputs.networkLoadBalancerId === balancer);
  const needSet = (object: CloudObject, name: unknown): void => {
    const found = within(BACKEND_SET, object.inputs.networkLoadBalancerId).some((one) => one.inputs.name === name);
    if (!found) throw oci.notFound("BackendSet");
  };
  /** Parts are named, and no two of a kind have the same name or, for listeners and backends, the same place. */
  const assertAlone = (object: CloudObject, what: string, keys: string[]): void => {
    const key = ({ inputs }: CloudObject): string => JSON.stringify(keys.map((one) => inputs[one] ?? null));
    const twin = within(object.type, object.inputs.networkLoadBalancerId).some(
      (one) => one !== object && key(one) === key(object),
    );
    if (twin) throw oci.ociError("409-Conflict", `${what} already exists in the network load balancer.`, what);
  };
  const part = (what: string): Pick<CloudKind, "newId"> => ({
    newId: (inputs) => `networkLoadBalancers/${text(inputs.networkLoadBalancerId)}/${what}/${text(inputs.name)}`,
  });

  const loadBalancer: CloudKind = {
    required: ["compartmentId", "displayName", "subnetId"],
    replaceOn: ["subnetId", "isPrivate", "reservedIps", "assignedPrivateIpv4", "assignedIpv6", "subnetIpv6cidr"],
    computed: ["definedTags", "freeformTags", "ipAddresses", "nlbIpVersion", "state", "systemTags", "timeCreated"],
    check: oci.compartmentFailures,
    newId: (_inputs, context) => oci.ocid("networkloadbalancer", context),
    create(object) {
      const { inputs, hidden } = object;
      const subnet = cloud.need(oci.SUBNET, inputs.subnetId, () => oci.notFound("NetworkLoadBalancer"));
      if (inputs.isPrivate !== true && !oci.reachesInternet(cloud, subnet))
        throw oci.ociError(
          "400-InvalidParameter",
          "A public network load balancer needs a public subnet.",
          "NetworkLoadBalancer",
        );
      for (const group of groupsOf(object)) cloud.need(oci.NSG, group, () => oci.notFound("NetworkLoadBalancer"));
      const addresses = reservedOf(object).map((id) => {
        const address = cloud.need(PUBLIC_IP, id, () => oci.notFound("NetworkLoadBalancer"));
        if (![undefined, object].includes(balancerAt(cloud, id)) || address.inputs.privateIpId)
          throw oci.ociError("409-Conflict", `The reserved IP ${id} is already in use.`, "NetworkLoadBalancer");
        return { ipAddress: address.computed.ipAddress, isPublic: true, ipVersion: "IPV4", reservedIps: [{ id }] };
      });
      hidden.subnet = subnet.id;
      hidden.address ??= takePrivateAddress(cloud, subnet, object.id);
      const own = { ipAddress: hidden.address, isPublic: false, ipVersion: "IPV4", reservedIps: [] };
      return {
        ...{ isPrivate: false, isPreserveSourceDestination: false, nlbIpVersion: "IPV4", networkSecurityGroupIds: [] },
        ...{ definedTags: {}, freeformTags: {}, systemTags: {}, state: "ACTIVE", timeCreated: timestamp() },
        ...inputs,
        ipAddresses: [own, ...addresses],
      };
    },
    update: ({ inputs }) => ({ ...inputs }),
    delete(object) {
      const subnet = cloud.get(oci.SUBNET, object.hidden.subnet);
      if (subnet) cloud.store.release(oci.segmentOf(text(subnet.inputs.vcnId)), object.id);
    },
  };

  const backendSet: CloudKind = {
    required: ["healthChecker", "networkLoadBalancerId", "policy"],
    replaceOn: ["name", "networkLoadBalancerId"],
    computed: ["name", "backends", "ipVersion"],
    ...part("backendSets"),
    create(object) {
      needBalancer(object);
      assertAlone(object, "BackendSet", ["name"]);
      return { isPreserveSource: true, isFailOpen: false, ipVersion: "IPV4", backends: [], ...object.inputs };
    },
    update: ({ inputs }) => ({ ...inputs }),
    delete(object) {
      const { networkLoadBalancerId, name } = object.inputs;
      const users = within(LISTENER, networkLoadBalancerId).filter(
        ({ inputs }) => inputs.defaultBackendSetName === name,
      );
      const refusal = `The backend set ${text(name)} is used by listener ${text(users[0]?.inputs.name)}.`;
      cloud.assertUnused(users, oci.ociError("409-Conflict", refusal, "BackendSet").message);
    },
  };

  const backend: CloudKind = {
    required: ["backendSetName", "networkLoadBalancerId", "port"],
    replaceOn: ["backendSetName", "networkLoadBalancerId", "port", "ipAddress", "targetId", "name"],
    computed: ["name", "ipAddress", "targetId", "isBackup", "isDrain", "isOffline", "weight"],
    check: ({ ipAddress, targetId }) =>
      ipAddress === undefined && targetId === undefined
        ? [{ property: "ipAddress", reason: "one of ipAddress or targetId is required" }]
        : [],
    newId: (inputs) =>
      `networkLoadBalancers/${text(inputs.networkLoadBalancerId)}/backendSets/${text(inputs.backendSetName)}/backends/${text(inputs.name)}`,
    create(object) {
      needBalancer(object);
      needSet(object, object.inputs.backendSetName);
      assertAlone(object, "Backend", ["backendSetName", "name"]);
      assertAlone(object, "Backend", ["backendSetName", "ipAddress", "targetId", "port"]);
      return { isBackup: false, isDrain: false, isOffline: false, weight: 1, targetId: "", ...object.inputs };
    },
    update: ({ inputs }) => ({ ...inputs }),
  };

  const listener: CloudKind = {
    required: ["defaultBackendSetName", "networkLoadBalancerId", "port", "protocol"],
    replaceOn: ["name", "networkLoadBalancerId"],
    computed: ["name", "ipVersion", "isPpv2enabled", "tcpIdleTimeout", "udpIdleTimeout", "l3ipIdleTimeout"],
    ...part("listeners"),
    create(object) {
      needBalancer(object);
      needSet(object, object.inputs.defaultBackendSetName);
      assertAlone(object, "Listener", ["name"]);
      assertAlone(object, "Listener", ["port", "protocol"]);
      return { ipVersion: "IPV4", isPpv2enabled: false, tcpIdleTimeout: 360, ...object.inputs };
    },
    update: ({ inputs }) => ({ ...inputs }),
  };

  return { [LOAD_BALANCER]: loadBalancer, [BACKEND_SET]: backendSet, [BACKEND]: backend, [LISTENER]: listener };
}

const groupsOf = ({ inputs }: CloudObject): string[] => (inputs.networkSecurityGroupIds ?? []) as string[];

/** Load balancers that are members of a network security group. */
export const balancersWithin = (cloud: Cloud, group: string): CloudObject[] =>
  cloud.list(LOAD_BALANCER).filter((one) => groupsOf(one).includes(group));

/** The private address behind a backend, which names it, or an instance, or a private IP's OCID. */
function addressOf(cloud: Cloud, { ipAddress, targetId }: Props): string | undefined {
  if (typeof ipAddress === "string") return ipAddress;
  const target =
    cloud.get(oci.INSTANCE, targetId)?.computed.privateIp ?? cloud.get(oci.PRIVATE_IP, targetId)?.computed.ipAddress;
  return typeof target === "string" ? target : undefined;
}

/** What listeners and backend sets add up to. A load balancer whose own groups let nobody in stays silent. */
export function ociBalancers(cloud: Cloud): Balancer[] {
  return cloud.list(LISTENER).flatMap((listener): Balancer[] => {
    const { networkLoadBalancerId, defaultBackendSetName, port } = listener.inputs;
    const balancer = cloud.get(LOAD_BALANCER, networkLoadBalancerId);
    if (!listener.complete || !balancer || !admits(cloud, groupsOf(balancer), Number(port))) return [];
    const targets = cloud
      .list(BACKEND)
      .filter(({ complete, inputs }) => complete && inputs.networkLoadBalancerId === networkLoadBalancerId)
      .filter(({ inputs }) => inputs.backendSetName === defaultBackendSetName)
      .flatMap(({ inputs }) => addressOf(cloud, inputs) ?? [])
      .sort();
    return reservedOf(balancer).flatMap((id): Balancer[] => {
      const publicAddress = cloud.get(PUBLIC_IP, id)?.computed.ipAddress;
      if (typeof publicAddress !== "string") return [];
      return [{ id: `${listener.id} ${publicAddress}`, publicAddress, port: Number(port), targets }];
    });
  });
}
