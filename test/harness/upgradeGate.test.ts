import { describe, expect, test } from "vitest";
import { ApiError, type ApiServer } from "../../harness/apiserver";
import { lookForUnsettled, rangesLacking } from "../../harness/upgradeGate";
import { renderCorefile } from "../../plan/corefile";
import { EXISTING_LONDON, planWith } from "../plan/fixtures";

const plan = planWith({ submariner: { version: "0.24.2" } });
const london = plan.clusters.london!;
const { database, submariner, upstreamDns } = plan.topology;

const containers = (image: string) => ({ spec: { containers: [{ name: "a", image }] } });
const mesh = (version: string) => containers(`${submariner.repository}/submariner-gateway:${version}`);

/** A cluster at rest, by path. */
function atRest(): Record<string, object[]> {
  const daemon = { observedGeneration: 2, desiredNumberScheduled: 1, updatedNumberScheduled: 1, numberAvailable: 1 };
  return {
    "namespaces/kube-system/deployments": [
      {
        metadata: { name: "coredns", generation: 1 },
        spec: { replicas: 2, template: containers("coredns:1") },
        status: { observedGeneration: 1, replicas: 2, updatedReplicas: 2, readyReplicas: 2 },
      },
    ],
    "namespaces/submariner-operator/daemonsets": [
      {
        metadata: { name: "submariner-gateway", generation: 2 },
        spec: { template: mesh(submariner.version) },
        status: daemon,
      },
    ],
    "namespaces/cockroachdb/statefulsets": [
      {
        metadata: { name: "cockroachdb", generation: 3 },
        spec: { replicas: 3, template: containers(database.image) },
        status: {
          observedGeneration: 3,
          updatedReplicas: 3,
          readyReplicas: 3,
          currentRevision: "b",
          updateRevision: "b",
        },
      },
    ],
  };
}

function pretendApi(
  objects: Record<string, object[]>,
  more: { corefile?: string; vars?: string | ApiError } = {},
): ApiServer {
  const corefile = more.corefile ?? renderCorefile(london, upstreamDns);
  const vars = more.vars ?? 'ranges_underreplicated{store="1"} 0\nranges_unavailable{store="1"} 0\n';
  return {
    list: (path: string) => Promise.resolve(objects[path.replace("/apis/apps/v1/", "")] ?? []),
    get: () => Promise.resolve({ data: { Corefile: corefile } }),
    text: () => (vars instanceof ApiError ? Promise.reject(vars) : Promise.resolve(vars)),
  } as unknown as ApiServer;
}
const lookAt = (api: ApiServer): Promise<string[]> => lookForUnsettled(api, london, plan.topology);

describe("the gate after a change", () => {
  test("lets a cluster at rest through", async () => {
    expect(await lookAt(pretendApi(atRest()))).toEqual([]);
  });

  test("waits for a change that its controller has not seen yet, though all pods are Ready", async () => {
    const objects = atRest();
    Object.assign(objects["namespaces/cockroachdb/statefulsets"]![0]!, {
      metadata: { name: "cockroachdb", generation: 4 },
    });
    expect(await lookAt(pretendApi(objects))).toEqual(["cockroachdb: 3 of 3 pods new, 3 Ready"]);
  });

  test("waits for the last replica and for the operator to pass a new version on", async () => {
    const objects = atRest();
    const [set] = objects["namespaces/cockroachdb/statefulsets"] as [{ status: object }];
    Object.assign(set.status, { updatedReplicas: 1, readyReplicas: 2, currentRevision: "a" });
    const [gateway] = objects["namespaces/submariner-operator/daemonsets"] as [{ spec: object }];
    Object.assign(gateway.spec, { template: mesh("0.24.0") });
    expect(await lookAt(pretendApi(objects))).toEqual([
      "cockroachdb: 1 of 3 pods new, 2 Ready",
      `submariner-gateway: still ${submariner.repository}/submariner-gateway:0.24.0, not 0.24.2`,
    ]);
  });

  test("finds a Corefile that is not the program's", async () => {
    const [found] = await lookAt(pretendApi(atRest(), { corefile: ".:53 {\n}\n" }));
    expect(found).toContain("pulumi up --refresh -s london");
  });

  test("asks of an existing cluster nothing that is its owner's, but whether the fleet's resolver has rolled out", async () => {
    const existing = planWith({ submariner: { version: "0.24.2" }, clusters: { london: EXISTING_LONDON } });
    const objects = atRest();
    const [coredns] = objects["namespaces/kube-system/deployments"] as [{ status: object }];
    const status = { ...coredns.status, readyReplicas: 1 };
    objects["namespaces/kube-system/deployments"] = [{ ...coredns, status }];
    const lookAtExisting = (more: Record<string, object[]> = {}): Promise<string[]> => {
      const api = pretendApi({ ...objects, ...more });
      api.get = () => Promise.reject(new ApiError("configmaps coredns not found", 404));
      return lookForUnsettled(api, existing.clusters.london!, existing.topology);
    };
    expect(await lookAtExisting()).toEqual([]);
    const resolver = { ...coredns, metadata: { name: "resolver", generation: 1 }, status };
    expect(await lookAtExisting({ "namespaces/archipelago-dns/deployments": [resolver] })).toEqual([
      "resolver: 1 of 2 pods of the new kind",
    ]);
  });

  test("lets no range be without all its copies, and takes silence for no good sign", async () => {
    const vars = 'ranges_underreplicated{store="1"} 2\nranges_underreplicated{store="2"} 1\nranges_unavailable 0\n';
    expect(await lookAt(pretendApi(atRest(), { vars }))).toEqual(
      [0, 1, 2].map(() => "database: ranges_underreplicated 3"),
    );
    const silent = await lookAt(pretendApi(atRest(), { vars: new ApiError("connection refused") }));
    expect(silent).toContain("database: replica 0 does not tell (connection refused) 1");
    const halved = await lookAt(pretendApi(atRest(), { vars: 'ranges_unavailable{store="1"} 0\n' }));
    expect(halved).toContain("database: replica 0 does not tell ranges_underreplicated 1");
  });

  test("reads only the metrics it means", () => {
    expect(rangesLacking("# TYPE ranges_unavailable gauge\nranges 40\nranges_unavailable 1e+00\n")).toEqual({
      ranges_unavailable: 1,
    });
  });
});
