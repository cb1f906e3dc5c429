import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  webcrypto,
  type KeyObject,
} from "node:crypto";
import { text } from "./text";

/** As the tls package names them. */
export type KeyAlgorithm = "RSA" | "ECDSA" | "ED25519";

const CURVES: Record<string, { node: string; ssh?: string; hash: string }> = {
  P224: { node: "secp224r1", hash: "SHA-256" },
  P256: { node: "prime256v1", ssh: "nistp256", hash: "SHA-256" },
  P384: { node: "secp384r1", ssh: "nistp384", hash: "SHA-384" },
  P521: { node: "secp521r1", ssh: "nistp521", hash: "SHA-512" },
};

export const CURVE_NAMES = Object.keys(CURVES);

export function generateKey(algorithm: KeyAlgorithm, curve: string, bits: number): KeyObject {
  if (algorithm === "RSA") return generateKeyPairSync("rsa", { modulusLength: bits }).privateKey;
  if (algorithm === "ED25519") return generateKeyPairSync("ed25519").privateKey;
  return generateKeyPairSync("ec", { namedCurve: CURVES[curve]?.node ?? "" }).privateKey;
}

/** Reads PEM of any of the forms that the package writes. Throws one readable line. */
export function parsePrivateKey(pem: unknown): KeyObject {
  try {
    return createPrivateKey(text(pem));
  } catch {
    throw new Error("failed to parse private key: no PEM block of a private key was found");
  }
}

export function algorithmOf(key: KeyObject): KeyAlgorithm {
  if (key.asymmetricKeyType === "rsa") return "RSA";
  return key.asymmetricKeyType === "ed25519" ? "ED25519" : "ECDSA";
}

const curveOf = (key: KeyObject) =>
  Object.values(CURVES).find((curve) => curve.node === key.asymmetricKeyDetails?.namedCurve);

/** PKCS#1, SEC 1 or, for Ed25519, PKCS#8: what each algorithm's tools expect. */
export function renderPrivateKey(key: KeyObject): string {
  const type = { RSA: "pkcs1", ECDSA: "sec1", ED25519: "pkcs8" } as const;
  return key.export({ type: type[algorithmOf(key)], format: "pem" }).toString();
}

export const renderPkcs8 = (key: KeyObject): string => key.export({ type: "pkcs8", format: "pem" }).toString();

export const renderPublicKey = (key: KeyObject): string =>
  createPublicKey(key).export({ type: "spki", format: "pem" }).toString();

/** SHA-1 of the public key: the id of a key and of a request made with it. */
export const keyId = (key: KeyObject): string =>
  createHash("sha1")
    .update(createPublicKey(key).export({ type: "spki", format: "der" }))
    .digest("hex");

// for signing

interface Signing {
  algorithm: webcrypto.Algorithm & { hash?: string; namedCurve?: string };
  privateKey: webcrypto.CryptoKey;
  publicKey: webcrypto.CryptoKey;
}

/** The key pair as WebCrypto has it, with the signature algorithm that Go chooses for such a key. */
export async function toSigning(key: KeyObject): Promise<Signing> {
  const algorithm = signatureOf(key);
  const [pkcs8, spki] = [
    key.export({ type: "pkcs8", format: "der" }),
    createPublicKey(key).export({ type: "spki", format: "der" }),
  ];
  const [privateKey, publicKey] = await Promise.all([
    webcrypto.subtle.importKey("pkcs8", pkcs8, algorithm, true, ["sign"]),
    webcrypto.subtle.importKey("spki", spki, algorithm, true, ["verify"]),
  ]);
  return { algorithm, privateKey, publicKey };
}

function signatureOf(key: KeyObject): Signing["algorithm"] {
  const algorithm = algorithmOf(key);
  if (algorithm === "RSA") return { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
  if (algorithm === "ED25519") return { name: "Ed25519" };
  const curve = curveOf(key);
  if (!curve?.ssh)
    throw new Error(
      `This stand-in signs with the curves P256, P384 and P521, not with ${key.asymmetricKeyDetails?.namedCurve}.`,
    );
  return { name: "ECDSA", namedCurve: curve.ssh.replace("nistp", "P-"), hash: curve.hash };
}

// OpenSSH's own forms

const field = (bytes: Buffer | string): Buffer => {
  const value = Buffer.from(bytes as string);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(value.length);
  return Buffer.concat([length, value]);
};

/** A positive number: a leading zero where the first bit would make it negative. */
function number(base64url: string | undefined): Buffer {
  const bytes = Buffer.from(base64url ?? "", "base64url");
  return field((bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.alloc(1), bytes]) : bytes);
}

interface SshParts {
  name: string;
  public: Buffer;
  private: Buffer;
}

/** undefined where OpenSSH has no such keys (P224). */
function sshParts(key: KeyObject): SshParts | undefined {
  const jwk = key.export({ format: "jwk" });
  const algorithm = algorithmOf(key);
  if (algorithm === "RSA") {
    const rest = [jwk.d, jwk.qi, jwk.p, jwk.q].map(number);
    return {
      name: "ssh-rsa",
      public: Buffer.concat([number(jwk.e), number(jwk.n)]),
      private: Buffer.concat([number(jwk.n), number(jwk.e), ...rest]),
    };
  }
  const [x, d] = [Buffer.from(jwk.x ?? "", "base64url"), Buffer.from(jwk.d ?? "", "base64url")];
  if (algorithm === "ED25519")
    return { name: "ssh-ed25519", public: field(x), private: Buffer.concat([field(x), field(Buffer.concat([d, x]))]) };
  const curve = curveOf(key)?.ssh;
  if (!curve) return undefined;
  const point = Buffer.concat([Buffer.from([4]), x, Buffer.from(jwk.y ?? "", "base64url")]);
  const both = Buffer.concat([field(curve), field(point)]);
  return { name: `ecdsa-sha2-${curve}`, public: both, private: Buffer.concat([both, number(jwk.d)]) };
}

export interface SshForms {
  privateKey: string;
  publicKey: string;
  md5: string;
  sha256: string;
}

/** Both keys in OpenSSH's form and the fingerprints of the public one; all empty where there is none. */
export function renderSsh(key: KeyObject): SshForms {
  const parts = sshParts(key);
  if (!parts) return { privateKey: "", publicKey: "", md5: "", sha256: "" };
  const publicBlob = Buffer.concat([field(parts.name), parts.public]);
  const check = randomBytes(4);
  const body = Buffer.concat([check, check, field(parts.name), parts.private, field("")]);
  const padding = Buffer.from(Array.from({ length: (8 - (body.length % 8)) % 8 }, (_none, at) => at + 1));
  const count = Buffer.from([0, 0, 0, 1]);
  const blob = Buffer.concat([
    ...[Buffer.from("openssh-key-v1\0"), field("none"), field("none"), field(""), count],
    ...[field(publicBlob), field(Buffer.concat([body, padding]))],
  ]);
  const lines = blob.toString("base64").replace(/(.{70})(?=.)/g, "$1\n");
  const hash = (name: string): Buffer => createHash(name).update(publicBlob).digest();
  return {
    privateKey: `-----BEGIN OPENSSH PRIVATE KEY-----\n${lines}\n-----END OPENSSH PRIVATE KEY-----\n`,
    publicKey: `${parts.name} ${publicBlob.toString("base64")}\n`,
    md5: hash("md5")
      .toString("hex")
      .replace(/..(?=.)/g, "$&:"),
    sha256: `SHA256:${hash("sha256").toString("base64").replace(/=+$/, "")}`,
  };
}
