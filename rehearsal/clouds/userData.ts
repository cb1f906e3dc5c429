import { gunzipSync } from "node:zlib";

/** Bytes as cloud-init sees them: gzip is undone. */
export function decodeUserData(bytes: Buffer): string {
  const zipped = bytes[0] === 0x1f && bytes[1] === 0x8b;
  return (zipped ? gunzipSync(bytes) : bytes).toString("utf8");
}

/** The bytes behind base64, or undefined when it is not base64 at all. */
export function decodeBase64(text: string): Buffer | undefined {
  const compact = text.replace(/\s/g, "");
  return /^[A-Za-z0-9+/]*={0,2}$/.test(compact) && compact.length % 4 === 0
    ? Buffer.from(compact, "base64")
    : undefined;
}

export const byteLength = (text: string): number => Buffer.byteLength(text, "utf8");
