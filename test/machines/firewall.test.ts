import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { FirewallRule } from "../../rehearsal/machines/contract";
import { renderMachineFirewall } from "../../rehearsal/machines/firewall";

const accepts = (rules: FirewallRule[]): string[] =>
  renderMachineFirewall(rules)
    .split("\n")
    .map((line) => line.trim())
    .filter(
      (line) =>
        line.startsWith("ip ") ||
        line.includes("dport") ||
        line.startsWith("meta l4proto") ||
        line.startsWith("meta nfproto"),
    );

const rule = (more: Partial<FirewallRule>): FirewallRule => ({
  protocol: "tcp",
  from: 6443,
  to: 6443,
  sources: ["0.0.0.0/0"],
  ...more,
});

describe("the machine's firewall", () => {
  test("opens one port to one network", () => {
    expect(accepts([rule({ sources: ["198.18.0.0/24"] })])).toEqual(["ip saddr 198.18.0.0/24 tcp dport 6443 accept"]);
  });

  test("opens to everyone without naming a source", () => {
    expect(accepts([rule({ protocol: "udp", from: 4490, to: 4500 })])).toEqual(["udp dport 4490-4500 accept"]);
  });

  test("writes one line a source, and clears host bits", () => {
    expect(accepts([rule({ sources: ["10.20.0.7/24", "198.18.1.10"] })])).toEqual([
      "ip saddr 10.20.0.0/24 tcp dport 6443 accept",
      "ip saddr 198.18.1.10/32 tcp dport 6443 accept",
    ]);
  });

  test("knows every port, icmp and everything", () => {
    expect(accepts([rule({ from: 0, to: 65535 })])).toEqual(["meta l4proto tcp accept"]);
    expect(accepts([rule({ protocol: "icmp", from: -1, to: -1 })])).toEqual(["ip protocol icmp accept"]);
    expect(accepts([rule({ protocol: "all", sources: ["10.20.0.0/24"] })])).toEqual(["ip saddr 10.20.0.0/24 accept"]);
    expect(accepts([rule({ protocol: "all" })])).toEqual(["meta nfproto ipv4 accept"]);
  });

  test("judges before the machine's own translation and drops what no rule names", () => {
    const text = renderMachineFirewall([]);
    expect(text).toContain("type filter hook prerouting priority mangle");
    expect(text.trim().split("\n").at(-3)?.trim()).toBe("counter name shut drop");
  });

  test("without a cloud firewall only removes the table", () => {
    expect(renderMachineFirewall(undefined)).toBe("table inet cloud_firewall\ndelete table inet cloud_firewall\n");
  });

  test("refuses a source that is not IPv4 and ports out of order", () => {
    expect(() => renderMachineFirewall([rule({ sources: ["::/0"] })])).toThrow('"::/0" is not an IPv4 CIDR');
    expect(() => renderMachineFirewall([rule({ sources: ["10.0.0.0/8 accept; drop"] })])).toThrow("not an IPv4 CIDR");
    expect(() => renderMachineFirewall([rule({ from: 90, to: 80 })])).toThrow("90–80");
  });

  test("never opens more ports than the rule names", () => {
    const port = fc.integer({ min: 0, max: 65535 });
    fc.assert(
      fc.property(port, port, (a, b) => {
        const [from, to] = [Math.min(a, b), Math.max(a, b)];
        fc.pre(!(from === 0 && to === 65535));
        const range = from === to ? String(from) : `${from}-${to}`;
        expect(accepts([rule({ from, to })])).toEqual([`tcp dport ${range} accept`]);
      }),
    );
  });
});
