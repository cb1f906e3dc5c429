import { createHash } from "node:crypto";
import { createReadStream, createWriteStream, existsSync, readFileSync, writeFileSync } from "node:fs";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { cacheFolder } from "../../harness/folders";
import { UserError } from "../../plan/errors";
import { podman } from "../podman";
import type { Recipe } from "./cache";
import { DATABASE_IMAGES, IMAGES } from "./images";
import { VERSIONS } from "./versions";

/** Where the parts inside the machines come from: upstream's releases and registries, or Go modules and Debian packages. */
export type Source = "releases" | "modules";

const RELEASES = `https://dl.k8s.io/v${VERSIONS.kubernetes}/bin/linux/amd64`;
const COMMANDS = ["kubeadm", "kubelet", "kubectl"];
const PROBE_SECONDS = 3;
const DOWNLOAD_DEADLINE_SECONDS = 900;

/** All the images, by name; the database's is the real one. */
const RELEASED_IMAGES = [...Object.values(IMAGES), DATABASE_IMAGES.real];

/** One address for each place something would have to come from. */
export const RELEASE_PLACES = [
  `${RELEASES}/kubelet.sha256`,
  "https://registry.k8s.io/v2/",
  "https://ghcr.io/v2/",
  "https://quay.io/v2/",
  "https://registry-1.docker.io/v2/",
];

const sourceFile = () => join(cacheFolder(), "artifacts", "source");

/**
 * `releases` when every release place answers within three seconds, else `modules`. Decided once: what the machines in
 * the cache were made from stays the source. The variable ARCHIPELAGO_SOURCE (releases or modules) goes before all.
 *
 * @param mayProbe false when nothing of the answer is needed but the names of what is in the cache.
 */
export async function chooseSource(mayProbe: boolean): Promise<Source> {
  const wanted = process.env.ARCHIPELAGO_SOURCE;
  const remembered = existsSync(sourceFile()) ? readFileSync(sourceFile(), "utf8").trim() : undefined;
  return probeSource(wanted || remembered, mayProbe ? RELEASE_PLACES : []);
}

/** Keeps the choice for later runs. */
export function rememberSource(source: Source): void {
  writeFileSync(sourceFile(), `${source}\n`);
}

/** The source wanted, or by asking the places; without places to ask, modules. */
export async function probeSource(wanted: string | undefined, places: string[]): Promise<Source> {
  if (wanted === "releases" || wanted === "modules") return wanted;
  if (wanted !== undefined) {
    throw new UserError(`ARCHIPELAGO_SOURCE is ${wanted}`, "set it to releases or modules, or leave it out");
  }
  const answers = await Promise.all(places.map(doesAnswer));
  return answers.length > 0 && answers.every(Boolean) ? "releases" : "modules";
}

/** Registries answer an anonymous client with 401: that is an answer too. */
async function doesAnswer(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { method: "HEAD", signal: AbortSignal.timeout(PROBE_SECONDS * 1000) });
    return response.ok || response.status === 401;
  } catch {
    return false;
  }
}

/** kubeadm, kubelet and kubectl from Kubernetes' release place. */
export function releasedKubernetesRecipe(): Recipe {
  return {
    name: "kubernetes-release",
    inputs: { releases: RELEASES, commands: COMMANDS.join() },
    estimatedSeconds: 30,
    estimatedBytes: 200e6,
    make: async (folder) => {
      for (const command of COMMANDS) {
        await download(`${RELEASES}/${command}`, join(folder, command), `${RELEASES}/${command}.sha256`);
        await chmod(join(folder, command), 0o755);
      }
      return "downloaded";
    },
  };
}

/** Every image from its registry, in one archive; podman checks each layer against the digest in the manifest. */
export function releasedImagesRecipe(): Recipe {
  return {
    name: "images",
    inputs: { images: RELEASED_IMAGES.join() },
    estimatedSeconds: 120,
    estimatedBytes: 2.2e9,
    make: async (folder) => {
      const digests: string[] = [];
      for (const image of RELEASED_IMAGES) {
        await podman(["pull", "--quiet", "--arch=amd64", image], { timeoutSeconds: DOWNLOAD_DEADLINE_SECONDS });
        digests.push(`${image} ${(await podman(["image", "inspect", "--format", "{{.Digest}}", image])).trim()}\n`);
      }
      const archive = join(folder, "images.tar");
      const save = ["save", "--quiet", "--format=docker-archive", "--multi-image-archive", `--output=${archive}`];
      await podman([...save, ...RELEASED_IMAGES], { timeoutSeconds: DOWNLOAD_DEADLINE_SECONDS });
      await podman(["rmi", ...RELEASED_IMAGES]);
      await writeFile(join(folder, "digests"), digests.join(""));
      return "downloaded";
    },
  };
}

/**
 * Downloads a file and checks it against a published SHA-256.
 *
 * @param sumUrl a text whose first word is the digest in hexadecimal digits.
 * @throws UserError when it cannot be had or the digest is another.
 */
export async function download(url: string, target: string, sumUrl: string): Promise<void> {
  const sum = (await (await fetchOrFail(sumUrl)).text()).trim().split(/\s+/)[0] ?? "";
  const response = await fetchOrFail(url);
  if (!response.body) throw new UserError(`${url} is empty`, "run it again");
  await mkdir(join(target, ".."), { recursive: true });
  await pipeline(Readable.fromWeb(response.body), createWriteStream(target));
  const hash = createHash("sha256");
  await pipeline(createReadStream(target), hash);
  const digest = hash.digest("hex");
  if (digest !== sum) {
    throw new UserError(`${url} has the SHA-256 ${digest}, published is ${sum}`, "do not use it; try again later");
  }
}

async function fetchOrFail(url: string): Promise<Response> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(DOWNLOAD_DEADLINE_SECONDS * 1000) });
    if (!response.ok) throw new Error(`HTTP status ${response.status}`);
    return response;
  } catch (error) {
    const remedy = "check the network, or set ARCHIPELAGO_SOURCE=modules to build it instead, then run it again";
    throw new UserError(`${url} cannot be had: ${(error as Error).message}`, remedy);
  }
}
