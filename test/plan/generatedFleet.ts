/** Valid topologies of any size, for property-based tests and the benchmark. */
import fc from "fast-check";
import { renderCidr } from "../../plan/cidr";
import { CLOUD_FACTS } from "../../plan/clouds";
import { knownPlaces } from "../../plan/sizes";
import { CLOUDS, type CloudName, type ClusterSpec, EXISTING, type NodeSpec, type Topology } from "../../plan/types";
import { topologyWith } from "./fixtures";

/** Room for nine replicas beside a control plane. */
const LARGE: Record<CloudName, string> = {
  aws: "m6i.2xlarge",
  oci: "VM.Standard2.8",
  vultr: "vc2-8c-32gb",
  civo: "g3.2xlarge",
  linode: "g6-standard-8",
  "equinix-metal": "c3.medium.x86",
};
const ACCOUNTS: Partial<Record<CloudName, string>> = {
  oci: "ocid1.compartment.oc1..generated",
  "equinix-metal": "00000000-0000-4000-8000-000000000000",
};

/** What is drawn for one cluster; everything else follows. */
export interface Draw {
  word: string;
  cloud: number;
  place: number;
  /** Prefixes of pod, service and node range. */
  prefixes: [number, number, number];
  /** Unused space before its ranges, in units of 256 addresses. */
  gap: number;
  workers: number;
  gatewayOnWorker: boolean;
  /** Which node holds the first replica; the others follow in order of the nodes. Default: the first. */
  firstHolder?: number;
  /** Somebody else's cluster; never the broker. */
  existing?: boolean;
}

export const draw: fc.Arbitrary<Draw> = fc.record({
  word: fc.stringMatching(/^[a-z][a-z0-9]{0,11}$/),
  cloud: fc.nat(),
  place: fc.nat(),
  prefixes: fc.tuple(
    fc.integer({ min: 18, max: 20 }),
    fc.integer({ min: 18, max: 24 }),
    fc.integer({ min: 20, max: 28 }),
  ),
  gap: fc.nat(8),
  workers: fc.nat(4),
  gatewayOnWorker: fc.boolean(),
  firstHolder: fc.nat(),
  existing: fc.nat(4).map((number) => number === 0),
});

/** One broker, one primary, all ranges disjoint; every draw becomes a cluster. */
export function fleetOf(draws: Draw[], over: Partial<Topology> = {}): Topology {
  let next = 10 * 2 ** 24;
  const take = (prefix: number): string => {
    const size = 2 ** (32 - prefix);
    const first = Math.ceil(next / size) * size;
    next = first + size;
    return renderCidr({ first, prefix });
  };
  const clusters: Record<string, ClusterSpec> = {};
  const base = { ...topologyWith(), ...over };
  for (const [index, one] of draws.entries()) {
    next += one.gap * 256;
    const ranges = one.prefixes.map(take);
    clusters[`${one.word}-x${index}`] =
      one.existing && index > 0
        ? existingOf(one, index, ranges)
        : clusterOf(one, index, ranges, base.database.replicas);
  }
  return { ...base, clusters };
}

function clusterOf(
  one: Draw,
  index: number,
  [podCidr = "", serviceCidr = "", nodeCidr = ""]: string[],
  replicas: number,
): ClusterSpec {
  const clouds = CLOUDS.filter((cloud) => {
    const { ended, addressBeforeBoot } = CLOUD_FACTS[cloud];
    return !ended && (index > 0 || addressBeforeBoot);
  });
  const cloud = clouds[one.cloud % clouds.length]!;
  const places = knownPlaces(cloud);
  const isRegion = index > 0;
  const size = LARGE[cloud];
  const onWorker = one.gatewayOnWorker && one.workers > 0;
  const nodes: Record<string, NodeSpec> = { server: { role: "server", size, gateway: isRegion && !onWorker } };
  for (let number = 1; number <= one.workers; number++) {
    nodes[`worker-${number}`] = { role: "worker", size, gateway: isRegion && onWorker && number === 1 };
  }
  const keys = Object.keys(nodes);
  const { firstHolder = 0 } = one;
  for (let ordinal = 0; isRegion && ordinal < replicas; ordinal++) {
    const node = nodes[keys[(ordinal + firstHolder) % keys.length]!]!;
    node.replicas = [...(node.replicas ?? []), ordinal];
  }
  return {
    cloud,
    place: places[one.place % places.length]!,
    role: isRegion ? "region" : "broker",
    primary: index === 1,
    account: ACCOUNTS[cloud],
    podCidr,
    serviceCidr,
    nodeCidr,
    nodes,
  };
}

function existingOf(one: Draw, index: number, [podCidr = "", serviceCidr = "", nodeCidr = ""]: string[]): ClusterSpec {
  const gateway: NodeSpec = { role: "worker", gateway: true, publicAddress: `74.${index % 256}.${one.gap}.7` };
  const others = Array.from({ length: one.workers }, (_, number): [string, NodeSpec] => [
    `pool-${number}`,
    { role: "worker", name: `ip-10-0-${number}.${one.word}.internal` },
  ]);
  return {
    ...{ cloud: EXISTING, place: one.word, role: "region", primary: index === 1, storageClass: "theirs" },
    ...{ podCidr, serviceCidr, nodeCidr, nodes: { "gateway-0": gateway, ...Object.fromEntries(others) } },
  };
}
