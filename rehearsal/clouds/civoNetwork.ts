import type { Failure, Props } from "../plugins/contract";
import { isUnknown } from "../plugins/encoding";
import { digest, randomUuid, type Cloud, type CloudKind } from "./cloud";
import { uuidOf } from "./civoLists";
import { isNetwork, parsePorts } from "./network";
import type { CloudObject } from "./store";
import { text } from "../plugins/text";

export const NETWORK = "civo:index/network:Network";
export const FIREWALL = "civo:index/firewall:Firewall";
export const FIREWALL_RULE = "civo:index/firewallRule:FirewallRule";
export const INSTANCE = "civo:index/instance:Instance";

export const civoError = (doing: string, why: string): Error => new Error(`[ERR] ${doing}: ${why}`);

// network

/** The part of the one-machine world that is a network's wire. */
export const segmentOf = (networkId: string): string => `civo-${networkId.slice(0, 18)}`;

/** Civo chooses the range; the first network of an account has 192.168.1.0/24. */
export function takeRange(cloud: Cloud, network: CloudObject): string {
  const free = Array.from({ length: 254 }, (_none, at) => `192.168.${at + 1}.0/24`).find((one) => {
    const holder = cloud.store.holder("civo networks", one);
    return holder === undefined || holder === network.id;
  });
  if (!free) throw civoError("failed to create a new network", "no private range is left");
  cloud.store.hold("civo networks", free, network.id);
  return free;
}

/** Every account has one; it is no resource of any program. */
export function defaultNetwork(cloud: Cloud): CloudObject {
  const id = uuidOf("default network");
  const found = cloud.get(NETWORK, id);
  if (found) return found;
  const made: CloudObject = {
    ...{ cloud: "civo", type: NETWORK, id, urn: "", stack: "", name: "default", acknowledged: true, complete: true },
    ...{ inputs: { label: "Default" }, computed: { name: "default", default: true }, hidden: {} },
  };
  cloud.store.put(made);
  return made;
}

/** The look-up of a network by its id or label. Throws when there is none. */
export function getNetwork(cloud: Cloud, args: Props): Props {
  defaultNetwork(cloud);
  const found = cloud
    .list(NETWORK)
    .find(
      (one) =>
        (args.id === undefined || one.id === args.id) && (args.label === undefined || one.inputs.label === args.label),
    );
  if (!found) throw civoError("failed to retrive network", `zero matches for ${text(args.label ?? args.id)}`);
  return {
    ...args,
    id: found.id,
    label: found.inputs.label,
    name: found.computed.name,
    default: found.computed.default,
  };
}

export function networkKind(cloud: Cloud): CloudKind {
  return {
    required: ["label"],
    replaceOn: ["region"],
    computed: ["name", "default"],
    newId: randomUuid,
    async create(object) {
      const twin = cloud.list(NETWORK).find((one) => one !== object && one.inputs.label === object.inputs.label);
      if (twin)
        throw civoError(
          "failed to create a new network",
          "DatabaseNetworkExistsError: a network with this label already exists",
        );
      object.hidden.cidr = takeRange(cloud, object);
      await cloud.fleet.ensureSegment({ name: segmentOf(object.id), cidr: text(object.hidden.cidr) });
      return { name: `cust-${text(object.inputs.label)}-${digest(object.id).slice(0, 8)}`, default: false };
    },
    update: () => ({}),
    async delete(object) {
      const users = [INSTANCE, FIREWALL].flatMap((type) =>
        cloud.list(type).filter((one) => one.inputs.networkId === object.id),
      );
      const refusal = `an error occurred while tring to delete the network ${object.id}`;
      cloud.assertUnused(
        users,
        civoError(refusal, `DatabaseNetworkInUseError: it is used by ${users.map((one) => one.id).join(", ")}`).message,
      );
      await cloud.fleet.removeSegment(segmentOf(object.id));
      cloud.store.release("civo networks", object.id);
      cloud.store.dropPool(segmentOf(object.id));
    },
  };
}

// firewall

export function firewallKind(cloud: Cloud): CloudKind {
  return {
    nameInput: "name",
    replaceOn: ["networkId", "region"],
    computed: ["networkId"],
    newId: randomUuid,
    create(object) {
      const { networkId } = object.inputs;
      if (networkId === undefined) return { networkId: defaultNetwork(cloud).id };
      cloud.need(NETWORK, networkId, () =>
        civoError("failed to create a new firewall", `DatabaseNetworkNotFoundError: ${text(networkId)}`),
      );
      return {};
    },
    update: () => ({}),
    delete(object) {
      const users = cloud.list(INSTANCE).filter((one) => one.inputs.firewallId === object.id);
      const refusal = civoError(
        `an error occurred while tring to delete the firewall ${object.id}`,
        "DatabaseFirewallInUseError: it is used by an instance",
      );
      cloud.assertUnused(users, refusal.message);
    },
  };
}

export function firewallRuleKind(cloud: Cloud): CloudKind {
  return {
    required: ["firewallId"],
    computed: ["protocol", "startPort", "endPort", "direction", "label", "region", "cidrs"],
    check(inputs) {
      const failures: Failure[] = [];
      const oneOf = (property: string, allowed: string[]): void => {
        const value = inputs[property];
        if (typeof value === "string" && !isUnknown(value) && !allowed.includes(value))
          failures.push({ property, reason: `expected ${property} to be one of [${allowed.join(" ")}], got ${value}` });
      };
      oneOf("protocol", ["tcp", "udp", "icmp"]);
      oneOf("direction", ["ingress"]);
      return failures;
    },
    newId: randomUuid,
    create(object) {
      const fail = (why: string): Error => civoError("failed to create a new firewall rule", why);
      const { firewallId, protocol = "tcp", startPort, endPort = startPort, cidrs = [] } = object.inputs;
      cloud.need(FIREWALL, firewallId, () => fail(`DatabaseFirewallNotFoundError: ${text(firewallId)}`));
      if (protocol !== "icmp" && !parsePorts(`${text(startPort)}-${text(endPort)}`))
        throw fail("DatabaseFirewallRulesInvalidParams: The start_port or end_port is invalid");
      const bad = (cidrs as string[]).filter((cidr) => !isNetwork(cidr));
      if ((cidrs as string[]).length === 0 || bad.length > 0)
        throw fail(`DatabaseFirewallRulesInvalidParams: The cidr is invalid: ${bad.join(", ") || "none given"}`);
      return { label: "", ...object.inputs, ...{ protocol, startPort, endPort, cidrs, direction: "ingress" } };
    },
  };
}
