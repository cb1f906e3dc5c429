import type { Failure, Package, Props } from "../plugins/contract";
import { isUnknown } from "../plugins/encoding";
import { Cloud, digest, randomHex, randomUuid, timestamp, type CloudKind, type CloudOptions } from "./cloud";
import { REGIONS, select, SIZES, TEMPLATES, uuidOf } from "./civoLists";
import type { Reach } from "./fleet";
import { EVERY_PORT, firewallRule, isNetwork, parsePorts, takeAddress } from "./network";
import type { CloudObject } from "./store";
import { text } from "../plugins/text";

const NETWORK = "civo:index/network:Network";
const FIREWALL = "civo:index/firewall:Firewall";
const FIREWALL_RULE = "civo:index/firewallRule:FirewallRule";
const INSTANCE = "civo:index/instance:Instance";

const civoError = (doing: string, why: string): Error => new Error(`[ERR] ${doing}: ${why}`);

/** Civo as far as the fleet uses it: what the old provider (1.0.7) gives. */
export function civoPackage(options: CloudOptions): Package {
  const cloud: Cloud = new Cloud("civo", options, { type: INSTANCE, reach: (object) => reach(cloud, object) }, false);
  const kinds = {
    [NETWORK]: networkKind(cloud),
    [FIREWALL]: firewallKind(cloud),
    [FIREWALL_RULE]: firewallRuleKind(cloud),
    [INSTANCE]: instanceKind(cloud),
  };
  const list = (result: string, records: Props[]) => (args: Props) =>
    Promise.resolve({ ...args, id: digest(JSON.stringify(args)).slice(0, 20), [result]: select(records, args) });
  return cloud.package("1.0.7", kinds, {
    secretConfig: ["token"],
    replaceConfig: (olds, news) => olds.region !== news.region,
    functions: {
      "civo:index/getTemplate:getTemplate": list("templates", TEMPLATES),
      "civo:index/getInstancesSize:getInstancesSize": list("sizes", SIZES),
      "civo:index/getRegion:getRegion": list("regions", REGIONS),
      "civo:index/getNetwork:getNetwork": (args) => Promise.resolve(getNetwork(cloud, args)),
    },
  });
}

// network

const segmentOf = (networkId: string): string => `civo-${networkId.slice(0, 18)}`;

/** Civo chooses the range; the first network of an account has 192.168.1.0/24. */
function takeRange(cloud: Cloud, network: CloudObject): string {
  const free = Array.from({ length: 254 }, (_none, at) => `192.168.${at + 1}.0/24`).find((one) => {
    const holder = cloud.store.holder("civo networks", one);
    return holder === undefined || holder === network.id;
  });
  if (!free) throw civoError("failed to create a new network", "no private range is left");
  cloud.store.hold("civo networks", free, network.id);
  return free;
}

/** Every account has one; it is no resource of any program. */
function defaultNetwork(cloud: Cloud): CloudObject {
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

function getNetwork(cloud: Cloud, args: Props): Props {
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

function networkKind(cloud: Cloud): CloudKind {
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

function firewallKind(cloud: Cloud): CloudKind {
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

function firewallRuleKind(cloud: Cloud): CloudKind {
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

// machines

const COMPUTED = (
  "cpuCores createdAt diskGb firewallId hostname initialPassword networkId privateIp pseudoIp publicIp ramMb sourceId " +
  "sourceType status template"
).split(" ");

function instanceKind(cloud: Cloud): CloudKind {
  const fail = (why: string): Error => civoError("failed to create instance", why);
  const checkReferences = ({ inputs }: CloudObject): void => {
    if (inputs.firewallId !== undefined)
      cloud.need(FIREWALL, inputs.firewallId, () => fail(`DatabaseFirewallNotFoundError: ${text(inputs.firewallId)}`));
  };
  const sizeOf = (inputs: Props) => {
    const name = text(inputs.size ?? "g3.xsmall");
    const size = SIZES.find((one) => one.name === name);
    if (!size) throw fail(`DatabaseInstanceSizeNotFoundError: unknown size ${name}`);
    return { size: name, cpuCores: size.cpu, ramMb: size.ram, diskGb: size.disk };
  };

  return {
    nameInput: "hostname",
    notComputed: ["reverseDns", "notes", "sshkeyId"],
    // Everything else is an update; most of it changes nothing in the machine.
    replaceOn: ["hostname", "region"],
    computed: COMPUTED,
    secretOutputs: ["initialPassword"],
    check(inputs) {
      const { script, template } = inputs;
      const failures: Failure[] = [];
      if (template === undefined)
        failures.push({ property: "template", reason: "a template is required to build the instance" });
      // Civo runs the text as a program; anything else would silently not run at all.
      if (typeof script === "string" && script !== "" && !isUnknown(script) && !script.startsWith("#!"))
        failures.push({
          property: "script",
          reason: "the script must begin with a shebang (#!): Civo runs it as a program",
        });
      return failures;
    },
    newId: randomUuid,
    async create(object) {
      const { inputs, hidden } = object;
      const template = TEMPLATES.find((one) => one.id === inputs.template || one.name === inputs.template);
      if (!template)
        throw civoError("failed to get the template", `unable to find ${text(inputs.template)}, zero matches`);
      const size = sizeOf(inputs);
      checkReferences(object);
      const network =
        inputs.networkId === undefined
          ? defaultNetwork(cloud)
          : cloud.need(NETWORK, inputs.networkId, () =>
              fail(`DatabaseNetworkNotFoundError: ${text(inputs.networkId)}`),
            );
      network.hidden.cidr ??= takeRange(cloud, network);
      const cidr = text(network.hidden.cidr);

      hidden.segment = segmentOf(network.id);
      hidden.privateIp ??= takeAddress(
        cloud.store,
        { pool: segmentOf(network.id), range: cidr, keep: { first: 3, last: 1 }, holder: object.id },
        () => fail("no private address is left in the network"),
      );
      const wanted = text(inputs.publicIpRequired ?? "create");
      if (!["create", "none"].includes(wanted))
        throw fail(`DatabaseInstanceInvalidParams: public_ip_required: ${wanted}`);
      if (wanted === "create")
        hidden.publicIp ??= cloud.takePublicAddress(object.id, () => fail("no public address is left"));

      hidden.machine = cloud.machineId(object);
      await cloud.fleet.ensureSegment({ name: segmentOf(network.id), cidr });
      await cloud.fleet.boot({
        id: text(hidden.machine),
        name: text(inputs.hostname)
          .toLowerCase()
          .replace(/[^a-z0-9-]/g, "-"),
        cloud: cloud.name,
        segment: segmentOf(network.id),
        privateAddress: text(hidden.privateIp),
        userData: text(inputs.script ?? ""),
        publicMode: "nat",
        ...reach(cloud, object),
      });
      return {
        // Civo takes the hostname for the reverse name when none is given.
        ...{ initialUser: "civo", publicIpRequired: "create", reverseDns: inputs.hostname, notes: "", firewallId: "" },
        ...inputs,
        ...{
          ...size,
          networkId: network.id,
          privateIp: hidden.privateIp,
          publicIp: hidden.publicIp ?? "",
          pseudoIp: "",
        },
        ...{ sourceType: "diskimage", sourceId: template.id, status: "ACTIVE", createdAt: timestamp() },
        initialPassword: randomHex(12),
      };
    },
    update(object) {
      checkReferences(object);
      return { ...object.inputs, ...sizeOf(object.inputs) };
    },
    async delete(object) {
      if (object.hidden.machine) await cloud.fleet.remove(text(object.hidden.machine));
      if (object.hidden.segment) cloud.store.release(text(object.hidden.segment), object.id);
      cloud.releasePublicAddress(object.id);
    },
  };
}

/** Without a firewall of its own an instance is open to all. */
function reach(cloud: Cloud, object: CloudObject): Reach {
  const publicAddress = object.hidden.publicIp as string | undefined;
  const firewall = object.inputs.firewallId;
  if (firewall === undefined) return { firewall: undefined, publicAddress };
  // The real API may open a new firewall by default rules; here it starts shut, so that a forgotten port is noticed.
  const rules = cloud
    .list(FIREWALL_RULE)
    .filter((one) => one.complete && one.inputs.firewallId === firewall)
    .map(({ computed }) =>
      firewallRule(
        text(computed.protocol),
        parsePorts(`${text(computed.startPort)}-${text(computed.endPort)}`) ?? EVERY_PORT,
        computed.cidrs as string[],
      ),
    );
  return { firewall: rules.filter((one) => one !== undefined), publicAddress };
}
