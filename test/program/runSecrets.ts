/** Every secret of a run, and whether one of them stands in a text, plain or packed. */
import * as zlib from "node:zlib";
import { type EmulatedWorld, PASSPHRASE } from "./emulatedWorld";

/** How the engine marks a secret in a state that was exported with its secrets open. */
const MARK = "4dabf18193072939515e22adb298388d";
const SHORTEST = 12;
const DEPTH = 3;

/**
 * What the engine calls secret in these stacks' states, taken apart into what must not be read anywhere: private keys line by
 * line, tokens, passwords, pre-shared keys; and the passphrase that seals them.
 */
export async function secretsOfRun(world: EmulatedWorld, stacks: string[]): Promise<Set<string>> {
  const secrets = new Set([PASSPHRASE]);
  for (const stack of stacks) {
    const { code, text } = await world.pulumi(["stack", "export", "--stack", stack, "--show-secrets"]);
    if (code !== 0) throw new Error(`the state of ${stack} cannot be exported: ${text}`);
    for (const sealed of sealedIn(JSON.parse(text))) for (const secret of partsOf(sealed)) secrets.add(secret);
  }
  return secrets;
}

/** The same data with every secret struck out: what anybody may read. */
export function withoutSealed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSealed);
  if (typeof value !== "object" || value === null) return value;
  if (MARK in value) return "[sealed]";
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withoutSealed(inner)]));
}

/** Every text inside what is marked secret. */
export function sealedIn(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  if (MARK in value) return textsIn(JSON.parse(String((value as Record<string, unknown>).plaintext)));
  return Object.values(value).flatMap(sealedIn);
}

function textsIn(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsIn) : [];
}

/** What in a secret text is secret by itself: a boot script is mostly not. */
export function partsOf(sealed: string): string[] {
  const parts = unfold(sealed).flatMap((text) => [
    ...[...text.matchAll(/-----BEGIN ([A-Z ]*)PRIVATE KEY-----\n([^-]+)-----END/g)].flatMap(([, kind, body]) =>
      privateLines(kind!, body!.trim().split("\n")),
    ),
    ...[...text.matchAll(/\b[a-z0-9]{6}\.([a-z0-9]{16})\b/g)].flatMap(([whole, secret]) => [whole, secret!]),
    ...[...text.matchAll(/\b(?:client-key-data|token|password): *"?([^\s"]+)/g)].map(([, value]) => value!),
    ...(text.includes("\n") || isPublic(text) ? [] : [text]),
  ]);
  return parts.map((part) => part.trim()).filter((part) => part.length >= SHORTEST);
}

/** Without the lines that are the key's public half: it stands in certificates as well. */
function privateLines(kind: string, lines: string[]): string[] {
  // P-256 alone: the number comes first in SEC 1, next in PKCS 8, and last in OpenSSH's format.
  if (kind === "OPENSSH ") return lines.slice(-1);
  return kind === "EC " ? lines.slice(0, 1) : lines.slice(0, 2);
}

/** Names, addresses and certificates lie beside keys in the same secret objects. */
function isPublic(text: string): boolean {
  if (/^(https:\/\/)?(\d+\.){3}\d+(:\d+|\/\d+)?$/.test(text) || text.includes("BEGIN CERTIFICATE")) return true;
  if (Buffer.from(text, "base64").toString().includes("BEGIN CERTIFICATE")) return true;
  return /^(?:[a-z]+[0-9]{0,2}[-./:]?)+$/.test(text) && /[-./:]|^[a-z]+$/.test(text) && !/^[a-z]{16,}$/.test(text);
}

/** The text itself, and what is packed in it: base64, with or without gzip, several times over. */
export function unfold(text: string, depth = DEPTH): string[] {
  if (depth === 0) return [text];
  const inner = [...text.matchAll(/[A-Za-z0-9+/]{24,}={0,2}/g)].flatMap(([run]) => {
    const bytes = Buffer.from(run, "base64");
    const unpacked = bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzip(bytes) : bytes;
    const readable = unpacked?.toString();
    // What was not packed comes out as noise.
    // eslint-disable-next-line no-control-regex
    return readable && !/[\ufffd\u0000-\u0008]/.test(readable) ? unfold(readable, depth - 1) : [];
  });
  return [text, ...inner];
}

function gunzip(bytes: Buffer): Buffer | undefined {
  try {
    return zlib.gunzipSync(bytes, { finishFlush: zlib.constants.Z_SYNC_FLUSH });
  } catch {
    return undefined;
  }
}

/** The beginnings of the secrets that stand in a text, plain or packed. */
export function findSecrets(text: string, secrets: Set<string>): string[] {
  const unfolded = unfold(text).join("\n");
  return [...secrets].filter((secret) => unfolded.includes(secret)).map((secret) => `${secret.slice(0, 24)}…`);
}

/** @throws Error that names the place. */
export function assertNoSecretIn(place: string, text: string, secrets: Set<string>): void {
  const found = findSecrets(text, secrets);
  if (found.length > 0)
    throw new Error(`${place} holds ${found.length} secrets in clear: ${found.slice(0, 5).join(", ")}`);
}
