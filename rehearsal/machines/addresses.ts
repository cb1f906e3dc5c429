import ipaddr from "ipaddr.js";

/** IPv4 arithmetic on strings; every function throws on what is not IPv4. */

const numberOf = (address: string): number =>
  ipaddr.IPv4.parse(address)
    .toByteArray()
    .reduce((sum, byte) => sum * 256 + byte, 0);

const addressOf = (value: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join(".");

function bounds(cidr: string): { first: number; last: number; prefix: number } {
  const [address, prefix] = ipaddr.IPv4.parseCIDR(cidr.includes("/") ? cidr : `${cidr}/32`);
  const size = 2 ** (32 - prefix);
  const first = Math.floor(numberOf(address.toString()) / size) * size;
  return { first, last: first + size - 1, prefix };
}

/** "10.1.2.3/24" → "10.1.2.0/24". */
export function networkOf(cidr: string): string {
  const { first, prefix } = bounds(cidr);
  return `${addressOf(first)}/${prefix}`;
}

export const prefixOf = (cidr: string): number => bounds(cidr).prefix;

/** The address after the network's own: the router's in a segment. */
export const firstAddress = (cidr: string): string => addressOf(bounds(cidr).first + 1);

export function overlap(one: string, other: string): boolean {
  const [a, b] = [bounds(one), bounds(other)];
  return a.first <= b.last && b.first <= a.last;
}

export function contains(cidr: string, address: string): boolean {
  const { first, last } = bounds(cidr);
  const value = numberOf(address);
  return first <= value && value <= last;
}

/** Gateway of a public address that lies on a machine's own interface: the first of its /24, as clouds hand it out. */
export const publicGateway = (address: string): string => firstAddress(`${address}/24`);

/** Operator's side of the emulated internet. */
export const OPERATOR = { cidr: "198.18.0.0/24", router: "198.18.0.1", host: "198.18.0.2" } as const;

/** The part of the emulated internet in use; the host routes it into the world. */
export const EMULATED_INTERNET = "198.18.0.0/16";

/** The whole range set aside by RFC 2544 for such tests; guarded wholly. */
export const EMULATED_RANGE = "198.18.0.0/15";

/** Public addresses each emulated cloud hands out. */
export const PUBLIC_RANGES = {
  aws: "198.18.1.0/24",
  oci: "198.18.2.0/24",
  vultr: "198.18.3.0/24",
  civo: "198.18.4.0/24",
  "equinix-metal": "198.18.5.0/24",
  linode: "198.18.6.0/24",
} as const;
