import { planFleet } from "../../plan/plan";
import type { Plan, Topology } from "../../plan/types";
import { mergeData } from "../../plan/merge";
import { DEFAULT_TOPOLOGY } from "../../stacks/topology";

/** The tree's own topology with what a user has to fill in, and has thought about. */
export function topologyWith(over: object = {}): Topology {
  const filled = {
    adminCidrs: ["203.0.113.7/32"],
    database: { licensed: true },
    accepted: ["round-trip"],
    clusters: {
      ashburn: { account: "ocid1.compartment.oc1..example" },
      tokyo: { cloud: "linode", place: "jp-tyo-3", nodeCidr: "10.50.0.0/24" },
    },
  };
  return mergeData(mergeData(DEFAULT_TOPOLOGY, filled), over) as Topology;
}

export const planWith = (over: object = {}): Plan => planFleet(topologyWith(over));

/** Laid over oregon: three servers in three zones, two of them gateways, and a worker. */
export const replicatedRegion = () => ({
  nodes: {
    server: null,
    a: { role: "server", zone: "us-west-2a", gateway: true, replicas: [0] },
    b: { role: "server", zone: "us-west-2b", gateway: true, replicas: [1] },
    c: { role: "server", zone: "us-west-2c", replicas: [2] },
    "worker-1": { role: "worker", zone: "us-west-2a", replicas: [] },
  },
});

/** London as a K3s cluster of somebody else, with its defaults. */
export const EXISTING_LONDON = {
  cloud: "existing",
  place: "civo-k3s",
  podCidr: "10.42.0.0/16",
  serviceCidr: "10.43.0.0/16",
  storageClass: "civo-volume",
  nodes: {
    server: null,
    "k3s-pool-1": { role: "worker", gateway: true, publicAddress: "74.220.20.1" },
    "node-2": { role: "worker", name: "k3s-pool-2.internal" },
  },
};
