/** Every upstream version of the rehearsal, in one place. go.mod files repeat those of Go modules; a test compares them. */
export const VERSIONS = {
  pulumi: "3.250.0",
  /** The last SDK module that carries the Node language host. */
  pulumiLanguageNodejs: "3.50.0",
  kubernetes: "1.37.2",
  /** The version and image tag kubeadm of this Kubernetes asks for. */
  etcd: "3.7.0",
  etcdImage: "3.7.0-0",
  pauseImage: "3.10.2",
  coredns: "1.14.6",
  flannel: "0.28.10",
  flannelCniImage: "1.9.1-flannel3",
  cniPlugins: "1.9.1",
  submariner: "0.24.0",
  mcsApi: "0.4.1",
  /** The database's own version, in the place of which the stand-in runs. */
  cockroachdb: "25.4.14",
  debian: "bookworm",
} as const;

/** What one release of Kubernetes is made of: its own version and what its kubeadm asks for. */
export interface KubernetesRelease {
  kubernetes: string;
  etcd: string;
  etcdImage: string;
  coredns: string;
}

/** Releases that the rehearsal of upgrades comes from, oldest first; only built when it is asked for. */
export const EARLIER_KUBERNETES = {
  minor: { kubernetes: "1.36.3", etcd: "3.6.8", etcdImage: "3.6.8-0", coredns: "1.14.2" },
  patch: { kubernetes: "1.37.1", etcd: "3.7.0", etcdImage: "3.7.0-0", coredns: "1.14.6" },
} as const satisfies Record<string, KubernetesRelease>;

/**
 * What else the rehearsal of upgrades begins with. No other Submariner is served as a Go module: the images are the same
 * programs under another repository and number, so what is rehearsed is how a new version rolls out, not what it changes.
 * The database is our stand-in, built a second time under the number before.
 */
export const EARLIER = {
  submariner: "0.23.0",
  submarinerRepository: "archipelago.internal/same-source",
  cockroachdb: "25.4.13",
} as const;
