import { isIPv4 } from "node:net";
import { contains } from "../machines/addresses";
import type { Balancer } from "../machines/contract";
import type { Failure, Props } from "../plugins/contract";
import { isUnknown } from "../plugins/encoding";
import { text } from "../plugins/text";
import { timestamp, type Cloud, type CloudKind } from "./cloud";
import { linodeFirewallOf } from "./linodeFirewall";
import { FIREWALL, INSTANCE, linodeError, newNumber, NODE_BALANCER, REGION } from "./linodeNames";
import type { CloudObject } from "./store";

const CONFIG = "linode:index/nodeBalancerConfig:NodeBalancerConfig";
const NODE = "linode:index/nodeBalancerNode:NodeBalancerNode";

/** Where a NodeBalancer stands where the program does not say. */
const DEFAULT_REGION = "us-east";
/** What machines see instead of a client's address; the real ones have several of this range, and change them. */
const SOURCE = "192.168.255.10";

/** What the provider says of a number outside its bounds, or of a word that is none of those allowed. */
const bound = (inputs: Props, property: string, least: number, most: number): Failure[] => {
  const value = inputs[property];
  if (typeof value !== "number" || (value >= least && value <= most)) return [];
  return [{ property, reason: `Attribute ${property} value must be between ${least} and ${most}, got: ${value}` }];
};
const oneOf = (inputs: Props, property: string, words: string[]): Failure[] => {
  const value = inputs[property];
  if (typeof value !== "string" || isUnknown(value) || words.includes(value)) return [];
  const allowed = words.map((word) => JSON.stringify(word)).join(" ");
  return [{ property, reason: `Attribute ${property} value must be one of: [${allowed}], got: "${value}"` }];
};

function labelFailures({ label }: Props): Failure[] {
  if (typeof label !== "string" || isUnknown(label)) return [];
  const say = (reason: string): Failure[] => [{ property: "label", reason }];
  if (label.length < 3 || label.length > 32)
    return say(`Attribute label string length must be between 3 and 32, got: ${label.length}`);
  const allowed = "Labels may only contain letters, number, dashes, and underscores.";
  return /^[a-zA-Z0-9_-]*$/.test(label) ? [] : say(allowed);
}

/**
 * NodeBalancers of the emulated Linode, as far as the fleet uses them: TCP, with private addresses of machines behind.
 * What belongs to one goes with it, and a node with its machine (linode/terraform-provider-linode#247, #1224). What replaces
 * and what is bounded is from that provider's schemas, the API's bounds from its OpenAPI document; refusals without a source
 * beside them are ours, in the form of whoever would say them.
 */
export function linodeBalancerKinds(cloud: Cloud): Record<string, CloudKind> {
  const assertAlone = (object: CloudObject): void => {
    const { label } = object.inputs;
    if (label !== undefined && cloud.list(NODE_BALANCER).some((one) => one !== object && one.inputs.label === label))
      throw linodeError("label", "Label must be unique among your NodeBalancers");
  };

  const nodeBalancer: CloudKind = {
    replaceOn: ["region", "firewallId"],
    computed:
      "clientConnThrottle clientUdpSessThrottle created firewalls hostname ipv4 ipv6 region transfers updated".split(
        " ",
      ),
    check: (inputs) => [...labelFailures(inputs), ...bound(inputs, "clientConnThrottle", 0, 20)],
    newId: newNumber,
    create(object) {
      const { inputs, hidden } = object;
      if (!REGION.test(regionOf(object))) throw linodeError("region", "region is not valid");
      assertAlone(object);
      const firewall =
        inputs.firewallId === undefined
          ? undefined
          : cloud.need(FIREWALL, text(inputs.firewallId), () => linodeError("firewall_id", "Firewall not found"));
      hidden.address ??= cloud.takePublicAddress(object.id, () => linodeError("region", "No addresses are available"));
      return {
        ...{ region: DEFAULT_REGION, clientConnThrottle: 0, clientUdpSessThrottle: 0, tags: [] },
        ...{ label: `balancer${object.id}`, ...inputs, ipv4: hidden.address, ipv6: "" },
        hostname: `${text(hidden.address).replaceAll(".", "-")}.ip.linodeusercontent.com`,
        firewalls: firewall ? [{ id: Number(firewall.id), label: firewall.inputs.label }] : [],
        ...{ transfers: [{ in: 0, out: 0, total: 0 }], created: timestamp(), updated: timestamp() },
      };
    },
    update(object) {
      assertAlone(object);
      return { ...object.inputs, updated: timestamp() };
    },
    delete(object) {
      for (const part of [...partsOf(cloud, CONFIG, object), ...partsOf(cloud, NODE, object)]) cloud.store.remove(part);
      cloud.releasePublicAddress(object.id);
    },
  };

  const checkConfig = (object: CloudObject): void => {
    const { nodebalancerId, port = 80, protocol, check, checkInterval = 5, checkTimeout = 3 } = object.inputs;
    cloud.need(NODE_BALANCER, text(nodebalancerId), notFound);
    if (protocol !== "tcp") throw linodeError("protocol", "the emulated Linode has NodeBalancers for TCP only");
    const twin = cloud
      .list(CONFIG)
      .some(
        (one) => one !== object && one.inputs.nodebalancerId === nodebalancerId && (one.inputs.port ?? 80) === port,
      );
    if (twin) throw linodeError("port", "Port must be unique among the NodeBalancer's configs");
    if (check !== undefined && check !== "none" && Number(checkInterval) <= Number(checkTimeout))
      throw linodeError("check_interval", "check_interval must be greater than check_timeout");
  };

  const config: CloudKind = {
    required: ["nodebalancerId"],
    replaceOn: ["nodebalancerId"],
    computed: (
      "algorithm check checkAttempts checkBody checkInterval checkPassive checkPath checkTimeout cipherSuite nodeStatuses port " +
      "protocol proxyProtocol sslCommonname sslFingerprint stickiness udpCheckPort udpSessionTimeout"
    ).split(" "),
    check: (inputs) => [
      ...oneOf(inputs, "protocol", ["http", "https", "tcp"]),
      ...oneOf(inputs, "algorithm", ["roundrobin", "leastconn", "source"]),
      ...oneOf(inputs, "stickiness", ["none", "table", "http_cookie"]),
      ...oneOf(inputs, "check", ["none", "connection", "http", "http_body"]),
      ...bound(inputs, "port", 1, 65535),
      ...bound(inputs, "checkTimeout", 1, 30),
      ...bound(inputs, "checkAttempts", 1, 30),
    ],
    newId: newNumber,
    create(object) {
      checkConfig(object);
      return {
        ...{ algorithm: "roundrobin", stickiness: "none", proxyProtocol: "none", port: 80, cipherSuite: "recommended" },
        ...{ check: "none", checkInterval: 5, checkTimeout: 3, checkAttempts: 3, checkPassive: true, checkPath: "" },
        ...{ checkBody: "", sslCommonname: "", sslFingerprint: "", udpCheckPort: 80, udpSessionTimeout: 0 },
        ...{ nodeStatuses: [{ up: 0, down: 0 }], ...object.inputs },
      };
    },
    update(object) {
      checkConfig(object);
      return { ...object.inputs };
    },
    observe: (object) => ({ nodeStatuses: [{ up: nodesBehind(cloud, object).length, down: 0 }] }),
    delete(object) {
      for (const node of nodesBehind(cloud, object)) cloud.store.remove(node);
    },
  };

  const checkNode = (object: CloudObject): void => {
    const { nodebalancerId, configId, label } = object.inputs;
    const balancer = cloud.need(NODE_BALANCER, text(nodebalancerId), notFound);
    const behind = cloud.need(CONFIG, text(configId), notFound);
    if (text(behind.inputs.nodebalancerId) !== balancer.id) throw notFound();
    if (!/^[a-zA-Z0-9._-]{3,32}$/.test(text(label))) throw linodeError("label", "Length must be 3-32 characters");
    const [address, port, ...rest] = text(object.inputs.address).split(":");
    // The API's own sentence: linode/linode-cloud-controller-manager#160.
    if (!isIPv4(address ?? "") || !/^\d+$/.test(port ?? "") || Number(port) > 65535 || rest.length > 0)
      throw linodeError("address", "Must be in address:port format");
    if (!contains("192.168.128.0/17", address!)) throw linodeError("address", "Must be a private IPv4 address");
    if (!machineAt(cloud, regionOf(balancer), address!))
      throw linodeError("address", "No Linode of the NodeBalancer's region has that private address");
    const twin = nodesBehind(cloud, behind).some(
      (one) => one !== object && one.inputs.address === object.inputs.address,
    );
    if (twin) throw linodeError("address", "Address must be unique among the config's nodes");
  };

  const node: CloudKind = {
    required: ["address", "configId", "label", "nodebalancerId"],
    replaceOn: ["configId", "nodebalancerId"],
    computed: ["mode", "status", "weight"],
    check: (inputs) => [
      ...oneOf(inputs, "mode", ["accept", "reject", "drain", "backup"]),
      ...bound(inputs, "weight", 1, 255),
    ],
    newId: newNumber,
    create(object) {
      checkNode(object);
      return { mode: "accept", weight: 100, status: "UP", ...object.inputs };
    },
    update(object) {
      checkNode(object);
      return { ...object.inputs };
    },
    // Unlike most, the provider does not forgive that what it shall delete is gone.
    absent: (id) => new Error(`Failed to Delete Linode NodeBalancer Node ${id}: [404] Not found`),
  };

  return { [NODE_BALANCER]: nodeBalancer, [CONFIG]: config, [NODE]: node };
}

const notFound = (): Error => new Error("[404] Not found");

const regionOf = ({ inputs }: CloudObject): string => text(inputs.region ?? DEFAULT_REGION);

const partsOf = (cloud: Cloud, type: string, { id }: CloudObject): CloudObject[] =>
  cloud.list(type).filter(({ inputs }) => text(inputs.nodebalancerId) === id);

const nodesBehind = (cloud: Cloud, { id }: CloudObject): CloudObject[] =>
  cloud.list(NODE).filter(({ inputs }) => text(inputs.configId) === id);

const machineAt = (cloud: Cloud, region: string, address: string): CloudObject | undefined =>
  cloud.list(INSTANCE).find(({ inputs, hidden }) => inputs.region === region && hidden.regionalAddress === address);

/** A machine that goes takes with it what NodeBalancers know of it. */
export function removeNodesAt(cloud: Cloud, region: string, address: string): void {
  for (const node of cloud.list(NODE)) {
    const balancer = cloud.get(NODE_BALANCER, text(node.inputs.nodebalancerId));
    const isThere = text(node.inputs.address).split(":")[0] === address;
    if (isThere && balancer && regionOf(balancer) === region) cloud.store.remove(node);
  }
}

/** What NodeBalancers, their configs and nodes add up to. */
export function linodeBalancers(cloud: Cloud): Balancer[] {
  return cloud.list(CONFIG).flatMap((config): Balancer[] => {
    const balancer = cloud.get(NODE_BALANCER, text(config.inputs.nodebalancerId));
    if (!config.complete || !balancer?.complete) return [];
    const port = Number(config.inputs.port ?? 80);
    const targets = nodesBehind(cloud, config)
      .filter(({ complete, inputs }) => complete && (inputs.mode ?? "accept") === "accept")
      .flatMap(({ inputs }) => {
        const machine = machineAt(cloud, regionOf(balancer), text(inputs.address).split(":")[0] ?? "");
        // One-machine worlds know a machine by its address in its subnet alone.
        return machine ? [text(machine.hidden.privateAddress)] : [];
      })
      .sort();
    const clients = linodeFirewallOf(cloud, balancer)
      ?.filter(({ protocol, from, to }) => protocol === "tcp" && from <= port && port <= to)
      .flatMap(({ sources }) => sources);
    const publicAddress = text(balancer.hidden.address);
    return [{ id: config.id, publicAddress, port, targets, source: SOURCE, ...(clients && { clients }) }];
  });
}
