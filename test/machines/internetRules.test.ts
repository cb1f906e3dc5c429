import { describe, expect, test } from "vitest";
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
