import { describe, expect, test } from "vitest";
import { renderCorefile } from "../../plan/corefile";
import { firewallProfiles, nodeRules } from "../../plan/firewall";
import { planWith } from "./fixtures";

describe("the plan of the fleet", () => {
  const plan = planWith();

  test("puts the primary first and knows every region's peers, but the broker's none", () => {
    expect(plan.regions.map((region) => region.name)).toEqual(["oregon", "ashburn", "london", "tokyo"]);
    for (const region of plan.regions) {
      const peers = region.peers.map((peer) => peer.name);
      expect([...peers, region.name].sort()).toEqual(["ashburn", "london", "oregon", "tokyo"]);
    }
    expect(plan.broker.peers).toEqual([]);
  });

  test("computes names and DNS addresses without asking anybody", () => {
    expect(plan.clusters.london).toMatchObject({
      suffix: "london.archipelago.internal",
      apiName: "api.london.archipelago.internal",
      dnsAddress: "10.195.0.10",
    });
    expect(plan.primary.peers.find((peer) => peer.name === "london")?.dnsAddress).toBe("10.195.0.10");
  });

  test("names nodes by cluster and key, servers first", () => {
    expect(plan.primary.nodes.map((node) => node.name)).toEqual(["oregon-server", "oregon-worker-1"]);
  });

  test("gives static addresses to gateways and servers alone", () => {
    expect(plan.primary.nodes.map((node) => node.staticAddress)).toEqual([true, false]);
    expect(plan.broker.nodes.map((node) => [node.gateway, node.staticAddress])).toEqual([[false, true]]);
  });

  test("puts every replica where its node states it, and all on a region's one node", () => {
    const replicas = (nodes: typeof plan.primary.nodes) => nodes.map((node) => [node.key, node.replicas]);
    expect(replicas(plan.primary.nodes)).toEqual([
      ["server", [1]],
      ["worker-1", [0, 2]],
    ]);
    expect(replicas(plan.clusters.london!.nodes)).toEqual([["server", [0, 1, 2]]]);
    expect(replicas(plan.broker.nodes)).toEqual([["server", []]]);
  });

  test("touches no other node when one is added, not even its replicas", () => {
    const more = planWith({ clusters: { oregon: { nodes: { "worker-2": { role: "worker" } } } } });
    expect(more.primary.nodes.slice(0, 2)).toEqual(plan.primary.nodes);
    expect(more.primary.nodes[2]).toMatchObject({ key: "worker-2", replicas: [] });
  });
});

describe("the firewall", () => {
  const plan = planWith();
  const open = (cluster: string, key: string) => {
    const { firewall, nodes } = plan.clusters[cluster]!;
    const node = nodes.find((candidate) => candidate.key === key)!;
    return nodeRules(firewall, node).map((rule) => `${rule.protocol} ${rule.from} from ${rule.sources.join(" ")}`);
  };

  test("opens the tunnels of a gateway to everybody, its API to administrators and its own nodes", () => {
    expect(open("london", "server")).toEqual([
      "tcp 6443 from 203.0.113.7/32 192.168.1.0/24",
      "tcp 10250 from 192.168.1.0/24",
      "udp 8472 from 192.168.1.0/24",
      "icmp 0 from 0.0.0.0/0",
      "udp 4800 from 192.168.1.0/24",
      "udp 4500 from 0.0.0.0/0",
      "udp 4490 from 0.0.0.0/0",
    ]);
  });

  test("opens no port of a worker to the outside", () => {
    const outside = open("oregon", "worker-1").filter((rule) => !rule.endsWith("10.20.0.0/24"));
    expect(outside).toEqual(["icmp 0 from 0.0.0.0/0"]);
  });

  test("opens the broker's API to the gateways, whose addresses are not known yet, but no tunnel", () => {
    const rules = open("broker", "server");
    expect(rules).toContain("tcp 6443 from 0.0.0.0/0");
    expect(rules.filter((rule) => rule.startsWith("udp 4"))).toEqual([]);
  });

  test("says why for every opening", () => {
    for (const cluster of Object.values(plan.clusters)) {
      for (const rule of cluster.firewall) expect(rule.why.length).toBeGreaterThan(10);
    }
  });

  test("is one for each kind of node", () => {
    const { firewall, nodes } = plan.primary;
    expect(firewallProfiles(firewall, nodes).map((profile) => profile.name)).toEqual(["server-gateway", "worker"]);
  });
});

describe("the Corefile", () => {
  const { primary, broker } = planWith();

  test("forwards each peer's zone to the peer's CoreDNS and answers for its own", () => {
    const text = renderCorefile(primary, ["/etc/resolv.conf"]);
    expect(text).toContain("kubernetes oregon.archipelago.internal in-addr.arpa");
    expect(text).toContain("forward . /etc/resolv.conf");
    for (const peer of primary.peers)
      expect(text).toContain(`${peer.suffix}:53 {\n    errors\n    forward . ${peer.dnsAddress}\n}`);
  });

  test("asks nobody for foreign names where there is no upstream", () => {
    const text = renderCorefile(broker, []);
    expect(text).not.toContain("forward");
    expect(text.split("{").length).toBe(text.split("}").length);
  });
});
