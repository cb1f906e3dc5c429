import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { UserError } from "../plan/errors";

/** What is needed to ask one API server, taken from a kubeconfig. Certificates and keys are PEM. */
export interface ApiAccess {
  host: string;
  port: number;
  /** The name in the server's certificate; the address may be any. */
  serverName: string;
  ca: string;
  clientCertificate?: string;
  clientKey?: string;
  token?: string;
}

interface Kubeconfig {
  "current-context"?: string;
  contexts?: { name: string; context: { cluster: string; user: string } }[];
  clusters?: { name: string; cluster: Record<string, string | undefined> }[];
  users?: { name: string; user: Record<string, string | undefined> }[];
}

/** Reads the current context of a kubeconfig with embedded certificates. Throws `UserError` if a part is missing. */
export function parseKubeconfig(text: string): ApiAccess {
  const config = parse(text) as Kubeconfig | null;
  const context = config?.contexts?.find(({ name }) => name === config["current-context"]) ?? config?.contexts?.[0];
  const cluster = config?.clusters?.find(({ name }) => name === context?.context.cluster)?.cluster;
  const user = config?.users?.find(({ name }) => name === context?.context.user)?.user;
  if (!cluster?.server || !cluster["certificate-authority-data"] || !user) {
    throw new UserError(
      "The stack's kubeconfig output has no current context with a server, its authority and a user.",
      "Run ./archipelago up for that stack again.",
    );
  }
  const url = new URL(cluster.server);
  return {
    host: url.hostname,
    port: Number(url.port || 443),
    serverName: cluster["tls-server-name"] ?? url.hostname,
    ca: decode(cluster["certificate-authority-data"]),
    clientCertificate: user["client-certificate-data"] && decode(user["client-certificate-data"]),
    clientKey: user["client-key-data"] && decode(user["client-key-data"]),
    token: user.token,
  };
}

/** Writes one kubeconfig a cluster, `<folder>/<cluster>.yaml`, readable by its owner alone. Returns the paths by cluster. */
export function writeKubeconfigs(folder: string, kubeconfigs: Record<string, string>): Record<string, string> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const paths: Record<string, string> = {};
  for (const [cluster, text] of Object.entries(kubeconfigs)) {
    const path = join(folder, `${cluster}.yaml`);
    writeFileSync(path, text, { mode: 0o600 });
    // The mode above only counts for a new file.
    chmodSync(path, 0o600);
    paths[cluster] = path;
  }
  return paths;
}

function decode(base64: string): string {
  return Buffer.from(base64, "base64").toString("utf8");
}
