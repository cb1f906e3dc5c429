import { isIPv4 } from "node:net";
import { contains, prefixOf, networkOf } from "../machines/addresses";
import type { FirewallRule } from "../machines/contract";
import type { Store } from "./store";

const toNumber = (address: string): number => address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
const toAddress = (value: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join(".");

/** The address `offset` places after the network's own. */
export const addressAt = (cidr: string, offset: number): string =>
  toAddress(toNumber(networkOf(cidr).split("/")[0] ?? "") + offset);

export const sizeOf = (cidr: string): number => 2 ** (32 - prefixOf(cidr));

/** "255.255.255.0" of "10.0.0.0/24". */
export const maskOf = (cidr: string): string => toAddress(2 ** 32 - sizeOf(cidr));

/** Whether it is written as a network: an IPv4 address without host bits and a prefix length. */
export function isNetwork(cidr: unknown): cidr is string {
  if (typeof cidr !== "string") return false;
  const [address, prefix] = cidr.split("/");
  if (!isIPv4(address ?? "") || !/^\d+$/.test(prefix ?? "") || Number(prefix) > 32) return false;
  return networkOf(cidr) === cidr;
}

export const isInside = (outer: string, inner: string): boolean =>
  prefixOf(inner) >= prefixOf(outer) && contains(outer, addressAt(inner, 0));

export interface Lease {
  /** Name of the book in which the addresses of one network are kept. */
  pool: string;
  /** Network or subnet to choose from. */
  range: string;
  /** Addresses at the beginning and at the end that the cloud keeps for itself. */
  keep: { first: number; last: number };
  /** The address wished for; refused when taken or outside. */
  wish?: string;
  /** Distance between addresses; 2 where every machine has a /31 of its own. Default 1. */
  step?: number;
  holder: string;
}

/**
 * Takes an address of a range: the one wished for, else the next free one after the
 * last taken. `refuse` makes the cloud's own error.
 */
export function takeAddress(store: Store, lease: Lease, refuse: (why: "taken" | "outside" | "full") => Error): string {
  const { pool, range, keep, wish, step = 1, holder } = lease;
  const last = sizeOf(range) - 1 - keep.last;
  if (wish !== undefined) {
    if (!isIPv4(wish) || !contains(range, wish)) throw refuse("outside");
    const offset = toNumber(wish) - toNumber(addressAt(range, 0));
    if (offset < keep.first || offset > last) throw refuse("outside");
    const held = store.holder(pool, wish);
    if (held !== undefined && held !== holder) throw refuse("taken");
    store.hold(pool, wish, holder);
    return wish;
  }
  const places = Math.floor((last - keep.first) / step) + 1;
  const start = store.cursor(`${pool} ${range}`);
  for (let tried = 0; tried < places; tried++) {
    const place = (start + tried) % places;
    const address = addressAt(range, keep.first + place * step);
    if (store.holder(pool, address) !== undefined) continue;
    store.setCursor(`${pool} ${range}`, place + 1);
    store.hold(pool, address, holder);
    return address;
  }
  throw refuse("full");
}

/** Every port of a protocol. */
export const EVERY_PORT = { from: 0, to: 65535 } as const;

/** "22", "8000:9000" or "80-90" as a range; undefined when it is none. */
export function parsePorts(text: string): { from: number; to: number } | undefined {
  const match = /^(\d+)(?:[:-](\d+))?$/.exec(text.trim());
  if (!match) return undefined;
  const [from, to] = [Number(match[1]), Number(match[2] ?? match[1])];
  return from <= to && to <= 65535 ? { from, to } : undefined;
}

/** The rule as the machines know it; undefined for protocols that no machine here speaks (ESP, GRE, ICMPv6). */
export function firewallRule(
  protocol: string,
  ports: { from: number; to: number },
  sources: string[],
): FirewallRule | undefined {
  if (protocol === "icmp" || protocol === "all") return { protocol, from: 0, to: 0, sources };
  return protocol === "tcp" || protocol === "udp" ? { protocol, ...ports, sources } : undefined;
}
