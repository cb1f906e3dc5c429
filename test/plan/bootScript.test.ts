import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { BOOT_SCRIPT_LIMIT_BYTES, type BootInput, renderBootScript } from "../../plan/bootScript";
import { nodeRules } from "../../plan/firewall";
import type { ClusterPlan } from "../../plan/types";
import { planWith, replicatedRegion } from "./fixtures";

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
  serverAddresses: ["10.20.0.10"],
  caHash: `sha256:${"0".repeat(64)}`,
});

/** As long as openssl makes them for P-256 and the longest names. */
const pem = (what: string, characters: number): string =>
  `-----BEGIN ${what}-----\n${"QUJD".repeat(characters / 4).replace(/(.{64})/g, "$1\n")}\n-----END ${what}-----\n`;
const CERT = pem("CERTIFICATE", 640);
const KEY = pem("EC PRIVATE KEY", 164);
const shared = {
  ...{ etcdCaCert: CERT, etcdCaKey: KEY, frontProxyCaCert: CERT, frontProxyCaKey: KEY },
  ...{ serviceAccountKey: KEY, serviceAccountPublicKey: pem("PUBLIC KEY", 124) },
};
const replicated = planWith({ clusters: { oregon: replicatedRegion() } }).primary;
/** One of three servers; the others' addresses are the planned ones. */
const oneOf = (key: string): BootInput => ({
  ...common(replicated, key),
  ...{ role: "server", caCert: CERT, caKey: KEY, publicAddresses: ["198.51.100.4"] },
  together: {
    founder: key === "a",
    caHash: `sha256:${"0".repeat(64)}`,
    credentials: shared,
    serverAddresses: replicated.nodes
      .filter((node) => node.role === "server" && node.key !== key)
      .map((node) => node.privateAddress!),
  },
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
    expect(script).toContain("PEERS='10.20.0.10'\n");
  });

  test.each(["a", "b"])("of %s, one of three servers, has what all servers share and knows the two others", (key) => {
    const script = renderBootScript(oneOf(key));
    expect(bash(script, "-n")).toMatchObject({ status: 0, stderr: "" });
    const folder = "/etc/kubernetes/pki";
    expect(written(script, `${folder}/etcd/ca.crt`)).toBe(CERT);
    expect(written(script, `${folder}/front-proxy-ca.crt`)).toBe(CERT);
    expect(written(script, `${folder}/sa.pub`)).toBe(shared.serviceAccountPublicKey);
    for (const name of ["ca", "etcd/ca", "front-proxy-ca", "sa"])
      expect(script).toContain(`write ${folder}/${name}.key 600 `);
    const others = replicated.nodes.filter((node) => node.role === "server" && node.key !== key);
    expect(script).toContain(`PEERS='${others.map(({ privateAddress }) => privateAddress).join(" ")}'\n`);
  });

  test("of the first of three servers makes the cluster unless another one lives; the others only ever join", () => {
    const [founder, other] = ["a", "b"].map((key) => renderBootScript(oneOf(key))) as [string, string];
    expect(founder).toContain("kind: InitConfiguration");
    expect(founder).toContain("kind: JoinConfiguration");
    expect(founder).toContain("get --raw /livez; then");
    expect(other).not.toContain("kind: InitConfiguration");
    expect(other).not.toContain("init --skip-token-print");
    const [join] = documents(written(other, "/etc/archipelago/kubeadm.yaml"));
    expect(join).toMatchObject({
      controlPlane: { localAPIEndpoint: { advertiseAddress: "@ADDRESS@", bindPort: 6443 } },
      nodeRegistration: { name: "oregon-b", taints: [] },
    });
  });

  test("of one of three servers fits with the longest names there may be", () => {
    const longest = { ...replicated, name: "n".repeat(20), suffix: "s".repeat(121), apiName: "a".repeat(125) };
    const node = { ...replicated.nodes[0]!, name: "n".repeat(63), replicas: [0, 1, 2, 3, 4, 5, 6, 7, 8] };
    const script = renderBootScript({ ...oneOf("a"), cluster: longest, node });
    expect(Buffer.byteLength(script)).toBeLessThan(BOOT_SCRIPT_LIMIT_BYTES);
  });

  test("of workers spread over the servers: each dials all of them, not all the same one first", () => {
    const serverAddresses = ["10.20.0.4", "10.20.0.36", "10.20.0.68"];
    const orders = Array.from({ length: 12 }, (_, at) => {
      const node = { ...replicated.nodes.at(-1)!, name: `oregon-worker-${at}` };
      const script = renderBootScript({ ...worker(plan.primary), node, serverAddresses } as BootInput);
      return /PEERS='(.*)'/.exec(script)?.[1]?.split(" ") ?? [];
    });
    for (const order of orders) expect([...order].sort()).toEqual([...serverAddresses].sort());
    expect(new Set(orders.map(([first]) => first)).size).toBe(3);
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
