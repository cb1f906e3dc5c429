import { describe, expect, test } from "vitest";
import type { ApiServer } from "../../harness/apiserver";
import { membersOf } from "../../harness/members";
import { lookAtVersions } from "../../harness/upgradeLook";
import { planUpgrade } from "../../harness/upgradePlan";
import { checkUpgrade } from "../../plan/checkUpgrade";
import type { Plan } from "../../plan/types";
import { EXISTING_LONDON, planWith } from "../plan/fixtures";

const NODES = ["london-server", "k3s-pool-1", "k3s-pool-2.internal"];

/** Made by kubeadm, and many minor versions older than what the topology says. */
function pretendApi(submariner: object): ApiServer {
  const lists: Record<string, object[]> = {
    "/api/v1/nodes": NODES.map((name) => ({
      metadata: { name },
      status: { nodeInfo: { kubeletVersion: "v1.30.4" } },
    })),
    "/api/v1/namespaces/kube-system/pods?labelSelector=component%3Dkube-apiserver": [
      { spec: { nodeName: NODES[0], containers: [{ image: "registry.k8s.io/kube-apiserver:v1.30.4" }] } },
    ],
    "/apis/submariner.io/v1alpha1/namespaces/submariner-operator/submariners": [{ spec: submariner }],
  };
  return {
    list: (path: string) => Promise.resolve(lists[path] ?? []),
    get: () => Promise.resolve({ data: { ClusterConfiguration: "kubernetesVersion: v1.30.4\n" } }),
  } as unknown as ApiServer;
}

describe("what a living cluster says of its versions", () => {
  const look = async ({ clusters, topology }: Plan) => {
    const { repository } = topology.submariner;
    const living = await lookAtVersions(pretendApi({ version: "0.24.1", repository }), clusters.london!);
    const findings = checkUpgrade([living], topology);
    return { living, findings, upgrades: planUpgrade(topology, clusters, membersOf(topology), [living]) };
  };
  const versions = { kubernetes: { version: "v1.37.2" }, submariner: { version: "0.24.2" } };

  test("is its API server's, its kubelets' and kubeadm's", async () => {
    const { living, findings } = await look(planWith(versions));
    expect(living).toMatchObject({ apiServer: "v1.30.4", kubeadm: "v1.30.4", submariner: "0.24.1" });
    expect(living.kubelets).toEqual(Object.fromEntries(NODES.map((name) => [name, "v1.30.4"])));
    expect(findings.map(({ place }) => place)).toContain("london: Kubernetes");
  });

  test("leaves the Kubernetes of an existing cluster to its owner, also where kubeadm made it, and upgrades what is ours", async () => {
    const { living, findings, upgrades } = await look(planWith({ ...versions, clusters: { london: EXISTING_LONDON } }));
    expect([living.apiServer, living.kubeadm]).toEqual([undefined, undefined]);
    expect(findings).toEqual([]);
    expect(upgrades).toMatchObject([{ cluster: "london", submariner: { from: "0.24.1", to: "0.24.2" }, nodes: [] }]);
  });
});
