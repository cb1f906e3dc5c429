import { describe, expect, test } from "vitest";
import { conditionOf, kubectl, kubectlWithInput, list, REGIONS, type KubeObject } from "./kube";
import { announcedRegions, connectedPeers, expectAllPairs } from "./mesh";

describe("the living rehearsal, asked from inside the clusters", () => {
  test.each([...REGIONS, "broker"])("every node of %s is Ready", async (cluster) => {
    const nodes = await list(cluster, "nodes");
    expect(nodes.length).toBeGreaterThan(0);
    for (const node of nodes)
      expect([node.metadata.name, conditionOf(node, "Ready")]).toEqual([node.metadata.name, "True"]);
  });

  test("twelve of twelve database pods are Ready", async () => {
    const pods = (await Promise.all(REGIONS.map((r) => list(r, "pods", "-n", "cockroachdb")))).flat();
    const database = pods.filter((p) => /^cockroachdb-\d$/.test(p.metadata.name));
    expect(database).toHaveLength(12);
    expect(database.filter((p) => conditionOf(p, "Ready") === "True")).toHaveLength(12);
  });

  test("all six pairs of gateways are connected in both directions, and the broker is not in the mesh", async () => {
    for (const region of REGIONS) {
      expect([region, await connectedPeers(region)]).toEqual([region, REGIONS.filter((r) => r !== region).sort()]);
    }
    const namespaces = await list("broker", "namespaces");
    expect(namespaces.map((n) => n.metadata.name)).not.toContain("submariner-operator");
  });

  test("the broker holds exactly one Cluster and one Endpoint for each region", async () => {
    for (const kind of ["clusters", "endpoints"] as const)
      expect([kind, await announcedRegions(kind)]).toEqual([kind, [...REGIONS].sort()]);
  });

  test("every database pod reaches every other by DNS name with mutual TLS 1.3, and pod addresses are not rewritten", async () => {
    expect(await expectAllPairs(REGIONS)).toBe(132);
  });

  test("the database was initialised once, in the primary region, and is one database", async () => {
    for (const region of REGIONS) {
      const jobs = await list(region, "jobs", "-n", "cockroachdb");
      expect(jobs.map((j) => j.metadata.name)).toEqual(region === "oregon" ? ["cockroachdb-init"] : []);
      if (region === "oregon") expect(jobs[0]?.status?.succeeded).toBe(1);
    }
    const page = "/api/v1/namespaces/cockroachdb/pods/https:cockroachdb-0:8080/proxy/_status/nodes";
    const nodes = (
      JSON.parse(await kubectl("tokyo", "get", "--raw", page)) as { nodes: { desc: { nodeId: number } }[] }
    ).nodes;
    expect(new Set(nodes.map((n) => n.desc.nodeId)).size).toBe(12);
  });

  test("a second init is told that the database is already initialised, and ends well", async () => {
    const job = JSON.parse(
      await kubectl("oregon", "get", "job", "cockroachdb-init", "-n", "cockroachdb", "-o", "json"),
    ) as KubeObject;
    const template = structuredClone(job.spec.template) as { metadata: { labels?: unknown } };
    delete template.metadata.labels;
    const again = {
      apiVersion: "batch/v1",
      kind: "Job",
      metadata: { name: "init-again", namespace: "cockroachdb" },
      spec: { backoffLimit: 0, template },
    };
    try {
      await kubectlWithInput("oregon", JSON.stringify(again), "create", "-f", "-");
      await kubectl(
        "oregon",
        "wait",
        "-n",
        "cockroachdb",
        "--for=condition=Complete",
        "job/init-again",
        "--timeout=60s",
      );
      expect(await kubectl("oregon", "logs", "-n", "cockroachdb", "job/init-again")).toMatch(
        /already been initialized/,
      );
    } finally {
      await kubectl("oregon", "delete", "job", "init-again", "-n", "cockroachdb", "--ignore-not-found");
    }
  });
});
