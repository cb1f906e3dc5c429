import { isGone, Unreachable, type Client } from "../client";
import { Deadline, planPollSeconds } from "../clock";
import { annotation, annotationOf, groupOf, idOf, kubectlName, textAt, valueAt, type KubeObject } from "../objects";
import { isObject } from "../../encoding";
import { planWaitFor } from "./expression";
import {
  judgeClaim,
  judgeDefinition,
  judgeQuota,
  judgeSecret,
  judgeService,
  judgeVolume,
  needsEndpoints,
} from "./others";
import { type Judge, type Surroundings, type Verdict } from "./verdict";
import {
  judgeDaemonSet,
  judgeDeployment,
  judgeJob,
  judgePod,
  judgeReplicationController,
  judgeStatefulSet,
  renderPod,
} from "./workloads";

interface Awaiter {
  judge: Judge;
  /** Longest wait by default. */
  timeoutSeconds: number;
  /** Objects the judge needs beside its own. */
  related?: (client: Client, object: KubeObject, signal?: AbortSignal) => Promise<KubeObject[]>;
  /** Whether pods belong to it, whose troubles explain why it is not ready. */
  pods?: boolean;
}

const readOne = async (
  client: Client,
  apiVersion: string,
  kind: string,
  name: string,
  namespace?: string,
  signal?: AbortSignal,
): Promise<KubeObject[]> => {
  try {
    return [await client.get({ apiVersion, kind, name, namespace }, signal)];
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
};

const endpoints: Awaiter["related"] = async (client, service, signal) =>
  needsEndpoints(service)
    ? readOne(client, "v1", "Endpoints", service.metadata.name, service.metadata.namespace, signal)
    : [];

const storageClass: Awaiter["related"] = async (client, claim, signal) => {
  const name = textAt(claim, "spec", "storageClassName");
  return name ? readOne(client, "storage.k8s.io/v1", "StorageClass", name, undefined, signal) : [];
};

/** What is waited for, by "group/kind". Everything else is ready once the API server has taken it. */
const awaiters: Record<string, Awaiter> = {
  "apps/DaemonSet": { judge: judgeDaemonSet, timeoutSeconds: 600, pods: true },
  "apps/Deployment": { judge: judgeDeployment, timeoutSeconds: 600, pods: true },
  "apps/StatefulSet": { judge: judgeStatefulSet, timeoutSeconds: 600, pods: true },
  "batch/Job": { judge: judgeJob, timeoutSeconds: 600, pods: true },
  "/Pod": { judge: judgePod, timeoutSeconds: 600 },
  "/ReplicationController": { judge: judgeReplicationController, timeoutSeconds: 600, pods: true },
  "/Service": { judge: judgeService, timeoutSeconds: 600, related: endpoints },
  "/PersistentVolume": { judge: judgeVolume, timeoutSeconds: 300 },
  "/PersistentVolumeClaim": { judge: judgeClaim, timeoutSeconds: 300, related: storageClass },
  "/ResourceQuota": { judge: judgeQuota, timeoutSeconds: 60 },
  // The real plugin waits 5 s; the token controller of a cluster on a busy machine may be slower.
  "/Secret": { judge: judgeSecret, timeoutSeconds: 60 },
  "apiextensions.k8s.io/CustomResourceDefinition": { judge: judgeDefinition, timeoutSeconds: 60 },
};

export const defaultTimeoutSeconds = 600;
const POLLS_PER_STATUS = 5;

export interface Wait {
  client: Client;
  /** As the API server answered. */
  live: KubeObject;
  updating: boolean;
  /** Longest wait, where the program gives one. */
  timeoutSeconds?: number;
  signal?: AbortSignal;
  status?: (message: string) => void;
}

/** The object did not become ready: what was last seen, and what its pods say. */
export class NotReady extends Error {
  constructor(
    readonly reasons: string[],
    readonly live: KubeObject,
  ) {
    super(reasons.join("; "));
    this.name = "NotReady";
  }
}

function planAwaiter(live: KubeObject): Awaiter | undefined {
  if (annotationOf(live, annotation.skipAwait) === "true") return undefined;
  const known = awaiters[`${groupOf(live.apiVersion)}/${live.kind}`];
  const wish = annotationOf(live, annotation.waitFor);
  return wish ? { timeoutSeconds: defaultTimeoutSeconds, pods: known?.pods, judge: planWaitFor(wish) } : known;
}

/** Waits until the object is ready as the real plugin understands it, looking about once a second. Throws NotReady. */
export async function awaitReady(wait: Wait): Promise<KubeObject> {
  const { client, signal, updating } = wait;
  let { live } = wait;
  const awaiter = planAwaiter(live);
  if (!awaiter) return live;
  const deadline = new Deadline(wait.timeoutSeconds || awaiter.timeoutSeconds, signal);
  const { apiVersion, kind } = live;
  const { name, namespace } = live.metadata;
  let version = "";
  let changedMs = Date.now();
  for (let poll = 0; ; poll++) {
    let verdict: Verdict;
    try {
      if (poll > 0) live = await client.get({ apiVersion, kind, name, namespace }, signal);
      const related = (await awaiter.related?.(client, live, signal)) ?? [];
      const seenVersion = related.map((item) => item.metadata.resourceVersion).join();
      if (seenVersion !== version) [version, changedMs] = [seenVersion, Date.now()];
      const around: Surroundings = { related, updating, quietSeconds: (Date.now() - changedMs) / 1000 };
      verdict = awaiter.judge(live, around);
    } catch (error) {
      if (isGone(error)) verdict = { ready: false, seen: "somebody deleted it", failed: true };
      else if (error instanceof Unreachable) verdict = { ready: false, seen: error.message };
      else throw error;
    }
    if (verdict.ready) return live;
    if (verdict.failed || deadline.passed) throw await explain(wait, live, verdict, awaiter, deadline.seconds);
    if (poll % POLLS_PER_STATUS === 0) wait.status?.(verdict.seen);
    await deadline.pause(planPollSeconds(poll));
  }
}

async function explain(
  { client, signal }: Wait,
  live: KubeObject,
  verdict: Verdict & { ready: false },
  awaiter: Awaiter,
  seconds: number,
): Promise<NotReady> {
  const pods = awaiter.pods ? await readPods(client, live, signal) : [];
  const troubles = pods.map(renderPod).filter((text) => text !== undefined);
  const outcome = verdict.failed ? "failed" : `was not ready within ${seconds} s`;
  const logs = troubles.length > 0 ? `; kubectl logs ${kubectlName(live)} --all-containers` : "";
  const first = `${live.kind} ${idOf(live)} ${outcome}; last seen: ${endSentence(verdict.seen)} Look at it: kubectl describe ${kubectlName(live)}${logs}`;
  return new NotReady([first, ...troubles], live);
}

async function readPods(client: Client, live: KubeObject, signal?: AbortSignal): Promise<KubeObject[]> {
  const labels = valueAt(live, "spec", "selector", "matchLabels") ?? valueAt(live, "spec", "selector");
  if (!isObject(labels)) return [];
  const selector = Object.entries(labels)
    .filter(([, value]) => typeof value === "string")
    .map(([key, value]) => `${key}=${String(value)}`);
  // The explanation must not fail for want of the pods.
  return client.list("v1", "Pod", live.metadata.namespace, selector.join(), signal).catch(() => []);
}

const endSentence = (text: string): string => (text.endsWith(".") ? text : `${text}.`);
