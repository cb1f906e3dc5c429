import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  contains,
  firstAddress,
  networkOf,
  overlap,
  PUBLIC_RANGES,
  publicGateway,
} from "../../rehearsal/machines/addresses";
import { findConflicts } from "../../rehearsal/machines/conflicts";
import { renderGuard } from "../../rehearsal/machines/guard";
import { WORLD } from "../../rehearsal/machines/names";

const own = { link: "archi0", protocol: "197" };
const ranges = [
  { cidr: "198.18.0.0/15", use: "the emulated internet" },
  { cidr: "192.168.1.0/24", use: "nodes of london" },
];
const link = (ifname: string, local: string, prefixlen: number) => ({
  ifname,
  addr_info: [{ family: "inet", local, prefixlen }],
});

describe("conflicts with the host's own network", () => {
  test("an address and the route that came with it are named once", () => {
    const found = findConflicts(
      ranges,
      [link("wlan0", "192.168.1.7", 24)],
      [{ dst: "192.168.1.0/24", dev: "wlan0", protocol: "kernel" }],
      own,
    );
    expect(found.map((conflict) => conflict.text)).toEqual([
      "192.168.1.0/24 (nodes of london): wlan0 has the address 192.168.1.7/24",
    ]);
  });

  test("a wider route over a VPN is one, its default route in halves is none", () => {
    const routes = [
      { dst: "default", dev: "eth0" },
      { dst: "0.0.0.0/1", dev: "tun0" },
      { dst: "128.0.0.0/1", dev: "tun0" },
      { dst: "192.168.0.0/16", dev: "tun0" },
    ];
    expect(findConflicts(ranges, [], routes, own).map((conflict) => conflict.text)).toEqual([
      "192.168.1.0/24 (nodes of london): a route to 192.168.0.0/16 goes by tun0",
    ]);
  });

  test("what the rehearsal itself laid is none", () => {
    const routes = [
      { dst: "198.18.0.0/16", dev: "archi0" },
      { dst: "198.18.0.0/15", type: "blackhole", protocol: "197" },
    ];
    expect(findConflicts(ranges, [link("archi0", "198.18.0.2", 24)], routes, own)).toEqual([]);
  });
});

test("the guard names every range and lets only the loopback and its own link through", () => {
  const text = renderGuard(["198.18.0.0/15", "10.128.3.0/16"], WORLD, 7);
  expect(text).toContain("elements = { 198.18.0.0/15, 10.128.0.0/16 }");
  expect(text).toContain('oifname { "lo", "archi0" } accept');
  expect(text).toContain("counter leaked { packets 7 bytes 0 }");
});

describe("address arithmetic", () => {
  const octet = fc.integer({ min: 0, max: 255 });
  const cidr = fc
    .tuple(octet, octet, octet, octet, fc.integer({ min: 8, max: 30 }))
    .map(([a, b, c, d, prefix]) => `${a}.${b}.${c}.${d}/${prefix}`);

  test("a range holds its first address and overlaps itself, both ways round", () => {
    fc.assert(
      fc.property(cidr, cidr, (one, other) => {
        expect(contains(one, firstAddress(one))).toBe(true);
        expect(overlap(one, networkOf(one))).toBe(true);
        expect(overlap(one, other)).toBe(overlap(other, one));
        if (contains(one, firstAddress(other))) expect(overlap(one, other)).toBe(true);
      }),
    );
  });

  test("ranges that only touch do not overlap", () => {
    expect(overlap("10.0.0.0/25", "10.0.0.128/25")).toBe(false);
    expect(contains("10.0.0.0/25", "10.0.0.128")).toBe(false);
  });

  test("every emulated cloud has a range of its own, with its gateway in it", () => {
    const all = Object.values(PUBLIC_RANGES);
    for (const one of all) expect(all.filter((other) => overlap(one, other))).toEqual([one]);
    expect(publicGateway("198.18.5.77")).toBe("198.18.5.1");
  });
});
