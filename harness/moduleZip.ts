import { createHash } from "node:crypto";
import { inflateRawSync } from "node:zlib";

/** The files of a zip archive, by name. Only what Go modules use: stored and deflated files, no encryption, no zip64. */
export function readZip(zip: Buffer): Map<string, Buffer> {
  const END = 0x06054b50;
  let end = zip.length - 22;
  while (end >= 0 && zip.readUInt32LE(end) !== END) end--;
  if (end < 0) throw new Error("not a zip archive");
  const files = new Map<string, Buffer>();
  let entry = zip.readUInt32LE(end + 16);
  for (let left = zip.readUInt16LE(end + 10); left > 0; left--) {
    const method = zip.readUInt16LE(entry + 10);
    const packed = zip.readUInt32LE(entry + 20);
    const nameBytes = zip.readUInt16LE(entry + 28);
    const name = zip.toString("utf8", entry + 46, entry + 46 + nameBytes);
    const local = zip.readUInt32LE(entry + 42);
    const start = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
    const content = zip.subarray(start, start + packed);
    if (method !== 0 && method !== 8) throw new Error(`${name}: unknown compression ${method}`);
    if (!name.endsWith("/")) files.set(name, method === 0 ? content : inflateRawSync(content));
    entry += 46 + nameBytes + zip.readUInt16LE(entry + 30) + zip.readUInt16LE(entry + 32);
  }
  return files;
}

/** The checksum go.sum pins a module by: SHA-256 over the sorted list of its files' SHA-256 and names. */
export function moduleSum(files: Map<string, Buffer>): string {
  const lines = [...files.keys()]
    .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    .map((name) => `${sha256(files.get(name) ?? Buffer.alloc(0)).toString("hex")}  ${name}\n`);
  return `h1:${sha256(Buffer.from(lines.join(""))).toString("base64")}`;
}

/** Module path as the proxy protocol and the module cache write it: capitals become `!` and a small letter. */
export function escapeModulePath(path: string): string {
  return path.replace(/[A-Z]/g, (letter) => `!${letter.toLowerCase()}`);
}

function sha256(content: Buffer): Buffer {
  return createHash("sha256").update(content).digest();
}
