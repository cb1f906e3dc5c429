import { describe, expect, test } from "vitest";
import { membersOf } from "../../harness/members";
import { planUpgrade, renderUpgradePlan, type ClusterUpgrade } from "../../harness/upgradePlan";
import type { LivingCluster, LivingNode } from "../../harness/upgradeLook";
import type { Plan } from "../../plan/types";
import { planWith } from "../plan/fixtures";

const OLD = "v1.36.3";
const NEW = "v1.37.2";
const workers = { "worker-1": { role: "worker", replicas: [0] }, "worker-2": { role: "worker", replicas: [2] } };
const plan = planWith({
  kubernetes: { version: NEW },
  clusters: { oregon: { nodes: { server: { role: "server", gateway: true }, ...workers } } },
});

/** A cluster as it was put up with earlier versions; `change` is what has happened to it since. */
function living(fleet: Plan, cluster: string, change: Partial<LivingCluster> = {}): LivingCluster {
  const { nodes, role } = fleet.clusters[cluster]!;
  const node = ({ name, role: kind }: (typeof nodes)[number]): LivingNode => ({
    name,
    kubelet: OLD,
    apiServer: kind === "server" ? OLD : undefined,
    leftCordoned: false,
  });
  return {
    cluster,
    nodes: nodes.map(node),
    kubeadm: OLD,
    kubelets: {},
    ...(role === "region" && {
      submariner: "0.24.0",
      submarinerRepository: fleet.topology.submariner.repository,
      databaseImage: "docker.io/cockroachdb/cockroach:v25.4.13",
    }),
    ...change,
  };
}
const done = (cluster: LivingCluster, ...names: string[]): LivingCluster => ({
  ...cluster,
  kubeadm: NEW,
  nodes: cluster.nodes.map((node) =>
    names.includes(node.name) ? { ...node, kubelet: NEW, apiServer: node.apiServer && NEW } : node,
  ),
});
const steps = (fleet: Plan, ...clusters: LivingCluster[]): ClusterUpgrade[] =>
  planUpgrade(fleet.topology, fleet.clusters, membersOf(fleet.topology), clusters);
const nodesOf = ([upgrade]: ClusterUpgrade[]): unknown[] =>
  upgrade?.nodes.map(({ node, part, drain }) => [node, part, drain]) ?? [];

describe("the plan of an upgrade", () => {
  test("takes the broker first and the primary last, whatever order they come in", () => {
    const all = ["oregon", "london", "broker", "ashburn"].map((cluster) => living(plan, cluster));
    expect(steps(plan, ...all).map(({ cluster }) => cluster)).toEqual(["broker", "london", "ashburn", "oregon"]);
  });

  test("changes the server first, then drains worker after worker", () => {
    expect(nodesOf(steps(plan, living(plan, "oregon")))).toEqual([
      ["oregon-server", "first server", false],
      ["oregon-worker-1", "other", true],
      ["oregon-worker-2", "other", true],
    ]);
  });

  test("does not drain a node on which two replicas lie: the region would miss both", () => {
    const narrow = planWith({ kubernetes: { version: NEW } });
    const [upgrade] = steps(narrow, living(narrow, "oregon"));
    expect(upgrade?.nodes.map(({ node, drain }) => [node, drain])).toEqual([
      ["oregon-server", false],
      ["oregon-worker-1", false],
    ]);
    expect(upgrade?.nodes[1]?.effect).toBe("holds 2 replicas of the database: not drained, its pods keep running");
  });

  test("goes on where it stopped", () => {
    const half = done(living(plan, "oregon"), "oregon-server", "oregon-worker-1");
    expect(nodesOf(steps(plan, half))).toEqual([["oregon-worker-2", "other", true]]);
    // kubeadm's record says that the control plane is done, but the server's kubelet is not
    expect(nodesOf(steps(plan, done(living(plan, "london"))))).toEqual([["london-server", "other", false]]);
  });

  test("takes away a cordon that a broken off run has left, and no other", () => {
    const all = done(living(plan, "oregon"), "oregon-server", "oregon-worker-1", "oregon-worker-2");
    const [server, first, second] = all.nodes;
    const left = { ...all, nodes: [server!, { ...first!, leftCordoned: true }, second!] };
    expect(nodesOf(steps(plan, left))).toEqual([["oregon-worker-1", undefined, false]]);
  });

  test("has nothing to do where everything is as the topology says", () => {
    const { submariner, database } = plan.topology;
    const same = { submariner: submariner.version, databaseImage: database.image };
    expect(steps(plan, done({ ...living(plan, "london"), ...same }, "london-server"))).toEqual([]);
  });

  test("leaves a Kubernetes alone that kubeadm did not make", () => {
    const [upgrade] = steps(plan, living(plan, "london", { kubeadm: undefined }));
    expect(upgrade).toMatchObject({ submariner: { from: "0.24.0" }, nodes: [] });
  });

  test("is shown with what is, what will be and how", () => {
    const lines = renderUpgradePlan(steps(plan, living(plan, "london")), NEW);
    expect(lines.map((line) => line.split(/ {2,}/))).toEqual([
      ["CLUSTER", "WHAT", "IS", "WILL BE", "HOW"],
      ["london", "Submariner", "0.24.0", plan.topology.submariner.version, "its pods are replaced node by node"],
      [
        "london",
        "database",
        "docker.io/cockroachdb/cockroach:v25.4.13",
        plan.topology.database.image,
        "one replica after the other",
      ],
      ["london", "london-server", OLD, NEW, "the only server: its API is away for a moment, its pods keep running"],
    ]);
  });
});
