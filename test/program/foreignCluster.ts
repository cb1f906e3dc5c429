import { setTimeout as sleep } from "node:timers/promises";
import type { Props } from "../../rehearsal/plugins/contract";
import { ApiError, Client } from "../../rehearsal/plugins/kubernetes/client";
import { planAccess } from "../../rehearsal/plugins/kubernetes/kubeconfig";
import { type ApiServer, startApiServer } from "../plugins/kubernetesServer";
import { settledStatus } from "./apiObjects";

/** Workloads as the loop below looks for them, with where they live. */
const WORKLOADS = ["deployments", "statefulsets", "daemonsets"].map((plural) => `/apis/apps/v1/${plural}`);
const OPERATOR = "/apis/apps/v1/namespaces/submariner-operator/deployments/submariner-operator";
const SUBMARINERS = "/apis/submariner.io/v1alpha1/namespaces/submariner-operator/submariners";
const CLEANUP = "submariner.io/cleanup";
const NODES = [
  { name: "pool-1", address: "192.168.77.4" },
  { name: "pool-2.internal", address: "192.168.77.5" },
];
/** What comes and goes by itself. */
const RESTLESS = ["events", "leases", "apiservices", "componentstatuses"];

const SETTLE_SECONDS = 60;

type Live = Props & { metadata: Props & { name: string; namespace?: string; finalizers?: string[] } };

/**
 * Somebody else's cluster: a real API server with nodes and a pod that nobody runs. What makes workloads ready, and
 * Submariner's operator with its finalizer, are pretended.
 */
export class ForeignCluster {
  private alive = true;
  private loop: Promise<void> = Promise.resolve();
  private defined = false;

  private constructor(
    readonly api: ApiServer,
    private readonly client: Client,
  ) {}

  static async start(): Promise<ForeignCluster> {
    const api = await startApiServer(["deployment", "statefulset", "daemonset", "job", "node-lifecycle"]);
    const cluster = new ForeignCluster(api, new Client(planAccess({ kubeconfig: api.kubeconfig })));
    await cluster.furnish();
    cluster.loop = cluster.live();
    return cluster;
  }

  async stop(): Promise<void> {
    this.alive = false;
    await this.loop;
    this.client.close();
    await this.api.close();
  }

  /** Everything there is, by kind and name; of nodes also labels and annotations. */
  async snapshot(): Promise<string[]> {
    const groups = (await this.get<{ groups: { versions: { groupVersion: string }[] }[] }>("/apis"))!.groups;
    const bases = [
      "/api/v1",
      ...groups.flatMap(({ versions }) => versions.map(({ groupVersion }) => `/apis/${groupVersion}`)),
    ];
    const seen: string[] = [];
    for (const base of bases) {
      const kinds = (await this.get<{ resources: { name: string; verbs: string[] }[] }>(base))?.resources ?? [];
      for (const { name, verbs } of kinds) {
        if (!verbs.includes("list") || RESTLESS.includes(name)) continue;
        for (const { metadata } of await this.list(`${base}/${name}`)) {
          const { namespace = "", labels = {}, annotations = {} } = metadata as Record<string, object | string>;
          const more = name === "nodes" ? ` ${JSON.stringify([labels, annotations])}` : "";
          seen.push(`${name} ${namespace as string}/${metadata.name}${more}`);
        }
      }
    }
    return seen.sort();
  }

  async get<T>(path: string): Promise<T | undefined> {
    try {
      return (await this.client.request("GET", path)) as T;
    } catch (error) {
      if (error instanceof ApiError && error.code === 404) return undefined;
      throw error;
    }
  }

  private async list(path: string): Promise<Live[]> {
    return (await this.get<{ items: Live[] }>(path))?.items ?? [];
  }

  private patch(path: string, body: object): Promise<unknown> {
    return this.client.request("PATCH", path, { body, contentType: "application/merge-patch+json" });
  }

  /** Until the controllers have put into every namespace what they put there. */
  private async awaitNamespaces(): Promise<void> {
    for (let attempt = 0; attempt < SETTLE_SECONDS * 5; attempt++) {
      const namespaces = (await this.list("/api/v1/namespaces")).map(({ metadata }) => metadata.name);
      const found = await Promise.all(
        namespaces.flatMap((name) => [
          this.get(`/api/v1/namespaces/${name}/serviceaccounts/default`),
          this.get(`/api/v1/namespaces/${name}/configmaps/kube-root-ca.crt`),
        ]),
      );
      if (namespaces.length >= 4 && found.every((object) => object !== undefined)) return;
      await sleep(200);
    }
    throw new Error(`the namespaces of the API server were not complete after ${SETTLE_SECONDS} s`);
  }

  private async furnish(): Promise<void> {
    await this.awaitNamespaces();
    const post = (path: string, body: object) => this.client.request("POST", path, { body });
    for (const { name, address } of NODES) {
      await post("/api/v1/nodes", { apiVersion: "v1", kind: "Node", metadata: { name, labels: { theirs: "yes" } } });
      const status = {
        addresses: [{ type: "InternalIP", address }],
        conditions: [{ type: "Ready", status: "True" }],
        nodeInfo: { kubeletVersion: "v1.37.2" },
      };
      await this.patch(`/api/v1/nodes/${name}/status`, { status });
    }
    await post("/apis/storage.k8s.io/v1/storageclasses", {
      apiVersion: "storage.k8s.io/v1",
      kind: "StorageClass",
      metadata: { name: "theirs" },
      provisioner: "example.com/none",
    });
    await post("/api/v1/namespaces/default/pods", {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "web" },
      spec: { nodeName: "pool-1", containers: [{ name: "web", image: "example.com/web:1" }] },
    });
    await this.patch("/api/v1/namespaces/default/pods/web/status", {
      status: { phase: "Running", podIP: "10.244.3.7", podIPs: [{ ip: "10.244.3.7" }] },
    });
  }

  private async live(): Promise<void> {
    while (this.alive) {
      try {
        for (const path of WORKLOADS) for (const workload of await this.list(path)) await this.settle(path, workload);
        await this.operate();
      } catch (error) {
        // What is being deleted may be gone by the time it is written to.
        if (!(error instanceof ApiError) || ![404, 409].includes(error.code)) throw error;
      }
      await sleep(200);
    }
  }

  private async settle(path: string, workload: Live): Promise<void> {
    const { name, namespace, generation } = workload.metadata;
    const status = workload.status as { observedGeneration?: number } | undefined;
    if (status?.observedGeneration === generation) return;
    const kind = { deployments: "Deployment", statefulsets: "StatefulSet", daemonsets: "DaemonSet" }[
      path.split("/").at(-1)!
    ];
    const at = path.replace("/apis/apps/v1/", `/apis/apps/v1/namespaces/${namespace}/`);
    await this.patch(`${at}/${name}/status`, settledStatus({ ...workload, kind }, ""));
  }

  /** While its Deployment is there: fills the definitions, puts its finalizer on, and takes it off at the end. */
  private async operate(): Promise<void> {
    if (!(await this.get(OPERATOR))) return;
    if (!this.defined) {
      const path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gateways.submariner.io";
      const names = {
        kind: "Gateway",
        listKind: "GatewayList",
        plural: "gateways",
        singular: "gateway",
        shortNames: ["gw"],
      };
      await this.patch(path, { spec: { names } });
      this.defined = true;
    }
    for (const { metadata } of await this.list(SUBMARINERS)) {
      const finalizers = metadata.deletionTimestamp ? [] : [CLEANUP];
      if ((metadata.finalizers ?? []).join() !== finalizers.join())
        await this.patch(`${SUBMARINERS}/${metadata.name}`, { metadata: { finalizers } });
    }
  }
}
