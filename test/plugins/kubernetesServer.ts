import "reflect-metadata";
import { spawn, type ChildProcess } from "node:child_process";
import { generateKeyPairSync, webcrypto } from "node:crypto";
import { existsSync, openSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import * as x509 from "@peculiar/x509";

x509.cryptoProvider.set(webcrypto);
const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

/** A real etcd, API server and controller manager on loopback, in a folder that is thrown away. */
export interface ApiServer {
  /** Logs in with a client certificate; the server's certificate is only valid for the tls-server-name. */
  kubeconfig: string;
  port: number;
  close(): Promise<void>;
}

/** Why the tests against a real API server cannot run here; undefined when they can. */
export function missingBinaries(): string | undefined {
  const folder = process.env.ARCHIPELAGO_KUBE_BIN;
  if (!folder) return "ARCHIPELAGO_KUBE_BIN does not name a folder with the programs kube and etcd";
  const missing = ["kube", "etcd"].filter((name) => !existsSync(join(folder, name)));
  return missing.length > 0 ? `${folder} has no ${missing.join(", ")}` : undefined;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

const pemKey = async (key: webcrypto.CryptoKey): Promise<string> =>
  x509.PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY");

async function createCertificates() {
  const validity = { notBefore: new Date(Date.now() - 3_600_000), notAfter: new Date(Date.now() + 86_400_000) };
  const caKeys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    name: "CN=test-ca",
    keys: caKeys,
    signingAlgorithm: algorithm,
    ...validity,
    extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
  });
  const issue = async (subject: string, dnsNames: string[]) => {
    const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
    const certificate = await x509.X509CertificateGenerator.create({
      subject,
      issuer: ca.subject,
      publicKey: keys.publicKey,
      signingKey: caKeys.privateKey,
      signingAlgorithm: algorithm,
      ...validity,
      extensions: [
        new x509.ExtendedKeyUsageExtension(["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]),
        new x509.SubjectAlternativeNameExtension(dnsNames.map((value) => ({ type: "dns" as const, value }))),
      ],
    });
    return { certificate: certificate.toString("pem"), key: await pemKey(keys.privateKey) };
  };
  return {
    ca: ca.toString("pem"),
    // Deliberately without 127.0.0.1: only a client that honours tls-server-name gets through.
    server: await issue("CN=kube-apiserver", ["kubernetes"]),
    admin: await issue("O=system:masters, CN=admin", ["admin"]),
  };
}

const base64 = (text: string): string => Buffer.from(text).toString("base64");

/**
 * Starts the three programs and waits until the API server says it is ready.
 *
 * @param without controllers that shall not run, without the word "controller".
 */
export async function startApiServer(without: string[] = []): Promise<ApiServer> {
  const bin = process.env.ARCHIPELAGO_KUBE_BIN ?? "";
  const folder = await mkdtemp(join(tmpdir(), "archipelago-api-"));
  const children: ChildProcess[] = [];
  const start = (name: string, program: string, args: string[]): void => {
    const log = openSync(join(folder, `${name}.log`), "a");
    children.push(spawn(join(bin, program), args, { stdio: ["ignore", log, log] }));
  };
  const close = async (): Promise<void> => {
    for (const child of children.reverse()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const gone = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGKILL");
      await gone;
    }
    await rm(folder, { recursive: true, force: true });
  };
  const [port, etcdPort, peerPort] = [await freePort(), await freePort(), await freePort()];
  const { ca, server, admin } = await createCertificates();
  const rsa = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  const kubeconfig = `apiVersion: v1
kind: Config
current-context: test
clusters:
  - name: test
    cluster: { server: "https://127.0.0.1:${port}", tls-server-name: kubernetes, certificate-authority-data: ${base64(ca)} }
users:
  - name: admin
    user: { client-certificate-data: ${base64(admin.certificate)}, client-key-data: ${base64(admin.key)} }
contexts:
  - name: test
    context: { cluster: test, user: admin }
`;
  const file = async (name: string, text: string): Promise<string> => {
    await writeFile(join(folder, name), text, { mode: 0o600 });
    return join(folder, name);
  };
  const caFile = await file("ca.crt", ca);
  const accountKey = await file("sa.key", rsa.privateKey);
  const kubeconfigFile = await file("kubeconfig", kubeconfig);
  const etcd = `http://127.0.0.1:${etcdPort}`;
  const peer = `http://127.0.0.1:${peerPort}`;
  start("etcd", "etcd", [`--data-dir=${folder}/etcd`, "--unsafe-no-fsync", "--log-level=warn", `--listen-client-urls=${etcd}`,
    `--advertise-client-urls=${etcd}`, `--listen-peer-urls=${peer}`, `--initial-advertise-peer-urls=${peer}`, `--initial-cluster=default=${peer}`]); // prettier-ignore
  // The advertised address is used by nobody; without a default route the server finds none by itself.
  start("apiserver", "kube", ["kube-apiserver", `--etcd-servers=${etcd}`, "--bind-address=127.0.0.1", "--advertise-address=198.18.0.2", `--secure-port=${port}`,
    "--endpoint-reconciler-type=none", "--service-cluster-ip-range=10.0.0.0/24", "--service-account-issuer=https://kubernetes.default.svc",
    `--service-account-key-file=${await file("sa.pub", rsa.publicKey)}`, `--service-account-signing-key-file=${accountKey}`,
    `--tls-cert-file=${await file("server.crt", server.certificate)}`, `--tls-private-key-file=${await file("server.key", server.key)}`,
    `--client-ca-file=${caFile}`, "--authorization-mode=RBAC", "--watch-cache=true"]); // prettier-ignore
  start("controllers", "kube", ["kube-controller-manager", `--kubeconfig=${kubeconfigFile}`, `--root-ca-file=${caFile}`, "--secure-port=0",
    `--controllers=${["*", ...without.map((name) => `-${name}-controller`)].join()}`,
    `--service-account-private-key-file=${accountKey}`, "--leader-elect=false", "--use-service-account-credentials=false"]); // prettier-ignore
  for (let second = 0; second < 120; second++) {
    const answer = await new Promise<boolean>((resolve) => {
      const probe = spawn(join(bin, "kube"), ["kubectl", `--kubeconfig=${kubeconfigFile}`, "get", "--raw", "/readyz"], {
        stdio: "ignore",
      });
      probe.once("exit", (code) => resolve(code === 0));
    });
    if (answer) return { kubeconfig, port, close };
    if (children.some((child) => child.exitCode !== null)) break;
    await sleep(1000);
  }
  throw new Error(`The API server was not ready within 120 s; logs are in ${folder}`);
}
