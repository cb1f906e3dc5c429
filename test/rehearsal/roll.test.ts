import { describe, expect, test } from "vitest";
import { conditionOf, list } from "./kube";
import { replicaPods } from "./mesh";
import { harness, machinesNamed, outcomes, STACKS } from "./verbs";

interface RollReport {
  nodes: { node: string; outcome: string; errors: string[]; seconds: number }[];
}

describe("rolling nodes of a living rehearsal", () => {
  test("a worker that holds replicas is rolled: a new machine in its place, everything Ready, nothing else touched", async () => {
    const uids = async () => {
      const nodes = await list("oregon", "nodes");
      const pods = await list("oregon", "pods", "-n", "cockroachdb");
      return new Map([...nodes, ...pods].map(({ metadata }) => [metadata.name, metadata.uid]));
    };
    const volumes = async () => (await list("oregon", "persistentvolumes")).map(({ metadata }) => metadata.uid).sort();
    const [had, machines, kept] = [await uids(), await machinesNamed("oregon"), await volumes()];

    const { nodes } = await harness<RollReport>("roll", "--stack", "oregon", "--node", "worker-1", "--yes");
    expect(nodes.map(({ node, outcome, errors }) => [node, outcome, errors])).toEqual([
      ["oregon-worker-1", "rolled", []],
    ]);
    console.error(`oregon-worker-1 rolled in ${nodes[0]!.seconds} s`);

    const now = await machinesNamed("oregon");
    expect(now).toHaveLength(machines.length);
    expect(now.filter((name) => !machines.includes(name))).toHaveLength(1);
    const has = await uids();
    const touched = [...has].filter(([name, uid]) => had.get(name) !== uid).map(([name]) => name);
    // The node and the two replicas whose volumes lie on it; the third, on the server, has never stopped.
    expect(touched.sort()).toEqual(["cockroachdb-0", "cockroachdb-2", "oregon-worker-1"]);
    expect(await volumes()).toEqual(kept);
    const pods = await replicaPods("oregon");
    expect(pods.map((pod) => [pod.metadata.name, conditionOf(pod, "Ready")])).toEqual(
      [0, 1, 2].map((ordinal) => [`cockroachdb-${ordinal}`, "True"]),
    );
    expect(outcomes(await harness("up"))).toEqual(STACKS.map((s) => [s, "unchanged"]));
  });
});
