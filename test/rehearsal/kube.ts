import { execFile, spawn } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { stateFolder } from "../../harness/folders";

/** The region clusters of the default topology. */
export const REGIONS = ["oregon", "ashburn", "london", "tokyo"] as const;

export interface KubeObject {
  metadata: {
    name: string;
    namespace?: string;
    uid: string;
    annotations?: Record<string, string>;
    labels?: Record<string, string>;
  };
  spec: Record<string, unknown>;
  status?: Record<string, unknown>;
}

/** Runs kubectl against one cluster of the living rehearsal; rejects with kubectl's own words. */
export async function kubectl(cluster: string, ...args: string[]): Promise<string> {
  const kubeconfig = join(stateFolder(), "kubeconfigs", `${cluster}.yaml`);
  const { stdout } = await promisify(execFile)(
    "kubectl",
    ["--kubeconfig", kubeconfig, "--request-timeout=60s", ...args],
    {
      maxBuffer: 64 * 1024 * 1024,
    },
  );
  return stdout;
}

export async function list(cluster: string, ...args: string[]): Promise<KubeObject[]> {
  return (JSON.parse(await kubectl(cluster, "get", ...args, "-o", "json")) as { items: KubeObject[] }).items;
}

export const conditionOf = (o: KubeObject, type: string): string | undefined =>
  (o.status?.conditions as { type: string; status: string }[] | undefined)?.find((c) => c.type === type)?.status;

/** As `kubectl`, with text on its standard input. */
export function kubectlWithInput(cluster: string, input: string, ...args: string[]): Promise<void> {
  const kubeconfig = join(stateFolder(), "kubeconfigs", `${cluster}.yaml`);
  return new Promise((resolve, reject) => {
    const child = spawn("kubectl", ["--kubeconfig", kubeconfig, ...args], { stdio: ["pipe", "ignore", "inherit"] });
    child.once("error", reject);
    child.once("close", (code) =>
      code === 0 ? resolve() : reject(new Error(`kubectl ${args.join(" ")} ended with ${code}`)),
    );
    child.stdin.end(input);
  });
}
