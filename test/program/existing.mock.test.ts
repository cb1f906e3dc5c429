import * as path from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { opened, struckOut, valueOf } from "../components/engine";
import { EXISTING_LONDON, planWith } from "../plan/fixtures";
import { at, runStack, textAt } from "./mocks";

const plan = planWith({ clusters: { london: EXISTING_LONDON } });
const base64 = (text: string): string => Buffer.from(text).toString("base64");
const TOKEN = "token-of-an-administrator";
const KUBECONFIG = stringify({
  "current-context": "k3s",
  contexts: [{ name: "k3s", context: { cluster: "c", user: "u" } }],
  clusters: [
    { name: "c", cluster: { server: "https://74.220.20.9:6443", "certificate-authority-data": base64("CA") } },
  ],
  users: [{ name: "u", user: { token: TOKEN } }],
});

const before = process.env.ARCHIPELAGO_MANIFESTS;
beforeAll(() => void (process.env.ARCHIPELAGO_MANIFESTS = path.resolve(__dirname, "../fixtures/manifests")));
beforeEach(() => pulumi.runtime.setAllConfig({ "archipelago:kubeconfig": KUBECONFIG }, ["archipelago:kubeconfig"]));
afterAll(() => {
  if (before === undefined) delete process.env.ARCHIPELAGO_MANIFESTS;
  else process.env.ARCHIPELAGO_MANIFESTS = before;
});

describe("a region in an existing cluster", () => {
  test("makes nothing in any cloud, no pod network, no volume, and no authority of its own", async () => {
    const { seen } = await runStack(plan, "london");
    const packages = new Set(seen.map(({ type }) => type.split(":")[0]));
    expect([...packages].sort()).toEqual(["archipelago", "kubernetes", "pulumi"]);
    expect(seen.filter(({ name }) => name.startsWith("flannel"))).toEqual([]);
    expect(seen.filter(({ type }) => /:(PersistentVolume|StorageClass)$/.test(type))).toEqual([]);
    expect(seen.filter(({ name }) => name === "coredns")).toEqual([]);
  });

  test("labels the living nodes by their own names, the gateway with its stated address", async () => {
    const { seen } = await runStack(plan, "london");
    const nodes = seen.filter(({ type }) => type.endsWith(":NodePatch"));
    const patches = Object.fromEntries(
      nodes.map(({ inputs }) => [textAt(inputs, "metadata", "name"), at(inputs, "metadata")]),
    );
    expect(Object.keys(patches).sort()).toEqual(["k3s-pool-1", "k3s-pool-2.internal"]);
    expect(at(patches["k3s-pool-1"], "labels")).toEqual({ "submariner.io/gateway": "true" });
    expect(at(patches["k3s-pool-1"], "annotations", "gateway.submariner.io/public-ip")).toBe("ipv4:74.220.20.1");
    expect(at(patches["k3s-pool-2.internal"], "labels")).toBeUndefined();
    expect(at(patches["k3s-pool-2.internal"], "annotations")).toEqual({
      "pulumi.com/patchForce": "true",
      "submariner.io/tcp-clamp-mss": "1320",
    });
  });

  test("stands a resolver for the fleet's zone beside the cluster's own DNS, at the address the peers know", async () => {
    const { seen } = await runStack(plan, "london");
    const resolver = seen.filter(({ name }) => name === "resolver");
    const ofKind = (kind: string) => resolver.find(({ type }) => type.endsWith(`:${kind}`))!.inputs;
    expect(textAt(ofKind("Service"), "spec", "clusterIP")).toBe("10.43.0.12");
    const corefile = textAt(ofKind("ConfigMap"), "data", "Corefile");
    expect(corefile).toContain("kubernetes london.archipelago.internal {");
    expect(corefile).toContain("oregon.archipelago.internal:1053 {\n    errors\n    forward . 10.193.0.10\n}");
    expect(corefile).toContain("forward . /etc/resolv.conf");
    const { seen: peer } = await runStack(plan, "oregon");
    const theirs = peer.find(({ name }) => name === "coredns")!.inputs;
    expect(textAt(theirs, "data", "Corefile")).toContain(
      "london.archipelago.internal:53 {\n    errors\n    forward . 10.43.0.12\n}",
    );
  });

  test("runs the database on the named storage class, with the resolver's names and the place in its locality", async () => {
    const { seen } = await runStack(plan, "london");
    const { inputs } = seen.find(({ type }) => type.endsWith(":StatefulSet"))!;
    expect(textAt(inputs, "spec", "volumeClaimTemplates", 0, "spec", "storageClassName")).toBe("civo-volume");
    const pod = at(opened(inputs), "spec", "template", "spec");
    expect(at(pod, "dnsPolicy")).toBe("None");
    expect(at(pod, "dnsConfig", "nameservers")).toEqual(["10.43.0.12"]);
    expect(at(pod, "containers", 0, "args")).toContain("--locality=cloud=civo-k3s,region=london,zone=$(NODE_NAME)");
  });

  test("makes the kinds before the operator that would make them, so that they go with the stack", async () => {
    const { seen } = await runStack(plan, "london");
    const kinds = seen
      .filter(({ inputs }) => at(inputs, "kind") === "CustomResourceDefinition")
      .map(({ inputs }) => textAt(inputs, "metadata", "name"));
    for (const kind of ["gateways", "endpoints", "clusters", "routeagents"])
      expect(kinds).toContain(`${kind}.submariner.io`);
    const { seen: own } = await runStack(plan, "oregon");
    expect(own.filter(({ name }) => name.includes("gateways.submariner.io"))).toEqual([]);
  });

  test("keeps its kubeconfig secret, and tells where its API is and what must be opened", async () => {
    const { seen, outputs } = await runStack(plan, "london");
    const kubeconfig = outputs.kubeconfig as pulumi.Output<string>;
    expect(await pulumi.isSecret(kubeconfig)).toBe(true);
    expect(await valueOf(kubeconfig)).toBe(KUBECONFIG);
    expect(await pulumi.isSecret(outputs.apiEndpoint as pulumi.Output<string>)).toBe(false);
    expect(await valueOf(outputs.apiEndpoint as pulumi.Output<string>)).toBe("https://74.220.20.9:6443");
    expect(outputs.openings).toEqual(expect.arrayContaining([expect.stringContaining("UDP 4500 on the gateways")]));
    expect(seen.some(({ inputs }) => JSON.stringify(opened(inputs)).includes(TOKEN))).toBe(true);
    expect(seen.some(({ inputs }) => JSON.stringify(struckOut(inputs)).includes(TOKEN))).toBe(false);
  });

  test("without a kubeconfig says how to give it one", async () => {
    pulumi.runtime.setAllConfig({});
    await expect(runStack(plan, "london")).rejects.toMatchObject({
      message: expect.stringContaining("no kubeconfig") as string,
      remedy: expect.stringContaining("pulumi config set --secret archipelago:kubeconfig -s london") as string,
    });
  });
});
