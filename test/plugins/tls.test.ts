import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer, connect } from "node:tls";
import { afterAll, describe, expect, test } from "vitest";
import { Secret, type Props } from "../../rehearsal/plugins/contract";
import { tlsPackage } from "../../rehearsal/plugins/tls";
import { contextFor } from "./context";

const { resources } = tlsPackage();
const folder = mkdtempSync(join(tmpdir(), "archipelago-tls-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const kindOf = (name: string) => {
  const kind = resources[`tls:index/${name[0]?.toLowerCase()}${name.slice(1)}:${name}`];
  if (!kind) throw new Error(name);
  return kind;
};

/** Makes one and takes its secrets out of their wrapper. */
async function make(name: string, inputs: Props): Promise<Record<string, string>> {
  const { outputs } = await kindOf(name).create(contextFor(name), inputs);
  return Object.fromEntries(
    Object.entries(outputs).map(([key, value]) => [key, String(value instanceof Secret ? value.value : value)]),
  );
}

const file = (name: string, text = ""): string => {
  writeFileSync(join(folder, name), text, { mode: 0o600 });
  return join(folder, name);
};
const openssl = (...args: string[]): string =>
  execFileSync("openssl", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

const AUTHORITY = {
  isCaCertificate: true,
  allowedUses: ["cert_signing", "crl_signing", "digital_signature"],
  validityPeriodHours: 48,
};
const BOTH_SIDES = ["digital_signature", "key_encipherment", "server_auth", "client_auth"];

async function chain(key: Props) {
  const authorityKey = await make("PrivateKey", key);
  const authority = await make("SelfSignedCert", {
    ...AUTHORITY,
    privateKeyPem: authorityKey.privateKeyPem,
    subject: { commonName: "authority", organization: "Archipelago, Inc." },
  });
  const nodeKey = await make("PrivateKey", key);
  const request = await make("CertRequest", {
    privateKeyPem: nodeKey.privateKeyPem,
    subject: { commonName: "node", country: "JP", streetAddresses: ["1 Shore"] },
    dnsNames: ["localhost", "*.cockroachdb"],
    ipAddresses: ["127.0.0.1", "::1"],
  });
  const inputs = {
    ...{
      certRequestPem: request.certRequestPem,
      caCertPem: authority.certPem,
      caPrivateKeyPem: authorityKey.privateKeyPem,
    },
    ...{ allowedUses: BOTH_SIDES, validityPeriodHours: 24 },
  };
  return { authority, authorityKey, nodeKey, request, inputs, node: await make("LocallySignedCert", inputs) };
}

describe("the tls stand-in", () => {
  test.each([
    { algorithm: "ECDSA", ecdsaCurve: "P256" },
    { algorithm: "ECDSA", ecdsaCurve: "P384" },
    { algorithm: "ECDSA", ecdsaCurve: "P521" },
    { algorithm: "RSA", rsaBits: 2048 },
    { algorithm: "ED25519" },
  ])("makes a chain of $algorithm $ecdsaCurve that openssl accepts, with the names and uses asked for", async (key) => {
    const { authority, node, request } = await chain(key);
    const [ca, leaf] = [file("ca.pem", authority.certPem), file("node.pem", node.certPem)];
    expect(openssl("verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", ca, leaf)).toContain("OK");
    expect(openssl("verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", ca, leaf)).toContain("OK");
    const text = openssl("x509", "-in", leaf, "-noout", "-text");
    expect(text).toMatch(/Basic Constraints: critical\s+CA:FALSE/);
    expect(text).toMatch(/Key Usage: critical\s+Digital Signature, Key Encipherment/);
    expect(text).toContain("TLS Web Server Authentication, TLS Web Client Authentication");
    expect(text).toContain("DNS:localhost, DNS:*.cockroachdb, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1");
    expect(text).toMatch(/Subject: C = JP, street = 1 Shore, CN = node/);
    expect(openssl("x509", "-in", ca, "-noout", "-text")).toMatch(/Basic Constraints: critical\s+CA:TRUE/);
    expect(openssl("x509", "-in", ca, "-noout", "-subject")).toContain('O = "Archipelago, Inc.", CN = authority');
    expect(() => openssl("req", "-in", file("node.csr", request.certRequestPem), "-noout", "-verify")).not.toThrow();
  });

  test("its certificates serve a mutual TLS 1.3 handshake, and one of another authority is refused", async () => {
    const [ours, theirs] = [
      await chain({ algorithm: "ECDSA", ecdsaCurve: "P256" }),
      await chain({ algorithm: "ECDSA", ecdsaCurve: "P256" }),
    ];
    const side = ({ node, nodeKey }: typeof ours) => ({
      cert: node.certPem,
      key: nodeKey.privateKeyPem,
      ca: ours.authority.certPem,
    });
    const server = createServer(
      { ...side(ours), requestCert: true, rejectUnauthorized: true, minVersion: "TLSv1.3" },
      (socket) => socket.end("hello"),
    );
    server.on("tlsClientError", () => undefined);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    const greet = (client: typeof ours): Promise<string> =>
      new Promise((resolve, reject) => {
        const socket = connect({ host: "localhost", port, ...side(client) });
        socket.once("data", (data) => resolve(String(data)));
        socket.once("error", reject);
        socket.once("close", () => reject(new Error("closed")));
      });
    await expect(greet(ours)).resolves.toBe("hello");
    await expect(greet(theirs)).rejects.toThrow();
    server.close();
  });

  test("marks as secret what the real plugin marks, and nothing else", async () => {
    const { outputs } = await kindOf("PrivateKey").create(contextFor("k"), { algorithm: "ECDSA", ecdsaCurve: "P256" });
    const secret = Object.keys(outputs).filter((name) => outputs[name] instanceof Secret);
    expect(secret.sort()).toEqual(["privateKeyOpenssh", "privateKeyPem", "privateKeyPemPkcs8"]);
  });

  test.each(["ECDSA", "RSA", "ED25519"])(
    "writes %s keys that OpenSSH reads back to the same public key",
    async (algorithm) => {
      const key = await make("PrivateKey", { algorithm, ecdsaCurve: "P256" });
      const path = file(`ssh-${algorithm}`, key.privateKeyOpenssh);
      const publicKey = execFileSync("ssh-keygen", ["-y", "-P", "", "-f", path], { encoding: "utf8" });
      expect(publicKey.split(" ").slice(0, 2).join(" ").trim()).toBe(String(key.publicKeyOpenssh).trim());
      expect(execFileSync("ssh-keygen", ["-l", "-f", path], { encoding: "utf8" })).toContain(
        String(key.publicKeyFingerprintSha256),
      );
    },
  );

  test("says when a certificate is ready for renewal and then replaces it, but not before", async () => {
    const { inputs } = await chain({ algorithm: "ECDSA", ecdsaCurve: "P256" });
    const kind = kindOf("LocallySignedCert");
    const { outputs } = await kind.create(contextFor("c"), { ...inputs, earlyRenewalHours: 1 });
    expect(outputs.readyForRenewal).toBe(false);
    const olds = { inputs: { ...inputs, earlyRenewalHours: 1 }, outputs };
    expect(kind.diff?.(contextFor("c"), "1", olds, olds.inputs).changes).toEqual([]);
    const late = kind.diff?.(contextFor("c"), "1", olds, { ...inputs, earlyRenewalHours: 25 }).changes ?? [];
    expect(late.filter((change) => change.replace).map((change) => change.path)).toEqual(["readyForRenewal"]);
  });

  test("gives validity in hours from now and a serial number as id", async () => {
    const { node } = await chain({ algorithm: "ECDSA", ecdsaCurve: "P256" });
    const certificate = new X509Certificate(String(node.certPem));
    expect(Date.parse(certificate.validTo) - Date.parse(certificate.validFrom)).toBe(24 * 3_600_000);
    expect(node.validityEndTime).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  });

  test("refuses a use that does not exist, an authority's key that is not its own, and text that is no key", async () => {
    const { inputs, nodeKey } = await chain({ algorithm: "ECDSA", ecdsaCurve: "P256" });
    const checked = kindOf("LocallySignedCert").check?.(
      contextFor("c"),
      { ...inputs, allowedUses: ["server_auth", "serve"] },
      {},
    );
    expect(checked?.failures?.map((failure) => failure.property)).toEqual(["allowedUses"]);
    await expect(make("LocallySignedCert", { ...inputs, caPrivateKeyPem: nodeKey.privateKeyPem })).rejects.toThrow(
      "not the key of caCertPem",
    );
    await expect(make("SelfSignedCert", { ...AUTHORITY, privateKeyPem: "nonsense" })).rejects.toThrow(
      "failed to parse private key",
    );
  });
});
