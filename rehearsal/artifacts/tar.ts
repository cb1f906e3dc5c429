import { createHash, type Hash } from "node:crypto";
import { closeSync, fstatSync, lstatSync, openSync, readSync, readdirSync, readlinkSync, writeSync } from "node:fs";
import { join } from "node:path";

const BLOCK = 512;
const CHUNK = 1 << 20;
/** One time for every entry: the same content makes the same archive. */
const EPOCH_SECONDS = 1_767_225_600;

export interface EntryOwner {
  mode?: number;
  uid?: number;
  gid?: number;
}

/** Writes a reproducible tar archive (ustar, with GNU long names) to a file and computes its digest on the way. */
export class TarWriter {
  private readonly descriptor: number;
  private readonly hash: Hash = createHash("sha256");
  private readonly folders = new Set<string>();
  /** First name of each file with several, by device and inode. */
  private readonly firstNames = new Map<string, string>();
  private size = 0;

  constructor(readonly path: string) {
    this.descriptor = openSync(path, "wx");
  }

  /** A folder, and those above it that were not added yet (root's, 0755). */
  addFolder(path: string, owner: EntryOwner = {}): void {
    const name = clean(path);
    if (name === "" || this.folders.has(name)) return;
    const above = name.split("/").slice(0, -1).join("/");
    this.addFolder(above);
    this.folders.add(name);
    this.header(`${name}/`, "5", 0, { mode: 0o755, ...owner });
  }

  addFile(path: string, content: string | Buffer, owner: EntryOwner = {}): void {
    const name = this.entryName(path);
    const bytes = Buffer.from(content);
    this.header(name, "0", bytes.length, { mode: 0o644, ...owner });
    this.write(bytes);
    this.pad(bytes.length);
  }

  /** A file of this host; its mode is kept unless another is given, its owner is root unless another is given. */
  addFileFrom(path: string, source: string, owner: EntryOwner = {}): void {
    const name = this.entryName(path);
    const file = openSync(source, "r");
    try {
      const { size, mode } = fstatSync(file);
      this.header(name, "0", size, { mode: mode & 0o7777, ...owner });
      const chunk = Buffer.allocUnsafe(CHUNK);
      let copied = 0;
      for (let read = readSync(file, chunk); read > 0; read = readSync(file, chunk)) {
        this.write(chunk.subarray(0, read));
        copied += read;
      }
      if (copied !== size) throw new Error(`${source} changed while it was archived`);
      this.pad(size);
    } finally {
      closeSync(file);
    }
  }

  addLink(path: string, target: string): void {
    this.header(this.entryName(path), "2", 0, { mode: 0o777 }, target);
  }

  /**
   * Everything below a folder of this host, owners and modes kept; device nodes, sockets and pipes are left out.
   * `keep` decides by the path inside the archive; a folder that is not kept is not entered.
   */
  addTree(path: string, source: string, keep: (path: string) => boolean = () => true): void {
    for (const entry of readdirSync(source).sort()) {
      const inside = clean(join(path, entry));
      if (!keep(inside)) continue;
      const from = join(source, entry);
      const { mode, uid, gid, nlink, dev, ino, ...kind } = statOf(from);
      const owner = { mode: mode & 0o7777, uid, gid };
      if (kind.type === "folder") {
        this.addFolder(inside, owner);
        this.addTree(inside, from, keep);
      } else if (kind.type === "link") {
        this.addLink(inside, readlinkSync(from));
      } else if (kind.type === "file") {
        const first = this.firstNames.get(`${dev}:${ino}`);
        if (first !== undefined) {
          this.header(inside, "1", 0, owner, first);
        } else {
          if (nlink > 1) this.firstNames.set(`${dev}:${ino}`, inside);
          this.addFileFrom(inside, from, owner);
        }
      }
    }
  }

  /** Ends the archive. */
  close(): { digest: string; bytes: number } {
    this.write(Buffer.alloc(2 * BLOCK));
    closeSync(this.descriptor);
    return { digest: this.hash.digest("hex"), bytes: this.size };
  }

  private entryName(path: string): string {
    const name = clean(path);
    this.addFolder(name.split("/").slice(0, -1).join("/"));
    return name;
  }

  private header(name: string, type: string, size: number, owner: EntryOwner, target = ""): void {
    this.longName(name, "L");
    this.longName(target, "K");
    const block = Buffer.alloc(BLOCK);
    const octal = (value: number, digits: number) => value.toString(8).padStart(digits, "0");
    block.write(name, 0, 100);
    block.write(octal(owner.mode ?? 0o644, 7), 100);
    block.write(octal(owner.uid ?? 0, 7), 108);
    block.write(octal(owner.gid ?? 0, 7), 116);
    block.write(octal(size, 11), 124);
    block.write(octal(EPOCH_SECONDS, 11), 136);
    block.write(" ".repeat(8), 148);
    block.write(type, 156);
    block.write(target, 157, 100);
    block.write("ustar  ", 257);
    const sum = block.reduce((total, byte) => total + byte, 0);
    block.write(`${octal(sum, 6)}\0 `, 148);
    this.write(block);
  }

  /** Names over 100 bytes go into an entry of their own before the real one. */
  private longName(name: string, type: "L" | "K"): void {
    const bytes = Buffer.from(`${name}\0`);
    if (bytes.length <= 101) return;
    const block = Buffer.alloc(BLOCK);
    block.write("././@LongLink", 0);
    block.write("0000644", 100);
    block.write("0000000", 108);
    block.write("0000000", 116);
    block.write(bytes.length.toString(8).padStart(11, "0"), 124);
    block.write("0".repeat(11), 136);
    block.write(" ".repeat(8), 148);
    block.write(type, 156);
    block.write("ustar  ", 257);
    const sum = block.reduce((total, byte) => total + byte, 0);
    block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
    this.write(block);
    this.write(bytes);
    this.pad(bytes.length);
  }

  private pad(size: number): void {
    if (size % BLOCK > 0) this.write(Buffer.alloc(BLOCK - (size % BLOCK)));
  }

  private write(bytes: Buffer): void {
    let written = 0;
    while (written < bytes.length) written += writeSync(this.descriptor, bytes, written);
    this.hash.update(bytes);
    this.size += bytes.length;
  }
}

function statOf(path: string) {
  const stat = lstatSync(path);
  const type = stat.isDirectory() ? "folder" : stat.isSymbolicLink() ? "link" : stat.isFile() ? "file" : "other";
  return { type, mode: stat.mode, uid: stat.uid, gid: stat.gid, nlink: stat.nlink, dev: stat.dev, ino: stat.ino };
}

function clean(path: string): string {
  return path
    .split("/")
    .filter((part) => part !== "" && part !== ".")
    .join("/");
}
