/** Whether every machine's boot script fits into the clouds' user data, before there is anything to put into it. */
import { BOOT_SCRIPT_LIMIT_BYTES, renderBootScript, type ServerGroup } from "./bootScript";
import { CLOUD_FACTS } from "./clouds";
import { UserError } from "./errors";
import { nodeRules } from "./firewall";
import { planFleet } from "./plan";
import { breaks, type RuleFinding } from "./rules";
import { isReplicated } from "./servers";
import { type ClusterPlan, EXISTING, type Topology } from "./types";

/** At least as long as what the program makes: PEM of a P-256 certificate with its names, and of such a key. */
const CERTIFICATE = "x".repeat(1_100);
const KEY = "x".repeat(260);
const TOKEN = `${"x".repeat(6)}.${"x".repeat(16)}`;
const ADDRESS = "255.255.255.255";

/** Authorities of etcd and of the front proxy have but one name each. */
const SHORT_CERTIFICATE = "x".repeat(680);
const TOGETHER: ServerGroup = {
  founder: true,
  serverAddresses: [ADDRESS, ADDRESS],
  caHash: `sha256:${"0".repeat(64)}`,
  credentials: {
    ...{ etcdCaCert: SHORT_CERTIFICATE, etcdCaKey: KEY, frontProxyCaCert: SHORT_CERTIFICATE, frontProxyCaKey: KEY },
    ...{ serviceAccountKey: KEY, serviceAccountPublicKey: KEY },
  },
};

/** @param topology one without errors: others cannot be planned. */
export function checkBoot(topology: Topology): RuleFinding[] {
  // What is there already boots by no script of ours.
  const clusters = Object.values(planFleet(topology).clusters).filter(({ cloud }) => cloud !== EXISTING);
  const { version } = topology.kubernetes;
  // Hundreds of scripts would take as long as all other rules together: mostly two longer than all of them fit already.
  const suspects = [true, false].flatMap((hostFirewall) => {
    const alike = clusters.filter(({ cloud }) => CLOUD_FACTS[cloud].hostFirewall === hostFirewall);
    return alike.length > 0 && findTooLong(widest(alike), version, alike.some(isReplicated)) ? alike : [];
  });
  return suspects.flatMap((cluster): RuleFinding[] => {
    const tooLong = findTooLong(cluster, version, isReplicated(cluster));
    if (!tooLong) return [];
    const allowed = `${BOOT_SCRIPT_LIMIT_BYTES} bytes, what the clouds take as user data`;
    return [breaks("boot-script", `clusters.${cluster.name}.nodes`, tooLong.message, allowed, tooLong.remedy)];
  });
}

/** A cluster whose script is no shorter than that of any of these: the longest of everything that stands in it. */
function widest(clusters: ClusterPlan[]): ClusterPlan {
  const of = (field: "name" | "suffix" | "apiName" | "podCidr" | "serviceCidr" | "nodeCidr") =>
    longest(clusters.map((cluster) => cluster[field]));
  const firewalls = clusters.map(({ firewall }) => JSON.stringify(firewall));
  return {
    ...clusters[0]!,
    ...{ name: of("name"), suffix: of("suffix"), apiName: of("apiName") },
    ...{ podCidr: of("podCidr"), serviceCidr: of("serviceCidr"), nodeCidr: of("nodeCidr") },
    nodes: clusters.flatMap(({ nodes }) => nodes),
    firewall: clusters[firewalls.indexOf(longest(firewalls))]!.firewall,
  };
}

/**
 * Renders for a server with the longest name and the most replicas of the cluster: what a worker is told is shorter.
 *
 * @param replicated it is the first of several, which is told the most.
 */
function findTooLong(cluster: ClusterPlan, kubernetesVersion: string, replicated: boolean): UserError | undefined {
  const node = {
    ...cluster.nodes[0]!,
    gateway: true,
    name: longest(cluster.nodes.map(({ name }) => name)),
    replicas: longest(cluster.nodes.map(({ replicas }) => replicas)),
  };
  const hostFirewall = CLOUD_FACTS[cluster.cloud].hostFirewall ? nodeRules(cluster.firewall, node) : undefined;
  try {
    renderBootScript({
      ...{ cluster, node, role: "server", kubernetesVersion, bootstrapToken: TOKEN, hostFirewall },
      ...{ caCert: CERTIFICATE, caKey: KEY, publicAddresses: [ADDRESS] },
      together: replicated ? TOGETHER : undefined,
    });
    return undefined;
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
}

const longest = <T extends { length: number }>(all: T[]): T =>
  all.reduce((one, other) => (other.length > one.length ? other : one));
