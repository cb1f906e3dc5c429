import { isGone, Unreachable, type Client } from "./client";
import { Deadline, planPollSeconds } from "./clock";
import { annotation, annotationOf, conditionOf, idOf, kubectlName, valueAt, type KubeObject } from "./objects";

export interface Removal {
  client: Client;
  /** Last known state of the object. */
  object: KubeObject;
  timeoutSeconds: number;
  signal?: AbortSignal;
  status?: (message: string) => void;
}

// The real plugin honours skipAwait at deletion for these kinds alone.
const SKIPPABLE = ["Namespace", "Pod", "ReplicationController", "DaemonSet", "Deployment", "StatefulSet", "Job"];

function planPropagation(object: KubeObject): string {
  const wish = annotationOf(object, annotation.deletionPropagation)?.toLowerCase();
  return wish === "orphan" ? "Orphan" : wish === "background" ? "Background" : "Foreground";
}

/** Why an object is still there, from its finalizers and, for a namespace, from what is left in it. */
export function renderObstacles(object: KubeObject): string {
  const own = valueAt(object, "spec", "finalizers");
  const finalizers = [...(object.metadata.finalizers ?? []), ...(Array.isArray(own) ? own.map(String) : [])];
  const leftovers = [
    "NamespaceContentRemaining",
    "NamespaceFinalizersRemaining",
    "NamespaceDeletionContentFailure",
    "NamespaceDeletionDiscoveryFailure",
  ]
    .map((type) => conditionOf(object, type))
    .filter((condition) => condition?.status === "True")
    .map((condition) => String(condition?.message));
  const reasons = [
    ...(finalizers.length > 0 ? [`finalizers ${finalizers.join(", ")} are not done`] : []),
    ...leftovers,
  ];
  return reasons.length > 0 ? reasons.join("; ") : "no finalizer is left, the API server is still at it";
}

/** Deletes an object and waits until it is gone, its finalizers included. Gone already is success. Throws at the deadline. */
export async function removeObject(removal: Removal): Promise<void> {
  const { client, object, timeoutSeconds, signal, status } = removal;
  const { apiVersion, kind } = object;
  const { namespace, name } = object.metadata;
  try {
    const path = await client.path(apiVersion, kind, namespace, name, signal);
    const body = { kind: "DeleteOptions", apiVersion: "v1", propagationPolicy: planPropagation(object) };
    await client.request("DELETE", path, { body, signal });
  } catch (error) {
    if (isGone(error)) return;
    throw error;
  }
  if (annotationOf(object, annotation.skipAwait) === "true" && SKIPPABLE.includes(kind)) return;

  const deadline = new Deadline(timeoutSeconds, signal);
  let last = object;
  let quiet: string | undefined;
  for (let poll = 0; ; poll++) {
    try {
      const live = await client.get({ apiVersion, kind, namespace, name }, signal);
      // Made anew under the same name by somebody else: ours is gone.
      if (object.metadata.uid !== undefined && live.metadata.uid !== object.metadata.uid) return;
      last = live;
      quiet = undefined;
    } catch (error) {
      if (isGone(error)) return;
      if (!(error instanceof Unreachable)) throw error;
      quiet = error.message;
    }
    const seen = quiet ?? renderObstacles(last);
    if (deadline.passed) throw new Error(renderStuck(last, timeoutSeconds, seen));
    status?.(`Waiting for the deletion: ${seen}`);
    await deadline.pause(planPollSeconds(poll));
  }
}

function renderStuck(object: KubeObject, timeoutSeconds: number, seen: string): string {
  return (
    `${object.kind} ${idOf(object)} was not gone ${timeoutSeconds} s after it was deleted; last seen: ${seen}. ` +
    `Look at it: kubectl get ${kubectlName(object)} -o yaml`
  );
}
