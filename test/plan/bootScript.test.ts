import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { BOOT_SCRIPT_LIMIT_BYTES, type BootInput, renderBootScript } from "../../plan/bootScript";
import { nodeRules } from "../../plan/firewall";
import type { ClusterPlan } from "../../plan/types";
import { planWith } from "./fixtures";

const PEM = `-----BEGIN CERTIFICATE-----\n${"QUJD".repeat(16)}\n`.repeat(12) + "-----END CERTIFICATE-----\n";
const TOKEN = "abcdef.0123456789abcdef";
const metal = { clusters: { tokyo: { cloud: "equinix-metal", place: "ty", nodeCidr: "10.70.0.0/25", account: "p" } } };
const plan = planWith({ world: "rehearsal", ...metal });

const common = (cluster: ClusterPlan, key: string) => ({
  cluster,
  node: cluster.nodes.find((node) => node.key === key)!,
  kubernetesVersion: "v1.37.2",
  bootstrapToken: TOKEN,
});
const server = (cluster: ClusterPlan): BootInput => ({
  ...common(cluster, "server"),
  role: "server",
  caCert: PEM,
  caKey: "-----BEGIN EC PRIVATE KEY-----\nSECRET\n-----END EC PRIVATE KEY-----\n",
  publicAddresses: ["198.51.100.4"],
});
const worker = (cluster: ClusterPlan): BootInput => ({
  ...common(cluster, "worker-1"),
  role: "worker",
  serverAddress: "10.20.0.10",
  caHash: `sha256:${"0".repeat(64)}`,
});

/** The file that the script writes at a path. */
function written(script: string, path: string): string {
  const begin = script.indexOf(`write ${path} `);
  expect(begin, `${path} is written`).toBeGreaterThan(-1);
  return script.slice(script.indexOf("\n", begin) + 1, script.indexOf("\nARCHIPELAGO\n", begin) + 1);
}
const bash = (script: string, ...args: string[]) => spawnSync("bash", args, { input: script, encoding: "utf8" });
const documents = (text: string) =>
  parseAllDocuments(text).map((document) => document.toJS() as Record<string, unknown>);

describe("the boot script", () => {
  const all = Object.values(plan.clusters).map(server).concat(worker(plan.primary));

  test.each(all.map((input) => [input.node.name, input] as const))(
    "of %s is valid bash within the smallest cloud's limit",
    (_, input) => {
      const script = renderBootScript(input);
      expect(script.startsWith("#!/bin/bash\n")).toBe(true);
      expect(Buffer.byteLength(script)).toBeLessThan(BOOT_SCRIPT_LIMIT_BYTES);
      const { status, stderr } = bash(script, "-n");
      expect(stderr).toBe("");
      expect(status).toBe(0);
    },
  );

  test("of a server has kubeadm make the planned cluster with the CA made beforehand", () => {
    const script = renderBootScript(server(plan.primary));
    const [init, cluster, kubelet, proxy] = documents(written(script, "/etc/archipelago/kubeadm.yaml"));
    expect(init).toMatchObject({
      kind: "InitConfiguration",
      nodeRegistration: { name: "oregon-server", taints: [] },
      bootstrapTokens: [{ token: TOKEN }],
    });
    expect(cluster).toMatchObject({
      kubernetesVersion: "v1.37.2",
      controlPlaneEndpoint: "api.oregon.archipelago.internal:6443",
      networking: {
        podSubnet: "10.129.0.0/16",
        serviceSubnet: "10.193.0.0/16",
        dnsDomain: "oregon.archipelago.internal",
      },
      apiServer: { certSANs: ["api.oregon.archipelago.internal", "198.51.100.4"] },
    });
    expect(kubelet?.kind).toBe("KubeletConfiguration");
    expect(proxy).toMatchObject({ mode: "iptables", clusterCIDR: "10.129.0.0/16" });
    expect(written(script, "/etc/kubernetes/pki/ca.crt")).toBe(PEM);
    expect(script).toContain("write /etc/kubernetes/pki/ca.key 600 ");
  });

  test("of a worker joins by the CA's hash and carries no key of the cluster's", () => {
    const script = renderBootScript(worker(plan.primary));
    const [join] = documents(written(script, "/etc/archipelago/kubeadm.yaml"));
    expect(join).toMatchObject({
      kind: "JoinConfiguration",
      discovery: { bootstrapToken: { token: TOKEN, caCertHashes: [`sha256:${"0".repeat(64)}`] } },
      nodeRegistration: { name: "oregon-worker-1" },
    });
    expect(script).not.toContain("PRIVATE KEY");
    expect(script).not.toContain("ca.key");
    expect(script).toContain("echo '10.20.0.10'");
  });

  test("makes the folders of the node's own replicas and of no other", () => {
    const folders = (input: BootInput) => [...new Set(renderBootScript(input).match(/volumes\/cockroachdb-\d/g) ?? [])];
    expect(folders(server(plan.primary))).toEqual(["volumes/cockroachdb-1"]);
    expect(folders(worker(plan.primary))).toEqual(["volumes/cockroachdb-0", "volumes/cockroachdb-2"]);
    expect(folders(server(plan.broker))).toEqual([]);
  });

  test("filters on the host only where the cloud has no firewall, by the same rules", () => {
    const tokyo = plan.clusters.tokyo!;
    const rules = nodeRules(tokyo.firewall, tokyo.nodes[0]!);
    const script = renderBootScript({ ...server(tokyo), hostFirewall: rules });
    const filter = written(script, "/etc/archipelago/firewall.nft");
    expect(filter).toContain("policy drop");
    for (const port of [6443, 10250, 8472, 4800, 4500, 4490]) expect(filter).toContain(`dport ${port} accept`);
    expect(filter).not.toContain("dport 22");
    expect(written(renderBootScript(server(tokyo)), "/etc/archipelago/firewall.nft")).not.toContain("policy drop");
  });

  test("that is too long is refused rather than cut off by a cloud", () => {
    expect(() =>
      renderBootScript({ ...server(plan.primary), caCert: "x".repeat(BOOT_SCRIPT_LIMIT_BYTES) } as BootInput),
    ).toThrow(/oregon-server: \d+ bytes, at most 16384/);
  });

  test("finds the one address inside the node range among many", () => {
    const script = renderBootScript(server(plan.clusters.tokyo!));
    const functions =
      script.slice(script.indexOf("number()"), script.indexOf("[ -r /etc")) +
      script.slice(script.indexOf("find_address()"), script.indexOf("await 180"));
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 126 }), fc.nat(3), (last, position) => {
        const lines = [
          "1: eth0    inet 198.18.5.9/24 scope global eth0",
          "2: cni0    inet 10.70.0.129/25 scope global cni0",
          "3: eth2    inet 10.71.0.4/25 scope global eth2",
        ];
        lines.splice(position, 0, `4: eth1    inet 10.70.0.${last}/25 brd 10.70.0.127 scope global eth1`);
        const pretend = `ip() { printf '%s\\n' ${lines.map((line) => `'${line}'`).join(" ")}; }`;
        const run = `STATE=$(mktemp -d); NODE_CIDR=10.70.0.0/25\n${pretend}\n${functions}\nfind_address; cat $STATE/address; rm -r $STATE`;
        expect(bash(run).stdout).toBe(`eth1 10.70.0.${last}\n`);
      }),
      { numRuns: 20 },
    );
  });
});
