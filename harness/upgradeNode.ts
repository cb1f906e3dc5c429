/** One node of a living cluster to another version of Kubernetes: cordon, drain, script, kubelet, uncordon. */
import { setTimeout as sleep } from "node:timers/promises";
import { UserError } from "../plan/errors";
import { renderUpgradeScript, UPGRADE_LOG } from "../plan/upgradeScript";
import { ApiError, type ApiServer, persist } from "./apiserver";
import { drainNode, uncordonNode } from "./drain";
import { runOnNode } from "./nodeShell";
import { renderDuration } from "./text";
import { CORDON_ANNOTATION } from "./upgradeLook";
import type { NodeStep } from "./upgradePlan";

/** kubeadm itself waits five minutes for each part of the control plane. */
const SCRIPT_SECONDS = 1800;
const NODE_SECONDS = 300;
const LINES_SHOWN = 12;

interface NodeObject {
  metadata?: { annotations?: Record<string, string> };
  spec?: { unschedulable?: boolean };
  status?: { conditions?: { type: string; status: string }[]; nodeInfo?: { kubeletVersion?: string } };
}

/**
 * Does one step. The node stays cordoned when it fails, and the next run takes the cordon away; a cordon of somebody else's
 * outlives the step.
 *
 * @throws UserError with the end of what the node said, or what was seen last.
 */
export async function upgradeNode(
  api: ApiServer,
  { node, part, from, drain }: NodeStep,
  version: string,
  say: (line: string) => void,
): Promise<void> {
  let reopen = drain || !part;
  if (part) {
    if (drain) {
      reopen = !(await isClosedByOthers(api, node));
      say(`${node}: draining${reopen ? "" : "; it was cordoned before and stays so"}`);
      if (reopen) await persist(() => mark(api, node, "true"));
      await drainNode(api, node, { onProgress: say });
    }
    say(`${node}: Kubernetes ${from} to ${version}`);
    const script = renderUpgradeScript({ node: { name: node }, part, kubernetesVersion: version });
    const options = { deadlineSeconds: SCRIPT_SECONDS, onWait: (seen: string) => say(`${node}: upgrading: ${seen}`) };
    const { exitCode, output } = await runOnNode(api, node, script, options);
    for (const line of output.split("\n").filter((one) => one.includes(` ${node}: `))) say(line);
    if (exitCode !== 0) throw failed(node, output);
    await awaitKubelet(api, node, version, say);
  }
  if (reopen) await reopenNode(api, node);
}

/** Takes an upgrade's cordon and its mark from a node. Throws `ApiError`. */
export async function reopenNode(api: ApiServer, node: string): Promise<void> {
  await persist(() => uncordonNode(api, node));
  await persist(() => mark(api, node, null));
}

/** Whether a node takes no pods because somebody else wants it so. */
async function isClosedByOthers(api: ApiServer, node: string): Promise<boolean> {
  const { metadata, spec } = await persist(() => api.get<NodeObject>(`/api/v1/nodes/${node}`));
  return spec?.unschedulable === true && metadata?.annotations?.[CORDON_ANNOTATION] === undefined;
}

const mark = (api: ApiServer, node: string, value: string | null): Promise<unknown> =>
  api.patch(`/api/v1/nodes/${node}`, { metadata: { annotations: { [CORDON_ANNOTATION]: value } } });

/** Until the node says itself that it is Ready in the new version. */
async function awaitKubelet(api: ApiServer, node: string, version: string, say: (line: string) => void): Promise<void> {
  const deadline = Date.now() + NODE_SECONDS * 1000;
  for (let looks = 1; ; looks += 1) {
    let seen: string;
    try {
      const { status } = await api.get<NodeObject>(`/api/v1/nodes/${node}`);
      const ready = status?.conditions?.find(({ type }) => type === "Ready")?.status;
      if (ready === "True" && status?.nodeInfo?.kubeletVersion === version) return;
      seen = `kubelet ${status?.nodeInfo?.kubeletVersion ?? "unknown"}, Ready ${ready ?? "unknown"}`;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      seen = error.message;
    }
    if (Date.now() > deadline) {
      throw new UserError(
        `${node}: not Ready with ${version} after ${renderDuration(NODE_SECONDS * 1000)}; last seen: ${seen}.`,
        `On the machine: journalctl -u kubelet, and ${UPGRADE_LOG}.`,
      );
    }
    if (looks % 5 === 0) say(`${node}: waiting for its kubelet: ${seen}`);
    await sleep(2_000);
  }
}

function failed(node: string, output: string): UserError {
  const last = output
    .trim()
    .split("\n")
    .slice(-LINES_SHOWN)
    .map((line) => `  ${line}`);
  return new UserError(
    [`${node}: the upgrade script failed; the end of what it said:`, ...last].join("\n"),
    `All of it lies on the machine in ${UPGRADE_LOG}. kubeadm has put back what it had begun; mend the cause.`,
  );
}
