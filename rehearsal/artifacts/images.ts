import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { addBusybox, addPackages, installedPackages, planPackageClosure } from "./debian";
import { MACHINE_PROGRAMS, SUBMARINER_MODULE, goModuleFolder } from "./goPrograms";
import { writeLayer, type ImageSpec, type Layer } from "./oci";
import { VERSIONS } from "./versions";

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

const k8s = (name: string, tag: string) => `registry.k8s.io/${name}:${tag}`;
const submariner = (name: string) => `quay.io/submariner/${name}:${VERSIONS.submariner}`;

/** Upstream's names of the images a machine needs, whoever made them. */
export const IMAGES = {
  pause: k8s("pause", VERSIONS.pauseImage),
  etcd: k8s("etcd", VERSIONS.etcdImage),
  apiserver: k8s("kube-apiserver", `v${VERSIONS.kubernetes}`),
  controllerManager: k8s("kube-controller-manager", `v${VERSIONS.kubernetes}`),
  scheduler: k8s("kube-scheduler", `v${VERSIONS.kubernetes}`),
  proxy: k8s("kube-proxy", `v${VERSIONS.kubernetes}`),
  coredns: k8s("coredns/coredns", `v${VERSIONS.coredns}`),
  flannel: `ghcr.io/flannel-io/flannel:v${VERSIONS.flannel}`,
  flannelCni: `ghcr.io/flannel-io/flannel-cni-plugin:v${VERSIONS.flannelCniImage}`,
  operator: submariner("submariner-operator"),
  gateway: submariner("submariner-gateway"),
  routeAgent: submariner("submariner-route-agent"),
  lighthouseAgent: submariner("lighthouse-agent"),
  nettest: submariner("nettest"),
};

/** The database: the real image's name, and that of the program in its place. */
export const DATABASE_IMAGES = {
  real: `docker.io/cockroachdb/cockroach:v${VERSIONS.cockroachdb}`,
  standIn: `archipelago.internal/cockroachdb-stand-in:v${VERSIONS.cockroachdb}`,
};

/** The one Kubernetes binary; the machine takes kubelet, kubeadm and kubectl out of its layer too. */
export const KUBE_PATH = "usr/local/bin/kube";
const SERVERS = [
  { reference: IMAGES.apiserver, command: "kube-apiserver" },
  { reference: IMAGES.controllerManager, command: "kube-controller-manager" },
  { reference: IMAGES.scheduler, command: "kube-scheduler" },
  { reference: IMAGES.proxy, command: "kube-proxy" },
];

/**
 * Writes the layers and returns every image a machine needs, under upstream's names. No image has a base image: below
 * the programs lie busybox and, where iptables, nft or libreswan are called, Debian packages with their libraries.
 * A layer is stored once for every different stack of layers below it: that is why the order is the same everywhere.
 */
export async function writeImages(folder: string, from: ProgramFolders): Promise<ImageSpec[]> {
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
  const kube = await programs(
    "kube",
    { [KUBE_PATH]: join(from.kubernetes, "kube") },
    Object.fromEntries(SERVERS.map(({ command }) => [`usr/local/bin/${command}`, "kube"])),
  );
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
  const single = (name: string, path: string, source: string) => programs(name, { [path]: source });

  return [
    {
      reference: IMAGES.pause,
      layers: [await single("pause", "pause", join(from.pause, "pause"))],
      entrypoint: ["/pause"],
    },
    {
      reference: IMAGES.etcd,
      layers: [await single("etcd", "usr/local/bin/etcd", join(from.etcd, "etcd"))],
      command: ["etcd"],
    },
    ...SERVERS.map(({ reference, command }) => ({ reference, layers: [base, net, kube], command: [command] })),
    {
      reference: IMAGES.coredns,
      layers: [await single("coredns", "coredns", join(from.coredns, "coredns"))],
      entrypoint: ["/coredns"],
    },
    { reference: IMAGES.flannel, layers: [base, net, flannel], entrypoint: ["/opt/bin/flanneld"] },
    {
      reference: IMAGES.flannelCni,
      layers: [base, await single("flannel-cni", "flannel", join(from.flannelCni, "flannel-cni"))],
    },
    {
      reference: IMAGES.operator,
      layers: [await single("operator", "submariner-operator", join(from.submarinerOperator, "submariner-operator"))],
      entrypoint: ["/submariner-operator"],
      env: ["USER_UID=1001", "PATH=/"],
      user: "1001",
    },
    {
      reference: IMAGES.gateway,
      layers: [base, net, nodeReady, ipsec, gateway],
      entrypoint: ["submariner.sh"],
      workingFolder: "/var/submariner",
    },
    {
      reference: IMAGES.routeAgent,
      layers: [base, net, nodeReady, routeAgent],
      entrypoint: ["submariner-route-agent.sh"],
      workingFolder: "/var/submariner",
    },
    {
      reference: IMAGES.lighthouseAgent,
      layers: [
        await single("lighthouse-agent", "usr/local/bin/lighthouse-agent", join(from.lighthouse, "lighthouse-agent")),
      ],
      entrypoint: ["/usr/local/bin/lighthouse-agent", "-alsologtostderr"],
      workingFolder: "/var/submariner",
    },
    {
      reference: IMAGES.nettest,
      layers: [base, await single("metricsproxy", "app/metricsproxy", join(from.metricsproxy, "metricsproxy"))],
      workingFolder: "/app",
    },
    await standInImage(folder, base, from.standin),
  ];
}

/** The stand-in for the database, with a shell beside it as the real image has. */
async function standInImage(folder: string, base: Layer, standin: string): Promise<ImageSpec> {
  const layer = await writeLayer(folder, "stand-in", (tar) =>
    tar.addFileFrom("cockroach/cockroach", join(standin, "cockroach"), { mode: 0o755 }),
  );
  return { reference: DATABASE_IMAGES.standIn, layers: [base, layer], workingFolder: "/cockroach" };
}

/** The stand-in's image alone, for machines whose other images are upstream's. */
export async function writeStandInImage(
  folder: string,
  from: Pick<ProgramFolders, "standin" | "debian">,
): Promise<ImageSpec[]> {
  mkdirSync(folder, { recursive: true });
  const base = await writeLayer(folder, "base", (tar) => addBusybox(tar, join(from.debian, "root")));
  return [await standInImage(folder, base, from.standin)];
}
