import { describe, expect, test } from "vitest";
import { CLOUD_FACTS } from "../../plan/clouds";
import { balancerProfile, type FirewallInput, firewallProfiles, nodeRules, planFirewall } from "../../plan/firewall";
import type { PortRule } from "../../plan/types";
import { planWith, replicatedRegion } from "./fixtures";

const [NODES, ADMINS, BALANCERS] = ["192.0.2.0/24", "203.0.113.0/24", "192.168.255.0/24"];
const input: FirewallInput = { role: "region", nodeCidr: NODES, adminCidrs: [ADMINS] };
const servers = { serverAddresses: ["192.0.2.7", "192.0.2.8", "192.0.2.9"] };
const at = (rules: PortRule[], port: number) => rules.filter(({ from, to }) => from <= port && port <= to);

/** Laid over tokyo: three servers, one of them a gateway, and a worker that is one. */
const replicatedTokyo = () => ({
  nodes: {
    server: null,
    a: { role: "server", gateway: true, replicas: [0] },
    b: { role: "server", replicas: [1] },
    c: { role: "server", replicas: [2] },
    edge: { role: "worker", gateway: true, replicas: [] },
  },
});

describe("the API's port behind a load balancer", () => {
  test("that hands the client's address on is open to the same clients at the servers and at the load balancer", () => {
    const rules = planFirewall({ ...input, ...servers });
    expect(at(rules, 6443).map(({ on, sources }) => [on, sources])).toEqual([["server", [ADMINS, NODES]]]);
    expect(balancerProfile(rules)).toEqual({ name: "balancer", rules: at(rules, 6443) });
  });

  test("that hides it is open to administrators there alone, and at the servers to it and the nodes", () => {
    const rules = planFirewall({ ...input, ...servers, balancerSource: BALANCERS });
    expect(at(rules, 6443).map(({ on, sources }) => [on, sources])).toEqual([
      ["server", [NODES, BALANCERS]],
      ["load balancer", [ADMINS]],
    ]);
    const { rules: own } = balancerProfile(rules);
    expect(own.map(({ protocol, from, to, sources }) => [protocol, from, to, sources])).toEqual([
      ["tcp", 6443, 6443, [ADMINS]],
    ]);
  });

  test("is everybody's where the broker is, wherever they are judged", () => {
    const rules = planFirewall({ ...input, ...servers, role: "broker", balancerSource: BALANCERS });
    expect(balancerProfile(rules).rules.map(({ sources }) => sources)).toEqual([["0.0.0.0/0"]]);
  });

  test("of a single server is the same on every cloud: there is no load balancer", () => {
    expect(planFirewall({ ...input, balancerSource: BALANCERS })).toEqual(planFirewall(input));
  });
});

describe("a plan's firewalls", () => {
  const linode = planWith({ clusters: { tokyo: replicatedTokyo() } }).clusters.tokyo!;
  const source = CLOUD_FACTS.linode.balancerSource!;

  test("put what stands at the load balancer on no node", () => {
    for (const node of linode.nodes)
      expect(nodeRules(linode.firewall, node).filter(({ on }) => on === "load balancer")).toEqual([]);
    expect(firewallProfiles(linode.firewall, linode.nodes).map(({ name }) => name)).toEqual([
      "server-gateway",
      "server",
      "gateway",
    ]);
  });

  test("let load balancers of Linode reach the API of servers, and nothing else anywhere", () => {
    for (const { name, rules } of firewallProfiles(linode.firewall, linode.nodes)) {
      const opened = rules.filter(({ sources }) => sources.includes(source)).map(({ from, to }) => [from, to]);
      expect([name, opened]).toEqual([name, name.startsWith("server") ? [[6443, 6443]] : []]);
    }
    const aws = planWith({ clusters: { oregon: replicatedRegion() } }).clusters.oregon!;
    expect(aws.firewall.flatMap(({ sources }) => sources)).not.toContain(source);
  });
});
