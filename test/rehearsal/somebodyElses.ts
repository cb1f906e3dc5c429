/**
 * A cluster that the program did not make: one machine of the emulated internet on which kubeadm and upstream's flannel are
 * used as their documentation says, with ranges and DNS suffix as they are by default. existing.json states it.
 */
import { execFile } from "node:child_process";
import { copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { parse, stringify } from "yaml";
import { stateFolder } from "../../harness/folders";
import { BROUGHT_FOLDER } from "../../plan/kubernetesPrograms";
import { VERSIONS } from "../../rehearsal/artifacts/versions";
import { startDaemon, stopDaemon } from "../../rehearsal/daemonControl";
import { OPERATOR } from "../../rehearsal/machines/addresses";
import type { FirewallRule, MachineSpec } from "../../rehearsal/machines/contract";
import { PodmanMachines } from "../../rehearsal/machines/podmanMachines";
import { kubeconfigFolder, readWorld } from "../../rehearsal/world";
import { kubectl, kubectlWithInput } from "./kube";
import { onMachine } from "./power";

/** Under this name `kubectl` (kube.ts) meets it as its owner does. */
export const OWNER = "owner";
/** No label, as the names of many clouds' nodes are none. */
export const NODE = "pool-1.internal";

const SEGMENT = { name: "somebody-elses", cidr: "192.168.77.0/24" };
const PRIVATE_ADDRESS = "192.168.77.10";
/** Of a range that no emulated cloud deals from. */
const PUBLIC_ADDRESS = "198.18.7.10";
const BOOT_DEADLINE_SECONDS = 300;
const ANYWHERE = ["0.0.0.0/0"];

/** What its owner had open, then what docs/existing-clusters.md asks for, word for word. */
const FIREWALL: FirewallRule[] = [
  { protocol: "tcp", from: 6443, to: 6443, sources: [OPERATOR.cidr] },
  { protocol: "udp", from: 4500, to: 4500, sources: ANYWHERE },
  { protocol: "udp", from: 4490, to: 4490, sources: ANYWHERE },
  { protocol: "udp", from: 4800, to: 4800, sources: [SEGMENT.cidr] },
  { protocol: "icmp", from: 0, to: 0, sources: ANYWHERE },
];

const KUBEADM = [
  {
    apiVersion: "kubeadm.k8s.io/v1beta4",
    kind: "InitConfiguration",
    localAPIEndpoint: { advertiseAddress: PRIVATE_ADDRESS },
    nodeRegistration: { name: NODE, criSocket: "unix:///run/containerd/containerd.sock", taints: [] },
    // What a container needs to be a machine.
    patches: { directory: "/etc/archipelago/patches" },
    timeouts: { controlPlaneComponentHealthCheck: "10m0s", kubeletHealthCheck: "10m0s" },
  },
  {
    apiVersion: "kubeadm.k8s.io/v1beta4",
    kind: "ClusterConfiguration",
    kubernetesVersion: `v${VERSIONS.kubernetes}`,
    // Flannel's default; of Services and DNS kubeadm's.
    networking: { podSubnet: "10.244.0.0/16" },
    apiServer: { certSANs: [PUBLIC_ADDRESS] },
  },
  {
    apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
    kind: "KubeProxyConfiguration",
    // A container cannot set either.
    oomScoreAdj: 0,
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: "0s", tcpCloseWaitTimeout: "0s" },
  },
];

const VOLUMES = [0, 1, 2].map((number) => `/srv/volumes/${number}`);

const USER_DATA = `#!/bin/bash
# What the owner of this cluster typed on its machine.
set -euo pipefail
exec >>/var/log/owner.log 2>&1
. /etc/archipelago/image.env
ln -sf ${BROUGHT_FOLDER}/v${VERSIONS.kubernetes}/* /usr/bin/
mkdir -p ${VOLUMES.join(" ")}
systemctl enable containerd kubelet
systemctl start containerd
cat >/root/kubeadm.yaml <<'YAML'
${KUBEADM.map((document) => stringify(document)).join("---\n")}YAML
kubeadm init --config /root/kubeadm.yaml --skip-token-print $KUBEADM_FLAGS
touch /root/owner.done
`;

const MACHINE: MachineSpec = {
  id: "somebody-elses-pool-1",
  name: NODE,
  cloud: "somebody-elses",
  segment: SEGMENT.name,
  privateAddress: PRIVATE_ADDRESS,
  publicAddress: PUBLIC_ADDRESS,
  publicMode: "nat",
  firewall: FIREWALL,
  userData: USER_DATA,
};

/** Things of its owner beside what kubeadm makes: volumes for whoever claims them, and a workload. */
const BELONGINGS = [
  {
    apiVersion: "storage.k8s.io/v1",
    kind: "StorageClass",
    metadata: { name: "theirs" },
    provisioner: "kubernetes.io/no-provisioner",
    volumeBindingMode: "WaitForFirstConsumer",
    reclaimPolicy: "Retain",
  },
  ...VOLUMES.map((path, number) => ({
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name: `theirs-${number}` },
    spec: {
      capacity: { storage: "20Gi" },
      accessModes: ["ReadWriteOnce"],
      storageClassName: "theirs",
      persistentVolumeReclaimPolicy: "Retain",
      local: { path },
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [
            { matchExpressions: [{ key: "kubernetes.io/hostname", operator: "In", values: [NODE] }] },
          ],
        },
      },
    },
  })),
  { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } },
  {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "web", namespace: "shop" },
    spec: {
      selector: { matchLabels: { app: "web" } },
      template: {
        metadata: { labels: { app: "web" } },
        spec: { containers: [{ name: "web", image: `registry.k8s.io/pause:${VERSIONS.pauseImage}` }] },
      },
    },
  },
];

/** Boots the machine and makes it a cluster; on return its node and its workloads are ready. */
export async function putUp(): Promise<void> {
  await bootMachine();
  await awaitOwner();
  const config = parse(await onMachine(NODE, "cat /etc/kubernetes/admin.conf")) as Kubeconfig;
  for (const { cluster } of config.clusters) cluster.server = `https://${PUBLIC_ADDRESS}:6443`;
  writeFileSync(join(kubeconfigFolder(), `${OWNER}.yaml`), stringify(config), { mode: 0o600 });

  await leaveUpstreamDnsOut();
  await kubectl(OWNER, "apply", "-f", join(readWorld()!.manifestsFolder, "flannel.yaml"));
  for (const thing of BELONGINGS) await kubectlWithInput(OWNER, JSON.stringify(thing), "apply", "-f", "-");
  await kubectl(OWNER, "wait", "node", NODE, "--for=condition=Ready", "--timeout=180s");
  await kubectl(OWNER, "wait", "deployment", "--all", "-A", "--for=condition=Available", "--timeout=180s");
}

/** Runs a command block of the documentation with a copy of the owner's kubeconfig, which it may write to. */
export async function runAsOwner(script: string): Promise<void> {
  const KUBECONFIG = join(stateFolder(), "owners-copy.yaml");
  copyFileSync(join(kubeconfigFolder(), `${OWNER}.yaml`), KUBECONFIG);
  const options = { cwd: join(__dirname, "..", ".."), env: { ...process.env, KUBECONFIG } };
  await promisify(execFile)("bash", ["-euo", "pipefail", "-c", script], options);
}

interface Kubeconfig {
  clusters: { cluster: { server: string } }[];
}

/** The daemon knows the machines it made; while it is away another process may make one, and it finds it at its start. */
async function bootMachine(): Promise<void> {
  await stopDaemon();
  try {
    const machines = new PodmanMachines({ stateFolder: stateFolder(), image: readWorld()!.machineImage });
    await machines.internet.read();
    await machines.ensureSegment(SEGMENT);
    await machines.createMachine(MACHINE);
  } finally {
    await startDaemon();
  }
}

async function awaitOwner(): Promise<void> {
  const deadline = Date.now() + BOOT_DEADLINE_SECONDS * 1000;
  let seen = "nothing";
  while (Date.now() < deadline) {
    if (
      await onMachine(NODE, "test -e /root/owner.done").then(
        () => true,
        () => false,
      )
    )
      return;
    seen = await onMachine(NODE, "tail -5 /var/log/owner.log").catch(String);
    await sleep(1_000);
  }
  throw new Error(`the owner's cluster is not there after ${BOOT_DEADLINE_SECONDS} s; last seen: ${seen}`);
}

/** There is no internet behind the emulated one: kubeadm's CoreDNS would ask nobody's name server, and not start. */
async function leaveUpstreamDnsOut(): Promise<void> {
  const map = JSON.parse(await kubectl(OWNER, "get", "configmap", "coredns", "-n", "kube-system", "-o", "json")) as {
    data: { Corefile: string };
  };
  const without = map.data.Corefile.replace(/^ *forward [^{]*\{[^}]*\}\n/m, "");
  if (without === map.data.Corefile) throw new Error(`kubeadm's Corefile forwards to nobody:\n${without}`);
  const patch = JSON.stringify({ data: { Corefile: without } });
  await kubectl(OWNER, "patch", "configmap", "coredns", "-n", "kube-system", "--type=merge", "-p", patch);
}
