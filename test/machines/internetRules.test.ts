import { describe, expect, test } from "vitest";
import type { Balancer } from "../../rehearsal/machines/contract";
import {
  type Host,
  renderPublicInterface,
  renderPublicRoutes,
  renderRouterRules,
} from "../../rehearsal/machines/internetRules";
import { bridgeName, publicLink, segmentLink } from "../../rehearsal/machines/names";

const host = (more: Partial<Host>): Host => ({
  id: "a",
  name: "a",
  cloud: "aws",
  segment: "west",
  privateAddress: "10.20.0.10",
  firewall: [],
  publicMode: "nat",
  ...more,
});

describe("the router's rules", () => {
  test("translate a public address both ways and let its owner speak from its own segment only", () => {
    const text = renderRouterRules({ segments: [], hosts: [host({ publicAddress: "198.18.1.10" })] });
    expect(text).toContain("elements = { 198.18.1.10 : 10.20.0.10 };");
    expect(text).toContain("elements = { 10.20.0.10 : 198.18.1.10 };");
    expect(text).toContain(`10.20.0.10 . "${bridgeName("west")}"`);
  });

  test("leave an address on a machine's own interface as it is", () => {
    const text = renderRouterRules({
      segments: [],
      hosts: [host({ publicMode: "interface", publicAddress: "198.18.5.10" })],
    });
    expect(text).not.toContain("198.18.5.10 :");
    expect(text).toContain("set direct { type ipv4_addr; elements = { 198.18.5.10 }; }");
    expect(text).toContain(`198.18.5.10 . "${publicLink("a")}"`);
    expect(text).not.toContain("10.20.0.10");
  });

  test("give a machine without public address nothing", () => {
    expect(renderRouterRules({ segments: [], hosts: [host({})] })).not.toContain("10.20.0.10");
  });
});

describe("the router's rules for a balancer", () => {
  const balancer = { id: "api", publicAddress: "198.18.6.99", port: 6443, targets: ["10.50.0.10", "10.50.0.11"] };
  const rulesFor = (more: Partial<Balancer>): string[] =>
    renderRouterRules({ segments: [], hosts: [] }, [{ balancer: { ...balancer, ...more }, well: balancer.targets }])
      .split("\n")
      .map((line) => line.trim())
      .filter((line) => line.includes(balancer.publicAddress));
  const turn = "ip daddr 198.18.6.99 tcp dport 6443 dnat to numgen inc mod 2 map { 0 : 10.50.0.10, 1 : 10.50.0.11 }";

  test("send everybody's connections to its targets in turn, and leave the clients' addresses", () => {
    expect(rulesFor({})).toEqual([turn]);
  });

  test("take the connections of its own clients alone, where it judges them", () => {
    const clients = ["198.18.0.0/24", "203.0.113.7/32"];
    expect(rulesFor({ clients })).toEqual(clients.map((client) => `ip saddr ${client} ${turn}`));
    expect(rulesFor({ clients: ["0.0.0.0/0"] })).toEqual([turn]);
    expect(rulesFor({ clients: [] })).toEqual([]);
  });

  test("show its targets its own address, where it hides its clients, before any other is shown", () => {
    const hiding = "ct status dnat ct original ip daddr 198.18.6.99 snat to 192.168.255.10";
    expect(rulesFor({ source: "192.168.255.10" })).toEqual([turn, hiding]);
    const text = renderRouterRules({ segments: [], hosts: [] }, [
      { balancer: { ...balancer, source: "192.168.255.10" }, well: balancer.targets },
    ]);
    expect(text.indexOf(hiding)).toBeLessThan(text.indexOf("snat to ip saddr map @outbound"));
  });
});

describe("a public address on an interface", () => {
  const direct = host({ publicMode: "interface", publicAddress: "198.18.5.20" });

  test("is routed to the machine, and the one before it no longer", () => {
    expect(renderPublicRoutes(direct, "198.18.5.10")).toEqual([
      `route del 198.18.5.10/32 dev ${publicLink("a")}`,
      `addr replace 198.18.5.1/32 dev ${publicLink("a")}`,
      `route replace 198.18.5.20/32 dev ${publicLink("a")}`,
    ]);
  });

  test("is the source of the default route", () => {
    expect(renderPublicInterface("198.18.5.20").at(-1)).toBe(
      "route replace default via 198.18.5.1 dev eth0 src 198.18.5.20",
    );
    expect(renderPublicInterface(undefined)).toEqual(["addr flush dev eth0", "route flush dev eth0"]);
  });
});

test("interface names fit the kernel's 15 characters, whatever the id", () => {
  const id = "x".repeat(60);
  for (const name of [bridgeName(id), segmentLink(id), publicLink(id)]) expect(name.length).toBeLessThanOrEqual(15);
  expect(segmentLink(id)).not.toBe(segmentLink(`${id.slice(1)}y`));
});
