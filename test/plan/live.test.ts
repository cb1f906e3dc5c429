import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { addressAt } from "../../plan/cidr";
import { renderOpenings } from "../../plan/existing";
import { checkLive, type LiveFacts, liveWarnings, renderLiveFindings } from "../../plan/live";
import { planFleet } from "../../plan/plan";
import type { ClusterPlan } from "../../plan/types";
import { EXISTING_LONDON, topologyWith } from "./fixtures";

const plan = planFleet(topologyWith({ clusters: { london: EXISTING_LONDON } }));
const london: ClusterPlan = plan.clusters.london!;

/** What the API of a K3s cluster with its defaults would answer, after `up`. */
const LIVE: LiveFacts = {
  version: "v1.33.5+k3s1",
  isAdministrator: true,
  nodes: [
    { name: "k3s-pool-1", addresses: ["192.168.1.4"], podCidrs: ["10.42.0.0/24"] },
    { name: "k3s-pool-2.internal", addresses: ["192.168.1.5"], podCidrs: ["10.42.1.0/24"] },
  ],
  pods: [{ name: "kube-system/coredns-0", node: "k3s-pool-1", address: "10.42.0.2" }],
  serviceCidrs: ["10.43.0.0/16"],
  apiServiceAddress: "10.43.0.1",
  storageClasses: ["civo-volume"],
  namespaces: [{ name: "cockroachdb", isOurs: true }],
  submariners: ["london"],
};

const places = (live: Partial<LiveFacts>): string[] =>
  checkLive(london, { ...LIVE, ...live }).map(({ place }) => place);

describe("an existing cluster's plan", () => {
  test("keeps the living nodes' names and the gateways' stated addresses, and deals no volumes", () => {
    expect(london.nodes).toEqual([
      expect.objectContaining({ name: "k3s-pool-1", gateway: true, publicAddress: "74.220.20.1", replicas: [] }),
      expect.objectContaining({ name: "k3s-pool-2.internal", key: "node-2", gateway: false, replicas: [] }),
    ]);
  });

  test("gives the peers the resolver's address: the twelfth, or the stated one", () => {
    const dnsOf = (one: typeof plan) => one.clusters.oregon!.peers.find(({ name }) => name === "london")!.dnsAddress;
    expect(dnsOf(plan)).toBe("10.43.0.12");
    const stated = { ...EXISTING_LONDON, dnsAddress: "10.43.0.99" };
    expect(dnsOf(planFleet(topologyWith({ clusters: { london: stated } })))).toBe("10.43.0.99");
    expect(london.suffix).toBe("london.archipelago.internal");
  });

  test("says what must be opened by hand: what the fleet adds, and nothing of what its owner has opened already", () => {
    expect(london.firewall.map(({ name }) => name)).toEqual(["ping", "mesh-inside", "cable", "nat-discovery"]);
    const text = renderOpenings(london).join("\n");
    expect(text).toContain("UDP 4500 on the gateways, from 0.0.0.0/0: tunnels between the gateways");
    expect(text).toContain("UDP 4800 on every node, from 192.168.1.0/24");
    expect(text).toContain("TCP 6443");
  });
});

describe("the living cluster", () => {
  test("is let through when everything is as stated", () => {
    expect(checkLive(london, LIVE)).toEqual([]);
    expect(liveWarnings(london, LIVE)).toEqual([]);
  });

  test.each<[string, Partial<LiveFacts>, string, RegExp]>([
    ["an old Kubernetes", { version: "v1.26.15" }, "clusters.london", /v1\.26\.15; allowed: v1\.27 or newer/],
    ["a user without rights", { isAdministrator: false }, "archipelago:kubeconfig", /administrator/],
    [
      "a node that is not there",
      { nodes: LIVE.nodes.slice(0, 1) },
      "clusters.london.nodes.node-2",
      /k3s-pool-2\.internal/,
    ],
    [
      "pods elsewhere",
      { pods: [{ name: "a/b", node: "n", address: "10.244.0.7" }] },
      "clusters.london.podCidr",
      /10\.244\.0\.7 \(a\/b\)/,
    ],
    [
      "services of another range",
      { serviceCidrs: ["10.96.0.0/12"] },
      "clusters.london.serviceCidr",
      /state 10\.96\.0\.0\/12/,
    ],
    [
      "services of two ranges",
      { serviceCidrs: ["10.43.0.0/16", "10.99.0.0/16"] },
      "clusters.london.serviceCidr",
      /takes one/,
    ],
    [
      "an API service elsewhere, where no range is told",
      { serviceCidrs: undefined, apiServiceAddress: "10.96.0.1" },
      "clusters.london.serviceCidr",
      /10\.96\.0\.1/,
    ],
    [
      "a Service at the resolver's address",
      { resolverAddressHolder: "default/web" },
      "clusters.london.dnsAddress",
      /10\.43\.0\.12, which default\/web has/,
    ],
    ["kube-proxy in IPVS", { proxyMode: "ipvs" }, "clusters.london", /ipvs/],
    ["no such storage class", { storageClasses: ["local-path"] }, "clusters.london.storageClass", /local-path/],
    [
      "a database namespace of somebody else",
      { namespaces: [{ name: "cockroachdb", isOurs: false }] },
      "clusters.london",
      /somebody else's/,
    ],
    ["another mesh", { submariners: ["cluster-a"] }, "clusters.london", /cluster-a/],
  ])("is refused with %s, and with that alone", (_, live, place, words) => {
    const findings = checkLive(london, { ...LIVE, ...live });
    expect(findings.map((finding) => finding.place)).toEqual([place]);
    expect(renderLiveFindings(london, findings)).toMatch(words);
    expect(findings[0]!.remedy).not.toBe("");
  });

  test("is refused with everything at once", () => {
    const wrong = {
      nodes: [{ name: "a", addresses: ["10.0.0.4"], podCidrs: [] }],
      pods: [{ name: "x/y", node: "a", address: "10.244.0.9" }],
      serviceCidrs: ["10.96.0.0/16"],
      storageClasses: [],
    };
    expect(places(wrong)).toEqual([
      "clusters.london.nodes.k3s-pool-1",
      "clusters.london.nodes.node-2",
      "clusters.london.nodeCidr",
      "clusters.london.podCidr",
      "clusters.london.serviceCidr",
      "clusters.london.storageClass",
    ]);
  });

  test("may leave the nodes' pod ranges unused, as pod networks do that deal addresses by themselves", () => {
    const unused = LIVE.nodes.map((node) => ({ ...node, podCidrs: ["10.99.0.0/24"] }));
    const pods = LIVE.nodes.map(({ name }, index) => ({ name: `a/${index}`, node: name, address: `10.42.9.${index}` }));
    expect(places({ nodes: unused, pods })).toEqual([]);
    expect(places({ nodes: unused, pods: [] })).toEqual(["clusters.london.podCidr"]);
  });

  test("is warned of nodes that the topology does not name", () => {
    const extra = [...LIVE.nodes, { name: "autoscaled-7", addresses: ["192.168.1.9"], podCidrs: [] }];
    expect(liveWarnings(london, { ...LIVE, nodes: extra }).join()).toContain("autoscaled-7");
    expect(places({ nodes: extra })).toEqual([]);
  });

  test("is refused for exactly the pods that lie outside the stated range, wherever they are", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(65_533)), { maxLength: 30 }), (draws) => {
        const pods = draws.map(([inside, offset], index) => ({
          name: `p/${index}`,
          node: "k3s-pool-1",
          address: addressAt(inside ? "10.42.0.0/16" : "10.244.0.0/16", offset + 1),
        }));
        const nodes = LIVE.nodes.map((node) => ({ ...node, podCidrs: [] }));
        const isWrong = draws.some(([inside]) => !inside);
        expect(places({ nodes, pods })).toEqual(isWrong ? ["clusters.london.podCidr"] : []);
      }),
    );
  });
});
