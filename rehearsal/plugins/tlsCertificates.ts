// x509's dependency injection wants the metadata API before it is loaded.
import "reflect-metadata";
import { randomBytes, webcrypto } from "node:crypto";
import { isIPv4 } from "node:net";
import * as x509 from "@peculiar/x509";
import type { Failure, Props } from "./contract";
import { isUnknown } from "./encoding";
import { algorithmOf, parsePrivateKey, toSigning } from "./tlsKeys";
import { text } from "./text";

// The library's types name the browser's CryptoKey, which is not among this project's types; it is the same object.
const forLibrary = (key: webcrypto.CryptoKey): never => key as never;

x509.cryptoProvider.set(webcrypto);

const SUBJECT_KEY_IDENTIFIER = "2.5.29.14";
const SUBJECT_ALTERNATIVE_NAME = "2.5.29.17";

const { KeyUsageFlags } = x509;
const KEY_USES: Record<string, x509.KeyUsageFlags> = {
  digital_signature: KeyUsageFlags.digitalSignature,
  content_commitment: KeyUsageFlags.nonRepudiation,
  key_encipherment: KeyUsageFlags.keyEncipherment,
  data_encipherment: KeyUsageFlags.dataEncipherment,
  key_agreement: KeyUsageFlags.keyAgreement,
  cert_signing: KeyUsageFlags.keyCertSign,
  crl_signing: KeyUsageFlags.cRLSign,
  encipher_only: KeyUsageFlags.encipherOnly,
  decipher_only: KeyUsageFlags.decipherOnly,
};
const EXTENDED_USES: Record<string, string> = {
  any_extended: "2.5.29.37.0",
  server_auth: "1.3.6.1.5.5.7.3.1",
  client_auth: "1.3.6.1.5.5.7.3.2",
  code_signing: "1.3.6.1.5.5.7.3.3",
  email_protection: "1.3.6.1.5.5.7.3.4",
  ipsec_end_system: "1.3.6.1.5.5.7.3.5",
  ipsec_tunnel: "1.3.6.1.5.5.7.3.6",
  ipsec_user: "1.3.6.1.5.5.7.3.7",
  timestamping: "1.3.6.1.5.5.7.3.8",
  ocsp_signing: "1.3.6.1.5.5.7.3.9",
  microsoft_server_gated_crypto: "1.3.6.1.4.1.311.10.3.3",
  netscape_server_gated_crypto: "2.16.840.1.113730.4.1",
  microsoft_commercial_code_signing: "1.3.6.1.4.1.311.2.1.22",
  microsoft_kernel_code_signing: "1.3.6.1.4.1.311.61.1.1",
};
export const USES = [...Object.keys(KEY_USES), ...Object.keys(EXTENDED_USES)];

/** Uses that no certificate has. */
export function useFailures(inputs: Props): Failure[] {
  const uses = inputs.allowedUses;
  if (!Array.isArray(uses)) return [];
  const bad = uses.filter((use) => !isUnknown(use) && !USES.includes(text(use)));
  return bad.map((use) => ({
    property: "allowedUses",
    reason: `value must be one of: ["${USES.join('" "')}"], got: "${text(use)}"`,
  }));
}

/** In the order in which Go writes a name. */
const NAME_PARTS = [
  ["C", "country"],
  ["O", "organization"],
  ["OU", "organizationalUnit"],
  ["L", "locality"],
  ["ST", "province"],
  ["2.5.4.9", "streetAddresses"],
  ["2.5.4.17", "postalCode"],
  ["CN", "commonName"],
  ["2.5.4.5", "serialNumber"],
  ["1.2.840.113549.1.9.1", "emailAddress"],
] as const;

function nameOf(subject: unknown): x509.JsonName {
  const given = (subject ?? {}) as Props;
  return NAME_PARTS.flatMap(([attribute, property]) =>
    [given[property] ?? []].flat().map((value) => ({ [attribute]: [text(value)] })),
  );
}

function alternativeNames(inputs: Props): x509.Extension[] {
  const listOf = (property: string): string[] => (inputs[property] ?? []) as string[];
  const names: x509.JsonGeneralNames = [
    ...listOf("dnsNames").map((value) => ({ type: "dns" as const, value })),
    ...listOf("ipAddresses").map((value) => ({
      type: "ip" as const,
      value: isIPv4(value) ? value : value.toLowerCase(),
    })),
    ...listOf("uris").map((value) => ({ type: "url" as const, value })),
  ];
  return names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : [];
}

function usesOf(inputs: Props): x509.Extension[] {
  const uses = (inputs.allowedUses ?? []) as string[];
  const flags = uses.reduce((sum, use) => sum | (KEY_USES[use] ?? 0), 0);
  const extended = uses.map((use) => EXTENDED_USES[use]).filter((use) => use !== undefined);
  return [
    ...(flags ? [new x509.KeyUsagesExtension(flags, true)] : []),
    ...(extended.length > 0 ? [new x509.ExtendedKeyUsageExtension(extended)] : []),
  ];
}

/** What a certificate says of itself: always whether it may sign others, critically. */
async function ownExtensions(inputs: Props, publicKey: webcrypto.CryptoKey): Promise<x509.Extension[]> {
  const isAuthority = inputs.isCaCertificate === true;
  const pathLength = isAuthority && Number(inputs.maxPathLength ?? -1) >= 0 ? Number(inputs.maxPathLength) : undefined;
  return [
    ...usesOf(inputs),
    new x509.BasicConstraintsExtension(isAuthority, pathLength, true),
    // An authority has a key identifier even unasked: those it signs refer to it.
    ...(isAuthority || inputs.setSubjectKeyId === true
      ? [await x509.SubjectKeyIdentifierExtension.create(forLibrary(publicKey))]
      : []),
  ];
}

function validity(inputs: Props): { notBefore: Date; notAfter: Date } {
  const notBefore = new Date(Math.floor(Date.now() / 1000) * 1000);
  return { notBefore, notAfter: new Date(notBefore.getTime() + Number(inputs.validityPeriodHours) * 3_600_000) };
}

/** 128 bits, positive. */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString("hex");
}

// Go's RFC 3339, without fractions.
const time = (date: Date): string => date.toISOString().replace(/\.\d+Z$/, "Z");

const issued = (certificate: x509.X509Certificate): Props & { id: string } => ({
  id: BigInt(`0x${certificate.serialNumber}`).toString(),
  certPem: `${certificate.toString("pem")}\n`,
  validityStartTime: time(certificate.notBefore),
  validityEndTime: time(certificate.notAfter),
});

export async function selfSign(inputs: Props): Promise<Props & { id: string }> {
  const key = parsePrivateKey(inputs.privateKeyPem);
  const { algorithm, privateKey, publicKey } = await toSigning(key);
  const name = nameOf(inputs.subject);
  const own = await ownExtensions(inputs, forLibrary(publicKey));
  const authority =
    inputs.setAuthorityKeyId === true ? [await x509.AuthorityKeyIdentifierExtension.create(forLibrary(publicKey))] : [];
  const certificate = await x509.X509CertificateGenerator.create({
    ...{ subject: name, issuer: name, serialNumber: serialNumber(), ...validity(inputs) },
    extensions: [...own, ...authority, ...alternativeNames(inputs)],
    signingAlgorithm: algorithm,
    publicKey: forLibrary(publicKey),
    signingKey: forLibrary(privateKey),
  });
  return { ...issued(certificate), keyAlgorithm: algorithmOf(key) };
}

export async function request(inputs: Props): Promise<Props> {
  const key = parsePrivateKey(inputs.privateKeyPem);
  const { algorithm, privateKey, publicKey } = await toSigning(key);
  const made = await x509.Pkcs10CertificateRequestGenerator.create({
    name: nameOf(inputs.subject),
    keys: { privateKey: forLibrary(privateKey), publicKey: forLibrary(publicKey) },
    signingAlgorithm: algorithm,
    extensions: alternativeNames(inputs),
  });
  return { certRequestPem: `${made.toString("pem")}\n`, keyAlgorithm: algorithmOf(key) };
}

/** Signs a request: its subject, key and alternative names, and nothing else of it, are taken over. */
export async function sign(inputs: Props): Promise<Props & { id: string }> {
  const asked = parse("certRequestPem", inputs, (pem) => new x509.Pkcs10CertificateRequest(pem));
  const authority = parse("caCertPem", inputs, (pem) => new x509.X509Certificate(pem));
  const authorityKey = parsePrivateKey(inputs.caPrivateKeyPem);
  if (!(await asked.verify())) throw new Error("certRequestPem: the signature of the certificate request is not valid");
  const { algorithm, privateKey, publicKey } = await toSigning(authorityKey);
  const ours = Buffer.from(await webcrypto.subtle.exportKey("spki", publicKey));
  if (!ours.equals(Buffer.from(authority.publicKey.rawData)))
    throw new Error("caPrivateKeyPem is not the key of caCertPem");

  const key = (await asked.publicKey.export()) as unknown as webcrypto.CryptoKey;
  const names = asked.getExtension(SUBJECT_ALTERNATIVE_NAME);
  const identifier = authority.getExtension<x509.SubjectKeyIdentifierExtension>(SUBJECT_KEY_IDENTIFIER);
  const certificate = await x509.X509CertificateGenerator.create({
    ...{ subject: asked.subjectName, issuer: authority.subjectName, serialNumber: serialNumber(), ...validity(inputs) },
    extensions: [
      ...(await ownExtensions(inputs, key)),
      ...(identifier ? [new x509.AuthorityKeyIdentifierExtension(identifier.keyId)] : []),
      ...(names ? [names] : []),
    ],
    signingAlgorithm: algorithm,
    publicKey: forLibrary(key),
    signingKey: forLibrary(privateKey),
  });
  return { ...issued(certificate), caKeyAlgorithm: algorithmOf(authorityKey) };
}

function parse<T>(property: string, inputs: Props, read: (pem: string) => T): T {
  try {
    return read(text(inputs[property]));
  } catch {
    throw new Error(`${property}: no PEM block that can be read was found`);
  }
}
