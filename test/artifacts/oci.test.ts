import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { writeLayer, writeOciArchive, writeOciLayout, type ImageSpec } from "../../rehearsal/artifacts/oci";
import { TarWriter } from "../../rehearsal/artifacts/tar";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "archipelago-oci-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const tarList = (path: string) => execFileSync("tar", ["-tvf", path, "--numeric-owner"], { encoding: "utf8" });
const tarRead = (path: string, entry: string) => execFileSync("tar", ["-xOf", path, entry], { encoding: "utf8" });

describe("TarWriter", () => {
  it("writes what tar reads back: files, folders above them, modes, owners and links", () => {
    const tar = new TarWriter(join(folder, "a.tar"));
    tar.addFile("/usr/bin/tool", "#!/bin/sh\n", { mode: 0o755, uid: 7, gid: 8 });
    tar.addLink("bin", "usr/bin");
    tar.addFolder("tmp", { mode: 0o1777 });
    tar.close();
    const listed = tarList(join(folder, "a.tar"));
    expect(listed).toMatch(/^drwxr-xr-x 0\/0 .* usr\/$/m);
    expect(listed).toMatch(/^drwxr-xr-x 0\/0 .* usr\/bin\/$/m);
    expect(listed).toMatch(/^-rwxr-xr-x 7\/8 +10 .* usr\/bin\/tool$/m);
    expect(listed).toMatch(/^lrwxrwxrwx 0\/0 .* bin -> usr\/bin$/m);
    expect(listed).toMatch(/^drwxrwxrwt .* tmp\/$/m);
    expect(tarRead(join(folder, "a.tar"), "usr/bin/tool")).toBe("#!/bin/sh\n");
  });

  it.each([99, 100, 101, 180, 300])("keeps a name of %i bytes, and a link to it", (bytes) => {
    const name = `folder/${"n".repeat(bytes - 7)}`;
    const tar = new TarWriter(join(folder, "a.tar"));
    tar.addFile(name, "content");
    tar.addLink("link", name);
    tar.close();
    expect(tarRead(join(folder, "a.tar"), name)).toBe("content");
    expect(tarList(join(folder, "a.tar"))).toContain(`link -> ${name}`);
  });

  it("archives a tree with its modes, links and second names, and only what is to be kept", () => {
    const tree = join(folder, "tree");
    mkdirSync(join(tree, "sub"), { recursive: true });
    mkdirSync(join(tree, "left-out"));
    writeFileSync(join(tree, "sub", "file"), "content");
    chmodSync(join(tree, "sub", "file"), 0o4750);
    linkSync(join(tree, "sub", "file"), join(tree, "sub", "same"));
    symlinkSync("sub/file", join(tree, "link"));
    writeFileSync(join(tree, "left-out", "file"), "");
    const tar = new TarWriter(join(folder, "a.tar"));
    tar.addTree("at", tree, (path) => path !== "at/left-out");
    tar.close();
    const listed = tarList(join(folder, "a.tar"));
    expect(listed).toMatch(/^-rwsr-x--- .* at\/sub\/file$/m);
    expect(listed).toMatch(/^h.* at\/sub\/same link to at\/sub\/file$/m);
    expect(listed).toMatch(/^l.* at\/link -> sub\/file$/m);
    expect(listed).not.toContain("left-out");
  });

  it("makes the same bytes of the same content, and says their digest and size", () => {
    const write = (name: string) => {
      const tar = new TarWriter(join(folder, name));
      tar.addFile("a", "content");
      return tar.close();
    };
    const one = write("one.tar");
    expect(write("two.tar")).toEqual(one);
    const bytes = readFileSync(join(folder, "one.tar"));
    expect(one).toEqual({ digest: createHash("sha256").update(bytes).digest("hex"), bytes: bytes.length });
  });
});

describe("OCI layout", () => {
  const images = async (): Promise<ImageSpec[]> => {
    const shared = await writeLayer(folder, "shared", (tar) => tar.addFile("shared", "s"));
    const own = await writeLayer(folder, "own", (tar) => tar.addFile("own", "o"));
    return [
      { reference: "registry.example/one:1", layers: [shared], entrypoint: ["/one"] },
      { reference: "registry.example/two:2", layers: [shared, own], command: ["two"], user: "1001", env: ["PATH=/"] },
    ];
  };
  interface Descriptor {
    digest: string;
    size: number;
    annotations: Record<string, string>;
  }
  const blob = (layout: string, { digest, size }: Descriptor) => {
    const bytes = readFileSync(join(layout, "blobs", "sha256", digest.replace("sha256:", "")));
    expect(`sha256:${createHash("sha256").update(bytes).digest("hex")}`).toBe(digest);
    expect(bytes.length).toBe(size);
    return bytes;
  };
  const json = (text: Buffer | string): unknown => JSON.parse(text.toString());

  it("describes every image by blobs whose names are their digests, a shared layer stored once", async () => {
    const layout = join(folder, "layout");
    writeOciLayout(layout, await images());
    const index = json(readFileSync(join(layout, "index.json"))) as { manifests: Descriptor[] };
    expect(index.manifests.map((m) => m.annotations["io.containerd.image.name"])).toEqual([
      "registry.example/one:1",
      "registry.example/two:2",
    ]);
    const manifests = index.manifests.map((m) => json(blob(layout, m)) as { config: Descriptor; layers: Descriptor[] });
    for (const manifest of manifests) {
      const config = json(blob(layout, manifest.config)) as { rootfs: { diff_ids: string[] } };
      // uncompressed: a layer's digest and its content's are one
      expect(config.rootfs.diff_ids).toEqual(manifest.layers.map((l) => l.digest));
      manifest.layers.forEach((layer) => blob(layout, layer));
    }
    expect(manifests[1]?.layers[0]).toEqual(manifests[0]?.layers[0]);
    expect(readdirSync(join(layout, "blobs", "sha256"))).toHaveLength(2 + 2 + 2);
  });

  it("keeps entrypoint, command, user and an environment that replaces the default PATH", async () => {
    const layout = join(folder, "layout");
    writeOciLayout(layout, await images());
    const index = json(readFileSync(join(layout, "index.json"))) as { manifests: Descriptor[] };
    const configs = index.manifests.map((m) => {
      const manifest = json(blob(layout, m)) as { config: Descriptor };
      return (json(blob(layout, manifest.config)) as { config: Record<string, unknown> }).config;
    });
    expect(configs[0]).toMatchObject({ Entrypoint: ["/one"], WorkingDir: "/" });
    expect(configs[0]?.["Env"]).toHaveLength(1);
    expect(configs[1]).toEqual({ Env: ["PATH=/"], Cmd: ["two"], User: "1001", WorkingDir: "/" });
  });

  it("packs the layout into one archive and leaves nothing beside it", async () => {
    const archive = join(folder, "images.tar");
    writeOciArchive(archive, await images());
    expect(tarRead(archive, "oci-layout")).toContain("1.0.0");
    expect(readdirSync(folder).sort()).toEqual(["images.tar", "own.tar", "shared.tar"]);
  });
});
