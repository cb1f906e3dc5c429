import { describe, expect, test } from "vitest";
import { ApiError, type ApiServer } from "../../harness/apiserver";
import { upgradeNode } from "../../harness/upgradeNode";
import type { NodeStep } from "../../harness/upgradePlan";

const NEW = "v1.37.2";
const worker: NodeStep = { node: "oregon-worker-1", part: "other", from: "v1.36.3", drain: true, effect: "" };

/** A node with no pod of its own, whose script ends with the code and the output given. Notes every change in order. */
function pretendNode(exitCode: number, output: string, more: object = {}): { api: ApiServer; changes: string[] } {
  const changes: string[] = [];
  const api = {
    list: () => Promise.resolve([]),
    post: (path: string) => Promise.resolve(void changes.push(`POST ${path}`)),
    remove: () => Promise.resolve(),
    text: () => Promise.resolve(output),
    patch: (path: string, body: { spec?: object; metadata?: object }) =>
      Promise.resolve(void changes.push(`PATCH ${path} ${JSON.stringify(body.spec ?? body.metadata)}`)),
    get: (path: string) => {
      if (path.includes("fieldSelector")) return Promise.resolve({ items: [] });
      if (path.startsWith("/api/v1/nodes/")) {
        const conditions = [{ type: "Ready", status: "True" }];
        return Promise.resolve({ status: { conditions, nodeInfo: { kubeletVersion: NEW } }, ...more });
      }
      const phase = exitCode === 0 ? "Succeeded" : "Failed";
      return Promise.resolve({ status: { phase, containerStatuses: [{ state: { terminated: { exitCode } } }] } });
    },
  };
  return { api: api as unknown as ApiServer, changes };
}
const MARK = '{"annotations":{"archipelago.internal/cordoned-by-upgrade":"true"}}';
const UNMARK = '{"annotations":{"archipelago.internal/cordoned-by-upgrade":null}}';
const NODE = "/api/v1/nodes/oregon-worker-1";

describe("one node's upgrade", () => {
  test("marks, cordons, runs the script, uncordons, takes the mark away", async () => {
    const { api, changes } = pretendNode(0, "2026-11-25T22:00:00Z oregon-worker-1: done\n");
    const said: string[] = [];
    await upgradeNode(api, worker, NEW, (line) => said.push(line));
    expect(changes).toEqual([
      `PATCH ${NODE} ${MARK}`,
      `PATCH ${NODE} {"unschedulable":true}`,
      "POST /api/v1/namespaces/kube-system/pods",
      `PATCH ${NODE} {"unschedulable":null}`,
      `PATCH ${NODE} ${UNMARK}`,
    ]);
    expect(said.at(-1)).toContain("oregon-worker-1: done");
  });

  test("does not touch the cordon of a node that is not drained", async () => {
    const { api, changes } = pretendNode(0, "");
    await upgradeNode(api, { ...worker, drain: false }, NEW, () => {});
    expect(changes).toEqual(["POST /api/v1/namespaces/kube-system/pods"]);
  });

  test("only uncordons a node that was done when an earlier run was broken off", async () => {
    const { api, changes } = pretendNode(0, "");
    await upgradeNode(api, { ...worker, part: undefined, drain: false }, NEW, () => {});
    expect(changes).toEqual([`PATCH ${NODE} {"unschedulable":null}`, `PATCH ${NODE} ${UNMARK}`]);
  });

  test("drains a node that somebody else has cordoned, and leaves it as closed as it was", async () => {
    const { api, changes } = pretendNode(0, "", { spec: { unschedulable: true } });
    await upgradeNode(api, worker, NEW, () => {});
    expect(changes).toEqual([`PATCH ${NODE} {"unschedulable":true}`, "POST /api/v1/namespaces/kube-system/pods"]);
  });

  test("shows the end of what a failed script said, and leaves the node cordoned and marked", async () => {
    const { api, changes } = pretendNode(
      1,
      "[upgrade] it went wrong\n2026 oregon-worker-1: kubeadm upgrade node: line 9",
    );
    await expect(upgradeNode(api, worker, NEW, () => {})).rejects.toThrow(
      /the upgrade script failed.*\n.*it went wrong/,
    );
    expect(changes.at(-1)).toMatch(/^POST /);
  });

  test("tries again what a restarting API server breaks off", async () => {
    const { api, changes } = pretendNode(0, "");
    const patch = api.patch.bind(api);
    let broken = 0;
    api.patch = (path: string, body: object) =>
      changes.some((change) => change.startsWith("POST")) && broken++ === 0
        ? Promise.reject(new ApiError("connection reset"))
        : patch(path, body);
    await upgradeNode(api, worker, NEW, () => {});
    expect(broken).toBeGreaterThan(1);
    expect(changes.at(-1)).toBe(`PATCH ${NODE} ${UNMARK}`);
  });
});
