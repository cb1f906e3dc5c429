import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { isDeepStrictEqual } from "node:util";
import { parse } from "yaml";
import { UserError } from "../../../plan/errors";
import type { Props } from "../contract";
import { isObject, isUnknown } from "../encoding";
import { listAt, textAt, valueAt } from "./objects";

/** Where an API server is and how to log in. Certificates and keys as PEM. */
export interface Access {
  server: string;
  /** Name the server's certificate must carry, in place of the host in `server`. */
  tlsServerName?: string;
  ca?: string;
  insecure: boolean;
  certificate?: string;
  key?: string;
  token?: string;
  basic?: string;
  /** Namespace of objects that name none: the provider's, else the context's. */
  namespace?: string;
}

const remedy = "Give the kubernetes Provider the `kubeconfig` output of the cluster's stack.";

function loadKubeconfig(config: Props): Props {
  const given = config.kubeconfig;
  if (isObject(given)) return given;
  // The real plugin falls back to ~/.kube/config. A rehearsal must never touch a cluster it did not make.
  if (typeof given !== "string" || given === "")
    throw new UserError("The kubernetes stand-in uses no ambient kubeconfig, and the provider was given none.", remedy);
  const path = given.replace(/^~(?=\/|$)/, homedir());
  const text = !given.includes("\n") && existsSync(path) ? readFileSync(path, "utf8") : given;
  let parsed: unknown;
  try {
    parsed = parse(text);
  } catch {
    // The parser's own message would quote the text, keys included.
    parsed = undefined;
  }
  if (!isObject(parsed)) throw new UserError("The provider's kubeconfig is neither a file nor YAML.", remedy);
  return parsed;
}

function entry(kubeconfig: Props, list: string, name: unknown, key: string): Props | undefined {
  const found = listAt(kubeconfig, list).find((item) => item.name === name)?.[key];
  return isObject(found) ? found : undefined;
}

function activeCluster(kubeconfig: Props, config: Props): { cluster?: Props; context?: Props; contextName: unknown } {
  const contextName = config.context ?? kubeconfig["current-context"];
  const context = entry(kubeconfig, "contexts", contextName, "context");
  return {
    context,
    contextName,
    cluster: entry(kubeconfig, "clusters", config.cluster ?? context?.cluster, "cluster"),
  };
}

function pem(owner: Props | undefined, key: string): string | undefined {
  const data = textAt(owner, `${key}-data`);
  if (data) return Buffer.from(data, "base64").toString("utf8");
  const file = textAt(owner, key);
  return file ? readFileSync(file, "utf8") : undefined;
}

/**
 * The API server a provider configuration points at. Throws UserError when the kubeconfig, its context or its
 * cluster is missing, or when it logs in by a helper program.
 */
export function planAccess(config: Props): Access {
  const kubeconfig = loadKubeconfig(config);
  const { cluster, context, contextName } = activeCluster(kubeconfig, config);
  const server = textAt(cluster, "server");
  if (!server) throw new UserError(`The kubeconfig has no cluster for its context "${String(contextName)}".`, remedy);
  const user = entry(kubeconfig, "users", context?.user, "user");
  if (user?.exec || user?.["auth-provider"])
    throw new UserError(
      "The kubernetes stand-in does not run login helpers (exec, auth-provider).",
      "Use a kubeconfig with a client certificate or a token.",
    );
  const tokenFile = textAt(user, "tokenFile");
  const username = textAt(user, "username");
  return {
    server,
    tlsServerName: textAt(cluster, "tls-server-name"),
    ca: pem(cluster, "certificate-authority"),
    insecure: valueAt(cluster, "insecure-skip-tls-verify") === true,
    certificate: pem(user, "client-certificate"),
    key: pem(user, "client-key"),
    token: textAt(user, "token") ?? (tokenFile ? readFileSync(tokenFile, "utf8").trim() : undefined),
    basic: username === undefined ? undefined : `${username}:${textAt(user, "password") ?? ""}`,
    namespace: typeof config.namespace === "string" ? config.namespace : textAt(context, "namespace"),
  };
}

/**
 * Whether a changed configuration points at another cluster, so that everything in it must be made anew. As in the
 * real plugin: the active cluster's entry differs (server, CA, server name), not the login; `clusterIdentifier`
 * decides alone where both sides give it.
 */
export function pointsElsewhere(olds: Props, news: Props): boolean {
  if (olds.clusterIdentifier && news.clusterIdentifier) return olds.clusterIdentifier !== news.clusterIdentifier;
  if (["kubeconfig", "context", "cluster"].some((key) => isUnknown(news[key]))) return true;
  const identity = (config: Props): Props | undefined => {
    try {
      return activeCluster(loadKubeconfig(config), config).cluster;
    } catch {
      return undefined;
    }
  };
  const [before, after] = [identity(olds), identity(news)];
  return before !== undefined && after !== undefined && !isDeepStrictEqual(before, after);
}
