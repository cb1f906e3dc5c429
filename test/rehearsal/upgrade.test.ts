/** Two upgrades of a living fleet that began with earlier versions: a minor and a patch version of Kubernetes. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { beforeAll, describe, expect, test } from "vitest";
import { podman } from "../../rehearsal/podman";
import { STAGES, type Stage } from "../../rehearsal/stages";
import { conditionOf, kubectl, kubectlWithInput, list, type KubeObject } from "./kube";
import { connectedPeers, replicaName } from "./mesh";

const ROOT = join(__dirname, "..", "..");
const CLUSTERS = ["broker", "oregon", "ashburn"];
/** The order in which the harness takes them: the primary last. */
const ORDER = ["broker", "ashburn", "oregon"];
const DATABASE_REGIONS = ["oregon", "ashburn"];
const STACKS = CLUSTERS.flatMap((name) => ["--stack", name]);
const [begin, minor, patch] = STAGES as readonly [Stage, Stage, Stage];

interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

/** A command of the checkout; its progress goes through. */
async function run(command: string, ...words: string[]): Promise<Ended> {
  const child = promisify(execFile)(join(ROOT, command), words, { maxBuffer: 64 * 1024 * 1024 });
  child.child.stderr?.pipe(process.stderr, { end: false });
  return child.then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: Ended) => error,
  );
}

const machines = async (): Promise<string[]> =>
  (await podman(["ps", "--all", "--no-trunc", "--filter", "label=archipelago=1", "--format", "{{.ID}}"]))
    .split("\n")
    .filter(Boolean)
    .sort();

/** The versions a cluster shows from inside, one of each kind if all agree. */
async function versionsOf(cluster: string): Promise<Record<string, string[]>> {
  const nodes = await list(cluster, "nodes");
  const images = async (...words: string[]): Promise<string[]> => {
    const pods = await list(cluster, "pods", "-n", "kube-system", ...words);
    return pods.map((pod) => (pod.spec.containers as { image: string }[])[0]!.image.split(":").at(-1)!);
  };
  const api = JSON.parse(await kubectl(cluster, "get", "--raw", "/version")) as { gitVersion: string };
  const seen = {
    kubelet: nodes.map((node) => (node.status?.nodeInfo as { kubeletVersion: string }).kubeletVersion),
    api: [api.gitVersion],
    controlPlane: await images("-l", "tier=control-plane,component!=etcd"),
    proxy: await images("-l", "k8s-app=kube-proxy"),
  };
  return Object.fromEntries(Object.entries(seen).map(([kind, all]) => [kind, [...new Set(all)]]));
}

const allOf = (version: string): Record<string, string[]> => ({
  kubelet: [version],
  api: [version],
  controlPlane: [version],
  proxy: [version],
});

/** The database's own words on its nodes: store → node id, and the build each one runs. */
async function members(region: string): Promise<{ clusterId: string; ids: Record<string, number>; builds: string[] }> {
  const page = "/api/v1/namespaces/cockroachdb/pods/https:cockroachdb-0:8080/proxy/_status/nodes";
  const answer = JSON.parse(await kubectl(region, "get", "--raw", page)) as {
    clusterId: string;
    nodes: { storeId: string; desc: { nodeId: number }; buildInfo: { tag: string } }[];
  };
  return {
    clusterId: answer.clusterId,
    ids: Object.fromEntries(answer.nodes.map(({ storeId, desc }) => [storeId, desc.nodeId])),
    builds: [...new Set(answer.nodes.map(({ buildInfo }) => buildInfo.tag))],
  };
}

const corefile = async (cluster: string): Promise<string> => {
  const map = JSON.parse(await kubectl(cluster, "get", "configmap", "coredns", "-n", "kube-system", "-o", "json")) as {
    data: Record<string, string>;
  };
  expect(Object.keys(map.data)).toEqual(["Corefile"]);
  return map.data.Corefile!;
};

const proxyConfig = (cluster: string): Promise<string> =>
  kubectl(cluster, "get", "configmap", "kube-proxy", "-n", "kube-system", "-o", "jsonpath={.data.config\\.conf}");

/** Images of Submariner's pods. */
async function meshImages(region: string): Promise<string[]> {
  const pods = await list(region, "pods", "-n", "submariner-operator");
  return [...new Set(pods.flatMap((pod) => (pod.spec.containers as { image: string }[]).map(({ image }) => image)))];
}

/** A pod on the region's server that asks the region's replicas, twice in three seconds at least, until it is deleted. */
async function startPoller(region: string): Promise<void> {
  const targets = [0, 1, 2].map((ordinal) => replicaName(region, ordinal)).join(",");
  const probe = `/cockroach/cockroach probe --certs-dir=/cockroach/cockroach-certs --timeout=2s --targets=${targets}`;
  const pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "poller", namespace: "cockroachdb" },
    spec: {
      nodeName: `${region}-server`,
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 0,
      securityContext: {
        runAsNonRoot: true,
        runAsUser: 1000,
        runAsGroup: 1000,
        fsGroup: 1000,
        seccompProfile: { type: "RuntimeDefault" },
      },
      containers: [
        {
          name: "poller",
          image: begin.databaseImage,
          command: ["/bin/sh", "-c", `while :; do ${probe} 2>/dev/null; echo ";"; sleep 1; done`],
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
          volumeMounts: [{ name: "certificates", mountPath: "/cockroach/cockroach-certs", readOnly: true }],
        },
      ],
      volumes: [{ name: "certificates", secret: { secretName: "cockroachdb-node", defaultMode: 0o440 } }],
    },
  };
  await kubectlWithInput(region, JSON.stringify(pod), "create", "-f", "-");
  await kubectl(region, "wait", "-n", "cockroachdb", "--for=condition=Ready", "pod/poller", "--timeout=60s");
}

/** How many replicas did not answer, sample by sample; samples in which a name could not be looked up tell nothing. */
async function endPoller(region: string): Promise<{ missing: number[]; blind: number }> {
  const pod = JSON.parse(
    await kubectl(region, "get", "pod", "poller", "-n", "cockroachdb", "-o", "json"),
  ) as KubeObject;
  const [status] = pod.status?.containerStatuses as { restartCount: number }[];
  expect(status?.restartCount, "the poller's own restarts").toBe(0);
  const log = await kubectl(region, "logs", "-n", "cockroachdb", "poller");
  await kubectl(region, "delete", "pod", "poller", "-n", "cockroachdb", "--wait=false");
  const samples = log.split("\n;\n").flatMap((text) => {
    try {
      return [JSON.parse(text) as { ok: boolean; error?: string }[]];
    } catch {
      // The last one may be cut off.
      return [];
    }
  });
  const told = samples.filter((sample) => !sample.some(({ error = "" }) => /lookup/.test(error)));
  return {
    missing: told.map((sample) => sample.filter(({ ok }) => !ok).length),
    blind: samples.length - told.length,
  };
}

/** Of one upgrade of three clusters on a host that has other work too. */
const UPGRADE_MS = 1_500_000;

describe("upgrades of a living fleet", () => {
  let before: Awaited<ReturnType<typeof members>>;
  let machinesBefore: string[];
  const corefiles = new Map<string, string>();
  const proxies = new Map<string, string>();

  beforeAll(async () => {
    before = await members("oregon");
    machinesBefore = await machines();
    for (const cluster of CLUSTERS) {
      corefiles.set(cluster, await corefile(cluster));
      proxies.set(cluster, await proxyConfig(cluster));
    }
  });

  /** What must hold after each: everything moved, nothing lost. */
  async function expectAll(stage: Stage): Promise<void> {
    for (const cluster of CLUSTERS) {
      expect([cluster, await versionsOf(cluster)]).toEqual([cluster, allOf(stage.kubernetesVersion)]);
      expect(await corefile(cluster)).toBe(corefiles.get(cluster));
      expect(await proxyConfig(cluster)).toBe(proxies.get(cluster));
      for (const node of await list(cluster, "nodes")) {
        expect([node.metadata.name, node.spec.unschedulable ?? false]).toEqual([node.metadata.name, false]);
        expect(Object.keys(node.metadata.annotations ?? {}).filter((key) => key.includes("cordoned"))).toEqual([]);
      }
      const left = await list(cluster, "pods", "-n", "kube-system", "-l", "archipelago.internal/node-shell");
      expect(left).toEqual([]);
    }
    for (const region of DATABASE_REGIONS) {
      const pods = (await list(region, "pods", "-n", "cockroachdb")).filter(({ metadata }) =>
        /^cockroachdb-\d$/.test(metadata.name),
      );
      expect(pods.filter((pod) => conditionOf(pod, "Ready") === "True")).toHaveLength(3);
      expect(
        (await meshImages(region)).filter((image) => !image.startsWith(`${stage.submariner.repository}/`)),
      ).toEqual([]);
      expect((await meshImages(region)).filter((image) => !image.endsWith(`:${stage.submariner.version}`))).toEqual([]);
      expect(await connectedPeers(region)).toEqual(DATABASE_REGIONS.filter((peer) => peer !== region));
    }
    const after = await members("ashburn");
    expect(after.clusterId).toBe(before.clusterId);
    expect(after.ids).toEqual(before.ids);
    expect(after.builds).toEqual([`stand-in for CockroachDB ${stage.databaseImage.split(":").at(-1)}`]);
    expect(await machines()).toEqual(machinesBefore);
  }

  /** Through the harness verb, watched from inside. */
  async function upgrade(): Promise<{ code: number; outcomes: string[][]; seconds: number }> {
    for (const region of DATABASE_REGIONS) await startPoller(region);
    await sleep(3_000);
    const { code, stdout } = await run("archipelago", "upgrade", ...STACKS, "--yes", "--json");
    for (const region of DATABASE_REGIONS) {
      const { missing, blind } = await endPoller(region);
      const worst = Math.max(...missing);
      console.log(`${region}: ${missing.length} samples, at most ${worst} replica missing; ${blind} samples blind`);
      expect(missing.length, `samples of ${region}`).toBeGreaterThan(20);
      expect(blind, `samples of ${region} without names`).toBeLessThan(missing.length / 4);
      expect(worst, `replicas of ${region} missing at once`).toBeLessThanOrEqual(1);
    }
    const report = JSON.parse(stdout) as {
      seconds: number;
      clusters: { cluster: string; outcome: string; errors: string[] }[];
    };
    const outcomes = report.clusters.map(({ cluster, outcome, errors }) => [cluster, outcome, ...errors]);
    return { code, outcomes, seconds: report.seconds };
  }

  test("the fleet stands with the earlier versions, and there is nothing to upgrade", async () => {
    await expectAll(begin);
    const { code, stdout } = await run("archipelago", "upgrade", ...STACKS, "--yes", "--json");
    expect([code, (JSON.parse(stdout) as { clusters: unknown[] }).clusters]).toEqual([0, []]);
  });

  test("two minor versions' worth of change, or a way back, is refused before anything is touched", async () => {
    expect((await run("rehearse", "target", "v1.35.9")).code).toBe(2);
    expect((await run("rehearse", "target", minor.kubernetesVersion)).code).toBe(0);
    const { code, stderr } = await run("archipelago", "upgrade", ...STACKS);
    expect(stderr).toContain("--yes was not given");
    expect(code).toBe(2);
    expect(await versionsOf("broker")).toEqual(allOf(begin.kubernetesVersion));
  });

  test("a new version in the topology changes nothing in living machines by itself", async () => {
    const { stdout } = await run("archipelago", "preview", "--stack", "broker", "--json");
    const { stacks } = JSON.parse(stdout) as { stacks: { outcome: string }[] };
    expect(stacks.map(({ outcome }) => outcome)).toEqual(["unchanged"]);
  });

  test(
    "a minor version of Kubernetes, with Submariner and the database, cluster by cluster",
    { timeout: UPGRADE_MS },
    async () => {
      const { code, outcomes, seconds } = await upgrade();
      expect(outcomes).toEqual(ORDER.map((cluster) => [cluster, "upgraded"]));
      expect(code).toBe(0);
      console.log(`${begin.kubernetesVersion} to ${minor.kubernetesVersion}: ${Math.round(seconds)} s`);
      await expectAll(minor);
    },
  );

  test("a patch version of Kubernetes", { timeout: UPGRADE_MS }, async () => {
    expect((await run("rehearse", "target", patch.kubernetesVersion)).code).toBe(0);
    const { code, outcomes, seconds } = await upgrade();
    expect(outcomes).toEqual(ORDER.map((cluster) => [cluster, "upgraded"]));
    expect(code).toBe(0);
    console.log(`${minor.kubernetesVersion} to ${patch.kubernetesVersion}: ${Math.round(seconds)} s`);
    await expectAll(patch);
  });

  test("a second upgrade does nothing, a second up changes nothing, and there is no way back", async () => {
    const { stdout } = await run("archipelago", "upgrade", ...STACKS, "--yes", "--json");
    expect((JSON.parse(stdout) as { clusters: unknown[] }).clusters).toEqual([]);
    const up = JSON.parse((await run("archipelago", "up", ...STACKS, "--json")).stdout) as {
      stacks: { name: string; outcome: string }[];
    };
    expect(up.stacks.map(({ name, outcome }) => [name, outcome])).toEqual(CLUSTERS.map((name) => [name, "unchanged"]));
    expect((await run("rehearse", "target", begin.kubernetesVersion)).code).toBe(0);
    const back = await run("archipelago", "upgrade", ...STACKS, "--yes");
    expect(back.code).toBe(2);
    for (const cluster of CLUSTERS) expect(back.stderr).toContain(`${cluster}: Kubernetes: `);
    expect((await run("rehearse", "target", patch.kubernetesVersion)).code).toBe(0);
  });
});
