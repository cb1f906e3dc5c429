import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { addBusybox, addPackages, installedPackages, planPackageClosure } from "./debian";
import { MACHINE_PROGRAMS, SUBMARINER_MODULE, goModuleFolder } from "./goPrograms";
import { writeLayer, type ImageSpec, type Layer } from "./oci";
import { EARLIER, EARLIER_KUBERNETES, type KubernetesRelease, VERSIONS } from "./versions";

/** Folders with the programs the images hold, by artifact. */
export interface ProgramFolders {
  kubernetes: string;
  etcd: string;
  coredns: string;
  flannel: string;
  flannelCni: string;
  pause: string;
  submariner: string;
  submarinerOperator: string;
  lighthouse: string;
  metricsproxy: string;
  standin: string;
  /** Debian's root file system is its folder `root`. */
  debian: string;
}

/** The same of what the rehearsal of upgrades comes from. */
export interface EarlierFolders {
  kubernetesMinor: string;
  kubernetesPatch: string;
  etcd: string;
  coredns: string;
  standin: string;
}

const k8s = (name: string, tag: string) => `registry.k8s.io/${name}:${tag}`;
const SUBMARINER_REPOSITORY = "quay.io/submariner";

/** The images kubeadm of one release asks for. */
const kubernetesImages = ({ kubernetes, etcdImage, coredns }: KubernetesRelease) => ({
  etcd: k8s("etcd", etcdImage),
  apiserver: k8s("kube-apiserver", `v${kubernetes}`),
  controllerManager: k8s("kube-controller-manager", `v${kubernetes}`),
  scheduler: k8s("kube-scheduler", `v${kubernetes}`),
  proxy: k8s("kube-proxy", `v${kubernetes}`),
  coredns: k8s("coredns/coredns", `v${coredns}`),
});

const submarinerImages = (repository: string, version: string) => ({
  operator: `${repository}/submariner-operator:${version}`,
  gateway: `${repository}/submariner-gateway:${version}`,
  routeAgent: `${repository}/submariner-route-agent:${version}`,
  lighthouseAgent: `${repository}/lighthouse-agent:${version}`,
  nettest: `${repository}/nettest:${version}`,
});

/** Upstream's names of the images a machine needs, whoever made them. */
export const IMAGES = {
  pause: k8s("pause", VERSIONS.pauseImage),
  ...kubernetesImages(VERSIONS),
  flannel: `ghcr.io/flannel-io/flannel:v${VERSIONS.flannel}`,
  flannelCni: `ghcr.io/flannel-io/flannel-cni-plugin:v${VERSIONS.flannelCniImage}`,
  ...submarinerImages(SUBMARINER_REPOSITORY, VERSIONS.submariner),
};

/** The database: the real image's name, and that of the program in its place. */
export const DATABASE_IMAGES = {
  real: `docker.io/cockroachdb/cockroach:v${VERSIONS.cockroachdb}`,
  standIn: `archipelago.internal/cockroachdb-stand-in:v${VERSIONS.cockroachdb}`,
  earlierStandIn: `archipelago.internal/cockroachdb-stand-in:v${EARLIER.cockroachdb}`,
};

/** The one Kubernetes binary; the machine takes kubelet, kubeadm and kubectl out of its layer too. */
export const KUBE_PATH = "usr/local/bin/kube";
/** Which version it is, beside it. */
export const KUBE_VERSION_PATH = "usr/local/share/kubernetes/version";
const SERVERS = {
  apiserver: "kube-apiserver",
  controllerManager: "kube-controller-manager",
  scheduler: "kube-scheduler",
  proxy: "kube-proxy",
} as const;

/**
 * Writes the layers and returns every image a machine needs, under upstream's names. No image has a base image: below
 * the programs lie busybox and, where iptables, nft or libreswan are called, Debian packages with their libraries.
 * A layer is stored once for every different stack of layers below it: that is why the order is the same everywhere.
 *
 * @param earlier adds what the rehearsal of upgrades comes from.
 */
export async function writeImages(
  folder: string,
  from: ProgramFolders,
  earlier?: EarlierFolders,
): Promise<ImageSpec[]> {
  // the start scripts of Submariner's images are upstream's own
  const submarinerScripts = join(
    await goModuleFolder(MACHINE_PROGRAMS.submariner.folder, SUBMARINER_MODULE),
    "package",
  );
  mkdirSync(folder, { recursive: true });
  const debianRoot = join(from.debian, "root");
  const packages = installedPackages(debianRoot);
  const netPackages = planPackageClosure(packages, [
    "bash",
    "iproute2",
    "iptables",
    "nftables",
    "conntrack",
    "ipset",
    "procps",
    "kmod",
    "grep",
  ]);
  const ipsecPackages = planPackageClosure(packages, ["libreswan", "libnss3-tools", "openssl"], netPackages);
  const base = await writeLayer(folder, "base", (tar) => addBusybox(tar, debianRoot));
  const net = await writeLayer(folder, "net", async (tar) => {
    await addPackages(tar, debianRoot, netPackages);
    // Debian chooses by /etc/alternatives, which belongs to no package
    for (const family of ["iptables", "ip6tables"]) {
      for (const suffix of ["", "-save", "-restore"]) tar.addLink(`usr/sbin/${family}${suffix}`, "xtables-nft-multi");
    }
  });
  const ipsec = await writeLayer(folder, "ipsec", async (tar) => {
    await addPackages(tar, debianRoot, ipsecPackages);
    tar.addFolder("var/lib/ipsec/nss", { mode: 0o700 });
  });
  const programs = (name: string, files: Record<string, string>, links: Record<string, string> = {}): Promise<Layer> =>
    writeLayer(folder, name, (tar) => {
      for (const [path, source] of Object.entries(files)) tar.addFileFrom(path, source, { mode: 0o755 });
      for (const [path, target] of Object.entries(links)) tar.addLink(path, target);
    });
  const single = (name: string, path: string, source: string) => programs(name, { [path]: source });
  const ofKubernetes = async (release: KubernetesRelease, kubernetes: string): Promise<ImageSpec[]> => {
    const images = kubernetesImages(release);
    const kube = await writeLayer(folder, `kube-${release.kubernetes}`, (tar) => {
      tar.addFileFrom(KUBE_PATH, join(kubernetes, "kube"), { mode: 0o755 });
      for (const command of Object.values(SERVERS)) tar.addLink(`usr/local/bin/${command}`, "kube");
      tar.addFile(KUBE_VERSION_PATH, `v${release.kubernetes}\n`);
    });
    return Object.entries(SERVERS).map(([key, command]) => ({
      reference: images[key as keyof typeof SERVERS],
      layers: [base, net, kube],
      command: [command],
    }));
  };
  const ofEtcdAndDns = async (release: KubernetesRelease, etcd: string, coredns: string): Promise<ImageSpec[]> => [
    {
      reference: kubernetesImages(release).etcd,
      layers: [await single(`etcd-${release.etcd}`, "usr/local/bin/etcd", join(etcd, "etcd"))],
      command: ["etcd"],
    },
    {
      reference: kubernetesImages(release).coredns,
      layers: [await single(`coredns-${release.coredns}`, "coredns", join(coredns, "coredns"))],
      entrypoint: ["/coredns"],
    },
  ];
  const nodeReady = await programs("await-node-ready", {
    "usr/local/bin/await-node-ready": join(from.submariner, "await-node-ready"),
    "usr/local/bin/await-node-ready.sh": join(submarinerScripts, "await-node-ready.sh"),
  });
  const gateway = await programs("submariner-gateway", {
    "usr/local/bin/submariner-gateway": join(from.submariner, "submariner-gateway"),
    "usr/local/bin/submariner.sh": join(submarinerScripts, "submariner.sh"),
    "usr/local/bin/pluto": join(submarinerScripts, "pluto"),
  });
  const routeAgent = await programs("submariner-route-agent", {
    "usr/local/bin/submariner-route-agent": join(from.submariner, "submariner-route-agent"),
    "usr/local/bin/submariner-route-agent.sh": join(submarinerScripts, "submariner-route-agent.sh"),
  });
  const flannel = await programs("flannel", {
    "opt/bin/flanneld": join(from.flannel, "flanneld"),
    "opt/bin/install-conf": join(from.flannel, "install-conf"),
  });
  const operator = await single(
    "operator",
    "submariner-operator",
    join(from.submarinerOperator, "submariner-operator"),
  );
  const lighthouse = await single(
    "lighthouse-agent",
    "usr/local/bin/lighthouse-agent",
    join(from.lighthouse, "lighthouse-agent"),
  );
  const metrics = await single("metricsproxy", "app/metricsproxy", join(from.metricsproxy, "metricsproxy"));
  const ofSubmariner = (repository: string, version: string): ImageSpec[] => {
    const images = submarinerImages(repository, version);
    const workingFolder = "/var/submariner";
    return [
      {
        reference: images.operator,
        layers: [operator],
        entrypoint: ["/submariner-operator"],
        env: ["USER_UID=1001", "PATH=/"],
        user: "1001",
      },
      {
        reference: images.gateway,
        layers: [base, net, nodeReady, ipsec, gateway],
        entrypoint: ["submariner.sh"],
        workingFolder,
      },
      {
        reference: images.routeAgent,
        layers: [base, net, nodeReady, routeAgent],
        entrypoint: ["submariner-route-agent.sh"],
        workingFolder,
      },
      {
        reference: images.lighthouseAgent,
        layers: [lighthouse],
        entrypoint: ["/usr/local/bin/lighthouse-agent", "-alsologtostderr"],
        workingFolder,
      },
      { reference: images.nettest, layers: [base, metrics], workingFolder: "/app" },
    ];
  };

  const now = [
    {
      reference: IMAGES.pause,
      layers: [await single("pause", "pause", join(from.pause, "pause"))],
      entrypoint: ["/pause"],
    },
    ...(await ofEtcdAndDns(VERSIONS, from.etcd, from.coredns)),
    ...(await ofKubernetes(VERSIONS, from.kubernetes)),
    { reference: IMAGES.flannel, layers: [base, net, flannel], entrypoint: ["/opt/bin/flanneld"] },
    {
      reference: IMAGES.flannelCni,
      layers: [base, await single("flannel-cni", "flannel", join(from.flannelCni, "flannel-cni"))],
    },
    ...ofSubmariner(SUBMARINER_REPOSITORY, VERSIONS.submariner),
    await standInImage(folder, base, DATABASE_IMAGES.standIn, from.standin),
  ];
  if (!earlier) return now;
  const { minor, patch } = EARLIER_KUBERNETES;
  return [
    ...now,
    ...(await ofEtcdAndDns(minor, earlier.etcd, earlier.coredns)),
    ...(await ofKubernetes(minor, earlier.kubernetesMinor)),
    ...(await ofKubernetes(patch, earlier.kubernetesPatch)),
    ...ofSubmariner(EARLIER.submarinerRepository, EARLIER.submariner),
    await standInImage(folder, base, DATABASE_IMAGES.earlierStandIn, earlier.standin),
  ];
}

/** The stand-in for the database, with a shell beside it as the real image has. */
async function standInImage(folder: string, base: Layer, reference: string, standin: string): Promise<ImageSpec> {
  const layer = await writeLayer(folder, `stand-in-${reference.split(":").at(-1)}`, (tar) =>
    tar.addFileFrom("cockroach/cockroach", join(standin, "cockroach"), { mode: 0o755 }),
  );
  return { reference, layers: [base, layer], workingFolder: "/cockroach" };
}

/** The stand-in's image alone, for machines whose other images are upstream's. */
export async function writeStandInImage(
  folder: string,
  from: Pick<ProgramFolders, "standin" | "debian">,
): Promise<ImageSpec[]> {
  mkdirSync(folder, { recursive: true });
  const base = await writeLayer(folder, "base", (tar) => addBusybox(tar, join(from.debian, "root")));
  return [await standInImage(folder, base, DATABASE_IMAGES.standIn, from.standin)];
}
