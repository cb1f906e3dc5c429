import * as http from "node:http";
import * as https from "node:https";
import { isIP } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Props } from "../contract";
import type { Access } from "./kubeconfig";
import { listAt, textAt, type KubeObject } from "./objects";

/** The API server answered, and refused. */
export class ApiError extends Error {
  constructor(
    /** HTTP status. */
    readonly code: number,
    /** Machine-readable reason, as "AlreadyExists". */
    readonly reason: string,
    message: string,
    readonly causes: Props[] = [],
  ) {
    super(message);
    this.name = "ApiError";
  }
}

/** The API server has no such kind (yet): its CustomResourceDefinition is missing or not established. */
export class NoMatch extends Error {
  constructor(apiVersion: string, kind: string) {
    super(`no matches for kind "${kind}" in version "${apiVersion}"`);
    this.name = "NoMatch";
  }
}

/** Nobody answered. */
export class Unreachable extends Error {
  constructor(
    message: string,
    /** Whether the request may have been carried out all the same. */
    readonly ambiguous: boolean,
  ) {
    super(message);
    this.name = "Unreachable";
  }
}

export const isNotFound = (error: unknown): boolean => error instanceof ApiError && error.code === 404;
export const isGone = (error: unknown): boolean => isNotFound(error) || error instanceof NoMatch;

/** Where objects of a kind live. */
export interface ResourcePath {
  /** As "/apis/apps/v1". */
  base: string;
  plural: string;
  namespaced: boolean;
}

export interface RequestOptions {
  query?: Record<string, string | undefined>;
  body?: unknown;
  contentType?: string;
  signal?: AbortSignal;
}

// A connection that is not there after this long will not come; an answer may take longer (admission, big lists).
const CONNECT_TIMEOUT_MS = 10_000;
const ANSWER_TIMEOUT_MS = 60_000;
const BUSY_RETRIES = 5;

const basePath = (apiVersion: string): string =>
  apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;

/** A small client of one Kubernetes API server, over node:https, because it must honour `tls-server-name`. */
export class Client {
  private readonly agent: http.Agent;
  private readonly url: URL;
  private readonly kinds = new Map<string, ResourcePath>();

  constructor(readonly access: Access) {
    this.url = new URL(access.server);
    // Idle connections are dropped well before the API server would drop them under a request of ours.
    const common: http.AgentOptions = { keepAlive: true, maxSockets: 16, timeout: 30_000 };
    this.agent =
      this.url.protocol === "http:"
        ? new http.Agent(common)
        : new https.Agent({
            ...common,
            ca: access.ca,
            cert: access.certificate,
            key: access.key,
            rejectUnauthorized: !access.insecure,
            servername: access.tlsServerName ?? (isIP(this.url.hostname) ? "" : this.url.hostname),
          });
  }

  /** One request, retried while the server says it is busy. Throws ApiError or Unreachable. */
  async request(method: string, path: string, options: RequestOptions = {}): Promise<Props> {
    for (let attempt = 0; ; attempt++) {
      const { code, headers, text } = await this.send(method, path, options);
      if (code < 400) return parseBody(text);
      const waitSeconds = Number(headers["retry-after"] ?? Number.NaN);
      const busy = code === 429 || (code >= 500 && Number.isFinite(waitSeconds));
      if (!busy || attempt === BUSY_RETRIES) throw statusError(code, text);
      await sleep(Math.min(10, Number.isFinite(waitSeconds) ? waitSeconds : 1) * 1000, undefined, {
        signal: options.signal,
      });
    }
  }

  /** Asks the server where a kind lives. Throws NoMatch. */
  async find(apiVersion: string, kind: string, signal?: AbortSignal): Promise<ResourcePath> {
    const key = `${apiVersion}/${kind}`;
    const known = this.kinds.get(key);
    if (known) return known;
    const base = basePath(apiVersion);
    const answer = await this.request("GET", base, { signal }).catch((error: unknown) => {
      if (isNotFound(error)) return {};
      throw error;
    });
    const found = listAt(answer, "resources").find((item) => item.kind === kind && !String(item.name).includes("/"));
    if (!found) throw new NoMatch(apiVersion, kind);
    const path = { base, plural: String(found.name), namespaced: found.namespaced === true };
    this.kinds.set(key, path);
    return path;
  }

  /** The path of one object, or of all of its kind in a namespace where `name` is undefined. */
  async path(
    apiVersion: string,
    kind: string,
    namespace?: string,
    name?: string,
    signal?: AbortSignal,
  ): Promise<string> {
    const { base, plural, namespaced } = await this.find(apiVersion, kind, signal);
    const inside = namespaced ? `/namespaces/${namespace || this.access.namespace || "default"}` : "";
    return `${base}${inside}/${plural}${name === undefined ? "" : `/${encodeURIComponent(name)}`}`;
  }

  /** The live object; throws an ApiError for which isNotFound holds when there is none. */
  async get(
    object: { apiVersion: string; kind: string; namespace?: string; name: string },
    signal?: AbortSignal,
  ): Promise<KubeObject> {
    const path = await this.path(object.apiVersion, object.kind, object.namespace, object.name, signal);
    return (await this.request("GET", path, { signal })) as KubeObject;
  }

  async list(
    apiVersion: string,
    kind: string,
    namespace?: string,
    labelSelector?: string,
    signal?: AbortSignal,
  ): Promise<KubeObject[]> {
    const path = await this.path(apiVersion, kind, namespace, undefined, signal);
    return listAt(await this.request("GET", path, { query: { labelSelector }, signal }), "items") as KubeObject[];
  }

  /** Forgets where kinds live, after a 404 that may mean the definition was replaced. */
  forget(): void {
    this.kinds.clear();
  }

  close(): void {
    this.agent.destroy();
  }

  private send(
    method: string,
    path: string,
    options: RequestOptions,
  ): Promise<{ code: number; headers: http.IncomingHttpHeaders; text: string }> {
    const { query = {}, body, contentType = "application/json", signal } = options;
    const url = new URL(this.url.pathname.replace(/\/$/, "") + path, this.url);
    for (const [key, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(key, value);
    const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const headers: http.OutgoingHttpHeaders = { accept: "application/json", "user-agent": "archipelago" };
    if (payload) Object.assign(headers, { "content-type": contentType, "content-length": payload.length });
    if (this.access.token) headers.authorization = `Bearer ${this.access.token}`;
    else if (this.access.basic) headers.authorization = `Basic ${Buffer.from(this.access.basic).toString("base64")}`;
    return new Promise((resolve, reject) => {
      let sent = false;
      const fail = (error: Error): void =>
        reject(
          signal?.aborted
            ? new Error("cancelled by the engine")
            : new Unreachable(`${this.access.server}: ${reasonOf(error)}`, sent),
        );
      const module = url.protocol === "http:" ? http : https;
      const request = module.request(url, { method, headers, agent: this.agent, signal }, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", fail);
        response.on("end", () => {
          clearTimeout(timer);
          resolve({
            code: response.statusCode ?? 0,
            headers: response.headers,
            text: Buffer.concat(chunks).toString("utf8"),
          });
        });
      });
      let timer = setTimeout(
        () => request.destroy(new Error(`no connection within ${CONNECT_TIMEOUT_MS / 1000} s`)),
        CONNECT_TIMEOUT_MS,
      );
      const connected = (): void => {
        sent = true;
        clearTimeout(timer);
        timer = setTimeout(
          () => request.destroy(new Error(`no answer within ${ANSWER_TIMEOUT_MS / 1000} s`)),
          ANSWER_TIMEOUT_MS,
        );
      };
      request.on("socket", (socket) => {
        if (request.reusedSocket) connected();
        else socket.once(url.protocol === "http:" ? "connect" : "secureConnect", connected);
      });
      request.on("error", (error) => {
        clearTimeout(timer);
        fail(error);
      });
      request.end(payload);
    });
  }
}

const reasonOf = (error: Error & { code?: string }): string =>
  error.message || (error instanceof AggregateError ? error.errors.map(String).join(", ") : (error.code ?? error.name));

function parseBody(text: string): Props {
  try {
    return JSON.parse(text) as Props;
  } catch {
    throw new ApiError(
      502,
      "BadAnswer",
      `the API server answered with something else than JSON: ${text.slice(0, 200)}`,
    );
  }
}

function statusError(code: number, text: string): ApiError {
  try {
    const status = JSON.parse(text) as Props;
    return new ApiError(
      code,
      textAt(status, "reason") ?? "",
      textAt(status, "message") ?? text,
      listAt(status, "details", "causes"),
    );
  } catch {
    return new ApiError(code, "", text.trim().slice(0, 500) || `HTTP status ${code}`);
  }
}
