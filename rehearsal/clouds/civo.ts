import type { Failure, Package, Props } from "../plugins/contract";
import { isUnknown } from "../plugins/encoding";
import { Cloud, digest, randomHex, randomUuid, timestamp, type CloudKind, type CloudOptions } from "./cloud";
import { REGIONS, select, SIZES, TEMPLATES } from "./civoLists";
import * as civo from "./civoNetwork";
import type { Reach } from "./fleet";
import { EVERY_PORT, firewallRule, parsePorts, takeAddress } from "./network";
import type { CloudObject } from "./store";
import { text } from "../plugins/text";

/** Civo as far as the fleet uses it: what the old provider (1.0.7) gives. */
export function civoPackage(options: CloudOptions): Package {
  const cloud: Cloud = new Cloud(
    "civo",
    options,
    { type: civo.INSTANCE, reach: (object) => reach(cloud, object) },
    false,
  );
  const kinds = {
    [civo.NETWORK]: civo.networkKind(cloud),
    [civo.FIREWALL]: civo.firewallKind(cloud),
    [civo.FIREWALL_RULE]: civo.firewallRuleKind(cloud),
    [civo.INSTANCE]: instanceKind(cloud),
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
      "civo:index/getNetwork:getNetwork": (args) => Promise.resolve(civo.getNetwork(cloud, args)),
    },
  });
}

const COMPUTED = (
  "cpuCores createdAt diskGb firewallId hostname initialPassword networkId privateIp pseudoIp publicIp ramMb sourceId " +
  "sourceType status template"
).split(" ");

function instanceKind(cloud: Cloud): CloudKind {
  const fail = (why: string): Error => civo.civoError("failed to create instance", why);
  const checkReferences = ({ inputs }: CloudObject): void => {
    if (inputs.firewallId !== undefined)
      cloud.need(civo.FIREWALL, inputs.firewallId, () =>
        fail(`DatabaseFirewallNotFoundError: ${text(inputs.firewallId)}`),
      );
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
        throw civo.civoError("failed to get the template", `unable to find ${text(inputs.template)}, zero matches`);
      const size = sizeOf(inputs);
      checkReferences(object);
      const network =
        inputs.networkId === undefined
          ? civo.defaultNetwork(cloud)
          : cloud.need(civo.NETWORK, inputs.networkId, () =>
              fail(`DatabaseNetworkNotFoundError: ${text(inputs.networkId)}`),
            );
      network.hidden.cidr ??= civo.takeRange(cloud, network);
      const cidr = text(network.hidden.cidr);

      hidden.segment = civo.segmentOf(network.id);
      hidden.privateIp ??= takeAddress(
        cloud.store,
        { pool: civo.segmentOf(network.id), range: cidr, keep: { first: 3, last: 1 }, holder: object.id },
        () => fail("no private address is left in the network"),
      );
      const wanted = text(inputs.publicIpRequired ?? "create");
      if (!["create", "none"].includes(wanted))
        throw fail(`DatabaseInstanceInvalidParams: public_ip_required: ${wanted}`);
      if (wanted === "create")
        hidden.publicIp ??= cloud.takePublicAddress(object.id, () => fail("no public address is left"));

      hidden.machine = cloud.machineId(object);
      await cloud.fleet.ensureSegment({ name: civo.segmentOf(network.id), cidr });
      await cloud.fleet.boot({
        id: text(hidden.machine),
        name: text(inputs.hostname),
        cloud: cloud.name,
        segment: civo.segmentOf(network.id),
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
    .list(civo.FIREWALL_RULE)
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
