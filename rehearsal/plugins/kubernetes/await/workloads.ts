import { conditionOf, countAt, listAt, textAt, valueAt, type KubeObject } from "../objects";
import { failed, isObserved, notObserved, ready, waiting, type Judge, type Verdict } from "./verdict";

const renderCondition = (object: KubeObject, type: string): string => {
  const condition = conditionOf(object, type);
  return condition
    ? `${type}=${textAt(condition, "status") ?? ""} [${textAt(condition, "reason") ?? ""}] ${textAt(condition, "message") ?? ""}`
    : `no ${type} condition`;
};

const wantedReplicas = (object: KubeObject): number => {
  const replicas = valueAt(object, "spec", "replicas");
  return typeof replicas === "number" ? replicas : 1;
};

/** Rolled out and available. As the real plugin: a revision's pods are ready and the rollout is reported complete. */
export const judgeDeployment: Judge = (deployment) => {
  if (!isObserved(deployment)) return notObserved;
  const replicas = wantedReplicas(deployment);
  const updated = countAt(deployment, "status", "updatedReplicas");
  const usable = countAt(deployment, "status", "readyReplicas");
  const progressing = conditionOf(deployment, "Progressing");
  const complete = progressing?.status === "True" && progressing.reason === "NewReplicaSetAvailable";
  const available = conditionOf(deployment, "Available")?.status === "True";
  if (complete && available && updated >= replicas && usable >= replicas) return ready;
  const why =
    progressing?.status === "False"
      ? renderCondition(deployment, "Progressing")
      : renderCondition(deployment, "Available");
  return waiting(`${usable} of ${replicas} pods ready, ${updated} of the newest revision; ${why}`);
};

/** All replicas ready at one revision; with OnDelete an update need only find them ready. */
export const judgeStatefulSet: Judge = (set) => {
  if (!isObserved(set) || !set.metadata.generation) return notObserved;
  const replicas = wantedReplicas(set);
  const [total, usable, current, updated] = ["replicas", "readyReplicas", "currentReplicas", "updatedReplicas"].map(
    (key) => countAt(set, "status", key),
  ) as [number, number, number, number];
  const onDelete = set.metadata.generation > 1 && textAt(set, "spec", "updateStrategy", "type") === "OnDelete";
  const [from, to] = [textAt(set, "status", "currentRevision"), textAt(set, "status", "updateRevision")];
  const oneRevision = onDelete || (from !== undefined && from === to);
  if (oneRevision && total === replicas && usable === replicas && (onDelete || current === replicas)) return ready;
  const counted = `${usable} of ${replicas} pods ready`;
  return waiting(oneRevision ? counted : `${counted}, ${updated} of revision ${to}, still on revision ${from}`);
};

/** A pod of the newest revision is available on every node that wants one. */
export const judgeDaemonSet: Judge = (set) => {
  if (!isObserved(set)) return notObserved;
  if (textAt(set, "spec", "updateStrategy", "type") === "OnDelete") return ready;
  const [wanted, updated, available, usable] = [
    "desiredNumberScheduled",
    "updatedNumberScheduled",
    "numberAvailable",
    "numberReady",
  ].map((key) => countAt(set, "status", key)) as [number, number, number, number];
  if (updated >= wanted && available >= wanted && usable >= wanted) return ready;
  return waiting(`${usable} of ${wanted} pods ready, ${available} available, ${updated} of the newest revision`);
};

/** Complete; a failed job fails at once. */
export const judgeJob: Judge = (job) => {
  const failure = conditionOf(job, "Failed");
  if (failure?.status === "True") return failed(`[${String(failure.reason)}] ${String(failure.message)}`);
  if (valueAt(job, "status", "startTime") !== undefined && conditionOf(job, "Complete")?.status === "True")
    return ready;
  const [active, succeeded, lost] = ["active", "succeeded", "failed"].map((key) => countAt(job, "status", key));
  return waiting(`pods active ${active}, succeeded ${succeeded}, failed ${lost}`);
};

export const judgePod: Judge = (pod) => {
  if (textAt(pod, "status", "phase") === "Succeeded") return ready;
  const missing = ["PodScheduled", "Initialized", "Ready"].find((type) => conditionOf(pod, type)?.status !== "True");
  return missing ? waiting(renderPod(pod) ?? renderCondition(pod, missing)) : ready;
};

export const judgeReplicationController: Judge = (controller): Verdict => {
  const [available, replicas] = [countAt(controller, "status", "availableReplicas"), wantedReplicas(controller)];
  return available === replicas ? ready : waiting(`${available} of ${replicas} pods available`);
};

// What a starting container always says on its way.
const HARMLESS = ["ContainerCreating", "PodInitializing"];

/** What keeps a pod from being ready, in one line; undefined when nothing does. */
export function renderPod(pod: KubeObject): string | undefined {
  if (conditionOf(pod, "Ready")?.status === "True" || textAt(pod, "status", "phase") === "Succeeded") return undefined;
  const reasons: string[] = [];
  const scheduled = conditionOf(pod, "PodScheduled");
  if (scheduled?.status === "False") reasons.push(`[${String(scheduled.reason)}] ${String(scheduled.message)}`);
  for (const status of [
    ...listAt(pod, "status", "initContainerStatuses"),
    ...listAt(pod, "status", "containerStatuses"),
  ]) {
    if (status.ready === true) continue;
    const name = String(status.name);
    const waits = textAt(status, "state", "waiting", "reason");
    if (waits && !HARMLESS.includes(waits))
      reasons.push(`container ${name}: [${waits}] ${textAt(status, "state", "waiting", "message") ?? ""}`);
    for (const past of ["state", "lastState"]) {
      const ended = valueAt(status, past, "terminated");
      if (ended === undefined || textAt(ended, "reason") === "Completed") continue;
      const message = textAt(ended, "message");
      reasons.push(
        `container ${name} ended with code ${countAt(ended, "exitCode")} (${textAt(ended, "reason") ?? ""})${message ? `: ${message.trim()}` : ""}`,
      );
    }
  }
  const condition = conditionOf(pod, "Ready") ?? conditionOf(pod, "Initialized");
  if (reasons.length === 0) reasons.push(textAt(condition, "message") ?? textAt(pod, "status", "phase") ?? "no status");
  return `pod ${pod.metadata.name}: ${reasons.join("; ")}`.trim();
}
