import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  addressAt,
  cidrAround,
  cidrLast,
  cidrSize,
  contains,
  overlappingPairs,
  overlaps,
  parseAddress,
  parseCidr,
  renderAddress,
  renderCidr,
  renderMask,
} from "../../plan/cidr";

const address = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const cidr = fc.tuple(address, fc.integer({ min: 0, max: 32 })).map(([number, prefix]) => {
  const size = 2 ** (32 - prefix);
  return { first: Math.floor(number / size) * size, prefix };
});

describe("addresses and CIDRs", () => {
  test("every address is read back as it was written", () => {
    fc.assert(fc.property(address, (number) => void expect(parseAddress(renderAddress(number))).toBe(number)));
  });

  test("every aligned CIDR is read back as it was written", () => {
    fc.assert(fc.property(cidr, (block) => void expect(parseCidr(renderCidr(block))).toEqual(block)));
  });

  test("an address inside a block that is not its first one is no CIDR", () => {
    fc.assert(
      fc.property(cidr, fc.nat(), (block, number) => {
        fc.pre(cidrSize(block) > 1);
        const inside = 1 + (number % (cidrSize(block) - 1));
        expect(parseCidr(`${renderAddress(block.first + inside)}/${block.prefix}`)).toBeUndefined();
      }),
    );
  });

  test.each([
    "",
    "10.0.0.0",
    "10.0.0/8",
    "10.0.0.256/8",
    "010.0.0.0/8",
    "10.0.0.0/33",
    "10.0.0.0/08",
    "10.0.0.0/8/8",
    "::/0",
    " 10.0.0.0/8",
  ])("%j is no CIDR", (text) => expect(parseCidr(text)).toBeUndefined());

  test("overlap is symmetric and means that one block holds the other's first address", () => {
    fc.assert(
      fc.property(cidr, cidr, (one, other) => {
        expect(overlaps(one, other)).toBe(overlaps(other, one));
        expect(overlaps(one, other)).toBe(contains(one, other.first) || contains(other, one.first));
      }),
    );
  });

  test("all overlapping pairs of a list are found, each once and in its order", () => {
    const crowded = fc.tuple(fc.nat(63), fc.integer({ min: 26, max: 32 })).map(([number, prefix]) => {
      const size = 2 ** (32 - prefix);
      return { first: Math.floor(number / size) * size, prefix };
    });
    fc.assert(
      fc.property(fc.array(crowded, { maxLength: 40 }), (list) => {
        const slow = list.flatMap((one, index) =>
          list.flatMap((other, at) => (at > index && overlaps(one, other) ? [[index, at]] : [])),
        );
        expect(overlappingPairs(list)).toEqual(slow);
      }),
    );
  });

  test("the block around an address is known also when the address is not its first", () => {
    expect(renderCidr(cidrAround("10.0.0.1/16")!)).toBe("10.0.0.0/16");
    expect(cidrAround("10.0.0.1")).toBeUndefined();
  });

  test("halves of a block are inside it, touch, and do not overlap", () => {
    fc.assert(
      fc.property(cidr, (block) => {
        fc.pre(block.prefix < 32);
        const low = { first: block.first, prefix: block.prefix + 1 };
        const high = { first: cidrLast(low) + 1, prefix: block.prefix + 1 };
        expect(overlaps(low, high)).toBe(false);
        expect(overlaps(block, low) && overlaps(block, high)).toBe(true);
        expect(cidrLast(high)).toBe(cidrLast(block));
      }),
    );
  });

  test("the tenth address of a service range is its DNS address", () => {
    expect(addressAt("10.193.0.0/16", 10)).toBe("10.193.0.10");
    expect(() => addressAt("10.193.0.0/30", 10)).toThrow(RangeError);
  });

  test("masks", () => {
    expect([0, 12, 24, 25, 32].map(renderMask)).toEqual([
      "0.0.0.0",
      "255.240.0.0",
      "255.255.255.0",
      "255.255.255.128",
      "255.255.255.255",
    ]);
  });
});
