import "reflect-metadata";
import { webcrypto } from "node:crypto";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import * as x509 from "@peculiar/x509";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ApiError, ApiServer } from "../../harness/apiserver";
import { observeCluster, parseGoDuration } from "../../harness/observation";

const NAME = "api.london.archipelago.internal";
const answers: Record<string, unknown> = {
  "/api/v1/nodes": {
    items: [
      {
        metadata: { name: "london-server" },
        status: { conditions: [{ type: "Ready", status: "True" }], nodeInfo: { kubeletVersion: "v1.37.2" } },
      },
      { metadata: { name: "london-worker" }, status: { conditions: [{ type: "Ready", status: "Unknown" }] } },
    ],
  },
  "/apis/submariner.io/v1/gateways": {
    items: [
      {
        metadata: { name: "london-server" },
        status: {
          haStatus: "active",
          localEndpoint: { hostname: "london-server" },
          connections: [
            {
              status: "connected",
              usingIP: "198.18.1.10",
              endpoint: { cluster_id: "oregon", hostname: "oregon-server", backend: "vxlan" },
              latencyRTT: { average: "412.5µs" },
            },
            {
              status: "error",
              endpoint: { cluster_id: "tokyo", hostname: "tokyo-server", backend: "vxlan", public_ip: "198.18.5.10" },
            },
          ],
        },
      },
    ],
  },
  "/api/v1/namespaces/cockroachdb/pods": {
    items: [
      {
        metadata: { name: "cockroachdb-0", labels: { "archipelago.internal/nature": "stand-in" } },
        status: { conditions: [{ type: "Ready", status: "True" }], containerStatuses: [{ restartCount: 2 }] },
      },
      {
        metadata: { name: "cockroachdb-init-x7k2p", labels: { "batch.kubernetes.io/job-name": "cockroachdb-init" } },
        status: {},
      },
    ],
  },
};

let server: Server;
let ca: string;
let port: number;

beforeAll(async () => {
  x509.cryptoProvider.set(webcrypto as never);
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${NAME}`,
    keys: keys as never,
    signingAlgorithm: algorithm,
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: "dns", value: NAME }])],
  });
  ca = certificate.toString("pem");
  const key = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey)).toString("base64");
  const pem = `-----BEGIN PRIVATE KEY-----\n${key.match(/.{1,64}/g)!.join("\n")}\n-----END PRIVATE KEY-----\n`;
  server = createServer({ cert: ca, key: pem }, (asked, answer) => {
    if (asked.url === "/never") return;
    const body = answers[asked.url ?? ""];
    answer.statusCode = body ? 200 : asked.url === "/broken" ? 500 : 404;
    answer.end(JSON.stringify(body ?? {}));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  port = (server.address() as AddressInfo).port;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

async function withApi<T>(
  use: (api: ApiServer) => Promise<T>,
  change: { serverName?: string; port?: number } = {},
): Promise<T> {
  const api = new ApiServer({ host: "127.0.0.1", port, serverName: NAME, ca, ...change }, 1);
  try {
    return await use(api);
  } finally {
    api.close();
  }
}

describe("API server", () => {
  it("is trusted by the name in the kubeconfig, not by its address", async () => {
    await expect(withApi((api) => api.get("/api/v1/nodes"))).resolves.toHaveProperty("items");
    await expect(withApi((api) => api.get("/api/v1/nodes"), { serverName: "api.tokyo" })).rejects.toThrow(
      /another name/,
    );
  });

  it("has a deadline, and says in words what went wrong", async () => {
    await expect(withApi((api) => api.get("/never"))).rejects.toThrow("no answer within 1 s");
    await expect(withApi((api) => api.get("/x"), { port: 1 })).rejects.toThrow("connection refused");
    await expect(withApi((api) => api.get("/broken"))).rejects.toThrow(ApiError);
  });

  it("has no items of a kind it does not know", async () => {
    await expect(withApi((api) => api.list("/apis/unknown/v1/things"))).resolves.toEqual([]);
    await expect(withApi((api) => api.list("/broken"))).rejects.toThrow("500");
  });
});

describe("observation", () => {
  it("reads nodes, tunnels and the database's pods, without those of jobs", async () => {
    const seen = await withApi((api) => observeCluster(api));
    expect(seen.nodes).toEqual([
      { name: "london-server", ready: true, version: "v1.37.2" },
      { name: "london-worker", ready: false, version: "" },
    ]);
    expect(seen.gateways).toEqual([{ node: "london-server", active: true, failure: undefined }]);
    expect(seen.tunnels).toEqual([
      {
        gateway: "london-server",
        cluster: "oregon",
        remote: "oregon-server",
        remoteAddress: "198.18.1.10",
        cable: "vxlan",
        status: "connected",
        rttMs: expect.closeTo(0.4125, 6) as number,
      },
      {
        gateway: "london-server",
        cluster: "tokyo",
        remote: "tokyo-server",
        remoteAddress: "198.18.5.10",
        cable: "vxlan",
        status: "error",
        rttMs: undefined,
      },
    ]);
    expect(seen.databasePods).toEqual([{ name: "cockroachdb-0", ready: true, restarts: 2, nature: "stand-in" }]);
  });

  it.each([
    ["412.5µs", 0.4125],
    ["1.5ms", 1.5],
    ["1m2.5s", 62_500],
    ["0s", 0],
  ])("reads the Go duration %s as %d ms", (text, expected) => expect(parseGoDuration(text)).toBeCloseTo(expected, 6));

  it("reads nothing into what is no duration", () => {
    expect(parseGoDuration("")).toBeUndefined();
    expect(parseGoDuration("fast")).toBeUndefined();
    expect(parseGoDuration("5ms?")).toBeUndefined();
  });
});
