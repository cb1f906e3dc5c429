/** A root shell on a node without SSH: a privileged pod that steps into the machine's own namespaces. */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { UserError } from "../plan/errors";
import { ApiError, type ApiServer } from "./apiserver";
import { renderDuration } from "./text";

export interface NodeShellOptions {
  /** How long the script may take; default 600. */
  deadlineSeconds?: number;
  /** Told about every ten seconds what was seen last. */
  onWait?: (seen: string) => void;
}

export interface NodeShellResult {
  exitCode: number;
  /** Standard output and error as they came, at most the last OUTPUT_LINES. */
  output: string;
}

const NAMESPACE = "kube-system";
const PODS = `/api/v1/namespaces/${NAMESPACE}/pods`;
const LABEL = "archipelago.internal/node-shell";
/** The image every node has and keeps: its pods' sandboxes are made of it. It holds no shell, and need not. */
const PAUSE_IMAGE = "registry.k8s.io/pause:3.10.2";
/** What nsenter and its libraries lie in; the script itself then sees the whole machine. */
const FOLDERS = ["/usr", "/lib", "/lib64", "/bin"];
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const OUTPUT_LINES = 5_000;
const POLL_MS = 1_000;
const SAY_MS = 9_000;

interface ShellPod {
  metadata: { name: string };
  status?: {
    phase?: string;
    reason?: string;
    message?: string;
    containerStatuses?: {
      state?: { waiting?: { reason?: string; message?: string }; terminated?: { exitCode: number; reason?: string } };
    }[];
  };
}

/**
 * Runs a bash script as root on one node and answers with its exit code and output, whatever the code is.
 *
 * The script may restart the kubelet, and the API server may be away meanwhile: it is asked again until the deadline. The
 * script's text can be read by everybody who reads pods of kube-system while it runs: no secrets in it. What an earlier
 * call left on the node is removed first.
 *
 * @throws UserError when the pod was refused by its node, or never ran to its end within the deadline, with what was seen
 *   last.
 */
export async function runOnNode(
  api: ApiServer,
  node: string,
  script: string,
  { deadlineSeconds = 600, onWait }: NodeShellOptions = {},
): Promise<NodeShellResult> {
  const deadline = Date.now() + deadlineSeconds * 1000;
  await removeShells(api, node);
  const name = `node-shell-${randomBytes(4).toString("hex")}`;
  let seen = "not begun";
  let said = Date.now();
  try {
    await api.post(PODS, planShellPod(name, node, script));
    for (;;) {
      try {
        const pod = await api.get<ShellPod>(`${PODS}/${name}`);
        const exitCode = exitCodeOf(pod);
        if (exitCode !== undefined) {
          const output = await api.text(`${PODS}/${name}/log?container=shell&tailLines=${OUTPUT_LINES}`);
          return { exitCode, output };
        }
        seen = renderState(pod);
        if (pod.status?.phase === "Failed") throw refused(node, seen);
      } catch (error) {
        if (error instanceof ApiError && error.status === 404) throw gone(node, seen);
        if (!(error instanceof ApiError)) throw error;
        seen = error.message;
      }
      if (Date.now() > deadline) throw late(node, deadlineSeconds, seen);
      if (Date.now() - said > SAY_MS) {
        said = Date.now();
        onWait?.(seen);
      }
      await sleep(POLL_MS);
    }
  } finally {
    // A pod that cannot be removed now is removed by the next call.
    await api.remove(`${PODS}/${name}?gracePeriodSeconds=0`).catch(() => undefined);
  }
}

/** The pod, pure: bound to its node past the scheduler, so that a cordoned node takes it too. */
export function planShellPod(name: string, node: string, script: string): object {
  const enter = ["/usr/bin/nsenter", "-t", "1", "-m", "-u", "-i", "-n", "-p", "--"];
  const environment = ["/usr/bin/env", "-i", `PATH=${PATH}`, "HOME=/root", "LANG=C.UTF-8"];
  const volumeOf = (folder: string): string => `host${folder.replaceAll("/", "-")}`;
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: NAMESPACE, labels: { [LABEL]: node } },
    spec: {
      nodeName: node,
      hostPID: true,
      hostNetwork: true,
      restartPolicy: "Never",
      terminationGracePeriodSeconds: 0,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      priorityClassName: "system-node-critical",
      tolerations: [{ operator: "Exists" }],
      containers: [
        {
          name: "shell",
          image: PAUSE_IMAGE,
          imagePullPolicy: "IfNotPresent",
          command: [...enter, ...environment, "/bin/bash", "-c", script],
          securityContext: { privileged: true },
          volumeMounts: FOLDERS.map((folder) => ({ name: volumeOf(folder), mountPath: folder, readOnly: true })),
        },
      ],
      volumes: FOLDERS.map((folder) => ({ name: volumeOf(folder), hostPath: { path: folder } })),
    },
  };
}

async function removeShells(api: ApiServer, node: string): Promise<void> {
  for (const { metadata } of await api.list<ShellPod>(
    `${PODS}?labelSelector=${encodeURIComponent(`${LABEL}=${node}`)}`,
  )) {
    await api.remove(`${PODS}/${metadata.name}?gracePeriodSeconds=0`);
  }
}

function exitCodeOf({ status }: ShellPod): number | undefined {
  const terminated = status?.containerStatuses?.[0]?.state?.terminated;
  return status?.phase === "Succeeded" || status?.phase === "Failed" ? terminated?.exitCode : undefined;
}

function renderState({ status }: ShellPod): string {
  const waiting = status?.containerStatuses?.[0]?.state?.waiting;
  const words = [status?.phase, status?.reason, waiting?.reason, waiting?.message ?? status?.message];
  return `pod ${words.filter(Boolean).join(", ")}`;
}

/** A pod that has failed without an exit code never ran, and never will: its node did not admit it. */
function refused(node: string, seen: string): UserError {
  return new UserError(
    `${node}: the node did not run the script; last seen: ${seen}.`,
    "See why: ./archipelago status --detail, and journalctl -u kubelet on the machine; then run the same again.",
  );
}

function late(node: string, seconds: number, seen: string): UserError {
  return new UserError(
    `${node}: the script did not end within ${renderDuration(seconds * 1000)}; last seen: ${seen}.`,
    `See that the node is Ready and can run pods: ./archipelago status --detail; then run the same again.`,
  );
}

function gone(node: string, seen: string): UserError {
  return new UserError(
    `${node}: the pod with the script was removed before it ended; last seen: ${seen}.`,
    "Run the same again: what was done already is left as it is.",
  );
}
