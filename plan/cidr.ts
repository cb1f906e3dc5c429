/** IPv4 CIDR arithmetic: small, pure, total over valid input. */

export interface Cidr {
  /** First address as an unsigned 32-bit number. */
  first: number;
  /** 0–32. */
  prefix: number;
}

const ADDRESS = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/;

/** The address as a number; undefined when it is not a plain dotted IPv4 address. */
export function parseAddress(text: string): number | undefined {
  const match = ADDRESS.exec(text);
  if (!match) return undefined;
  let number = 0;
  for (const part of match.slice(1)) {
    const octet = Number(part);
    // A leading zero is octal to some programs and decimal to others.
    if (octet > 255 || String(octet) !== part) return undefined;
    number = number * 256 + octet;
  }
  return number;
}

/** @param address unsigned 32-bit number. */
export const renderAddress = (address: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join(".");

/** undefined when malformed, or when the address is not the first of its block ("10.0.0.1/16"). */
export function parseCidr(text: string): Cidr | undefined {
  const around = cidrAround(text);
  return around && around.first === parseAddress(text.split("/")[0] ?? "") ? around : undefined;
}

/** The block in which the address lies, also when it is not its first ("10.0.0.1/16"); undefined when malformed. */
export function cidrAround(text: string): Cidr | undefined {
  const [address = "", length = "", ...rest] = text.split("/");
  const inside = parseAddress(address);
  if (inside === undefined || rest.length > 0 || !/^(0|[1-9]\d?)$/.test(length)) return undefined;
  const prefix = Number(length);
  if (prefix > 32) return undefined;
  return { first: inside - (inside % 2 ** (32 - prefix)), prefix };
}

export const renderCidr = (cidr: Cidr): string => `${renderAddress(cidr.first)}/${cidr.prefix}`;

/** Number of addresses. */
export const cidrSize = (cidr: Cidr): number => 2 ** (32 - cidr.prefix);

export const cidrLast = (cidr: Cidr): number => cidr.first + cidrSize(cidr) - 1;

export const overlaps = (one: Cidr, other: Cidr): boolean =>
  one.first <= cidrLast(other) && other.first <= cidrLast(one);

export const contains = (cidr: Cidr, address: number): boolean => address >= cidr.first && address <= cidrLast(cidr);

/**
 * All pairs of positions whose blocks overlap, in the order of the list.
 *
 * Blocks lie inside each other or apart, so one pass over them in order of address finds for each the ones around it:
 * O(n log n) and the pairs themselves.
 */
export function overlappingPairs(cidrs: Cidr[]): [number, number][] {
  const order = cidrs
    .map((cidr, index) => ({ ...cidr, last: cidrLast(cidr), index }))
    .sort((one, other) => one.first - other.first || one.prefix - other.prefix);
  const around: typeof order = [];
  const pairs: [number, number][] = [];
  for (const block of order) {
    while ((around.at(-1)?.last ?? Infinity) < block.first) around.pop();
    for (const { index } of around) pairs.push([Math.min(index, block.index), Math.max(index, block.index)]);
    around.push(block);
  }
  return pairs.sort(([a, b], [c, d]) => a - c || b - d);
}

/**
 * The address `offset` places after the first one.
 *
 * @throws RangeError outside the block or on a malformed CIDR: the plan is only made of checked topologies.
 */
export function addressAt(text: string, offset: number): string {
  const cidr = parseCidr(text);
  if (!cidr || !Number.isInteger(offset) || offset < 0 || offset >= cidrSize(cidr)) {
    throw new RangeError(`no address ${offset} in ${text}`);
  }
  return renderAddress(cidr.first + offset);
}

/** Network mask in dotted form. */
export const renderMask = (prefix: number): string => renderAddress(2 ** 32 - 2 ** (32 - prefix));
