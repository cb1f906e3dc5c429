import { describe, expect, it } from "vitest";
import type { ClusterObservation } from "../../harness/observation";
import { membersOf } from "../../harness/members";
import { planNatures } from "../../harness/status";
import { checkReadiness, renderSummary, type ClusterSummary, type FleetSummary } from "../../harness/summary";
import { DEFAULT_TOPOLOGY } from "../../stacks/topology";
import type { Topology } from "../../plan/types";

const rehearsal: Topology = {
  ...DEFAULT_TOPOLOGY,
  world: "rehearsal",
  submariner: { ...DEFAULT_TOPOLOGY.submariner, cableDriver: "vxlan" },
  database: {
    ...DEFAULT_TOPOLOGY.database,
    image: "archipelago.internal/cockroachdb-stand-in:v25.4.14",
    standIn: true,
  },
};
const members = membersOf(rehearsal);
const regions = members.filter(({ part }) => part !== "broker").map(({ name }) => name);

function observed(name: string): ClusterObservation {
  const isRegion = regions.includes(name);
  const peers = regions.filter((peer) => peer !== name);
  return {
    nodes: [{ name: `${name}-server`, ready: true, version: "v1.37.2" }],
    gateways: isRegion ? [{ node: `${name}-server`, active: true }] : [],
    tunnels: (isRegion ? peers : []).map((cluster, index) => ({
      gateway: `${name}-server`,
      cluster,
      remote: `${cluster}-server`,
      remoteAddress: `198.18.1.${index}`,
      cable: "vxlan",
      status: "connected",
      rttMs: 0.4 + index,
    })),
    databasePods: (isRegion ? [0, 1, 2] : []).map((ordinal) => ({
      name: `cockroachdb-${ordinal}`,
      ready: true,
      restarts: 0,
      nature: "stand-in" as const,
    })),
  };
}

function summaryOf(change: (cluster: ClusterSummary) => ClusterSummary = (cluster) => cluster): FleetSummary {
  const clusters = members.map((member): ClusterSummary => {
    const isRegion = member.part !== "broker";
    return change({
      ...member,
      state: "up",
      podCidr: "10.129.0.0/16",
      serviceCidr: "10.193.0.0/16",
      expectedNodes: [`${member.name}-server`],
      expectedPeers: isRegion ? regions.filter((name) => name !== member.name) : [],
      expectedReplicas: isRegion ? 3 : 0,
      observation: observed(member.name),
    });
  });
  const natures = planNatures(rehearsal, members, ["aws", "oci", "kubernetes", "random"]);
  return { world: "rehearsal", clusters, natures, lookAround: ["look around: …"], takeDown: "take it down: make down" };
}

const change = (name: string, edit: (seen: ClusterObservation) => Partial<ClusterSummary>) =>
  summaryOf((cluster) => (cluster.name === name ? { ...cluster, ...edit(cluster.observation!) } : cluster));

describe("summary", () => {
  it("says in its first line that everything is there", () => {
    expect(renderSummary(summaryOf())[0]).toBe(
      "rehearsal: 5 of 5 clusters up, 5 of 5 nodes Ready, 6 of 6 tunnels connected, 12 of 12 database pods Ready (stand-in)",
    );
    expect(checkReadiness(summaryOf())).toEqual([]);
  });

  it("always names what is real, emulated and stand-in", () => {
    const text = renderSummary(summaryOf()).join("\n");
    expect(text).toMatch(/^real: .*Kubernetes v1.37.2.*Submariner 0.24.2 \(cable vxlan, tunnels not encrypted\)$/m);
    expect(text).toMatch(/^emulated: Vultr, AWS, Oracle Cloud, Civo, Equinix Metal$/m);
    expect(text).toMatch(
      /^stand-in: CockroachDB \(archipelago.internal\/.*\), provider plugin kubernetes, provider plugin random$/m,
    );
    expect(text).toMatch(/look around/);
    expect(text).toMatch(/take it down/);
  });

  it("calls clouds and database real where they are", () => {
    const natures = planNatures(DEFAULT_TOPOLOGY, members, []);
    expect(natures.emulated).toEqual([]);
    expect(natures.standIn).toEqual([]);
    expect(natures.real).toEqual(
      expect.arrayContaining(["AWS", "CockroachDB (docker.io/cockroachdb/cockroach:v25.4.14)"]),
    );
  });

  it("shows a matrix of round trips with a word where there is no tunnel", () => {
    const summary = change("london", (seen) => ({
      observation: {
        ...seen,
        tunnels: seen.tunnels.map((one) => (one.cluster === "tokyo" ? { ...one, status: "connecting" } : one)),
      },
    }));
    const lines = renderSummary(summary);
    const row = lines.find((line) => /^london\s+[\d.]/.test(line));
    expect(row?.trim().split(/\s+/)).toEqual(["london", "0.4", "1.4", "-", "connecting"]);
    expect(lines[0]).toContain("5 of 6 tunnels connected");
  });

  it("shows a cluster that does not answer as such, with what to do", () => {
    const summary = change("tokyo", () => ({
      state: "unreachable",
      reason: "connection refused",
      observation: undefined,
    }));
    const text = renderSummary(summary, true).join("\n");
    expect(text).toMatch(/tokyo\s+equinix-metal ty\s+unreachable.*connection refused/);
    expect(text).toContain("tokyo does not answer: connection refused");
    expect(text).toContain("4 of 5 clusters up");
  });

  it.each<[string, (seen: ClusterObservation) => Partial<ClusterSummary>, RegExp]>([
    ["a stack that is down", () => ({ state: "down", observation: undefined }), /is not up/],
    [
      "a node that is not Ready",
      (seen) => ({ observation: { ...seen, nodes: [{ ...seen.nodes[0]!, ready: false }] } }),
      /nodes not Ready: london-server/,
    ],
    ["a node that is missing", (seen) => ({ observation: { ...seen, nodes: [] } }), /nodes not Ready: london-server/],
    [
      "a tunnel that is missing",
      (seen) => ({ observation: { ...seen, tunnels: seen.tunnels.slice(1) } }),
      /no connected tunnel to oregon/,
    ],
    [
      "a pod that is missing",
      (seen) => ({ observation: { ...seen, databasePods: seen.databasePods.slice(1) } }),
      /database pods Ready: 2 of 3/,
    ],
  ])("is not ready with %s", (_, edit, problem) => {
    const shortcomings = checkReadiness(change("london", edit));
    expect(shortcomings).toHaveLength(1);
    expect(shortcomings[0]).toMatchObject({ cluster: "london", problem: expect.stringMatching(problem) as string });
  });

  it("lists gateways with their six columns in detail only", () => {
    const head = /GATEWAY\s+CLUSTER\s+REMOTE-IP\s+CABLE\s+STATUS\s+RTT/;
    expect(renderSummary(summaryOf(), true).join("\n")).toMatch(head);
    expect(renderSummary(summaryOf(), false).join("\n")).not.toMatch(head);
  });
});
