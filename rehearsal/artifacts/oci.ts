import { createHash } from "node:crypto";
import { existsSync, linkSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TarWriter } from "./tar";

/** One layer: an uncompressed tar file and its digest. */
export interface Layer {
  path: string;
  digest: string;
  bytes: number;
}

export interface ImageSpec {
  /** Full reference, e.g. `registry.k8s.io/pause:3.10.2`. */
  reference: string;
  layers: Layer[];
  entrypoint?: string[];
  command?: string[];
  /** Numeric, as in `1001` or `1001:1001`. */
  user?: string;
  env?: string[];
  workingFolder?: string;
  stopSignal?: string;
}

const CREATED = "2026-01-01T00:00:00Z";
const MEDIA = {
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar",
  manifest: "application/vnd.oci.image.manifest.v1+json",
  index: "application/vnd.oci.image.index.v1+json",
};
const PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Writes one layer as `<folder>/<name>.tar`. */
export async function writeLayer(
  folder: string,
  name: string,
  fill: (tar: TarWriter) => Promise<void> | void,
): Promise<Layer> {
  const tar = new TarWriter(join(folder, `${name}.tar`));
  await fill(tar);
  return { path: tar.path, ...tar.close() };
}

/**
 * Writes an OCI image layout (a folder) holding all the images; a layer several images have is stored once. Layers stay
 * uncompressed: they are unpacked on the same machine a moment later.
 */
export function writeOciLayout(folder: string, images: ImageSpec[]): void {
  const blobs = join(folder, "blobs", "sha256");
  mkdirSync(blobs, { recursive: true });
  const put = (content: string) => {
    const digest = createHash("sha256").update(content).digest("hex");
    writeFileSync(join(blobs, digest), content);
    return { digest: `sha256:${digest}`, size: Buffer.byteLength(content) };
  };
  const manifests = images.map((image) => {
    for (const layer of image.layers) {
      const blob = join(blobs, layer.digest);
      if (!existsSync(blob)) linkSync(layer.path, blob);
    }
    const config = put(JSON.stringify(renderConfig(image)));
    const manifest = put(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: MEDIA.manifest,
        config: { mediaType: MEDIA.config, ...config },
        layers: image.layers.map((l) => ({ mediaType: MEDIA.layer, digest: `sha256:${l.digest}`, size: l.bytes })),
      }),
    );
    return {
      mediaType: MEDIA.manifest,
      ...manifest,
      platform: { architecture: "amd64", os: "linux" },
      annotations: {
        // containerd names an imported image by the first, podman by the second
        "io.containerd.image.name": image.reference,
        "org.opencontainers.image.ref.name": image.reference,
      },
    };
  });
  writeFileSync(join(folder, "index.json"), JSON.stringify({ schemaVersion: 2, mediaType: MEDIA.index, manifests }));
  writeFileSync(join(folder, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
}

/** The same layout as one tar file, the form `ctr images import` reads. */
export function writeOciArchive(path: string, images: ImageSpec[]): void {
  const folder = `${path}.layout`;
  writeOciLayout(folder, images);
  const tar = new TarWriter(`${path}.draft`);
  tar.addTree("", folder);
  tar.close();
  rmSync(folder, { recursive: true });
  renameSync(`${path}.draft`, path);
}

function renderConfig(image: ImageSpec): unknown {
  return {
    created: CREATED,
    architecture: "amd64",
    os: "linux",
    config: {
      Env: [...(image.env?.some((e) => e.startsWith("PATH=")) ? [] : [PATH]), ...(image.env ?? [])],
      ...(image.entrypoint ? { Entrypoint: image.entrypoint } : {}),
      ...(image.command ? { Cmd: image.command } : {}),
      ...(image.user ? { User: image.user } : {}),
      ...(image.stopSignal ? { StopSignal: image.stopSignal } : {}),
      WorkingDir: image.workingFolder ?? "/",
    },
    rootfs: { type: "layers", diff_ids: image.layers.map((l) => `sha256:${l.digest}`) },
    history: image.layers.map(() => ({ created: CREATED, created_by: "archipelago" })),
  };
}
