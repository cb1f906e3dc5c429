import { Agent, request } from "node:https";
import { type ApiAccess, tlsNameOf } from "../plan/kubeconfig";

/** An API server that did not answer as hoped, in one line. */
export class ApiError extends Error {
  constructor(
    message: string,
    /** HTTP status, if there was an answer. */
    readonly status?: number,
  ) {
    super(message);
    this.name = "ApiError";
  }
}

/** One API server; every call ends within `deadlineSeconds`. Call `close` at the end. */
export class ApiServer {
  private readonly agent: Agent;

  constructor(
    private readonly access: ApiAccess,
    private readonly deadlineSeconds = 8,
  ) {
    const { ca, clientCertificate: cert, clientKey: key } = access;
    this.agent = new Agent({ ca, cert, key, servername: tlsNameOf(access), keepAlive: true, maxSockets: 4 });
  }

  close(): void {
    this.agent.destroy();
  }

  /** GET of a path as JSON. Throws `ApiError`. */
  async get<T>(path: string): Promise<T> {
    return parse<T>(path, await this.ask("GET", path));
  }

  /** GET of a path as it is: logs, health pages. Throws `ApiError`. */
  text(path: string): Promise<string> {
    return this.ask("GET", path);
  }

  /** POST of an object or a subresource such as an eviction. Throws `ApiError`. */
  async post<T>(path: string, body: object): Promise<T> {
    return parse<T>(path, await this.ask("POST", path, body, "application/json"));
  }

  /** Merge patch (RFC 7396) of an object. Throws `ApiError`. */
  async patch<T>(path: string, body: object): Promise<T> {
    return parse<T>(path, await this.ask("PATCH", path, body, "application/merge-patch+json"));
  }

  /** DELETE of one object; one that is gone already is no error. Throws `ApiError`. */
  async remove(path: string): Promise<void> {
    try {
      await this.ask("DELETE", path);
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 404)) throw error;
    }
  }

  private ask(method: string, path: string, body?: object, type?: string): Promise<string> {
    const { host, port, token, basePath = "" } = this.access;
    const headers = {
      accept: "application/json, */*",
      ...(token && { authorization: `Bearer ${token}` }),
      ...(type && { "content-type": type }),
    };
    return new Promise<string>((resolve, reject) => {
      const signal = AbortSignal.timeout(this.deadlineSeconds * 1000);
      const fail = (error: Error): void =>
        reject(new ApiError(signal.aborted ? `no answer within ${this.deadlineSeconds} s` : describe(error)));
      const asked = request(
        { method, host, port, path: basePath + path, headers, agent: this.agent, signal },
        (answer) => {
          const chunks: Buffer[] = [];
          answer.on("data", (chunk: Buffer) => chunks.push(chunk));
          answer.on("error", fail);
          answer.on("end", () => {
            const status = answer.statusCode ?? 0;
            const text = Buffer.concat(chunks).toString("utf8");
            if (status >= 200 && status < 300) return resolve(text);
            reject(new ApiError(`${path} answered ${status}${reasonIn(text)}`, status));
          });
        },
      );
      asked.on("error", fail);
      asked.end(body && JSON.stringify(body));
    });
  }

  /** Items of a list; empty if the server does not know the kind (404). */
  async list<T>(path: string): Promise<T[]> {
    try {
      return (await this.get<{ items?: T[] }>(path)).items ?? [];
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return [];
      throw error;
    }
  }
}

function parse<T>(path: string, text: string): T {
  try {
    return JSON.parse(text) as T;
  } catch {
    throw new ApiError(`${path} did not answer in JSON`);
  }
}

/** What the server says about a refusal: the message of its Status object. */
function reasonIn(text: string): string {
  try {
    const { kind, message } = JSON.parse(text) as { kind?: string; message?: string };
    return kind === "Status" && message ? `: ${message}` : "";
  } catch {
    return "";
  }
}

function describe(error: Error): string {
  const code = (error as NodeJS.ErrnoException).code;
  const words: Record<string, string> = {
    ECONNREFUSED: "connection refused",
    ECONNRESET: "connection reset",
    EHOSTUNREACH: "no route to host",
    ENETUNREACH: "network unreachable",
    ETIMEDOUT: "connection timed out",
    ERR_TLS_CERT_ALTNAME_INVALID: "the certificate is for another name",
    UNABLE_TO_VERIFY_LEAF_SIGNATURE: "the certificate is not signed by the cluster's authority",
    CERT_HAS_EXPIRED: "the certificate has expired",
  };
  return (code && words[code]) ?? code ?? error.message;
}

const PERSIST_ATTEMPTS = 30;
const PERSIST_PAUSE_MS = 2_000;

/**
 * Calls again for a minute: right after a server has been changed, or while a balancer has not missed one yet, connections
 * break off. Only for what may be done twice. Throws the last `ApiError`.
 */
export async function persist<T>(action: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await action();
    } catch (error) {
      if (!(error instanceof ApiError) || attempt === PERSIST_ATTEMPTS) throw error;
      await new Promise((resolve) => setTimeout(resolve, PERSIST_PAUSE_MS));
    }
  }
}
