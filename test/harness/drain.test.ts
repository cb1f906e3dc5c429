import { beforeEach, describe, expect, test } from "vitest";
import { ApiError } from "../../harness/apiserver";
import { drainNode, uncordonNode, type DrainApi } from "../../harness/drain";

const NODE = "oregon-worker-1";
const OTHER = "oregon-server";

interface PretendPod {
  metadata: {
    name: string;
    namespace: string;
    uid: string;
    annotations?: Record<string, string>;
    ownerReferences?: { kind: string; uid: string; controller: boolean }[];
  };
  spec: { nodeName?: string };
  status: { phase: string; conditions: { type: string; status: string; reason?: string }[] };
}

/** One workload of replicas that never leave their node, one budget over it; everything else has neither. */
class PretendCluster implements DrainApi {
  readonly pods = new Map<string, PretendPod>();
  readonly calls: string[] = [];
  unschedulable: unknown = undefined;
  /** Of the replicas, how many may be unready at a time. */
  maxUnavailable = 1;
  /** Whether the scheduler has looked at the replicas that wait for a node. */
  isScheduled = true;
  /** Fails once with each of these before it answers. */
  readonly failures: ApiError[] = [];

  add(name: string, nodeName: string, over: { kind?: string; phase?: string; mirror?: boolean; ready?: boolean } = {}) {
    const owner = { kind: over.kind ?? "ReplicaSet", uid: over.kind ?? name, controller: true };
    this.pods.set(name, {
      metadata: {
        ...{ name, namespace: "ns", uid: `${name}-1`, ownerReferences: [owner] },
        annotations: over.mirror ? { "kubernetes.io/config.mirror": "x" } : {},
      },
      spec: { nodeName },
      status: {
        phase: over.phase ?? "Running",
        conditions: [{ type: "Ready", status: over.ready === false ? "False" : "True" }],
      },
    });
  }

  get<T>(): Promise<T> {
    const failure = this.failures.shift();
    if (failure) return Promise.reject(failure);
    return Promise.resolve({ items: [...this.pods.values()].filter(({ spec }) => spec.nodeName === NODE) } as T);
  }

  list<T>(): Promise<T[]> {
    return Promise.resolve([...this.pods.values()] as T[]);
  }

  post<T>(path: string, body: unknown): Promise<T> {
    const name = path.split("/").at(-2)!;
    const pod = this.pods.get(name)!;
    expect(body).toMatchObject({ kind: "Eviction", deleteOptions: { preconditions: { uid: pod.metadata.uid } } });
    if (this.isReplica(pod) && this.unready() >= this.maxUnavailable)
      return Promise.reject(new ApiError("answered 429: Cannot evict pod as it would violate the budget.", 429));
    this.calls.push(`evict ${name}`);
    this.end(pod);
    return Promise.resolve({} as T);
  }

  patch<T>(path: string, body: unknown): Promise<T> {
    expect(path).toBe(`/api/v1/nodes/${NODE}`);
    this.unschedulable = (body as { spec: { unschedulable: unknown } }).spec.unschedulable;
    return Promise.resolve({} as T);
  }

  remove(path: string): Promise<void> {
    const name = path.split("/").at(-1)!;
    this.calls.push(`delete ${name}`);
    this.end(this.pods.get(name)!);
    return Promise.resolve();
  }

  private isReplica = (pod: PretendPod): boolean => pod.metadata.ownerReferences?.[0]?.kind === "StatefulSet";

  private unready(): number {
    const replicas = [...this.pods.values()].filter(this.isReplica);
    return replicas.filter(({ status }) => status.conditions[0]?.status !== "True").length;
  }

  /** A replica comes back at once, and waits for the node on which its volume is. */
  private end(pod: PretendPod): void {
    this.pods.delete(pod.metadata.name);
    if (!this.isReplica(pod)) return;
    this.add(pod.metadata.name, "", { kind: "StatefulSet", phase: "Pending", ready: false });
    const unschedulable = { type: "PodScheduled", status: "False", reason: "Unschedulable" };
    if (this.isScheduled) this.pods.get(pod.metadata.name)?.status.conditions.push(unschedulable);
  }
}

describe("draining a node", () => {
  let cluster: PretendCluster;
  const said: string[] = [];
  const drain = (deadlineSeconds = 2) =>
    drainNode(cluster, NODE, { deadlineSeconds, intervalSeconds: 0.01, onProgress: (line) => said.push(line) });
  beforeEach(() => {
    cluster = new PretendCluster();
    said.length = 0;
  });

  test("cordons it and evicts what can run elsewhere, and leaves DaemonSets, static pods and what has ended", async () => {
    cluster.add("web", NODE);
    cluster.add("flannel", NODE, { kind: "DaemonSet" });
    cluster.add("etcd", NODE, { kind: "Node", mirror: true });
    cluster.add("job", NODE, { phase: "Succeeded" });
    cluster.add("elsewhere", OTHER);
    await drain();
    expect(cluster.unschedulable).toBe(true);
    expect(cluster.calls).toEqual(["evict web"]);
    expect([...cluster.pods.keys()]).toEqual(["flannel", "etcd", "job", "elsewhere"]);
    await uncordonNode(cluster, NODE);
    expect(cluster.unschedulable).toBe(null);
  });

  test("tries again what a budget refuses, until it allows it", async () => {
    cluster.add("db-0", NODE, { kind: "StatefulSet" });
    cluster.add("db-1", OTHER, { kind: "StatefulSet", ready: false });
    setTimeout(() => cluster.add("db-1", OTHER, { kind: "StatefulSet" }), 100);
    const begin = Date.now();
    await drain();
    expect(Date.now() - begin).toBeGreaterThanOrEqual(90);
    expect(cluster.calls).toEqual(["evict db-0"]);
  });

  test("takes replicas that wait for this very node for one loss, and deletes the next in spite of the budget", async () => {
    cluster.add("db-0", NODE, { kind: "StatefulSet" });
    cluster.add("db-1", OTHER, { kind: "StatefulSet" });
    cluster.add("db-2", NODE, { kind: "StatefulSet" });
    await drain();
    expect(cluster.calls).toEqual(["evict db-0", "delete db-2"]);
    expect(said.at(-1)).toContain("deleted ns/db-2: its budget misses only replicas of this node");
  });

  test("never goes beyond a budget for a replica that may yet find another node", async () => {
    cluster.isScheduled = false;
    cluster.add("db-0", NODE, { kind: "StatefulSet" });
    cluster.add("db-2", NODE, { kind: "StatefulSet" });
    await expect(drain(0.2)).rejects.toThrow("still there: ns/db-2");
    expect(cluster.calls).toEqual(["evict db-0"]);
  });

  test("never goes beyond a budget that misses a replica of another node", async () => {
    cluster.maxUnavailable = 2;
    cluster.add("db-0", NODE, { kind: "StatefulSet" });
    cluster.add("db-1", OTHER, { kind: "StatefulSet", ready: false });
    cluster.add("db-2", NODE, { kind: "StatefulSet" });
    await expect(drain(0.2)).rejects.toMatchObject({
      message: expect.stringMatching(
        /not drained after 0\.2 s; still there: ns\/db-2 \(.*violate the budget/,
      ) as string,
      remedy: expect.stringContaining(`kubectl uncordon ${NODE}`) as string,
    });
    expect(cluster.calls).toEqual(["evict db-0"]);
  });

  test("never goes beyond a budget that allows nothing at all", async () => {
    cluster.maxUnavailable = 0;
    cluster.add("db-0", NODE, { kind: "StatefulSet" });
    await expect(drain(0.1)).rejects.toThrow("still there: ns/db-0");
    expect(cluster.calls).toEqual([]);
  });

  test("outlives an API server that does not answer for a while, and does not take silence for emptiness", async () => {
    cluster.add("web", NODE);
    cluster.failures.push(new ApiError("connection refused"), new ApiError("answered 404", 404));
    await drain();
    expect(cluster.calls).toEqual(["evict web"]);
  });
});
