/** What the broker stack hands to one region, and to that region only. Everything in it is secret. */

/** PEM texts with which one region's replicas prove who they are. */
export interface DatabaseCertificates {
  /** Certificate of the fleet's database CA; its key never leaves the broker stack. */
  caCert: string;
  nodeCert: string;
  nodeKey: string;
  /** Client certificate of the SQL user `root`: only in the primary region, which initialises the database. */
  rootCert?: string;
  rootKey?: string;
}

export interface Join {
  /** `host:6443` of the broker's Kubernetes API, without scheme. */
  brokerApi: string;
  /** The broker cluster's CA, base64 of PEM. */
  brokerCa: string;
  /** Token of this cluster's ServiceAccount on the broker. */
  brokerToken: string;
  /** The fleet's IPsec pre-shared key, base64. */
  psk: string;
  database: DatabaseCertificates;
}

/** Name of the broker stack's output that holds one cluster's entry. */
export const joinOutput = (cluster: string): string => `join-${cluster}`;

const FIELDS = ["brokerApi", "brokerCa", "brokerToken", "psk"] as const;
const CERTIFICATES = ["caCert", "nodeCert", "nodeKey"] as const;

/** Whether a stack output is a whole entry (an older broker stack may lack fields). */
export function isJoin(value: unknown): value is Join {
  if (typeof value !== "object" || value === null) return false;
  const entry = value as Record<string, unknown>;
  const database = entry.database as Record<string, unknown> | undefined;
  const filled = (holder: Record<string, unknown>, key: string) =>
    typeof holder[key] === "string" && holder[key] !== "";
  return (
    FIELDS.every((key) => filled(entry, key)) &&
    typeof database === "object" &&
    database !== null &&
    CERTIFICATES.every((key) => filled(database, key))
  );
}
