/** Spec of the Submariner resource: pure. */
import { DEFAULT_CABLE_PORT } from "../../plan/networks";
import type { ClusterPlan, Plan } from "../../plan/types";
import { BROKER_NAMESPACE, BROKER_SECRET, OPERATOR_NAMESPACE, PSK_SECRET } from "./names";

/** What only the broker knows; `Text` is a string, or a Pulumi output of one. */
export interface BrokerFacts<Text> {
  /** `host:6443`. */
  api: Text;
  /** Base64 of PEM. */
  ca: Text;
  /** Base64. */
  psk: Text;
}

/**
 * @param serviceDiscovery runs Lighthouse as well (names under clusterset.local); DNS works without it.
 */
export function planSubmarinerSpec<Text>(
  plan: Plan,
  cluster: ClusterPlan,
  broker: BrokerFacts<Text>,
  serviceDiscovery: boolean,
): Record<string, unknown> {
  const { submariner } = plan.topology;
  return {
    // broker; the token is read from the mounted Secret, so neither this object nor a pod's environment shows it
    broker: "k8s",
    brokerK8sApiServer: broker.api,
    // Public, and also in the Secret; here it restarts the gateways when the broker is built anew under another CA.
    brokerK8sCA: broker.ca,
    brokerK8sRemoteNamespace: BROKER_NAMESPACE,
    brokerK8sSecret: BROKER_SECRET,

    // cluster
    clusterID: cluster.name,
    clusterCIDR: cluster.podCidr,
    serviceCIDR: cluster.serviceCidr,
    namespace: OPERATOR_NAMESPACE,

    // tunnels
    cableDriver: submariner.cableDriver,
    ceIPSecPSKSecret: PSK_SECRET,
    // The WireGuard driver knows no Secret: without this field it uses a key that stands in its source.
    ...(submariner.cableDriver === "wireguard" && { ceIPSecPSK: broker.psk }),
    // Left out it is 0 in the host port of the gateway, while the driver listens on 4500. Opened by the firewall plan.
    ceIPSecNATTPort: submariner.cablePort ?? DEFAULT_CABLE_PORT,
    // Clouds drop bare ESP here and there; one way for all pairs.
    ceIPSecForceUDPEncaps: true,
    ceIPSecDebug: false,
    natEnabled: true,
    // The public address stands in an annotation: never ask a web service for it.
    airGappedDeployment: true,
    connectionHealthCheck: { enabled: true, intervalSeconds: 1, maxPacketLossCount: 5 },

    // images
    repository: submariner.repository,
    version: submariner.version,

    // options
    serviceDiscoveryEnabled: serviceDiscovery,
    debug: false,
  };
}
