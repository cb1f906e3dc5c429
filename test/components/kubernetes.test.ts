import "reflect-metadata";
import * as crypto from "node:crypto";
import * as https from "node:https";
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import * as x509 from "@peculiar/x509";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { publicKeyHash } from "../../components/kubernetes/identity";
import { renderKubeconfig } from "../../components/kubernetes/kubeconfig";
import { awaitCluster, type ReadinessInput } from "../../components/kubernetes/readiness";
import { UserError } from "../../plan/errors";
import { parse } from "yaml";

const API_NAME = "api.oregon.archipelago.internal";
const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

interface Pair {
  cert: string;
  key: string;
}

/** A CA, a server certificate that knows no address but the API's name, and a client certificate. */
async function createPki(): Promise<{ ca: string; server: Pair; admin: Pair }> {
  x509.cryptoProvider.set(crypto.webcrypto as never);
  const keys = () => crypto.webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const caKeys = await keys();
  const notAfter = new Date(Date.now() + 3_600_000);
  const basics = { notBefore: new Date(Date.now() - 60_000), notAfter, signingAlgorithm: ALGORITHM };
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    ...basics,
    name: "CN=ca",
    keys: caKeys as never,
    extensions: [new x509.BasicConstraintsExtension(true)],
  });
  const issue = async (name: string, extensions: x509.Extension[]): Promise<Pair> => {
    const pair = await keys();
    const { publicKey } = pair as never as { publicKey: never };
    const cert = await x509.X509CertificateGenerator.create({
      ...basics,
      subject: `CN=${name}`,
      issuer: ca.subject,
      publicKey,
      signingKey: caKeys.privateKey as never,
      extensions,
    });
    const der = await crypto.webcrypto.subtle.exportKey("pkcs8", pair.privateKey);
    return { cert: cert.toString("pem"), key: x509.PemConverter.encode(der, "PRIVATE KEY") };
  };
  const names = new x509.SubjectAlternativeNameExtension([{ type: "dns", value: API_NAME }]);
  return { ca: ca.toString("pem"), server: await issue("server", [names]), admin: await issue("admin", []) };
}

describe("the wait for a cluster", () => {
  let pki: Awaited<ReturnType<typeof createPki>>;
  let server: https.Server;
  let requests: string[] = [];
  let respond: (path: string) => { status: number; body: string };
  const input = (over: Partial<ReadinessInput> = {}): ReadinessInput => ({
    cluster: "oregon",
    address: "127.0.0.1",
    port: (server.address() as AddressInfo).port,
    apiName: API_NAME,
    caCert: pki.ca,
    adminCert: pki.admin.cert,
    adminKey: pki.admin.key,
    nodes: ["oregon-server", "oregon-worker-1"],
    deadlineSeconds: 1,
    intervalSeconds: 0.05,
    ...over,
  });
  const nodes = (...names: string[]) => ({
    status: 200,
    body: JSON.stringify({ items: names.map((name) => ({ metadata: { name } })) }),
  });

  beforeAll(async () => {
    pki = await createPki();
    server = https.createServer(
      { ...pki.server, ca: pki.ca, requestCert: true, rejectUnauthorized: true },
      (request, response) => {
        const name = (request.socket as TLSSocket).getPeerCertificate().subject.CN;
        requests.push(`${String(name)} ${request.url}`);
        const { status, body } = respond(request.url ?? "");
        response.writeHead(status).end(body);
      },
    );
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  });
  afterAll(() => void server.close());

  test("ends when the API is ready and every planned node has registered, not before", async () => {
    requests = [];
    let round = 0;
    respond = (path) => {
      if (path === "/readyz")
        return ++round > 1
          ? { status: 200, body: "ok" }
          : { status: 500, body: "[+]ping ok\n[-]etcd failed: reason withheld\n" };
      return round > 2 ? nodes("oregon-server", "oregon-worker-1", "stranger") : nodes("oregon-server");
    };
    await awaitCluster(input());
    expect(requests).toEqual([
      "admin /readyz",
      "admin /readyz",
      "admin /api/v1/nodes",
      "admin /readyz",
      "admin /api/v1/nodes",
    ]);
  });

  test("gives up at its deadline with what it saw last and what to do next", async () => {
    respond = (path) => (path === "/readyz" ? { status: 200, body: "ok" } : nodes("oregon-server"));
    const error = await awaitCluster(input()).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UserError);
    expect((error as UserError).message).toMatch(
      /oregon: not ready after 1 s at https:.*last seen: API ready, nodes not registered yet: oregon-worker-1/,
    );
    expect((error as UserError).remedy).toContain("pulumi up -s oregon");
  });

  test("names the failed check, a refused connection and a stranger's certificate", async () => {
    const lastSeen = async (over: Partial<ReadinessInput>) =>
      ((await awaitCluster(input({ deadlineSeconds: 0, ...over })).catch((thrown: unknown) => thrown)) as UserError)
        .message;
    respond = () => ({ status: 500, body: "[+]ping ok\n[-]etcd failed: reason withheld\n" });
    expect(await lastSeen({})).toContain("/readyz answers 500 [-]etcd");
    expect(await lastSeen({ port: 1 })).toContain("ECONNREFUSED");
    expect(await lastSeen({ caCert: (await createPki()).ca })).toMatch(/certificate|CERT/i);
    expect(await lastSeen({ apiName: "api.elsewhere.archipelago.internal" })).toContain("altnames");
  });
});

describe("a computed kubeconfig", () => {
  test("reaches the API by address and checks its name", () => {
    const text = renderKubeconfig({
      cluster: "oregon",
      address: "198.51.100.4",
      apiName: API_NAME,
      caCert: "ca",
      adminCert: "cert",
      adminKey: "key",
    });
    expect(parse(text)).toMatchObject({
      clusters: [
        {
          cluster: {
            server: "https://198.51.100.4:6443",
            "tls-server-name": API_NAME,
            "certificate-authority-data": "Y2E=",
          },
        },
      ],
      users: [{ user: { "client-certificate-data": "Y2VydA==", "client-key-data": "a2V5" } }],
      "current-context": "oregon",
    });
  });
});

describe("the CA's hash", () => {
  test("is the digest of the public key's DER form", () => {
    const { publicKey } = crypto.generateKeyPairSync("ec", { namedCurve: "P-256" });
    const der = publicKey.export({ type: "spki", format: "der" });
    const expected = crypto.createHash("sha256").update(der).digest("hex");
    expect(publicKeyHash(publicKey.export({ type: "spki", format: "pem" }).toString())).toBe(`sha256:${expected}`);
  });
});
