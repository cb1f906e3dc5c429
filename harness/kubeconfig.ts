import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export { type ApiAccess, parseKubeconfig } from "../plan/kubeconfig";

/** Writes one kubeconfig a cluster, `<folder>/<cluster>.yaml`, readable by its owner alone. Returns the paths by cluster. */
export function writeKubeconfigs(folder: string, kubeconfigs: Record<string, string>): Record<string, string> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const paths: Record<string, string> = {};
  for (const [cluster, text] of Object.entries(kubeconfigs)) {
    const path = join(folder, `${cluster}.yaml`);
    writeFileSync(path, text, { mode: 0o600 });
    // The mode above only counts for a new file.
    chmodSync(path, 0o600);
    paths[cluster] = path;
  }
  return paths;
}
