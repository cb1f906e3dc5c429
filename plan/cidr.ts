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
  const [address = "", length = "", ...rest] = text.split("/");
  const first = parseAddress(address);
  if (first === undefined || rest.length > 0 || !/^(0|[1-9]\d?)$/.test(length)) return undefined;
  const prefix = Number(length);
  if (prefix > 32 || first % 2 ** (32 - prefix) !== 0) return undefined;
  return { first, prefix };
}

export const renderCidr = (cidr: Cidr): string => `${renderAddress(cidr.first)}/${cidr.prefix}`;

/** Number of addresses. */
export const cidrSize = (cidr: Cidr): number => 2 ** (32 - cidr.prefix);

export const cidrLast = (cidr: Cidr): number => cidr.first + cidrSize(cidr) - 1;

export const overlaps = (one: Cidr, other: Cidr): boolean =>
  one.first <= cidrLast(other) && other.first <= cidrLast(one);

export const contains = (cidr: Cidr, address: number): boolean => address >= cidr.first && address <= cidrLast(cidr);

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
