import type { OutputMap } from "@pulumi/pulumi/automation";
import { CLOUD_FACTS } from "../plan/clouds";
import { planFleet } from "../plan/plan";
import type { Topology } from "../plan/types";
import { loadTopology } from "../stacks/topology";
import { ApiServer } from "./apiserver";
import { chooseEngine, renderEngine, type Engine } from "./engine";
import { errorLines } from "./failure";
import type { FleetOptions } from "./fleet";
import { parseKubeconfig } from "./kubeconfig";
import { membersOf, planSelection, type Member } from "./members";
import { observeCluster, type ClusterObservation } from "./observation";
import { projectFolder } from "./project";
import { attachedPackages } from "./recovery";
import { EXIT, type ExitCode } from "./report";
import { checkReadiness, type ClusterSummary, type FleetSummary, type Natures } from "./summary";
import { isUp, openBackend, readOutputs, type Backend } from "./workspace";

/** What the chosen stacks and their clusters say about themselves. */
export async function runStatus(options: FleetOptions = {}): Promise<{ summary: FleetSummary; exitCode: ExitCode }> {
  const topology = options.topology ?? loadTopology();
  const members = membersOf(topology);
  const chosen = planSelection(members, options.stacks);
  const backend = await openEngine(options);
  const up = members.filter(({ name }) => isUp(backend, name));
  const clusters = await Promise.all(
    chosen.map((member) => observeMember(topology, member, up, backend)),
  );
  const summary: FleetSummary = {
    world: topology.world,
    clusters,
    natures: planNatures(topology, chosen, attachedPackages()),
    lookAround: ["look around: ./archipelago status --detail; kubeconfigs for kubectl: ./archipelago kubeconfig"],
    takeDown: `take it down: ${topology.world === "rehearsal" ? "make down" : "./archipelago down"}`,
  };
  return { summary, exitCode: checkReadiness(summary).length === 0 ? EXIT.ok : EXIT.notReady };
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
  return Object.fromEntries(Object.entries(outputs).map(([key, { value, secret }]) => [key, secret ? "[secret]" : value]));
}

/** Kubeconfigs of the chosen stacks that are up, by cluster. */
export async function runKubeconfigs(options: FleetOptions = {}): Promise<Record<string, string>> {
  const outputs = Object.entries(await runOutputs(options));
  return Object.fromEntries(outputs.flatMap(([name, map]) => (map.kubeconfig ? [[name, String(map.kubeconfig.value)]] : [])));
}

/** Says of every part whether it is real, emulated or a stand-in, by the topology and the attached provider servers. */
export function planNatures(topology: Topology, chosen: Member[], attached: string[]): Natures {
  const clouds = [...new Set(chosen.map(({ cloud }) => cloud))] as (keyof typeof CLOUD_FACTS)[];
  const cloudNames = clouds.map((cloud) => CLOUD_FACTS[cloud].label);
  const plugins = attached.filter((name) => !(name in CLOUD_FACTS) && name !== "equinix");
  const { kubernetes, submariner, database } = topology;
  const encrypted = submariner.cableDriver === "vxlan" ? ", tunnels not encrypted" : "";
  const real = [
    "Pulumi engine",
    `Kubernetes ${kubernetes.version}`,
    "flannel",
    "CoreDNS",
    `Submariner ${submariner.version} (cable ${submariner.cableDriver}${encrypted})`,
  ];
  const isEmulated = topology.world === "rehearsal";
  return {
    real: [...real, ...(isEmulated ? [] : cloudNames), ...(database.standIn ? [] : [`CockroachDB (${database.image})`])],
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

async function observeMember(topology: Topology, member: Member, up: Member[], backend: Backend): Promise<ClusterSummary> {
  const plan = planFleet(topology).clusters[member.name]!;
  const isRegion = member.part !== "broker";
  const peers = up.filter(({ name, part }) => part !== "broker" && name !== member.name);
  const known: Omit<ClusterSummary, "state"> = {
    ...member,
    podCidr: plan.podCidr,
    serviceCidr: plan.serviceCidr,
    expectedNodes: plan.nodes.map(({ name }) => name),
    expectedPeers: isRegion ? peers.map(({ name }) => name) : [],
    expectedReplicas: isRegion ? topology.database.replicas : 0,
  };
  if (!isUp(backend, member.name)) return { ...known, state: "down" };
  try {
    const { kubeconfig, apiEndpoint } = await readOutputs(backend, member.name);
    if (!kubeconfig) return { ...known, state: "unreachable", reason: "its stack has no kubeconfig yet: the last up did not finish" };
    const observation = await observe(String(kubeconfig.value));
    return { ...known, state: "up", apiEndpoint: apiEndpoint && String(apiEndpoint.value), observation };
  } catch (error) {
    return { ...known, state: "unreachable", reason: errorLines(error)[0] };
  }
}

async function observe(kubeconfig: string): Promise<ClusterObservation> {
  const api = new ApiServer(parseKubeconfig(kubeconfig));
  try {
    return await observeCluster(api);
  } finally {
    api.close();
  }
}
