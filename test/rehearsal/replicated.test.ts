import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { conditionOf, kubectl, kubectlWithInput, list, type KubeObject } from "./kube";
import { replicaPods } from "./mesh";
import { cutPower, givePower, onMachine } from "./power";
import { harness, outcomes } from "./verbs";

const CLUSTER = "oregon";
const SERVERS = ["oregon-a", "oregon-b", "oregon-c"];
/** Two health checks of the load balancer, the API servers' notice of each other, and room for a busy host. */
const API_DEADLINE_SECONDS = 40;
const RETURN_DEADLINE_SECONDS = 180;

/** Tries until it succeeds; seconds it took. */
async function awaitSuccess(deadlineSeconds: number, attempt: () => Promise<unknown>): Promise<number> {
  const begin = Date.now();
  const elapsed = () => (Date.now() - begin) / 1000;
  for (;;) {
    try {
      await attempt();
      return elapsed();
    } catch (error) {
      if (elapsed() > deadlineSeconds) throw error;
      await sleep(500);
    }
  }
}

const readyOf = (objects: KubeObject[]): string[] =>
  objects.filter((one) => conditionOf(one, "Ready") === "True").map(({ metadata }) => metadata.name);
const readyNodes = async (): Promise<string[]> => readyOf(await list(CLUSTER, "nodes")).sort();
const readyReplicas = async (): Promise<string[]> => readyOf(await replicaPods(CLUSTER)).sort();
const replicaOn = async (node: string): Promise<string[]> =>
  (await replicaPods(CLUSTER)).filter(({ spec }) => spec.nodeName === node).map(({ metadata }) => metadata.name);
/** With little patience, for a client tries again: a dial to a server that is gone would last half a minute. */
const askReady = (): Promise<string> => kubectl(CLUSTER, "get", "--raw", "/readyz", "--request-timeout=3s");
/** Members of etcd beside the asked one that it speaks with. */
async function etcdPeers(server: string): Promise<number> {
  const ask =
    "exec 3<>/dev/tcp/127.0.0.1/2381; printf 'GET /metrics HTTP/1.0\\r\\n\\r\\n' >&3; grep '^etcd_network_active_peers' <&3";
  const text = await onMachine(server, ask);
  return text.split("\n").filter((line) => / 1$/.test(line.trim())).length;
}

describe("a region of three servers, rehearsed", () => {
  test("has every node Ready, three members of etcd, and no node with two replicas of the database", async () => {
    expect(await readyNodes()).toEqual([...SERVERS, "oregon-worker-1"]);
    for (const server of SERVERS) expect([server, await etcdPeers(server)]).toEqual([server, 2]);
    expect(await readyReplicas()).toHaveLength(3);
    for (const node of await readyNodes()) expect((await replicaOn(node)).length).toBeLessThanOrEqual(1);
  });

  test("a second up changes nothing", async () => {
    expect(outcomes(await harness("up", "--stack", CLUSTER))).toEqual([[CLUSTER, "unchanged"]]);
  });

  test("goes on when a server's power is cut: same API address, replicas Ready, pods can be made; and takes it back", async () => {
    // The server that the worker dials first: the worst one to lose.
    const hosts = await onMachine("oregon-worker-1", "grep ' api.oregon' /etc/hosts");
    const first = hosts.split(/\s/)[0] ?? "";
    const servers = await list(CLUSTER, "nodes", "-l", "node-role.kubernetes.io/control-plane");
    const lost = servers.find(({ status }) =>
      (status?.addresses as { address: string }[]).some(({ address }) => address === first),
    )?.metadata.name;
    if (!lost) throw new Error(`no server at ${first}: ${hosts}`);
    const lostReplicas = await replicaOn(lost);

    await cutPower(lost);
    const begin = Date.now();
    const answered = await awaitSuccess(API_DEADLINE_SECONDS, () => askReady());
    console.log(`${lost} cut off: the API answers again after ${answered.toFixed(1)} s`);

    const pod = {
      ...{ apiVersion: "v1", kind: "Pod", metadata: { name: "made-meanwhile", namespace: "default" } },
      spec: {
        ...{ nodeName: "oregon-worker-1", terminationGracePeriodSeconds: 0 },
        containers: [{ name: "pause", image: "registry.k8s.io/pause:3.10.2", imagePullPolicy: "IfNotPresent" }],
      },
    };
    await awaitSuccess(API_DEADLINE_SECONDS, () => kubectlWithInput(CLUSTER, JSON.stringify(pod), "apply", "-f", "-"));
    // Until the balancer has missed the lost server twice, a call may still be handed to it: a client tries again.
    await awaitSuccess(API_DEADLINE_SECONDS, () =>
      kubectl(CLUSTER, "wait", "--for=condition=Ready", "pod/made-meanwhile", "--timeout=60s"),
    );
    console.log(`a pod made meanwhile is Ready after ${((Date.now() - begin) / 1000).toFixed(1)} s`);

    // Longer than the node controller's patience: whoever has lost its API would be called NotReady by now.
    while (Date.now() - begin < 75_000) await sleep(1000);
    const left = [...SERVERS, "oregon-worker-1"].filter((node) => node !== lost);
    expect(await readyNodes()).toEqual(left);
    const replicas = await readyReplicas();
    expect(replicas).toEqual(
      ["cockroachdb-0", "cockroachdb-1", "cockroachdb-2"].filter((name) => !lostReplicas.includes(name)),
    );

    await givePower(lost);
    const back = await awaitSuccess(RETURN_DEADLINE_SECONDS, async () => {
      expect(await readyNodes()).toEqual([...SERVERS, "oregon-worker-1"]);
      expect(await etcdPeers(lost)).toBe(2);
      expect(await readyReplicas()).toHaveLength(3);
    });
    console.log(`${lost} given power again: everything as before after ${back.toFixed(1)} s`);
    await kubectl(CLUSTER, "delete", "pod", "made-meanwhile");
  });

  test("the server that made the cluster is rolled: its successor joins, the API answers all the time but for moments", async () => {
    const [first = ""] = SERVERS;
    const uids = async () => {
      const nodes = await list(CLUSTER, "nodes");
      const pods = await replicaPods(CLUSTER);
      return new Map([...nodes, ...pods].map(({ metadata }) => [metadata.name, metadata.uid]));
    };
    const [had, replicas] = [await uids(), await replicaOn(first)];
    let isOver = false;
    let longest = 0;
    const watching = (async () => {
      for (let answered = Date.now(); !isOver; await sleep(500)) {
        await askReady().then(
          () => (answered = Date.now()),
          () => (longest = Math.max(longest, Date.now() - answered)),
        );
      }
    })();
    const { nodes } = await harness<{ nodes: { outcome: string; errors: string[]; seconds: number }[] }>(
      ...["roll", "--stack", CLUSTER, "--node", first.slice(`${CLUSTER}-`.length), "--yes"],
    );
    isOver = true;
    await watching;
    expect(nodes.map(({ outcome, errors }) => [outcome, errors])).toEqual([["rolled", []]]);
    console.log(
      `${first} rolled in ${nodes[0]?.seconds.toFixed(0)} s; the API did not answer for ${(longest / 1000).toFixed(1)} s at most`,
    );
    const has = await uids();
    const touched = [...has].filter(([name, uid]) => had.get(name) !== uid).map(([name]) => name);
    expect(touched.sort()).toEqual([...replicas, first].sort());
    for (const server of SERVERS) expect([server, await etcdPeers(server)]).toEqual([server, 2]);
    expect(await readyNodes()).toEqual([...SERVERS, "oregon-worker-1"]);
    expect(outcomes(await harness("up", "--stack", CLUSTER))).toEqual([[CLUSTER, "unchanged"]]);
  });
});
