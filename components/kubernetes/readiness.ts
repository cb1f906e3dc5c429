/** The only place where the program waits: until a cluster's API answers and all its planned nodes have registered. */
import { UserError } from "../../plan/errors";
import { API_PORT } from "../../plan/names";
import { type ApiAnswer, askApi } from "./api";

export interface ReadinessInput {
  cluster: string;
  address: string;
  /** Default: API_PORT. */
  port?: number;
  apiName: string;
  caCert: string;
  adminCert: string;
  adminKey: string;
  /** Node names that must have registered. */
  nodes: string[];
  /** Default: 15 minutes. */
  deadlineSeconds?: number;
  /** Default: 2. */
  intervalSeconds?: number;
  /** Told about every ten seconds what was seen last. */
  onProgress?: (line: string) => void;
}

const DEADLINE_SECONDS = 15 * 60;
const INTERVAL_SECONDS = 2;
const PROGRESS_SECONDS = 10;

/**
 * Resolves when `/readyz` says ok and every planned node is registered.
 *
 * @throws UserError at the deadline, with the last observation and the next command.
 */
export async function awaitCluster(input: ReadinessInput): Promise<void> {
  const { cluster, address, deadlineSeconds = DEADLINE_SECONDS, intervalSeconds = INTERVAL_SECONDS } = input;
  const begin = Date.now();
  const elapsed = () => Math.round((Date.now() - begin) / 1000);
  let nextProgress = PROGRESS_SECONDS;
  for (;;) {
    const lacking = await observe(input);
    if (lacking === undefined) return;
    if (elapsed() >= deadlineSeconds) {
      throw new UserError(
        `${cluster}: not ready after ${deadlineSeconds} s at https://${address}:${input.port ?? API_PORT}; last seen: ${lacking}.`,
        `Look at /var/log/archipelago-boot.log and /var/lib/archipelago/boot.failed on ${input.nodes.join(", ")} ` +
          `(the cloud's console), then run \`pulumi up -s ${cluster}\` again: it goes on where it stopped.`,
      );
    }
    if (elapsed() >= nextProgress) {
      input.onProgress?.(`${cluster}: waiting for Kubernetes, ${elapsed()} s of ${deadlineSeconds} s: ${lacking}`);
      nextProgress = elapsed() + PROGRESS_SECONDS;
    }
    await new Promise((resolve) => setTimeout(resolve, intervalSeconds * 1000));
  }
}

/** What is still lacking, in words; undefined when nothing is. */
async function observe(input: ReadinessInput): Promise<string | undefined> {
  try {
    const ready = await get(input, "/readyz");
    if (ready.status !== 200) return `/readyz answers ${ready.status} ${firstFailure(ready.body)}`;
    const list = await get(input, "/api/v1/nodes");
    if (list.status !== 200) return `/api/v1/nodes answers ${list.status}`;
    const { items } = JSON.parse(list.body) as { items: { metadata: { name: string } }[] };
    const registered = new Set(items.map((item) => item.metadata.name));
    const missing = input.nodes.filter((node) => !registered.has(node));
    return missing.length > 0 ? `API ready, nodes not registered yet: ${missing.join(", ")}` : undefined;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code ? `${code}: ${message}` : message;
  }
}

/** The first failed check of `/readyz`'s list. */
const firstFailure = (body: string): string => /\[-\]\S+/.exec(body)?.[0] ?? "";

function get(input: ReadinessInput, path: string): Promise<ApiAnswer> {
  const { address: host, port = API_PORT, apiName: serverName, caCert: ca, adminCert, adminKey } = input;
  return askApi({ host, port, serverName, ca, clientCertificate: adminCert, clientKey: adminKey }, "GET", path);
}
