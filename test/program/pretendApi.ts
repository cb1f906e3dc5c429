import { randomUUID } from "node:crypto";
import { createServer, type Server } from "node:https";
import type { IncomingMessage, ServerResponse } from "node:http";
import { parse } from "yaml";
import { BUILT_IN, settledStatus, type Json, type KindInfo } from "./apiObjects";

const isObject = (v: unknown): v is Json => typeof v === "object" && v !== null && !Array.isArray(v);

/** Server-side apply as far as these tests need it: maps merge, lists and scalars are taken from the applied object. */
export function merge(base: Json, applied: Json): Json {
  const out: Json = { ...base };
  for (const [k, v] of Object.entries(applied)) out[k] = isObject(v) && isObject(out[k]) ? merge(out[k], v) : v;
  return out;
}

/**
 * A pretend Kubernetes API server for tests of the program without machines: keeps objects in memory, knows no
 * validation and no controllers; every workload is ready at once. What real API servers do is the rehearsal's matter.
 */
export class PretendApi {
  private readonly objects = new Map<string, Json>();
  private readonly kinds: KindInfo[] = [...BUILT_IN];
  /** By address: an AWS machine answers at an ephemeral one first, then at its elastic one. */
  private readonly servers = new Map<string, Server>();
  private revision = 1;
  /** What every pod's log says. */
  log = "";

  constructor(readonly cluster: string) {}

  /** Every stored object as "Kind namespace/name". */
  list(): string[] {
    return [...this.objects.values()].map((o) => {
      const { namespace, name } = o.metadata as { namespace?: string; name: string };
      return `${String(o.kind)} ${namespace ? `${namespace}/` : ""}${name}`;
    });
  }

  /** Uid and revision of every stored object, by "Kind namespace/name": who was touched since. */
  revisions(): Map<string, string> {
    const entries = [...this.objects.values()].map((object): [string, string] => {
      const { namespace, name, uid, resourceVersion } = object.metadata as Record<string, string>;
      return [`${String(object.kind)} ${namespace ? `${namespace}/` : ""}${name}`, `${uid} ${resourceVersion}`];
    });
    return new Map(entries);
  }

  registerNode(name: string): void {
    this.put(BUILT_IN.find((k) => k.kind === "Node") as KindInfo, undefined, name, {
      apiVersion: "v1",
      kind: "Node",
      metadata: { name },
      status: { conditions: [{ type: "Ready", status: "True" }] },
    });
  }

  async listen(address: string, port: number, tls: { key: string; cert: string }): Promise<void> {
    if (this.servers.has(address)) return;
    const server = createServer(tls, (request, response) => void this.answer(request, response));
    this.servers.set(address, server);
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, address, () => resolve());
    });
  }

  async close(): Promise<void> {
    const servers = [...this.servers.values()];
    this.servers.clear();
    for (const server of servers) server.closeAllConnections();
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }

  private key(k: KindInfo, namespace: string | undefined, name: string): string {
    return `${k.group}/${k.plural}/${namespace ?? ""}/${name}`;
  }

  private put(k: KindInfo, namespace: string | undefined, name: string, applied: Json): Json {
    const key = this.key(k, namespace, name);
    const old = this.objects.get(key);
    const merged = merge(old ?? {}, applied);
    const meta = merged.metadata as Json;
    merged.metadata = {
      ...meta,
      name,
      ...(namespace ? { namespace } : {}),
      uid: (old?.metadata as Json | undefined)?.uid ?? randomUUID(),
      resourceVersion: String(this.revision++),
      generation: Number((old?.metadata as Json | undefined)?.generation ?? 0) + 1,
      creationTimestamp: "2026-01-01T00:00:00Z",
    };
    const settled = merge(merged, settledStatus(merged, `token-${this.cluster}-${name}`));
    this.objects.set(key, settled);
    if (settled.kind === "CustomResourceDefinition") this.define(settled);
    return settled;
  }

  private define(crd: Json): void {
    const spec = crd.spec as {
      group: string;
      scope: string;
      names: { kind: string; plural: string };
      versions: { name: string }[];
    };
    for (const v of spec.versions) {
      if (this.kinds.some((k) => k.group === spec.group && k.version === v.name && k.plural === spec.names.plural))
        continue;
      this.kinds.push({
        group: spec.group,
        version: v.name,
        kind: spec.names.kind,
        plural: spec.names.plural,
        namespaced: spec.scope === "Namespaced",
      });
    }
  }

  private discovery(path: string): Json | undefined {
    if (path === "/api") return { kind: "APIVersions", versions: ["v1"] };
    const groups = [...new Set(this.kinds.map((k) => k.group).filter(Boolean))];
    if (path === "/apis") {
      return {
        kind: "APIGroupList",
        apiVersion: "v1",
        groups: groups.map((name) => {
          const versions = [...new Set(this.kinds.filter((k) => k.group === name).map((k) => k.version))].map(
            (version) => ({
              groupVersion: `${name}/${version}`,
              version,
            }),
          );
          return { name, versions, preferredVersion: versions[0] };
        }),
      };
    }
    const m = /^\/(?:api\/(v1)|apis\/([^/]+)\/([^/]+))$/.exec(path);
    if (!m) return undefined;
    const [group, version] = m[1] ? ["", "v1"] : [m[2] ?? "", m[3] ?? ""];
    const resources = this.kinds
      .filter((k) => k.group === group && k.version === version)
      .map((k) => ({
        name: k.plural,
        singularName: k.kind.toLowerCase(),
        kind: k.kind,
        namespaced: k.namespaced,
        verbs: ["get", "list", "patch", "delete", "create", "update"],
      }));
    if (resources.length === 0) return undefined;
    return {
      kind: "APIResourceList",
      apiVersion: "v1",
      groupVersion: group ? `${group}/${version}` : version,
      resources,
    };
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "https://pretend");
    const send = (status: number, body: unknown): void => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(body));
    };
    const notFound = (): void =>
      send(404, {
        kind: "Status",
        apiVersion: "v1",
        status: "Failure",
        reason: "NotFound",
        code: 404,
        message: `${url.pathname} not found`,
      });
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString("utf8");
    if (/^\/(readyz|livez|healthz)/.test(url.pathname)) return void response.end("ok");
    if (/^\/api\/v1\/namespaces\/[^/]+\/pods\/[^/]+\/log$/.test(url.pathname)) return void response.end(this.log);
    if (url.pathname === "/version") return send(200, { major: "1", minor: "37", gitVersion: "v1.37.2" });
    const found = this.discovery(url.pathname);
    if (found && request.method === "GET") return send(200, found);

    const m =
      /^\/(?:api\/(v1)|apis\/([^/]+)\/([^/]+))(?:\/namespaces\/([^/]+)(?=\/))?\/([^/]+)(?:\/([^/]+))?(?:\/(status|scale))?$/.exec(
        url.pathname,
      );
    if (!m) return notFound();
    const [group, version] = m[1] ? ["", "v1"] : [m[2] ?? "", m[3] ?? ""];
    const [namespace, plural, name] = [m[4], m[5] ?? "", m[6]];
    const kind = this.kinds.find((k) => k.group === group && k.version === version && k.plural === plural);
    if (!kind) return notFound();
    if (!name) {
      if (request.method === "POST") {
        const object = parse(body) as Json;
        return send(201, this.put(kind, namespace, String((object.metadata as Json).name), object));
      }
      const prefix = `${kind.group}/${kind.plural}/`;
      const items = [...this.objects.entries()]
        .filter(([k]) => k.startsWith(namespace ? `${prefix}${namespace}/` : prefix))
        .map(([, o]) => o);
      return send(200, { kind: `${kind.kind}List`, apiVersion: "v1", metadata: {}, items });
    }
    const key = this.key(kind, namespace, name);
    const existing = this.objects.get(key);
    switch (request.method) {
      case "GET":
        return existing ? send(200, existing) : notFound();
      case "PATCH":
      case "PUT":
        return send(200, this.put(kind, namespace, name, parse(body) as Json));
      case "DELETE":
        if (!existing) return notFound();
        this.objects.delete(key);
        return send(200, { kind: "Status", status: "Success" });
      default:
        return notFound();
    }
  }
}
