/** A cluster of somebody else joins the fleet as a region, and is left as it was found. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { shellBlocks } from "./docsShell";
import { findObjects, findTraces } from "./found";
import { conditionOf, kubectl, list } from "./kube";
import { announcedRegions, connectedPeers, expectAllPairs, replicaPods } from "./mesh";
import { NODE, OWNER, putUp, runAsOwner } from "./somebodyElses";
import { harness, outcomes, ROOT } from "./verbs";

const GUEST = "london";
const [ACCOUNT = "", CONFIGURATION = ""] = shellBlocks("docs/existing-clusters.md");
/** As docs/existing-clusters.md says of them, under "What is left behind". */
const LEFT = [
  "APIService /v1alpha1.multicluster.x-k8s.io",
  "CustomResourceDefinition /serviceexports.multicluster.x-k8s.io",
  "CustomResourceDefinition /serviceimports.multicluster.x-k8s.io",
];
/** Submariner's gateway sets it at its start, and its removal does not put it back. */
const SETTING_LEFT = "net.ipv4.conf.all.send_redirects = 0";
/** Objects go a moment after they were deleted, and pods' links after the pods. */
const SETTLE = { timeout: 90_000, interval: 3_000 };

/** Volumes are claimed, and those of a class with `Retain` never offer themselves again: compared by `phases`. */
const isVolume = (name: string): boolean => name.startsWith("PersistentVolume ");
const phases = async (): Promise<unknown[]> => (await list(OWNER, "pv")).map(({ status }) => status?.phase);

async function found(): Promise<Record<string, unknown>> {
  const objects = Object.entries(await findObjects(OWNER));
  return Object.fromEntries(objects.filter(([name]) => !isVolume(name)));
}

describe("a cluster that somebody else has put up", () => {
  let objects: Record<string, unknown>;
  let traces: string[];

  beforeAll(async () => {
    const begin = Date.now();
    await putUp();
    console.log(`somebody else's cluster is up after ${Math.round((Date.now() - begin) / 1000)} s`);
  });

  test("without its kubeconfig is not joined, and up says how to give one", async () => {
    const report = await harness("up", "--stack", GUEST);
    expect(outcomes(report)[0]![1]).toBe("failed");
    expect(JSON.stringify(report)).toContain(`pulumi config set --secret archipelago:kubeconfig -s ${GUEST}`);
  });

  test("gets an account for the fleet, and the fleet its kubeconfig, by the documented commands", async () => {
    await runAsOwner(`${ACCOUNT}\neval "$(./rehearse env)"\n${CONFIGURATION}`);
    // Looking at the rehearsal renews its project folder, where the kubeconfig now stands.
    await promisify(execFile)(join(ROOT, "rehearse"), ["status"]).catch(() => undefined);
    objects = await found();
    traces = await findTraces(NODE);
    expect(Object.keys(objects)).toContain("Secret kube-system/archipelago");
    expect(await phases()).toEqual(["Available", "Available", "Available"]);
  });

  test("is joined by one up", async () => {
    const begin = Date.now();
    expect(outcomes(await harness("up", "--stack", GUEST))).toEqual([[GUEST, "changed"]]);
    console.log(`joined after ${Math.round((Date.now() - begin) / 1000)} s`);
    await promisify(execFile)(join(ROOT, "archipelago"), ["kubeconfig"]);
  });

  test("is connected with the other region, in both directions", async () => {
    await vi.waitFor(async () => {
      expect(await connectedPeers(GUEST)).toEqual(["oregon"]);
      expect(await connectedPeers("oregon")).toEqual([GUEST]);
    }, SETTLE);
    for (const kind of ["clusters", "endpoints"] as const)
      expect([kind, await announcedRegions(kind)]).toEqual([kind, [GUEST, "oregon"]]);
  });

  test("has three replicas Ready on volumes of its owner's class", async () => {
    const pods = await replicaPods(GUEST);
    expect(pods.map((pod) => [pod.metadata.name, conditionOf(pod, "Ready")])).toEqual(
      [0, 1, 2].map((ordinal) => [`cockroachdb-${ordinal}`, "True"]),
    );
    expect(await phases()).toEqual(["Bound", "Bound", "Bound"]);
  });

  test("has replicas that reach the other region's by name with mutual TLS 1.3, and are reached by them", async () => {
    expect(await expectAllPairs(["oregon", GUEST])).toBe(30);
  });

  test("sees nothing of its own changed, but the mark of Submariner on its node", async () => {
    const now = await found();
    const changed = Object.keys(objects).filter((name) => JSON.stringify(now[name]) !== JSON.stringify(objects[name]));
    expect(changed).toEqual([`Node /${NODE}`]);
  });

  test("is not touched again by a second up, and a preview that asks it finds no difference", async () => {
    expect(outcomes(await harness("up", "--stack", GUEST))).toEqual([[GUEST, "unchanged"]]);
    expect(outcomes(await harness("preview", "--stack", GUEST, "--refresh"))).toEqual([[GUEST, "unchanged"]]);
  });

  test("is left as it was found, and forgotten by the others", async () => {
    const begin = Date.now();
    expect(outcomes(await harness("down", "--stack", GUEST))).toEqual([[GUEST, "changed"]]);
    console.log(`left after ${Math.round((Date.now() - begin) / 1000)} s`);
    await vi.waitFor(async () => {
      const now = await found();
      for (const name of LEFT) delete now[name];
      expect(now).toEqual(objects);
    }, SETTLE);
    expect(await phases()).toEqual(["Released", "Released", "Released"]);
    for (const kind of ["clusters", "endpoints"] as const)
      expect([kind, await announcedRegions(kind)]).toEqual([kind, ["oregon"]]);
    await vi.waitFor(async () => expect(await connectedPeers("oregon")).toEqual([]), SETTLE);
    expect(await kubectl(OWNER, "get", "pods", "-n", "shop", "-o", "jsonpath={.items[*].status.phase}")).toBe(
      "Running",
    );
  });

  test("has no link, route, rule or packet filter of the mesh left on its machine, and one kernel setting", async () => {
    expect(traces).toContain("net.ipv4.conf.all.send_redirects = 1");
    const expected = traces.map((line) => (line === "net.ipv4.conf.all.send_redirects = 1" ? SETTING_LEFT : line));
    await vi.waitFor(async () => expect(await findTraces(NODE)).toEqual(expected.sort()), SETTLE);
  });
});
