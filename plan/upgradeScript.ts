/** What brings one living node to another version of Kubernetes: a bash script, run as root on it. Pure, no secret in it. */
import { PATCHES_FOLDER } from "./kubeadm";
import { AWAIT_FUNCTION, KUBERNETES_FUNCTION } from "./kubernetesPrograms";
import type { NodePlan } from "./types";

/** On the machine; everything the script says is kept here too. */
export const UPGRADE_LOG = "/var/log/archipelago-upgrade.log";

export interface UpgradeInput {
  node: Pick<NodePlan, "name">;
  /**
   * `first server`: changes the cluster's own configuration too, and must come before the others. `other`: every other
   * server and all workers, which take it from there.
   */
  part: "first server" | "other";
  /** As v1.37.2: at most one minor version above the cluster's. */
  kubernetesVersion: string;
}

/**
 * Renders the script: kubeadm of the new version, its upgrade of this node, then kubelet and kubectl, and the kubelet's
 * restart, which leaves the pods running. Safe to run again after whatever interrupted it: kubeadm finds what is done.
 *
 * The exit code is 0 when the node is done; otherwise the last line names the step that failed.
 */
export function renderUpgradeScript({ node, part, kubernetesVersion }: UpgradeInput): string {
  const upgrade = part === "first server" ? `apply "v$KUBERNETES" --yes` : "node";
  return `#!/bin/bash
# Brings the Kubernetes node ${node.name} to ${kubernetesVersion}. Safe to run again.
NODE='${node.name}'
KUBERNETES='${kubernetesVersion.replace(/^v/, "")}'
KUBEADM_FLAGS=
STEP=start
set -Eeuo pipefail
step() { STEP=$1; echo "$(date -u +%FT%TZ) $NODE: $STEP"; }
fail() { trap - ERR; echo "$(date -u +%FT%TZ) $NODE: $STEP: $*"; exit 1; }
${AWAIT_FUNCTION}
if [ -r /etc/archipelago/image.env ]; then . /etc/archipelago/image.env; fi
${KUBERNETES_FUNCTION}
upgrade() {
  trap 'fail "line $LINENO: $BASH_COMMAND"' ERR
  local patches=()
  # What the machine image wants otherwise than kubeadm stays so
  if [ -d ${PATCHES_FOLDER} ]; then patches=(--patches ${PATCHES_FOLDER}); fi
  step "kubeadm v$KUBERNETES"
  kubernetes kubeadm
  step "kubeadm upgrade ${part === "first server" ? "apply" : "node"}"
  kubeadm upgrade ${upgrade} \${patches[@]+"\${patches[@]}"} $KUBEADM_FLAGS
  step "kubelet v$KUBERNETES"
  kubernetes kubelet kubectl
  systemctl daemon-reload
  systemctl restart kubelet
  await 60 systemctl is-active --quiet kubelet
  step "done"
}
upgrade 2>&1 </dev/null | tee -a ${UPGRADE_LOG}
exit "\${PIPESTATUS[0]}"
`;
}
