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
