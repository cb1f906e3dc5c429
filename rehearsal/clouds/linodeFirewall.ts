import type { FirewallRule } from "../machines/contract";
import type { Failure, Props } from "../plugins/contract";
import { isUnknown } from "../plugins/encoding";
import { timestamp, type Cloud, type CloudKind } from "./cloud";
import { FIREWALL, INSTANCE, linodeError, newNumber, NODE_BALANCER } from "./linodeNames";
import { EVERY_PORT, firewallRule, isNetwork, parsePorts } from "./network";
import type { CloudObject } from "./store";
import { text } from "../plugins/text";

const DEVICE = "linode:index/firewallDevice:FirewallDevice";

interface Inbound {
  label: string;
  action: string;
  protocol: string;
  ports?: string;
  ipv4s?: string[];
}

const inboundsOf = (firewall: CloudObject): Inbound[] => (firewall.inputs.inbounds ?? []) as Inbound[];

/** Cloud firewalls and what they are put on. */
export function linodeFirewallKinds(cloud: Cloud): Record<string, CloudKind> {
  const checkRules = (object: CloudObject): void => {
    inboundsOf(object).forEach((rule, at) => {
      const fail = (field: string, reason: string): Error => linodeError(`rules.inbound[${at}].${field}`, reason);
      if (!["TCP", "UDP", "ICMP", "IPENCAP"].includes(rule.protocol))
        throw fail("protocol", "Must be one of TCP, UDP, ICMP, IPENCAP");
      if (rule.protocol === "ICMP" && rule.ports) throw fail("ports", "ports is not allowed for ICMP");
      if (portsOf(rule) === undefined)
        throw fail("ports", "Ports must be a string of ports and ranges, as 443 or 80-90,91");
      if ((rule.ipv4s ?? []).some((cidr) => !isNetwork(cidr)))
        throw fail("addresses.ipv4", "Must be an IPv4 address or network in CIDR notation");
      if (object.inputs.inboundPolicy === "DROP" && rule.action !== "ACCEPT")
        throw fail("action", "the emulated Linode has ACCEPT rules under an inbound policy of DROP only");
    });
    for (const id of (object.inputs.linodes ?? []) as number[])
      cloud.need(INSTANCE, text(id), () => linodeError("devices.linodes", `Linode ${id} not found`));
    for (const id of (object.inputs.nodebalancers ?? []) as number[])
      cloud.need(NODE_BALANCER, text(id), () => linodeError("devices.nodebalancers", `NodeBalancer ${id} not found`));
  };

  const firewall: CloudKind = {
    required: ["inboundPolicy", "label", "outboundPolicy"],
    computed: ["created", "devices", "linodes", "nodebalancers", "status", "updated"],
    check: firewallFailures,
    newId: newNumber,
    create(object) {
      checkRules(object);
      if (cloud.list(FIREWALL).some((one) => one !== object && one.inputs.label === object.inputs.label))
        throw linodeError("label", "Label must be unique");
      const times = { created: timestamp(), updated: timestamp() };
      return {
        disabled: false,
        linodes: [],
        nodebalancers: [],
        tags: [],
        ...object.inputs,
        devices: [],
        status: "enabled",
        ...times,
      };
    },
    update(object) {
      checkRules(object);
      return { linodes: [], ...object.inputs, updated: timestamp() };
    },
  };

  const device: CloudKind = {
    required: ["entityId", "firewallId"],
    computed: ["created", "updated"],
    newId: newNumber,
    create(object) {
      const { entityId, firewallId, entityType = "linode" } = object.inputs;
      cloud.need(FIREWALL, text(firewallId), () => linodeError("firewall_id", "Firewall not found"));
      if (entityType !== "linode") throw linodeError("type", "the emulated Linode has firewalls for linodes only");
      const instance = cloud.need(INSTANCE, text(entityId), () =>
        linodeError("id", `Linode ${text(entityId)} not found`),
      );
      if (firewallOf(cloud, instance, object)) throw linodeError("id", "Linode is already assigned to a firewall");
      return { entityType, ...object.inputs, created: timestamp(), updated: timestamp() };
    },
  };

  return { [FIREWALL]: firewall, [DEVICE]: device };
}

function firewallFailures(inputs: Props): Failure[] {
  const failures: Failure[] = [];
  for (const property of ["inboundPolicy", "outboundPolicy"]) {
    const value = inputs[property];
    if (typeof value === "string" && !isUnknown(value) && !["ACCEPT", "DROP"].includes(value))
      failures.push({ property, reason: `expected ${property} to be one of ["ACCEPT" "DROP"], got ${value}` });
  }
  const { label } = inputs;
  if (typeof label !== "string" || isUnknown(label)) return failures;
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{1,30}[A-Za-z0-9]$/.test(label))
    failures.push({ property: "label", reason: `expected length of label to be in the range (3 - 32), got ${label}` });
  if (/--|__|\.\./.test(label))
    failures.push({ property: "label", reason: `two hyphens, underscores or periods in a row, got ${label}` });
  return failures;
}

/**
 * The firewall on an instance or a NodeBalancer: given at its creation, in the firewall's own list, or put on an instance
 * by a device.
 */
function firewallOf(cloud: Cloud, guarded: CloudObject, except?: CloudObject): CloudObject | undefined {
  const [isInstance, list] =
    guarded.type === INSTANCE ? ([true, "linodes"] as const) : ([false, "nodebalancers"] as const);
  const device = cloud
    .list(DEVICE)
    .find((one) => isInstance && one !== except && one.complete && text(one.inputs.entityId) === guarded.id);
  const listed = cloud
    .list(FIREWALL)
    .find((one) => ((one.inputs[list] ?? []) as number[]).map(String).includes(guarded.id));
  return cloud.get(FIREWALL, text(device?.inputs.firewallId ?? guarded.inputs.firewallId)) ?? listed;
}

/** Inbound rules of an instance or a NodeBalancer. undefined: no firewall, or one that lets everything in. */
export function linodeFirewallOf(cloud: Cloud, guarded: CloudObject): FirewallRule[] | undefined {
  const firewall = firewallOf(cloud, guarded);
  if (!firewall || firewall.inputs.disabled === true || firewall.inputs.inboundPolicy === "ACCEPT") return undefined;
  return inboundsOf(firewall)
    .flatMap((rule) =>
      (portsOf(rule) ?? []).map((ports) => firewallRule(rule.protocol.toLowerCase(), ports, rule.ipv4s ?? [])),
    )
    .filter((rule) => rule !== undefined && rule.sources.length > 0)
    .filter((rule) => rule !== undefined);
}

/** "80-90,443" as ranges; every port when left out; undefined when malformed. */
function portsOf(rule: Inbound): { from: number; to: number }[] | undefined {
  if (!rule.ports) return [EVERY_PORT];
  const ranges = rule.ports.split(",").map(parsePorts);
  return ranges.every((range) => range !== undefined) ? ranges : undefined;
}
