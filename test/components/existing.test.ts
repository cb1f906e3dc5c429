import * as http from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { awaitExisting } from "../../components/kubernetes/live";
import type { ApiAccess } from "../../plan/kubeconfig";
import { planFleet } from "../../plan/plan";
import { EXISTING_LONDON, topologyWith } from "../plan/fixtures";

// What is said over TLS is the same; a certificate would only be in the way here.
vi.mock("node:https", async () => await import("node:http"));

const london = planFleet(topologyWith({ clusters: { london: EXISTING_LONDON } })).clusters.london!;
const meta = (name: string, namespace?: string, labels?: Record<string, string>) => ({
  metadata: { name, namespace, labels },
});
const node = (name: string, address: string) => ({
  ...meta(name),
  status: {
    addresses: [
      { type: "InternalIP", address },
      { type: "InternalIP", address: "fd00::1" },
      { type: "Hostname", address: name },
    ],
  },
});

/** Answers of a cluster that is as stated. */
const ANSWERS: Record<string, unknown> = {
  "/version": { gitVersion: "v1.33.5+k3s1" },
  "/api/v1/nodes": { items: [node("k3s-pool-1", "192.168.1.4"), node("k3s-pool-2.internal", "192.168.1.5")] },
  "/api/v1/pods": {
    items: [
      { ...meta("web", "default"), spec: { nodeName: "k3s-pool-1" }, status: { phase: "Running", podIP: "10.42.0.9" } },
      {
        ...meta("proxy", "kube-system"),
        spec: { hostNetwork: true },
        status: { phase: "Running", podIP: "192.168.1.4" },
      },
    ],
  },
  "/api/v1/services": { items: [{ ...meta("kubernetes", "default"), spec: { clusterIP: "10.43.0.1" } }] },
  "/apis/networking.k8s.io/v1/servicecidrs": {
    items: [{ ...meta("kubernetes"), spec: { cidrs: ["10.43.0.0/16", "fd00::/112"] } }],
  },
  "/apis/storage.k8s.io/v1/storageclasses": { items: [meta("civo-volume")] },
  "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews": { status: { allowed: true } },
};

describe("asking an existing cluster", () => {
  let access: ApiAccess;
  let answers = ANSWERS;
  const asked: string[] = [];
  const server = http.createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://it");
    asked.push(`${request.method} ${pathname}`);
    const answer = answers[pathname];
    const status =
      typeof answer === "number" ? answer : answer === undefined ? 404 : request.method === "POST" ? 201 : 200;
    response.writeHead(status).end(JSON.stringify(answer ?? {}));
  });

  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    access = { host: "127.0.0.1", port, serverName: "127.0.0.1", ca: "", token: "t" };
  });
  afterAll(() => void server.close());
  afterEach(() => {
    answers = ANSWERS;
    asked.length = 0;
  });

  const refusal = async (over: Record<string, unknown>): Promise<string> => {
    answers = { ...ANSWERS, ...over };
    const error: unknown = await awaitExisting(london, access, 0).then(
      () => "let through",
      (reason: unknown) => reason,
    );
    return error instanceof Error ? `${error.message}\n${(error as Error & { remedy: string }).remedy}` : String(error);
  };

  test("lets through what is as stated, host-network pods and IPv6 aside, and writes nothing", async () => {
    expect(await awaitExisting(london, access, 0)).toEqual([]);
    expect(asked.filter((line) => line.startsWith("POST"))).toEqual([
      "POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
    ]);
  });

  test("reads kube-proxy's mode where kubeadm and where EKS put it", async () => {
    const mode = (name: string, key: string) => ({
      [`/api/v1/namespaces/kube-system/configmaps/${name}`]: { data: { [key]: 'kind: X\nmode: "ipvs"\n' } },
    });
    expect(await refusal(mode("kube-proxy", "config.conf"))).toContain("kube-proxy in mode ipvs");
    expect(await refusal(mode("kube-proxy-config", "config"))).toContain("kube-proxy in mode ipvs");
  });

  test("reads the service range out of the refusal of a dry run where there is no object that tells it", async () => {
    const message =
      "failed to allocate IP 192.0.2.1: the provided IP is not in the valid range. The range of valid IPs is 10.96.0.0/12";
    const text = await refusal({
      "/apis/networking.k8s.io/v1/servicecidrs": undefined,
      "/api/v1/namespaces/default/services": { message },
    });
    expect(text).toContain(
      "clusters.london.serviceCidr: 10.43.0.0/16; allowed: what its API server says: 10.96.0.0/12",
    );
    expect(asked).toContain("POST /api/v1/namespaces/default/services");
  });

  test("tells a Service of ours at the resolver's address from somebody else's", async () => {
    const at = (labels?: Record<string, string>) => ({
      "/api/v1/services": {
        items: [
          { ...meta("kubernetes", "default"), spec: { clusterIP: "10.43.0.1" } },
          { ...meta("resolver", "archipelago-dns", labels), spec: { clusterIP: "10.43.0.12" } },
        ],
      },
    });
    expect(await refusal(at({ "app.kubernetes.io/part-of": "archipelago" }))).toBe("let through");
    expect(await refusal(at())).toContain("10.43.0.12, which archipelago-dns/resolver has");
  });

  test("says that the kubeconfig's user is unknown, or may too little, and what to do", async () => {
    expect(await refusal({ "/version": 401 })).toMatch(
      /does not know the kubeconfig's user \(401\)[^]*pulumi config set --secret/,
    );
    const none = { "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews": { status: { allowed: false } } };
    expect(await refusal(none)).toContain("cluster-admin");
  });

  test("gives up at its deadline with what it saw last and the command to run again", async () => {
    expect(await refusal({ "/api/v1/nodes": 503 })).toMatch(
      /after 0 s; last seen: \/api\/v1\/nodes answers 503\.[^]*pulumi up -s london/,
    );
  });
});
