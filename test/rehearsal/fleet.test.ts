import { describe, expect, test } from "vitest";
import { conditionOf, kubectl, kubectlWithInput, list, REGIONS, type KubeObject } from "./kube";

const REPLICAS = [0, 1, 2] as const;
const DOMAIN = "archipelago.internal";
const nameOf = (region: string, replica: number): string =>
  `cockroachdb-${replica}.cockroachdb.cockroachdb.svc.${region}.${DOMAIN}:26257`;

/** `10.0.0.1:26257` → `10.0.0.1` */
const hostOf = (address: string): string => address.replace(/:\d+$/, "");

interface Probe {
  name: string;
  address: string;
  ok: boolean;
  tls: string;
  peerCN: string;
  rttMicroseconds: number;
  sourceAddressSeenByPeer: string;
  error?: string;
}

interface Connection {
  status: string;
  endpoint: { cluster_id: string };
  latencyRTT?: { average: string };
}

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
      const gateways = await list(region, "gateways.submariner.io", "-n", "submariner-operator");
      const connections = gateways.flatMap((g) => (g.status?.connections ?? []) as Connection[]);
      const connected = connections.filter((c) => c.status === "connected").map((c) => c.endpoint.cluster_id);
      expect(connected.sort()).toEqual(REGIONS.filter((r) => r !== region).sort());
    }
    const namespaces = await list("broker", "namespaces");
    expect(namespaces.map((n) => n.metadata.name)).not.toContain("submariner-operator");
  });

  test("the broker holds exactly one Cluster and one Endpoint for each region", async () => {
    for (const kind of ["clusters.submariner.io", "endpoints.submariner.io"]) {
      const objects = await list("broker", kind, "-n", "submariner-k8s-broker");
      const ids = objects.map((o) => o.spec.cluster_id);
      expect(ids.sort()).toEqual([...REGIONS].sort());
    }
  });

  test("every database pod reaches every other by DNS name with mutual TLS 1.3, and pod addresses are not rewritten", async () => {
    const targets = REGIONS.flatMap((r) => REPLICAS.map((i) => nameOf(r, i)));
    const address = new Map<string, string>();
    for (const region of REGIONS) {
      for (const pod of await list(region, "pods", "-n", "cockroachdb", "-l", "app.kubernetes.io/name=cockroachdb")) {
        const replica = /^cockroachdb-(\d)$/.exec(pod.metadata.name)?.[1];
        if (replica !== undefined) address.set(nameOf(region, Number(replica)), String(pod.status?.podIP));
      }
    }
    let pairs = 0;
    for (const region of REGIONS) {
      for (const replica of REPLICAS) {
        const self = nameOf(region, replica);
        const others = targets.filter((t) => t !== self);
        const out = await kubectl(
          region,
          "exec",
          "-n",
          "cockroachdb",
          `cockroachdb-${replica}`,
          "--",
          "/cockroach/cockroach",
          "probe",
          "--certs-dir=/cockroach/cockroach-certs",
          // All pairs at once on two cores: the default of ten seconds is too short beside other work.
          "--timeout=40s",
          `--targets=${others.join(",")}`,
        );
        for (const probe of JSON.parse(out) as Probe[]) {
          expect({ from: self, ...probe }).toMatchObject({ ok: true, tls: "TLS 1.3", peerCN: "node" });
          expect([self, probe.name, hostOf(probe.address)]).toEqual([self, probe.name, address.get(probe.name)]);
          expect([self, probe.name, hostOf(probe.sourceAddressSeenByPeer)]).toEqual([
            self,
            probe.name,
            address.get(self),
          ]);
          pairs += 1;
        }
      }
    }
    expect(pairs).toBe(132);
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
