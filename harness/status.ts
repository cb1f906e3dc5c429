import type { OutputMap } from "@pulumi/pulumi/automation";
import { CLOUD_FACTS } from "../plan/clouds";
import { planFleet } from "../plan/plan";
import { EXISTING, type Topology } from "../plan/types";
import { loadTopology } from "../stacks/topology";
import { ApiServer } from "./apiserver";
import { chooseEngine, renderEngine, type Engine } from "./engine";
import { errorLines, remedyFor } from "./failure";
import type { FleetOptions } from "./fleet";
import { parseKubeconfig } from "./kubeconfig";
import { membersOf, planSelection, type Member } from "./members";
import { observeCluster } from "./observation";
import { projectFolder } from "./project";
import { attachedPackages } from "./recovery";
import { EXIT, type ExitCode } from "./report";
import { checkReadiness, type ClusterSummary, type FleetSummary, type Natures, type Shortcoming } from "./summary";
import { isUp, openBackend, readOutputs, type Backend } from "./workspace";

export interface FleetStatus {
  summary: FleetSummary;
  exitCode: ExitCode;
}

export interface ReadinessOptions extends FleetOptions {
  /** Default 300. */
  deadlineSeconds?: number;
  /** Called at most every ten seconds with what is still missing. */
  onWait?: (missing: Shortcoming[]) => void;
}

const POLL_MS = 2_000;
const SAY_MS = 9_000;

/** What the chosen stacks and their clusters say about themselves. */
export async function runStatus(options: FleetOptions = {}): Promise<FleetStatus> {
  const { look } = await openStatus(options);
  return look();
}

/**
 * Looks until nothing is missing, and answers with the last look; at the deadline that is one with shortcomings.
 * The stacks' outputs are read once, only the clusters are asked again.
 */
export async function awaitReadiness(options: ReadinessOptions = {}): Promise<FleetStatus> {
  const { look } = await openStatus(options);
  const deadline = Date.now() + (options.deadlineSeconds ?? 300) * 1000;
  let said = Date.now();
  for (;;) {
    const status = await look();
    if (status.exitCode === EXIT.ok || Date.now() > deadline) return status;
    if (Date.now() - said > SAY_MS) {
      said = Date.now();
      options.onWait?.(checkReadiness(status.summary));
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** The chosen stacks' outputs, read once. */
export interface OpenStatus {
  /** Asks the clusters, each time anew. */
  look: () => Promise<FleetStatus>;
  /** Of the clusters that are up, secrets in clear: keep them in memory. */
  kubeconfigs: Record<string, string>;
}

/** Reads the stacks once; only the clusters are asked again. */
export async function openStatus(options: FleetOptions): Promise<OpenStatus> {
  const topology = options.topology ?? loadTopology();
  const members = membersOf(topology);
  const chosen = planSelection(members, options.stacks);
  const backend = await openEngine(options);
  const up = members.filter(({ name }) => isUp(backend, name));
  const known = await Promise.all(chosen.map((member) => readMember(topology, member, up, backend)));
  const natures = planNatures(topology, chosen, attachedPackages());
  const look = async (): Promise<FleetStatus> => {
    const summary: FleetSummary = {
      world: topology.world,
      clusters: await Promise.all(known.map(({ cluster, kubeconfig }) => observe(cluster, kubeconfig))),
      natures,
      lookAround: ["look around: ./archipelago status --detail; kubeconfigs for kubectl: ./archipelago kubeconfig"],
      takeDown: `take it down: ${topology.world === "rehearsal" ? "make down" : "./archipelago down"}`,
    };
    return { summary, exitCode: checkReadiness(summary).length === 0 ? EXIT.ok : EXIT.notReady };
  };
  const configs = known.flatMap(({ cluster, kubeconfig }) => (kubeconfig ? [[cluster.name, kubeconfig] as const] : []));
  return { look, kubeconfigs: Object.fromEntries(configs) };
}

/** Outputs of the chosen stacks, secrets in clear: for use in memory; `maskOutputs` before anything is shown. */
export async function runOutputs(options: FleetOptions = {}): Promise<Record<string, OutputMap>> {
  const chosen = planSelection(membersOf(options.topology ?? loadTopology()), options.stacks);
  const backend = await openEngine(options);
  const outputs = await Promise.all(chosen.map(({ name }) => readOutputs(backend, name)));
  return Object.fromEntries(chosen.map(({ name }, index) => [name, outputs[index] ?? {}]));
}

/** Outputs fit to be shown: secrets replaced by a word. */
export function maskOutputs(outputs: OutputMap): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(outputs).map(([key, { value, secret }]) => [key, secret ? "[secret]" : value]),
  );
}

/** Kubeconfigs of the chosen stacks that are up, by cluster. */
export async function runKubeconfigs(options: FleetOptions = {}): Promise<Record<string, string>> {
  const outputs = Object.entries(await runOutputs(options));
  return Object.fromEntries(
    outputs.flatMap(([name, map]) => (map.kubeconfig ? [[name, String(map.kubeconfig.value)]] : [])),
  );
}

/** Says of every part whether it is real, emulated or a stand-in, by the topology and the attached provider servers. */
export function planNatures(topology: Topology, chosen: Member[], attached: string[]): Natures {
  const clouds = [...new Set(chosen.map(({ cloud }) => cloud))] as (keyof typeof CLOUD_FACTS)[];
  const cloudNames = clouds.filter((cloud) => cloud !== EXISTING).map((cloud) => CLOUD_FACTS[cloud].label);
  const existing = chosen.filter(({ cloud }) => cloud === EXISTING).map(({ name }) => name);
  const plugins = attached.filter((name) => !(name in CLOUD_FACTS) && name !== "equinix");
  const { kubernetes, submariner, database } = topology;
  const encrypted = submariner.cableDriver === "vxlan" ? ", tunnels not encrypted" : "";
  const real = [
    "Pulumi engine",
    `Kubernetes ${kubernetes.version}`,
    "flannel",
    "CoreDNS",
    `Submariner ${submariner.version} (cable ${submariner.cableDriver}${encrypted})`,
    // Whoever made it, and of whatever version: it was found, not emulated.
    ...(existing.length > 0 ? [`existing clusters (${existing.join(", ")})`] : []),
  ];
  const isEmulated = topology.world === "rehearsal";
  return {
    real: [
      ...real,
      ...(isEmulated ? [] : cloudNames),
      ...(database.standIn ? [] : [`CockroachDB (${database.image})`]),
    ],
    emulated: isEmulated ? cloudNames : [],
    standIn: [
      ...(database.standIn ? [`CockroachDB (${database.image})`] : []),
      ...plugins.map((name) => `provider plugin ${name}`),
    ],
  };
}

async function openEngine(options: FleetOptions): Promise<Backend> {
  const engine: Engine = await chooseEngine(options);
  (options.screen ?? process.stderr).write(`${renderEngine(engine)}\n`);
  return openBackend(options.folder ?? projectFolder(), engine);
}

interface KnownCluster {
  cluster: ClusterSummary;
  kubeconfig?: string;
}

async function readMember(topology: Topology, member: Member, up: Member[], backend: Backend): Promise<KnownCluster> {
  const plan = planFleet(topology).clusters[member.name]!;
  const isRegion = member.part !== "broker";
  const peers = up.filter(({ name, part }) => part !== "broker" && name !== member.name);
  const cluster: ClusterSummary = {
    ...member,
    state: "down",
    podCidr: plan.podCidr,
    serviceCidr: plan.serviceCidr,
    expectedNodes: plan.nodes.map(({ name }) => name),
    expectedPeers: isRegion ? peers.map(({ name }) => name) : [],
    expectedReplicas: isRegion ? topology.database.replicas : 0,
  };
  if (!up.includes(member)) return { cluster };
  try {
    const { kubeconfig, apiEndpoint } = await readOutputs(backend, member.name);
    if (kubeconfig) {
      const endpoint = apiEndpoint && String(apiEndpoint.value);
      return { cluster: { ...cluster, state: "up", apiEndpoint: endpoint }, kubeconfig: String(kubeconfig.value) };
    }
    const reason = "no kubeconfig yet: the last up did not finish";
    return { cluster: { ...cluster, state: "unreachable", reason, remedy: `./archipelago up --stack ${member.name}` } };
  } catch (error) {
    const lines = errorLines(error);
    const remedy = remedyFor(lines, member.name);
    return { cluster: { ...cluster, state: "unreachable", reason: lines[0], remedy } };
  }
}

async function observe(cluster: ClusterSummary, kubeconfig: string | undefined): Promise<ClusterSummary> {
  if (kubeconfig === undefined) return cluster;
  let api: ApiServer | undefined;
  try {
    api = new ApiServer(parseKubeconfig(kubeconfig));
    return { ...cluster, observation: await observeCluster(api) };
  } catch (error) {
    return { ...cluster, state: "unreachable", reason: errorLines(error)[0] };
  } finally {
    api?.close();
  }
}
