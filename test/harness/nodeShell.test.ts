import { describe, expect, test } from "vitest";
import { ApiError, type ApiServer } from "../../harness/apiserver";
import { planShellPod, runOnNode } from "../../harness/nodeShell";

interface Call {
  method: string;
  path: string;
}

/** An API server that answers GETs of the pod one after the other; the last answer stays. */
function pretendApi(answers: (object | ApiError)[], leftovers: string[] = []): { api: ApiServer; calls: Call[] } {
  const calls: Call[] = [];
  const note = (method: string, path: string): void => void calls.push({ method, path });
  let next = 0;
  const api = {
    post: (path: string) => Promise.resolve(note("POST", path)),
    remove: (path: string) => Promise.resolve(note("DELETE", path)),
    list: () => Promise.resolve(leftovers.map((name) => ({ metadata: { name } }))),
    get: () => {
      const answer = answers[Math.min(next++, answers.length - 1)];
      return answer instanceof ApiError ? Promise.reject(answer) : Promise.resolve(answer);
    },
    text: (path: string) => {
      note("LOG", path);
      return Promise.resolve("told\n");
    },
  };
  return { api: api as unknown as ApiServer, calls };
}

const ended = (exitCode: number): object => ({
  status: {
    phase: exitCode === 0 ? "Succeeded" : "Failed",
    containerStatuses: [{ state: { terminated: { exitCode } } }],
  },
});

describe("the node shell", () => {
  test("answers with the script's exit code and output, and takes its pod away", async () => {
    const { api, calls } = pretendApi([ended(3)]);
    expect(await runOnNode(api, "london-server", "exit 3")).toEqual({ exitCode: 3, output: "told\n" });
    expect(calls.map(({ method }) => method)).toEqual(["POST", "LOG", "DELETE"]);
  });

  test("goes on asking while the API server is away", async () => {
    const { api } = pretendApi([new ApiError("connection refused"), new ApiError("/x answered 503", 503), ended(0)]);
    expect(await runOnNode(api, "london-server", "true")).toMatchObject({ exitCode: 0 });
  });

  test("gives up at its deadline, saying what it saw last, and takes its pod away all the same", async () => {
    const { api, calls } = pretendApi([
      { status: { phase: "Pending", containerStatuses: [{ state: { waiting: { reason: "ErrImagePull" } } }] } },
    ]);
    await expect(runOnNode(api, "london-server", "true", { deadlineSeconds: 0 })).rejects.toThrow(
      "london-server: the script did not end within 0 ms; last seen: pod Pending, ErrImagePull.",
    );
    expect(calls.at(-1)).toMatchObject({ method: "DELETE" });
  });

  test("does not wait for a pod that its node has refused", async () => {
    const { api } = pretendApi([
      { status: { phase: "Failed", reason: "OutOfpods", message: "Node didn't have room" } },
    ]);
    await expect(runOnNode(api, "london-server", "true")).rejects.toThrow(
      "london-server: the node did not run the script; last seen: pod Failed, OutOfpods, Node didn't have room.",
    );
  });

  test("reads the end of a long output, which tells why it ended", async () => {
    const { api, calls } = pretendApi([ended(1)]);
    await runOnNode(api, "london-server", "false");
    expect(calls.find(({ method }) => method === "LOG")?.path).toMatch(/tailLines=\d+$/);
  });

  test("says so when somebody else took its pod away", async () => {
    const { api } = pretendApi([new ApiError("/x answered 404", 404)]);
    await expect(runOnNode(api, "london-server", "true")).rejects.toThrow("was removed before it ended");
  });

  test("removes what an interrupted run left on the node before it begins", async () => {
    const { api, calls } = pretendApi([ended(0)], ["node-shell-old"]);
    await runOnNode(api, "london-server", "true");
    expect(calls[0]).toEqual({
      method: "DELETE",
      path: "/api/v1/namespaces/kube-system/pods/node-shell-old?gracePeriodSeconds=0",
    });
  });

  test("runs on a cordoned node as root of the machine, with nothing of the cluster's in reach", () => {
    const { spec } = planShellPod("a", "london-server", "id") as { spec: Record<string, unknown> };
    expect(spec).toMatchObject({
      nodeName: "london-server",
      tolerations: [{ operator: "Exists" }],
      hostPID: true,
      automountServiceAccountToken: false,
      containers: [{ securityContext: { privileged: true } }],
    });
    const [{ command }] = spec.containers as [{ command: string[] }];
    expect(command.slice(-3)).toEqual(["/bin/bash", "-c", "id"]);
  });
});
