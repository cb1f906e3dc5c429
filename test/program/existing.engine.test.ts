import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { EngineEvent } from "@pulumi/pulumi/automation";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runDown, runPreview, runUp } from "../../harness/fleet";
import { runStatus } from "../../harness/status";
import { missingBinaries } from "../plugins/kubernetesServer";
import { EmulatedWorld, REHEARSED } from "./emulatedWorld";
import { ForeignCluster } from "./foreignCluster";

const missing = missingBinaries();
if (missing) console.warn(`The tests of an existing cluster on a real API server are skipped: ${missing}.`);

/** As the living cluster is. */
const LONDON = {
  cloud: "existing",
  place: "somebody-elses",
  podCidr: "10.244.0.0/16",
  serviceCidr: "10.0.0.0/24",
  nodeCidr: "192.168.77.0/24",
  storageClass: "theirs",
  nodes: {
    server: null,
    "pool-1": { role: "worker", gateway: true, publicAddress: "198.18.9.9" },
    "node-2": { role: "worker", name: "pool-2.internal" },
  },
};

describe.skipIf(missing !== undefined)(
  "a region in an existing cluster, by the real engine on a real API server",
  () => {
    const world = new EmulatedWorld();
    const said: string[] = [];
    const screen = {
      write: (text: string) => {
        said.push(text);
        return process.stderr.write(text);
      },
    };
    let foreign: ForeignCluster;
    let before: string[];

    // Laid as it stands: its null takes the default fleet's own node away.
    const stateTopology = (london: object): void =>
      world.overlay({ ...REHEARSED, clusters: { ...(REHEARSED.clusters as object), london } });
    const config = async (text: string): Promise<void> => {
      const words = ["config", "set", "--secret", "archipelago:kubeconfig", "--stack", "london"];
      expect(await world.pulumi(words, { input: text })).toMatchObject({ code: 0 });
    };
    const outcome = (report: Awaited<ReturnType<typeof runUp>>) =>
      report.stacks.map(({ name, outcome, errors }) => [name, outcome, errors ?? []]);

    beforeAll(async () => {
      await world.open();
      stateTopology(LONDON);
      foreign = await ForeignCluster.start();
      before = await foreign.snapshot();
      expect(outcome(await runUp({ screen, stacks: ["broker"] }))).toEqual([["broker", "changed", []]]);
    });

    afterAll(async () => {
      await foreign?.stop();
      await world.close();
    });

    test("without a kubeconfig, preview and up say how to set one", async () => {
      const report = await runPreview({ screen, stacks: ["london"] });
      expect(outcome(report)[0]![1]).toBe("failed");
      expect(JSON.stringify(report)).toContain("pulumi config set --secret archipelago:kubeconfig -s london");
    });

    test("a kubeconfig with a login helper is refused by a preview already, and no word of it is shown", async () => {
      await config(foreign.api.kubeconfig.replace(/user: \{/, "user: { exec: { command: aws },"));
      const report = await runPreview({ screen, stacks: ["london"] });
      expect(outcome(report)[0]![1]).toBe("failed");
      expect(JSON.stringify(report)).toContain("helper program");
      expect(JSON.stringify(report)).not.toContain("client-key-data");
    });

    test("what is stated wrongly is found by up, everything at once, and nothing is made", async () => {
      await config(foreign.api.kubeconfig);
      const wrong = {
        podCidr: "10.99.0.0/16",
        serviceCidr: "10.98.0.0/16",
        nodeCidr: "192.168.78.0/24",
        storageClass: "gold",
      };
      stateTopology({ ...LONDON, ...wrong, nodes: { ...LONDON.nodes, "pool-9": { role: "worker" } } });
      // A preview asks no cluster.
      expect(outcome(await runPreview({ screen, stacks: ["london"] }))).toEqual([["london", "changed", []]]);
      const report = await runUp({ screen, stacks: ["london"] });
      expect(outcome(report)[0]![1]).toBe("failed");
      const errors = (report.stacks[0]?.errors ?? []).join("\n");
      expect(errors).toContain("5 things are not as stated in the living cluster london");
      for (const place of ["nodes.pool-9", "nodeCidr", "podCidr", "serviceCidr", "storageClass"])
        expect(errors).toContain(`clusters.london.${place}: `);
      expect(errors).toContain("state 10.0.0.0/24");
      expect(await foreign.snapshot()).toEqual(before);
    });

    test("as it is, it comes up; what must be opened by hand is said", async () => {
      stateTopology(LONDON);
      said.length = 0;
      expect(outcome(await runUp({ screen, stacks: ["london"] }))).toEqual([["london", "changed", []]]);
      expect(said.join("")).toContain("UDP 4500 on the gateways, from 0.0.0.0/0");
      const now = (await foreign.snapshot()).filter((line) => !before.includes(line)).join("\n");
      for (const line of ["statefulsets cockroachdb/cockroachdb", "services archipelago-dns/resolver", "submariners "])
        expect(now).toContain(line);
      expect(now).toMatch(
        /nodes \/pool-1 .*"submariner.io\/gateway":"true".*"gateway.submariner.io\/public-ip":"ipv4:198.18.9.9"/,
      );
      expect(now).not.toMatch(/persistentvolumes|flannel|kube-system\/coredns/);
      // Its kubeconfig stands nowhere in clear.
      for (const file of ["project/Pulumi.london.yaml", "backend/.pulumi/stacks/archipelago/london.json"])
        expect(readFileSync(join(world.folder, file), "utf8")).not.toMatch(/client-key-data|PRIVATE KEY/);
    });

    test("a second preview is empty, although the operator has changed the definitions", async () => {
      expect(outcome(await runPreview({ screen, stacks: ["london"] }))).toEqual([["london", "unchanged", []]]);
      expect(outcome(await runPreview({ screen, stacks: ["london"], preview: { refresh: true } }))).toEqual([
        ["london", "unchanged", []],
      ]);
      expect(outcome(await runUp({ screen, stacks: ["london"] }))).toEqual([["london", "unchanged", []]]);
    });

    test("status sees its living nodes by their own names", async () => {
      const { summary } = await runStatus({ screen, stacks: ["london"] });
      const [london] = summary.clusters;
      expect([london?.state, london?.apiEndpoint]).toEqual(["up", `https://127.0.0.1:${foreign.api.port}`]);
      expect(london?.expectedNodes).toEqual(["pool-1", "pool-2.internal"]);
      expect(london?.observation?.nodes.filter(({ ready }) => ready).map(({ name }) => name)).toEqual(
        london?.expectedNodes,
      );
      expect(summary.natures.real.join()).toContain("existing clusters (london)");
    });

    test("a node more is labelled and nothing else is touched; a node less is let go", async () => {
      const changes = async (london: object): Promise<string[]> => {
        stateTopology(london);
        const seen: string[] = [];
        const onEvent = (_: string, { resourcePreEvent }: EngineEvent) => {
          const { op = "same", urn = "" } = resourcePreEvent?.metadata ?? {};
          if (!["same", "read"].includes(op)) seen.push(`${op} ${urn.split("::").at(-1)}`);
        };
        expect((await runUp({ screen, stacks: ["london"], onEvent })).exitCode).toBe(0);
        return seen;
      };
      const { "node-2": second, ...fewer } = LONDON.nodes;
      expect(await changes({ ...LONDON, nodes: { ...fewer, "node-2": null } })).toEqual([
        "delete submariner-node-node-2",
      ]);
      expect(await foreign.snapshot()).toContain(before.find((line) => line.startsWith("nodes /pool-2.internal")));
      expect(await changes({ ...LONDON, nodes: { ...fewer, "node-2": second } })).toEqual([
        "create submariner-node-node-2",
      ]);
    });

    test("down leaves it as it was found, through the operator's finalizer and in order", async () => {
      const deleted: string[] = [];
      const onEvent = (_: string, { resOutputsEvent }: EngineEvent) => {
        const { op, urn = "" } = resOutputsEvent?.metadata ?? {};
        if (op === "delete") deleted.push(urn.split("::").at(-1)!);
      };
      expect(outcome(await runDown({ screen, stacks: ["london"], onEvent }))).toEqual([["london", "changed", []]]);
      const at = (name: string) => deleted.indexOf(name);
      const operator = "submariner-deployment-submariner-operator";
      for (const name of ["database-replicas", "submariner-submariner", operator, "submariner-node-pool-1"])
        expect(deleted, name).toContain(name);
      expect(at("submariner-submariner")).toBeLessThan(at(operator));
      expect(at(operator)).toBeLessThan(at("submariner-customresourcedefinition-gateways.submariner.io"));
      expect(await foreign.snapshot()).toEqual(before);
    });
  },
);
