/** Topology → everything that can be known before any cloud is asked. Pure. */
import { addressAt } from "./cidr";
import { CLOUD_FACTS } from "./clouds";
import { planExistingNodes, resolverAddress } from "./existing";
import { planFirewall } from "./firewall";
import { spreadReplicas } from "./replicas";
import { planServerAddresses, planSubnets } from "./servers";
import { defaultSize } from "./sizes";
import {
  type ClusterPlan,
  type ClusterSpec,
  EXISTING,
  type NodePlan,
  type PeerPlan,
  type Plan,
  type Topology,
} from "./types";

/** Offset of CoreDNS in a service CIDR: kubeadm always gives it the tenth address. */
const DNS_OFFSET = 10;

/**
 * Plans the whole fleet.
 *
 * @param topology one that `assertTopology` has let through; others make it throw.
 */
export function planFleet(topology: Topology): Plan {
  const entries = Object.entries(topology.clusters);
  const peers = entries
    .filter(([, spec]) => spec.role === "region")
    .map(([name, spec]) => planPeer(topology, name, spec));
  const clusters = Object.fromEntries(entries.map(([name, spec]) => [name, planCluster(topology, name, spec, peers)]));
  const all = Object.values(clusters);
  const broker = all.find((cluster) => cluster.role === "broker");
  const primary = all.find((cluster) => cluster.primary);
  if (!broker || !primary) throw new RangeError("a fleet needs one broker and one primary region");
  const others = all.filter((cluster) => cluster.role === "region" && cluster !== primary);
  return { topology, broker, primary, regions: [primary, ...others], clusters };
}

const suffixOf = (topology: Topology, name: string): string => `${name}.${topology.domain}`;

function planPeer(topology: Topology, name: string, spec: ClusterSpec): PeerPlan {
  return {
    name,
    suffix: suffixOf(topology, name),
    dnsAddress: dnsAddressOf(spec),
    podCidr: spec.podCidr,
    serviceCidr: spec.serviceCidr,
  };
}

const dnsAddressOf = (spec: ClusterSpec): string =>
  spec.cloud === EXISTING ? resolverAddress(spec) : addressAt(spec.serviceCidr, DNS_OFFSET);

function planCluster(topology: Topology, name: string, spec: ClusterSpec, peers: PeerPlan[]): ClusterPlan {
  const suffix = suffixOf(topology, name);
  return {
    name,
    cloud: spec.cloud,
    place: spec.place,
    role: spec.role,
    primary: spec.primary ?? false,
    account: spec.account,
    owner: topology.owner,
    suffix,
    apiName: `api.${suffix}`,
    dnsAddress: dnsAddressOf(spec),
    podCidr: spec.podCidr,
    serviceCidr: spec.serviceCidr,
    nodeCidr: spec.nodeCidr,
    subnets: planSubnets(spec),
    storageClass: spec.storageClass,
    nodes:
      spec.cloud === EXISTING
        ? planExistingNodes(spec)
        : planNodes(name, spec, spec.role === "region" ? topology.database.replicas : 0),
    peers: spec.role === "region" ? peers.filter((peer) => peer.name !== name) : [],
    firewall: planFirewall({
      role: spec.role,
      nodeCidr: spec.nodeCidr,
      adminCidrs: topology.adminCidrs,
      cablePort: topology.submariner.cablePort,
      serverAddresses: [...planServerAddresses(spec).values()].sort(),
      balancerSource: CLOUD_FACTS[spec.cloud].balancerSource,
      existing: spec.cloud === EXISTING,
    }),
  };
}

function planNodes(cluster: string, spec: ClusterSpec, replicas: number): NodePlan[] {
  const held = spreadReplicas(spec.nodes, replicas);
  const addresses = planServerAddresses(spec);
  const nodes = Object.entries(spec.nodes).map(([key, node]): NodePlan => {
    const gateway = node.gateway ?? false;
    return {
      name: `${cluster}-${key}`,
      key,
      role: node.role,
      gateway,
      // Several servers are reached by their load balancer.
      staticAddress: gateway || (node.role === "server" && addresses.size === 0),
      size: node.size ?? defaultSize(spec.cloud) ?? "",
      zone: node.zone,
      privateAddress: addresses.get(key),
      replicas: held.get(key) ?? [],
    };
  });
  const servers = nodes.filter((node) => node.role === "server");
  const workers = nodes.filter((node) => node.role === "worker");
  return [...servers, ...workers];
}
