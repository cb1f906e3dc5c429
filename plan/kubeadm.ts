/** kubeadm's configuration files. The node's own address is only known on the machine: it stands as ADDRESS_MARK. */
import { stringify } from "yaml";
import { API_PORT } from "./names";
import type { ClusterPlan, NodePlan } from "./types";

/** Replaced by the boot script with the private address it finds. */
export const ADDRESS_MARK = "@ADDRESS@";
/** The machine image's own kubeadm patches, used when the folder exists. */
export const PATCHES_FOLDER = "/etc/archipelago/patches";

const API_VERSION = "kubeadm.k8s.io/v1beta4";
/** Small machines that all boot at once need longer than kubeadm's four minutes. */
const TIMEOUT = "10m0s";

export interface InitInput {
  cluster: Pick<ClusterPlan, "name" | "suffix" | "apiName" | "podCidr" | "serviceCidr">;
  node: Pick<NodePlan, "name">;
  kubernetesVersion: string;
  bootstrapToken: string;
  /** Addresses known before boot that clients dial without a name. */
  publicAddresses: string[];
}

export interface JoinInput {
  cluster: Pick<ClusterPlan, "apiName">;
  node: Pick<NodePlan, "name">;
  bootstrapToken: string;
  /** `sha256:<hex>` of the CA's public key. */
  caHash: string;
  /** Joins as one more server. */
  server: boolean;
}

const registration = (node: Pick<NodePlan, "name">) => ({
  name: node.name,
  criSocket: "unix:///run/containerd/containerd.sock",
  imagePullPolicy: "IfNotPresent",
  kubeletExtraArgs: [{ name: "node-ip", value: ADDRESS_MARK }],
});

const documents = (...list: object[]): string =>
  list.map((document) => stringify(document, { lineWidth: 0 })).join("---\n");

export function renderInit({ cluster, node, kubernetesVersion, bootstrapToken, publicAddresses }: InitInput): string {
  const init = {
    apiVersion: API_VERSION,
    kind: "InitConfiguration",
    bootstrapTokens: [
      {
        token: bootstrapToken,
        // No expiry: a worker added next year must still join. The token is replaced through the stack, not by time.
        ttl: "0s",
        usages: ["signing", "authentication"],
        groups: ["system:bootstrappers:kubeadm:default-node-token"],
      },
    ],
    localAPIEndpoint: { advertiseAddress: ADDRESS_MARK, bindPort: API_PORT },
    // The control plane carries work too: a region may have one node only.
    nodeRegistration: { ...registration(node), taints: [] },
    timeouts: { controlPlaneComponentHealthCheck: TIMEOUT, kubeletHealthCheck: TIMEOUT },
    patches: { directory: PATCHES_FOLDER },
  };
  const configuration = {
    apiVersion: API_VERSION,
    kind: "ClusterConfiguration",
    kubernetesVersion,
    clusterName: cluster.name,
    controlPlaneEndpoint: `${cluster.apiName}:${API_PORT}`,
    networking: { podSubnet: cluster.podCidr, serviceSubnet: cluster.serviceCidr, dnsDomain: cluster.suffix },
    apiServer: { certSANs: [cluster.apiName, ...publicAddresses] },
  };
  const kubelet = {
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    // Some clouds' images come with swap.
    failSwapOn: false,
  };
  const proxy = {
    apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
    kind: "KubeProxyConfiguration",
    // Not IPVS: Submariner cannot work with it.
    mode: "iptables",
    clusterCIDR: cluster.podCidr,
    oomScoreAdj: 0,
    // The machine's own conntrack limits stay as they are.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: "0s", tcpCloseWaitTimeout: "0s" },
  };
  return documents(init, configuration, kubelet, proxy);
}

export function renderJoin({ cluster, node, bootstrapToken, caHash, server }: JoinInput): string {
  return documents({
    apiVersion: API_VERSION,
    kind: "JoinConfiguration",
    discovery: {
      bootstrapToken: {
        token: bootstrapToken,
        apiServerEndpoint: `${cluster.apiName}:${API_PORT}`,
        caCertHashes: [caHash],
      },
    },
    nodeRegistration: server ? { ...registration(node), taints: [] } : registration(node),
    ...(server && { controlPlane: { localAPIEndpoint: { advertiseAddress: ADDRESS_MARK, bindPort: API_PORT } } }),
    timeouts: {
      ...{ discovery: "15m0s", tlsBootstrap: TIMEOUT, kubeletHealthCheck: TIMEOUT },
      // etcd takes one new member at a time: the next one waits for its turn.
      ...(server && { controlPlaneComponentHealthCheck: TIMEOUT, etcdAPICall: TIMEOUT }),
    },
    patches: { directory: PATCHES_FOLDER },
  });
}
