/** Regions of the living rehearsal as they see each other: tunnels, announcements on the broker, replicas by name. */
import { expect } from "vitest";
import { kubectl, list } from "./kube";

const REPLICAS = [0, 1, 2] as const;
const DOMAIN = "archipelago.internal";
const REPLICA_PODS = ["pods", "-n", "cockroachdb", "-l", "app.kubernetes.io/component=database"];

interface Probe {
  name: string;
  address: string;
  ok: boolean;
  tls: string;
  peerCN: string;
  rttMicroseconds: number;
  sourceAddressSeenByPeer: string;
  error?: string;
}

interface Connection {
  status: string;
  endpoint: { cluster_id: string };
  latencyRTT?: { average: string };
}

/** `host:port` by which a replica is known in the whole fleet. */
export const replicaName = (region: string, ordinal: number): string =>
  `cockroachdb-${ordinal}.cockroachdb.cockroachdb.svc.${region}.${DOMAIN}:26257`;

/** The replicas' pods of one region. */
export const replicaPods = (region: string) => list(region, ...REPLICA_PODS);

/** Peers to which the region's gateways say they are connected, by name. */
export async function connectedPeers(region: string): Promise<string[]> {
  const gateways = await list(region, "gateways.submariner.io", "-n", "submariner-operator");
  const connections = gateways.flatMap((gateway) => (gateway.status?.connections ?? []) as Connection[]);
  return connections
    .filter(({ status }) => status === "connected")
    .map(({ endpoint }) => endpoint.cluster_id)
    .sort();
}

/** Regions that have announced themselves on the broker, once for each object of the kind. */
export async function announcedRegions(kind: "clusters" | "endpoints"): Promise<string[]> {
  const objects = await list("broker", `${kind}.submariner.io`, "-n", "submariner-k8s-broker");
  return objects.map(({ spec }) => String(spec.cluster_id)).sort();
}

/** `10.0.0.1:26257` → `10.0.0.1` */
const hostOf = (address: string): string => address.replace(/:\d+$/, "");

/**
 * Every replica of these regions calls every other by its name: mutual TLS 1.3, and each sees the other's pod address.
 *
 * @returns how many calls were made: two for each pair.
 */
export async function expectAllPairs(regions: readonly string[]): Promise<number> {
  const targets = regions.flatMap((region) => REPLICAS.map((ordinal) => replicaName(region, ordinal)));
  const address = new Map<string, string>();
  for (const region of regions)
    for (const { metadata, status } of await replicaPods(region))
      address.set(replicaName(region, Number(metadata.name.split("-").at(-1))), String(status?.podIP));
  let calls = 0;
  for (const region of regions) {
    for (const ordinal of REPLICAS) {
      const self = replicaName(region, ordinal);
      const others = targets.filter((target) => target !== self);
      const pod = ["exec", "-n", "cockroachdb", `cockroachdb-${ordinal}`, "--"];
      const out = await kubectl(
        region,
        ...pod,
        "/cockroach/cockroach",
        "probe",
        "--certs-dir=/cockroach/cockroach-certs",
        // All pairs at once on two cores: the default of ten seconds is too short beside other work.
        "--timeout=40s",
        `--targets=${others.join(",")}`,
      );
      for (const probe of JSON.parse(out) as Probe[]) {
        expect({ from: self, ...probe }).toMatchObject({ ok: true, tls: "TLS 1.3", peerCN: "node" });
        expect([self, probe.name, hostOf(probe.address)]).toEqual([self, probe.name, address.get(probe.name)]);
        const seen = hostOf(probe.sourceAddressSeenByPeer);
        expect([self, probe.name, seen]).toEqual([self, probe.name, address.get(self)]);
        calls += 1;
      }
    }
  }
  return calls;
}
