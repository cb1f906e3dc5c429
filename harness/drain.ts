/** Empties a node of its pods before something happens to it, with the disruption budgets kept. */
import { UserError } from "../plan/errors";
import { ApiError, type ApiServer } from "./apiserver";

/** What draining asks of an API server. */
export type DrainApi = Pick<ApiServer, "get" | "list" | "post" | "patch" | "remove">;

export interface DrainOptions {
  /** Until the last pod is gone; default 900, for a replica of the database alone may take 300 to hand over. */
  deadlineSeconds?: number;
  /** Between two looks; default 2. */
  intervalSeconds?: number;
  /** Hears what happens, and at most every ten seconds what is still there. */
  onProgress?: (line: string) => void;
  /** What to do when the deadline has passed, beside uncordoning; default: run the same command again. */
  next?: string;
}

interface Pod {
  metadata: {
    name: string;
    namespace: string;
    uid: string;
    deletionTimestamp?: string;
    annotations?: Record<string, string>;
    ownerReferences?: { kind: string; uid: string; controller?: boolean }[];
  };
  spec: { nodeName?: string };
  status?: { phase?: string; conditions?: { type: string; status: string; reason?: string }[] };
}

const DEADLINE_SECONDS = 900;
const INTERVAL_SECONDS = 2;
const SAY_MS = 9_000;
/** By what the kubelet tells the API server's copy of a static pod. */
const MIRROR_ANNOTATION = "kubernetes.io/config.mirror";

/**
 * Cordons a node and evicts its pods by the Eviction API, until none is left but those of DaemonSets, static pods and
 * finished ones. A refusal by a PodDisruptionBudget is tried again until the deadline.
 *
 * One thing goes beyond a budget: replicas of one workload that lie together on this node and cannot run elsewhere (their
 * volume is here). The first to go waits for the node, and the budget would hold the second until it is back: forever. So a
 * pod is deleted in spite of the budget if all that the budget misses are pods that this very drain has sent away and that
 * wait for a node. Whether the workload bears the loss of the whole node is the caller's to judge beforehand.
 *
 * @throws UserError at the deadline: what is still there and why, and the next command. The node stays cordoned.
 */
export async function drainNode(api: DrainApi, node: string, options: DrainOptions = {}): Promise<void> {
  const { deadlineSeconds = DEADLINE_SECONDS, intervalSeconds = INTERVAL_SECONDS, onProgress = () => {} } = options;
  const begin = Date.now();
  const deadline = begin + deadlineSeconds * 1000;
  const sent = new Set<string>();
  let said = begin;
  let remaining: string;
  await cordonNode(api, node);
  for (;;) {
    try {
      const pods = await podsToGo(api, node);
      if (pods.length === 0) return;
      const states: string[] = [];
      for (const pod of pods) states.push(`${keyOf(pod)} (${await sendAway(api, pod, sent, onProgress)})`);
      remaining = states.join(", ");
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      remaining = error.message;
    }
    if (Date.now() > deadline) throw notDrained(node, deadlineSeconds, remaining, options.next);
    if (Date.now() - said > SAY_MS) {
      said = Date.now();
      const seconds = Math.round((said - begin) / 1000);
      onProgress(`${node}: draining, ${seconds} s of ${deadlineSeconds} s; still there: ${remaining}`);
    }
    await new Promise((resolve) => setTimeout(resolve, intervalSeconds * 1000));
  }
}

/** Lets no new pod onto a node. Throws `ApiError`. */
export async function cordonNode(api: Pick<DrainApi, "patch">, node: string): Promise<void> {
  await api.patch(`/api/v1/nodes/${node}`, { spec: { unschedulable: true } });
}

/** Lets pods onto a node again. Throws `ApiError`. */
export async function uncordonNode(api: Pick<DrainApi, "patch">, node: string): Promise<void> {
  await api.patch(`/api/v1/nodes/${node}`, { spec: { unschedulable: null } });
}

async function podsToGo(api: DrainApi, node: string): Promise<Pod[]> {
  // Not `list`, which takes a missing kind for an empty one: no answer must not look like a drained node.
  const { items } = await api.get<{ items: Pod[] }>(`/api/v1/pods?fieldSelector=spec.nodeName%3D${node}`);
  return items.filter(({ metadata, spec, status }) => {
    if (spec.nodeName !== node || metadata.annotations?.[MIRROR_ANNOTATION] !== undefined) return false;
    if (metadata.ownerReferences?.some(({ kind }) => kind === "DaemonSet")) return false;
    return status?.phase !== "Succeeded" && status?.phase !== "Failed";
  });
}

/** Evicts one pod, or says in words why it is still there. */
async function sendAway(api: DrainApi, pod: Pod, sent: Set<string>, say: (line: string) => void): Promise<string> {
  const { name, namespace, uid, deletionTimestamp } = pod.metadata;
  if (deletionTimestamp !== undefined) return "ending";
  const path = `/api/v1/namespaces/${namespace}/pods/${name}`;
  const eviction = {
    apiVersion: "policy/v1",
    kind: "Eviction",
    metadata: { name, namespace },
    // A pod that came back under the same name is another one.
    deleteOptions: { preconditions: { uid } },
  };
  try {
    await api.post(`${path}/eviction`, eviction);
    sent.add(keyOf(pod));
    say(`evicted ${keyOf(pod)}`);
    return "evicted";
  } catch (error) {
    if (!(error instanceof ApiError) || error.status === undefined) throw error;
    if (error.status === 404) return "gone";
    if (error.status !== 429 || !(await isHeldByItsOwn(api, pod, sent))) return error.message;
  }
  await api.remove(path);
  sent.add(keyOf(pod));
  say(`deleted ${keyOf(pod)}: its budget misses only replicas of this node, which wait for it`);
  return "deleted";
}

/** Whether all that a pod's workload lacks are pods which this drain has sent away and which have no other node to go to. */
async function isHeldByItsOwn(api: DrainApi, pod: Pod, sent: Set<string>): Promise<boolean> {
  const owner = ownerOf(pod);
  if (owner === undefined) return false;
  const all = await api.list<Pod>(`/api/v1/namespaces/${pod.metadata.namespace}/pods`);
  const lacking = all.filter((other) => ownerOf(other) === owner && !isReady(other));
  return lacking.length > 0 && lacking.every((other) => sent.has(keyOf(other)) && isUnschedulable(other));
}

/** Whether the scheduler has looked for a node and found none; a pod that came back just now it has not looked at yet. */
const isUnschedulable = ({ spec, status }: Pod): boolean =>
  !spec.nodeName &&
  (status?.conditions?.some(
    ({ type, status: value, reason }) => type === "PodScheduled" && value === "False" && reason === "Unschedulable",
  ) ??
    false);

const ownerOf = ({ metadata }: Pod): string | undefined =>
  metadata.ownerReferences?.find(({ controller }) => controller === true)?.uid;

const isReady = ({ status }: Pod): boolean =>
  status?.conditions?.some((condition) => condition.type === "Ready" && condition.status === "True") ?? false;

const keyOf = ({ metadata }: Pod): string => `${metadata.namespace}/${metadata.name}`;

function notDrained(node: string, seconds: number, remaining: string, next?: string): UserError {
  return new UserError(
    `${node}: not drained after ${seconds} s; still there: ${remaining}.`,
    "See what holds them: kubectl get poddisruptionbudgets,pods -A -o wide. The node takes no new pods meanwhile: " +
      `kubectl uncordon ${node} ends that. ${next ?? "Then run the same command again."}`,
  );
}
