import { describe, expect, it } from "vitest";
import type { Props } from "../../rehearsal/plugins/contract";
import { planWaitFor } from "../../rehearsal/plugins/kubernetes/await/expression";
import {
  judgeClaim,
  judgeDefinition,
  judgeSecret,
  judgeService,
} from "../../rehearsal/plugins/kubernetes/await/others";
import type { Judge, Surroundings } from "../../rehearsal/plugins/kubernetes/await/verdict";
import {
  judgeDaemonSet,
  judgeDeployment,
  judgeJob,
  judgePod,
  judgeStatefulSet,
  renderPod,
} from "../../rehearsal/plugins/kubernetes/await/workloads";
import type { KubeObject } from "../../rehearsal/plugins/kubernetes/objects";

const make = (status: Props, spec: Props = {}, metadata: Props = {}): KubeObject => ({
  apiVersion: "v1",
  kind: "Thing",
  metadata: { name: "thing", generation: 2, ...metadata },
  spec: { replicas: 3, ...spec },
  status: { observedGeneration: 2, ...status },
});

const judge = (by: Judge, object: KubeObject, around: Partial<Surroundings> = {}): string => {
  const verdict = by(object, { related: [], quietSeconds: 0, updating: false, ...around });
  return verdict.ready ? "ready" : `${verdict.failed ? "failed" : "waiting"}: ${verdict.seen}`;
};

const condition = (type: string, status: string, reason = "", message = ""): Props => ({
  type,
  status,
  reason,
  message,
});

describe("readiness of workloads", () => {
  it("believes no status that is about an older spec", () => {
    const full = {
      observedGeneration: 1,
      replicas: 3,
      readyReplicas: 3,
      currentReplicas: 3,
      currentRevision: "a",
      updateRevision: "a",
    };
    expect(judge(judgeStatefulSet, make(full))).toMatch(/^waiting: its controller has not looked/);
    expect(judge(judgeDeployment, make(full))).toMatch(/^waiting: its controller has not looked/);
  });

  it("takes a deployment for ready when the rollout is complete and available", () => {
    const counts = { updatedReplicas: 3, readyReplicas: 3 };
    const complete = condition("Progressing", "True", "NewReplicaSetAvailable");
    const rolling = condition("Progressing", "True", "ReplicaSetUpdated");
    const available = condition("Available", "True");
    expect(judge(judgeDeployment, make({ ...counts, conditions: [complete, available] }))).toBe("ready");
    expect(judge(judgeDeployment, make({ ...counts, conditions: [rolling, available] }))).toMatch(/^waiting/);
    const stuck = condition("Progressing", "False", "ProgressDeadlineExceeded", "timed out");
    expect(judge(judgeDeployment, make({ readyReplicas: 1, conditions: [stuck, available] }))).toBe(
      "waiting: 1 of 3 pods ready, 0 of the newest revision; Progressing=False [ProgressDeadlineExceeded] timed out",
    );
  });

  it("takes a deployment of no replicas for ready", () => {
    const conditions = [condition("Progressing", "True", "NewReplicaSetAvailable"), condition("Available", "True")];
    expect(judge(judgeDeployment, make({ conditions }, { replicas: 0 }))).toBe("ready");
  });

  it("takes a stateful set for ready when all replicas are ready at one revision", () => {
    const counts = { replicas: 3, readyReplicas: 3, currentReplicas: 3 };
    expect(judge(judgeStatefulSet, make({ ...counts, currentRevision: "a", updateRevision: "a" }))).toBe("ready");
    expect(
      judge(judgeStatefulSet, make({ ...counts, currentRevision: "a", updateRevision: "b", updatedReplicas: 2 })),
    ).toBe("waiting: 3 of 3 pods ready, 2 of revision b, still on revision a");
    expect(
      judge(judgeStatefulSet, make({ ...counts, readyReplicas: 1, currentRevision: "a", updateRevision: "a" })),
    ).toBe("waiting: 1 of 3 pods ready");
    const manual = { updateStrategy: { type: "OnDelete" } };
    expect(
      judge(
        judgeStatefulSet,
        make({ replicas: 3, readyReplicas: 3, currentRevision: "a", updateRevision: "b" }, manual),
      ),
    ).toBe("ready");
  });

  it("takes a daemon set for ready when every node that wants a pod has the newest one", () => {
    const all = { desiredNumberScheduled: 2, updatedNumberScheduled: 2, numberAvailable: 2, numberReady: 2 };
    expect(judge(judgeDaemonSet, make(all))).toBe("ready");
    expect(judge(judgeDaemonSet, make({ ...all, numberAvailable: 1 }))).toBe(
      "waiting: 2 of 2 pods ready, 1 available, 2 of the newest revision",
    );
  });

  it("takes a job for ready when it is complete, and for failed as soon as it says so", () => {
    const startTime = "2026-01-01T00:00:00Z";
    expect(judge(judgeJob, make({ startTime, conditions: [condition("Complete", "True")] }))).toBe("ready");
    expect(judge(judgeJob, make({ startTime, active: 1 }))).toBe("waiting: pods active 1, succeeded 0, failed 0");
    const failure = condition("Failed", "True", "BackoffLimitExceeded", "Job has reached the specified backoff limit");
    expect(judge(judgeJob, make({ startTime, conditions: [failure] }))).toBe(
      "failed: [BackoffLimitExceeded] Job has reached the specified backoff limit",
    );
  });

  it("tells why a pod is not ready", () => {
    const ready = [condition("PodScheduled", "True"), condition("Initialized", "True"), condition("Ready", "True")];
    expect(judge(judgePod, make({ conditions: ready }))).toBe("ready");
    expect(judge(judgePod, make({ phase: "Succeeded" }))).toBe("ready");
    const pull = make({
      conditions: [
        condition("PodScheduled", "True"),
        condition("Ready", "False", "ContainersNotReady", "containers with unready status: [db]"),
      ],
      containerStatuses: [
        {
          name: "db",
          ready: false,
          state: { waiting: { reason: "ImagePullBackOff", message: "Back-off pulling image" } },
        },
      ],
    });
    expect(judge(judgePod, pull)).toBe("waiting: pod thing: container db: [ImagePullBackOff] Back-off pulling image");
    const crash = make({
      containerStatuses: [
        {
          name: "db",
          ready: false,
          state: { waiting: { reason: "CrashLoopBackOff", message: "back-off 10s" } },
          lastState: { terminated: { reason: "Error", exitCode: 7, message: "no certificates\n" } },
        },
      ],
    });
    expect(renderPod(crash)).toBe(
      "pod thing: container db: [CrashLoopBackOff] back-off 10s; container db ended with code 7 (Error): no certificates",
    );
    const unplaced = make({
      conditions: [condition("PodScheduled", "False", "Unschedulable", "0/1 nodes are available")],
    });
    expect(renderPod(unplaced)).toBe("pod thing: [Unschedulable] 0/1 nodes are available");
    expect(renderPod(make({ conditions: ready }))).toBeUndefined();
  });
});

describe("readiness of everything else", () => {
  const service = (spec: Props, status: Props = {}) => make(status, { replicas: undefined, ...spec });
  const endpoints = (subset: Props): KubeObject => ({ ...make({}), subsets: [subset] });

  it("does not wait for the pods of a headless or selectorless Service or an external name", () => {
    expect(judge(judgeService, service({ clusterIP: "None", selector: { a: "b" } }))).toBe("ready");
    expect(judge(judgeService, service({ clusterIP: "10.0.0.1" }))).toBe("ready");
    expect(judge(judgeService, service({ type: "ExternalName", selector: { a: "b" } }))).toBe("ready");
  });

  it("waits until the endpoints of a Service have settled with none that is not ready", () => {
    const normal = service({ clusterIP: "10.0.0.1", selector: { a: "b" } });
    expect(judge(judgeService, normal)).toBe("waiting: it has no Endpoints yet");
    const pending = endpoints({ notReadyAddresses: [{ ip: "10.1.0.5", targetRef: { name: "db-0" } }] });
    expect(judge(judgeService, normal, { related: [pending], quietSeconds: 60 })).toBe(
      "waiting: pods behind it are not ready: db-0",
    );
    const good = endpoints({ addresses: [{ ip: "10.1.0.5" }] });
    expect(judge(judgeService, normal, { related: [good], quietSeconds: 2 })).toMatch(
      /^waiting: its endpoints have not settled/,
    );
    expect(judge(judgeService, normal, { related: [good], quietSeconds: 10 })).toBe("ready");
  });

  it("waits for the address of a load balancer", () => {
    expect(judge(judgeService, service({ type: "LoadBalancer" }))).toMatch(/^waiting: no load balancer/);
    expect(
      judge(judgeService, service({ type: "LoadBalancer" }, { loadBalancer: { ingress: [{ ip: "198.18.1.9" }] } })),
    ).toBe("ready");
  });

  it("takes a claim that waits for its first pod for ready while it is pending", () => {
    const claim = make({ phase: "Pending" }, { storageClassName: "local" });
    const lazy: KubeObject = { ...make({}, {}, { name: "local" }), volumeBindingMode: "WaitForFirstConsumer" };
    expect(judge(judgeClaim, claim, { related: [lazy] })).toBe("ready");
    expect(judge(judgeClaim, claim)).toBe("waiting: phase Pending, storage class local");
    expect(judge(judgeClaim, make({ phase: "Bound" }))).toBe("ready");
  });

  it("waits for the token of a service account, and for no other Secret", () => {
    const annotations = { "kubernetes.io/service-account.name": "cluster-oregon" };
    const secret = (type: string, data?: Props): KubeObject => ({ ...make({}, {}, { annotations }), type, data });
    expect(judge(judgeSecret, secret("Opaque"))).toBe("ready");
    expect(judge(judgeSecret, secret("kubernetes.io/service-account-token"))).toContain('"cluster-oregon"');
    expect(judge(judgeSecret, secret("kubernetes.io/service-account-token", { token: "dA==" }))).toBe("ready");
  });

  it("waits until a definition is established", () => {
    expect(judge(judgeDefinition, make({ conditions: [condition("Established", "True")] }))).toBe("ready");
    expect(judge(judgeDefinition, make({ conditions: [condition("NamesAccepted", "False", "", "taken")] }))).toContain(
      "taken",
    );
  });
});

describe("the annotation pulumi.com/waitFor", () => {
  const object = make({
    phase: "Up",
    conditions: [condition("Ready", "False", "Not", "yet")],
    links: [{ state: "connected" }],
  });

  it.each([
    ["jsonpath={.status.phase}=Up", "ready"],
    ["jsonpath={.status.links[0].state}=connected", "ready"],
    ["jsonpath={.status.other}", "waiting: {.status.other} is not there"],
    ["condition=Ready=False", "ready"],
    ["condition=Ready", "waiting: Ready=False [Not] yet"],
    ['["jsonpath={.status.phase}", "condition=Gone"]', "waiting: no condition Gone"],
  ])("reads %s", (text, verdict) => {
    expect(judge(planWaitFor(text), object)).toBe(verdict);
  });

  it("refuses an expression it would not judge rightly", () => {
    expect(() => planWaitFor("jsonpath={.items[?(@.a==1)].b}=c")).toThrow(/cannot wait for/);
    expect(() => planWaitFor("ready please")).toThrow(/cannot wait for/);
  });
});
