import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ApiServer } from "../../harness/apiserver";
import { drainNode, uncordonNode } from "../../harness/drain";
import { parseKubeconfig } from "../../harness/kubeconfig";
import { missingBinaries, startApiServer } from "../plugins/kubernetesServer";

interface Pod {
  metadata: { name: string; uid: string };
  spec: { nodeName?: string };
}

const missing = missingBinaries();
if (missing) console.warn(`Draining against a real API server is skipped: ${missing}.`);

/** Real API server, budgets and StatefulSet controller; the test plays scheduler and kubelet. */
describe.skipIf(missing !== undefined)("draining by a real API server", () => {
  let server: Awaited<ReturnType<typeof startApiServer>>;
  let api: ApiServer;
  const PODS = "/api/v1/namespaces/default/pods";
  const BUDGET = "/apis/policy/v1/namespaces/default/poddisruptionbudgets/db";
  const labels = { app: "db" };
  const pods = async () => (await api.get<{ items: Pod[] }>(PODS)).items;

  async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
    for (let passed = 0; passed < 60; passed += 0.2) {
      if (await isSo().catch(() => false)) return;
      await sleep(200);
    }
    throw new Error(`not so after 60 s: ${what}`);
  }

  async function run(name: string, node: string): Promise<void> {
    const target = { apiVersion: "v1", kind: "Node", name: node };
    await api.post(`${PODS}/${name}/binding`, { apiVersion: "v1", kind: "Binding", metadata: { name }, target });
    const conditions = [{ type: "Ready", status: "True" }];
    await api.patch(`${PODS}/${name}/status`, { status: { phase: "Running", conditions } });
  }
  /** What the scheduler says of pods that fit on no node. */
  async function refuse(): Promise<void> {
    for (const { metadata, spec } of await pods()) {
      if (spec.nodeName) continue;
      const conditions = [{ type: "PodScheduled", status: "False", reason: "Unschedulable" }];
      await api.patch(`${PODS}/${metadata.name}/status`, { status: { conditions } }).catch(() => undefined);
    }
  }
  const allowed = async () =>
    (await api.get<{ status: { disruptionsAllowed: number } }>(BUDGET)).status.disruptionsAllowed;

  beforeAll(async () => {
    server = await startApiServer();
    api = new ApiServer(parseKubeconfig(server.kubeconfig));
    for (const name of ["one", "other"])
      await api.post("/api/v1/nodes", { apiVersion: "v1", kind: "Node", metadata: { name } });
    await until("the default account", async () =>
      Boolean(await api.get("/api/v1/namespaces/default/serviceaccounts/default")),
    );
    const container = { name: "db", image: "registry.test/db:v1" };
    const template = { metadata: { labels }, spec: { terminationGracePeriodSeconds: 0, containers: [container] } };
    await api.post("/apis/apps/v1/namespaces/default/statefulsets", {
      ...{ apiVersion: "apps/v1", kind: "StatefulSet", metadata: { name: "db" } },
      spec: {
        replicas: 3,
        serviceName: "db",
        podManagementPolicy: "Parallel",
        selector: { matchLabels: labels },
        template,
      },
    });
    await api.post("/apis/policy/v1/namespaces/default/poddisruptionbudgets", {
      ...{ apiVersion: "policy/v1", kind: "PodDisruptionBudget", metadata: { name: "db" } },
      spec: { maxUnavailable: 1, selector: { matchLabels: labels } },
    });
    await until("three pods", async () => (await pods()).length === 3);
    await run("db-0", "one");
    await run("db-1", "other");
    await run("db-2", "one");
    await until("a budget of one", async () => (await allowed()) === 1);
  });
  afterAll(async () => {
    api?.close();
    await server?.close();
  });

  test("both replicas of the node go, one by the budget and one in spite of it, and none of another node", async () => {
    const before = new Map((await pods()).map(({ metadata }) => [metadata.name, metadata.uid]));
    const said: string[] = [];
    const scheduler = setInterval(() => void refuse(), 200);
    await drainNode(api, "one", {
      ...{ deadlineSeconds: 60, intervalSeconds: 0.2 },
      onProgress: (line) => said.push(line),
    }).finally(() => clearInterval(scheduler));
    expect(said.map((line) => line.split(":")[0])).toEqual([
      expect.stringMatching(/^evicted default\/db-[02]$/),
      expect.stringMatching(/^deleted default\/db-[02]$/),
    ]);
    const node = await api.get<{ spec: { unschedulable?: boolean } }>("/api/v1/nodes/one");
    expect(node.spec.unschedulable).toBe(true);
    await until("three pods again", async () => (await pods()).length === 3);
    const after = await pods();
    const same = after.filter(({ metadata }) => before.get(metadata.name) === metadata.uid);
    expect(same.map(({ metadata, spec }) => [metadata.name, spec.nodeName])).toEqual([["db-1", "other"]]);
  });

  test("uncordoned, the node takes pods again", async () => {
    await uncordonNode(api, "one");
    const node = await api.get<{ spec: { unschedulable?: boolean } }>("/api/v1/nodes/one");
    expect(node.spec.unschedulable).toBeUndefined();
  });

  test("a replica of another node that is missing holds the budget, and the error names what is left", async () => {
    await run("db-0", "one");
    await run("db-2", "one");
    await until("a budget of one", async () => (await allowed()) === 1);
    const conditions = [{ type: "Ready", status: "False" }];
    await api.patch(`${PODS}/db-1/status`, { status: { conditions } });
    await until("a budget of none", async () => (await allowed()) === 0);
    const drained = drainNode(api, "one", { deadlineSeconds: 3, intervalSeconds: 0.5 });
    await expect(drained).rejects.toThrow(/still there: default\/db-0 \(.*disruption budget.*, default\/db-2 \(/);
  });
});
