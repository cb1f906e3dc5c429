import { describe, expect, test } from "vitest";
import type { ApiServer } from "../../harness/apiserver";
import { checkSpare, parseMembers, readMembers, removeMember } from "../../harness/etcdMembers";

const SERVERS = ["oregon-a", "oregon-b", "oregon-c"];
const member = (name: string, isLearner = false) => ({ id: `1${name.length}`, name, isLearner });
const WHOLE = SERVERS.map((name) => member(name));
/** As etcd 3.7 answers: numbers of 64 bits are texts, and what is false is left out. */
const ANSWER = JSON.stringify({
  header: { cluster_id: "14841639068965178418" },
  members: [
    { ID: "10276657743932975437", name: "oregon-a", peerURLs: ["https://10.1.0.4:2380"] },
    { ID: "9372538179322589801", name: "oregon-b", peerURLs: ["https://10.1.0.5:2380"], isLearner: true },
    { ID: "1", peerURLs: ["https://10.1.0.6:2380"] },
  ],
});

/** An API server on which every node shell ends at once, with this code and output. */
function pretendApi(exitCode: number, output: string): { api: ApiServer; scripts: string[] } {
  const scripts: string[] = [];
  const state = { terminated: { exitCode } };
  const api = {
    list: () => Promise.resolve([]),
    post: (_: string, pod: { spec: { containers: { command: string[] }[] } }) =>
      Promise.resolve(scripts.push(pod.spec.containers[0]!.command.at(-1)!)),
    get: () =>
      Promise.resolve({ status: { phase: exitCode === 0 ? "Succeeded" : "Failed", containerStatuses: [{ state }] } }),
    text: () => Promise.resolve(output),
    remove: () => Promise.resolve(),
  };
  return { api: api as unknown as ApiServer, scripts };
}

describe("the members of etcd", () => {
  test("are read with ids that are too long for numbers, names, and whether they vote", () => {
    expect(parseMembers("oregon-b", ANSWER)).toEqual([
      { id: "10276657743932975437", name: "oregon-a", isLearner: false },
      { id: "9372538179322589801", name: "oregon-b", isLearner: true },
      { id: "1", name: "", isLearner: false },
    ]);
  });

  test.each(["", "curl: (7) Failed to connect", "{}", '{"members":[]}'])("are not read from %j", (text) => {
    expect(() => parseMembers("oregon-b", text)).toThrow("oregon-b: etcd's answer is no list of members");
  });

  test("may lose one when all servers are in, vote, and nobody else is in", () => {
    expect(checkSpare(WHOLE, SERVERS)).toBeUndefined();
  });

  test.each([
    ["a server is missing", WHOLE.slice(1), "oregon-a is no member of etcd"],
    ["one does not vote yet", [...WHOLE.slice(1), member("oregon-a", true)], "oregon-a has not caught up"],
    ["a stranger counts", [...WHOLE, member("")], "1 member that no server of the topology is"],
  ])("may lose none while %s", (_, members, reason) => {
    expect(checkSpare(members, SERVERS)).toContain(reason);
  });

  test("are asked and removed by calls that carry no secret, only paths of certificates", async () => {
    const { api, scripts } = pretendApi(0, ANSWER);
    const [first] = await readMembers(api, "oregon-b");
    await removeMember(api, "oregon-b", first!);
    expect(scripts[0]).toContain("https://127.0.0.1:2379/v3/cluster/member/list");
    expect(scripts[1]).toMatch(/member\/remove -d '\{"ID":"10276657743932975437"\}'$/);
  });

  test("refusals are told in etcd's words, with what to do", async () => {
    const { api } = pretendApi(
      22,
      '{"code":9,"message":"etcdserver: re-configuration failed due to not enough started members"}',
    );
    const removing = removeMember(api, "oregon-b", member("oregon-a"));
    await expect(removing).rejects.toThrow("oregon-b: etcd did not do it: ");
    await expect(removing).rejects.toThrow("not enough started members");
    await expect(removing).rejects.toMatchObject({ remedy: expect.stringContaining("logs etcd-oregon-b") as string });
  });
});
