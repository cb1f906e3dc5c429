/** What is needed to ask one API server, read out of a kubeconfig. Pure. */
import { isIP } from "node:net";
import { parse } from "yaml";
import { UserError } from "./errors";

/** Certificates and keys are PEM. */
export interface ApiAccess {
  host: string;
  port: number;
  /** The name in the server's certificate; the address may be any. */
  serverName: string;
  /** In front of every path of the API, as managed Kubernetes behind a proxy has it; mostly empty. */
  basePath?: string;
  ca: string;
  clientCertificate?: string;
  clientKey?: string;
  token?: string;
}

/** What to say by SNI, and to look for in the certificate: an address is no name there, and is then taken from the host. */
export const tlsNameOf = ({ serverName }: Pick<ApiAccess, "serverName">): string =>
  isIP(serverName) ? "" : serverName;

interface Kubeconfig {
  "current-context"?: string;
  contexts?: { name: string; context?: { cluster: string; user: string } }[];
  clusters?: { name: string; cluster?: Record<string, string | undefined> }[];
  users?: { name: string; user?: Record<string, string | undefined> }[];
}

/**
 * Reads the current context of a kubeconfig that holds its certificates itself.
 *
 * @param remedy what to do about one that lacks something.
 * @throws UserError that never quotes the text.
 */
export function parseKubeconfig(text: string, remedy = "Run ./archipelago up for that stack again."): ApiAccess {
  const config = parseText(text);
  const context = (config?.contexts?.find(({ name }) => name === config["current-context"]) ?? config?.contexts?.[0])
    ?.context;
  const cluster = config?.clusters?.find(({ name }) => name === context?.cluster)?.cluster;
  const user = config?.users?.find(({ name }) => name === context?.user)?.user;
  if (!cluster?.server || !cluster["certificate-authority-data"] || !user) {
    throw new UserError(
      "The kubeconfig has no current context with a server, its authority (certificate-authority-data) and a user.",
      remedy,
    );
  }
  if (user.exec ?? user["auth-provider"]) {
    throw new UserError("The kubeconfig logs in by a helper program (exec or auth-provider).", remedy);
  }
  if (!user.token && !(user["client-certificate-data"] && user["client-key-data"])) {
    throw new UserError("The kubeconfig's user has neither a token nor a certificate with its key in it.", remedy);
  }
  const url = parseServer(cluster.server, remedy);
  return {
    host: url.hostname,
    port: Number(url.port || 443),
    serverName: cluster["tls-server-name"] ?? url.hostname,
    ...(url.pathname.length > 1 && { basePath: url.pathname.replace(/\/$/, "") }),
    ca: decode(cluster["certificate-authority-data"]),
    clientCertificate: user["client-certificate-data"] && decode(user["client-certificate-data"]),
    clientKey: user["client-key-data"] && decode(user["client-key-data"]),
    token: user.token,
  };
}

/** The parser's own message would quote the text, keys included. */
function parseText(text: string): Kubeconfig | undefined {
  try {
    const config: unknown = parse(text);
    return typeof config === "object" && config !== null ? config : undefined;
  } catch {
    return undefined;
  }
}

function parseServer(server: string, remedy: string): URL {
  if (!URL.canParse(server) || !server.startsWith("https://")) {
    throw new UserError("The kubeconfig's server is no https address.", remedy);
  }
  return new URL(server);
}

function decode(base64: string): string {
  return Buffer.from(base64, "base64").toString("utf8");
}
