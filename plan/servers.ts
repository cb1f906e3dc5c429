/** How several servers of one cluster lie in its network, so that each is found again where it was. */
import { addressAt, cidrSize, parseCidr, renderCidr } from "./cidr";
import { CLOUD_FACTS } from "./clouds";
import type { AdapterName, NodeSpec, SubnetPlan } from "./types";

/** etcd goes on while more than half of its members live: with two servers nothing could be lost that one can spare. */
export const REPLICATED_SERVERS = 3;

/** Whether the cluster's control plane outlives any one of its servers. */
export const isReplicated = ({ nodes }: { nodes: { role: string }[] }): boolean =>
  nodes.filter(({ role }) => role === "server").length > 1;

interface ClusterNetwork {
  cloud: AdapterName;
  nodeCidr: string;
  nodes: Record<string, Pick<NodeSpec, "role" | "zone">>;
}

/** Parts into which a node range is cut where every zone has a subnet of its own: eight, one for each letter up to h. */
export const ZONE_PREFIX_BITS = 3;

/**
 * The subnets of a cluster: one, or one a zone. A zone's part of the range follows from its letter alone, so that a zone
 * more moves no other one. A cluster in a single zone has the whole range for it.
 */
export function planSubnets({ cloud, nodeCidr, nodes }: ClusterNetwork): SubnetPlan[] {
  if (!CLOUD_FACTS[cloud].subnetPerZone) return [{ cidr: nodeCidr }];
  const zones = [...new Set(Object.values(nodes).map(({ zone }) => zone))].sort();
  if (zones.length === 1) return [{ cidr: nodeCidr, zone: zones[0] }];
  return zones.flatMap((zone) => (zone === undefined ? [] : [{ cidr: zoneCidr(nodeCidr, zone), zone }]));
}

/** @throws RangeError for a zone that has no part; rule zone-place refuses it. */
function zoneCidr(nodeCidr: string, zone: string): string {
  const whole = parseCidr(nodeCidr);
  const part = zone.charCodeAt(zone.length - 1) - "a".charCodeAt(0);
  if (!whole || part < 0 || part >= 2 ** ZONE_PREFIX_BITS) throw new RangeError(`no part of ${nodeCidr} for ${zone}`);
  const prefix = whole.prefix + ZONE_PREFIX_BITS;
  return renderCidr({ first: whole.first + part * 2 ** (32 - prefix), prefix });
}

/** Where clouds keep nothing for themselves: behind the first four addresses and before the last two. */
const FIRST_OFFSET = 4;
const LAST_KEPT = 2;

/**
 * Private addresses of several servers, by key; empty for a single one, which takes what the cloud gives it. A new machine
 * has its predecessor's address, so workers and the other servers find it where it was. An address follows from the key;
 * only where two would meet does the later one (by key) give way.
 */
export function planServerAddresses(network: ClusterNetwork): Map<string, string> {
  const keys = Object.keys(network.nodes).filter((key) => network.nodes[key]?.role === "server");
  const addresses = new Map<string, string>();
  if (keys.length < 2) return addresses;
  const subnets = planSubnets(network);
  for (const key of keys.sort()) {
    const { cidr } = subnetOf(subnets, network.nodes[key]?.zone);
    const room = cidrSize(parseCidr(cidr) ?? { first: 0, prefix: 32 }) - FIRST_OFFSET - LAST_KEPT;
    if (room < keys.length) throw new RangeError(`${cidr} has no room for ${keys.length} servers`);
    const taken = new Set(addresses.values());
    const addressFor = (attempt: number): string => addressAt(cidr, FIRST_OFFSET + ((digest(key) + attempt) % room));
    let attempt = 0;
    while (taken.has(addressFor(attempt))) attempt++;
    addresses.set(key, addressFor(attempt));
  }
  return addresses;
}

/** The subnet in which a node lies. */
export function subnetOf(subnets: SubnetPlan[], zone: string | undefined): SubnetPlan {
  const found = subnets.length === 1 ? subnets[0] : subnets.find((subnet) => subnet.zone === zone);
  if (!found) throw new RangeError(`no subnet for zone ${zone ?? "unset"}`);
  return found;
}

/** The same number for the same text on every machine and in every run (FNV-1a). */
export function digest(text: string): number {
  let number = 0x811c9dc5;
  for (const letter of text) number = Math.imul(number ^ letter.charCodeAt(0), 0x01000193) >>> 0;
  return number;
}
