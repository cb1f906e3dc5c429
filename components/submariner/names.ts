/** Names that Submariner expects, and ours beside them. */

/** Where the clusters' Endpoint and Cluster objects meet on the broker. */
export const BROKER_NAMESPACE = "submariner-k8s-broker";
/** Upstream's Role for a joined cluster; comes with the broker manifest. */
export const BROKER_ROLE = "submariner-k8s-broker-cluster";
/** Where the clusters' accounts and tokens live on the broker: see SubmarinerBroker for why not among the objects. */
export const ACCESS_NAMESPACE = "submariner-k8s-broker-access";

export const OPERATOR_NAMESPACE = "submariner-operator";
export const OPERATOR = "submariner-operator";

/** Secret with the token and CA for the broker; the operator mounts it into the gateways. */
export const BROKER_SECRET = "submariner-broker-secret";
/** Secret with the IPsec pre-shared key. */
export const PSK_SECRET = "submariner-psk";

/** The operator reconciles this name alone when a gateway's state changes. */
export const SUBMARINER = "submariner";

export const brokerAccount = (cluster: string): string => `cluster-${cluster}`;

/** Marks the nodes on which gateways run. */
export const GATEWAY_LABEL = "submariner.io/gateway";
/** Read once, when a gateway starts: it must stand there before. */
export const PUBLIC_IP_ANNOTATION = "gateway.submariner.io/public-ip";
/** The machine that a node is, as its cloud names it: says to which machine the labels and annotations were given. */
export const MACHINE_ANNOTATION = "archipelago.internal/machine";
/** Read by every node's route agent. */
export const MSS_ANNOTATION = "submariner.io/tcp-clamp-mss";
