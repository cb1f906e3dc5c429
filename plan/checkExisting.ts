/** Rules on clusters that somebody else has put up: what must be stated, and what cannot be. */
import { cidrLast, contains, parseAddress, parseCidr } from "./cidr";
import { isPublicAddress } from "./checkAddresses";
import { breaks, type RuleFinding } from "./rules";
import type { ClusterShape } from "./shape";
import { EXISTING } from "./types";

/** A Kubernetes node's name: RFC 1123 subdomain. */
const NODE_NAME = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;
const NODE_NAME_LENGTH = 253;
/** Commas and equals signs part the tiers of a locality. */
const PLACE = /^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/;
const PLACE_LENGTH = 63;

type Node = ClusterShape["nodes"][string];

export function checkExisting(clusters: Record<string, ClusterShape>, world: string): RuleFinding[] {
  const findings = Object.entries(clusters).flatMap(([name, cluster]) =>
    cluster.cloud === EXISTING ? checkCluster(name, cluster, world) : checkForeign(name, cluster),
  );
  return [...findings, ...checkUniqueAddresses(clusters)];
}

function checkCluster(name: string, cluster: ClusterShape, world: string): RuleFinding[] {
  const at = `clusters.${name}`;
  const { role, place, account, storageClass, nodes } = cluster;
  const findings: RuleFinding[] = [];
  if (role === "broker") {
    const allowed = "a cloud of which the program makes the machines: the broker is the root of the fleet's trust";
    findings.push(
      breaks("existing-broker", `${at}.cloud`, EXISTING, allowed, "move the broker, or make this a region"),
    );
  }
  if (!PLACE.test(place) || place.length > PLACE_LENGTH) {
    const allowed = `a word of letters, digits, dots, hyphens and underscores, at most ${PLACE_LENGTH}`;
    findings.push(breaks("existing-place", `${at}.place`, place || "empty", allowed, "name it, as eks-us-west-2"));
  }
  if (account !== undefined) findings.push(unused(`${at}.account`, account));
  if (!storageClass) {
    const allowed = "the name of one of its storage classes: no volume is made by hand there";
    const remedy = "look it up (kubectl get storageclass) and set storageClass";
    findings.push(breaks("storage-class-missing", `${at}.storageClass`, storageClass ?? "missing", allowed, remedy));
  }
  findings.push(...checkDnsAddress(at, cluster), ...checkNames(at, nodes));
  return [
    ...findings,
    ...Object.entries(nodes).flatMap(([key, node]) => checkNode(`${at}.nodes.${key}`, key, node, world)),
  ];
}

function checkNode(at: string, key: string, node: Node, world: string): RuleFinding[] {
  const findings: RuleFinding[] = [];
  const { role, gateway, publicAddress, name = key } = node;
  // What is neither is found by another rule.
  if (role === "server") {
    const allowed = "worker: nothing of ours runs its control plane";
    findings.push(breaks("existing-role", `${at}.role`, role, allowed, "make it a worker, also where it is a server"));
  }
  for (const field of ["size", "zone", "replicas"] as const) {
    const value = node[field];
    if (value !== undefined) findings.push(unused(`${at}.${field}`, String(value)));
  }
  if (!NODE_NAME.test(name) || name.length > NODE_NAME_LENGTH) {
    const allowed = "the node's name as `kubectl get nodes` shows it";
    findings.push(breaks("existing-node-name", `${at}.name`, name || "empty", allowed, "copy it"));
  }
  if (publicAddress === undefined) {
    if (gateway !== true) return findings;
    const allowed = "the IPv4 address at which the other gateways reach it: a static one";
    const remedy = "set publicAddress to the node's own, or to the one that is translated to it";
    return [...findings, breaks("public-address-missing", `${at}.publicAddress`, "missing", allowed, remedy)];
  }
  if (gateway !== true)
    return [...findings, unused(`${at}.publicAddress`, publicAddress, "nothing without gateway: true")];
  if (parseAddress(publicAddress) === undefined || (world === "clouds" && !isPublicAddress(publicAddress))) {
    const allowed = "an IPv4 address that is reached from the internet, as 203.0.113.9";
    findings.push(
      breaks("public-address-form", `${at}.publicAddress`, publicAddress || "empty", allowed, "correct it"),
    );
  }
  return findings;
}

/** Fields of existing clusters elsewhere. */
function checkForeign(name: string, { storageClass, dnsAddress, nodes }: ClusterShape): RuleFinding[] {
  const stated: [place: string, value: string | undefined][] = [
    ["storageClass", storageClass],
    ["dnsAddress", dnsAddress],
    ...Object.entries(nodes).flatMap(([key, node]): [string, string | undefined][] => [
      [`nodes.${key}.name`, node.name],
      [`nodes.${key}.publicAddress`, node.publicAddress],
    ]),
  ];
  return stated.flatMap(([place, value]) =>
    value === undefined ? [] : [unused(`clusters.${name}.${place}`, value, `nothing but with cloud: ${EXISTING}`)],
  );
}

const unused = (place: string, value: string, allowed = `nothing with cloud: ${EXISTING}: its machines are not ours`) =>
  breaks("existing-field", place, value || "empty", allowed, "remove it");

function checkDnsAddress(at: string, { dnsAddress, serviceCidr }: ClusterShape): RuleFinding[] {
  const cidr = parseCidr(serviceCidr);
  if (dnsAddress === undefined || !cidr) return [];
  const address = parseAddress(dnsAddress);
  // The first is the network's, the second the API's own Service, the last is never dealt.
  if (address !== undefined && contains(cidr, address) && address > cidr.first + 1 && address < cidrLast(cidr))
    return [];
  const allowed = `an address of ${serviceCidr} that no Service has, neither its first two nor its last`;
  return [breaks("dns-address", `${at}.dnsAddress`, dnsAddress || "empty", allowed, "choose another, or leave it out")];
}

function checkNames(at: string, nodes: Record<string, Node>): RuleFinding[] {
  const seen = new Map<string, string>();
  return Object.entries(nodes).flatMap(([key, { name = key }]) => {
    const first = seen.get(name);
    seen.set(name, first ?? key);
    if (first === undefined) return [];
    const place = `${at}.nodes.${first} and ${at}.nodes.${key}`;
    return [breaks("existing-node-name", place, name, "names that differ", "remove one of the two")];
  });
}

function checkUniqueAddresses(clusters: Record<string, ClusterShape>): RuleFinding[] {
  const seen = new Map<string, string>();
  return Object.entries(clusters).flatMap(([name, { cloud, nodes }]) =>
    Object.entries(cloud === EXISTING ? nodes : {}).flatMap(([key, { publicAddress, gateway }]) => {
      if (!publicAddress || gateway !== true) return [];
      const place = `clusters.${name}.nodes.${key}.publicAddress`;
      const first = seen.get(publicAddress);
      seen.set(publicAddress, first ?? place);
      if (first === undefined) return [];
      const allowed = "an address of its own for each gateway: a tunnel's end is found by it";
      return [
        breaks("public-address-unique", `${first} and ${place}`, publicAddress, allowed, "correct one of the two"),
      ];
    }),
  );
}
