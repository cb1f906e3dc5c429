import { describe, expect, it, vi } from "vitest";
import { hostname } from "node:os";
import { ConcurrentUpdateError, type Stack } from "@pulumi/pulumi/automation";
import { UserError } from "../../plan/errors";
import {
  attachedPackages,
  locksOf,
  pendingOperations,
  planRecovery,
  recoverPending,
  withLockRecovery,
} from "../../harness/recovery";

const ROOT = "urn:pulumi:london::archipelago::pulumi:pulumi:Stack::archipelago-london";
const MACHINE = "urn:pulumi:london::archipelago::civo:index/instance:Instance::london-server";
const creating = (urn: string, type: string) => ({ type: "creating", resource: { urn, type } });

function stackWith(deployment: object) {
  const stack = {
    name: "london",
    exportStack: vi.fn(() => Promise.resolve({ version: 3, deployment })),
    refresh: vi.fn((_options: object) => Promise.resolve({})),
    cancel: vi.fn(() => Promise.resolve()),
  };
  return { mock: stack, stack: stack as unknown as Stack };
}

const lockedBy = (host: string, processId: number): ConcurrentUpdateError =>
  new (ConcurrentUpdateError as unknown as new (result: { toString(): string }) => ConcurrentUpdateError)({
    toString: () =>
      `error: the stack is currently locked by 1 lock(s). Either wait…\n  file:///b/.pulumi/locks/x.json: created by root@${host} (pid ${processId}) at 2026-11-23T08:52:51Z`,
  });

/** Above the largest process id Linux gives. */
const DEAD = 4_194_305;

describe("interrupted operations", () => {
  it("are read from an exported stack", () => {
    const exported = {
      version: 3,
      deployment: { pending_operations: [creating(MACHINE, "civo:index/instance:Instance")] },
    };
    expect(pendingOperations(exported)).toEqual([
      { urn: MACHINE, type: "civo:index/instance:Instance", operation: "creating" },
    ]);
    expect(pendingOperations({ version: 3, deployment: {} })).toEqual([]);
  });

  it("are repeated where a second create is the same thing, and asked about where a real cloud may have made it", () => {
    const pending = [
      { urn: "u1", type: "aws:ec2/instance:Instance", operation: "creating" },
      { urn: "u2", type: "kubernetes:core/v1:Secret", operation: "creating" },
      { urn: "u3", type: "aws:ec2/vpc:Vpc", operation: "deleting" },
    ];
    const real = planRecovery(pending, []);
    expect([real.repeat, real.ask].map((list) => list.map(({ urn }) => urn))).toEqual([["u2"], ["u1"]]);
    const emulated = planRecovery(pending, attachedPackages({ PULUMI_DEBUG_PROVIDERS: "aws:4001,oci:4001" }));
    expect([emulated.repeat, emulated.ask].map((list) => list.map(({ urn }) => urn))).toEqual([["u1", "u2"], []]);
  });

  it("of a real cloud stop the run with the commands that import them", async () => {
    const { mock, stack } = stackWith({ pending_operations: [creating(MACHINE, "civo:index/instance:Instance")] });
    const failure = await recoverPending(stack, () => {}).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(UserError);
    expect((failure as UserError).message).toContain("london-server");
    expect((failure as UserError).remedy).toContain(`pulumi refresh -s london --import-pending-creates '${MACHINE}'`);
    expect(mock.refresh).not.toHaveBeenCalled();
  });

  it("that can be repeated are cleared, and nothing but them is read back", async () => {
    const secret = "urn:pulumi:london::archipelago::kubernetes:core/v1:Secret::psk";
    const { mock, stack } = stackWith({
      resources: [{ urn: ROOT }, { urn: secret }, { urn: "urn:pulumi:london::archipelago::x:y:Z::other" }],
      pending_operations: [
        { type: "updating", resource: { urn: secret, type: "kubernetes:core/v1:Secret" } },
        creating("urn:new", "tls:index/privateKey:PrivateKey"),
      ],
    });
    await recoverPending(stack, () => {});
    expect(mock.refresh).toHaveBeenCalledExactlyOnceWith({
      clearPendingCreates: true,
      target: [ROOT, secret],
      color: "never",
    });
  });

  it("cost nothing when there are none", async () => {
    const { mock, stack } = stackWith({ resources: [{ urn: ROOT }] });
    await recoverPending(stack, () => {});
    expect(mock.refresh).not.toHaveBeenCalled();
  });
});

describe("locks", () => {
  it("are read from the engine's message, each holder once", () => {
    const text = `${lockedBy("here", 12).message}\n${lockedBy("here", 12).message}\n${lockedBy("there", 13).message}`;
    expect(locksOf(text)).toEqual([
      { host: "here", processId: 12 },
      { host: "there", processId: 13 },
    ]);
  });

  it("of a dead process are taken away and the operation runs again", async () => {
    const { mock, stack } = stackWith({});
    const operation = vi.fn().mockRejectedValueOnce(lockedBy(hostname(), DEAD)).mockResolvedValueOnce("done");
    await expect(withLockRecovery(stack, () => {}, operation)).resolves.toBe("done");
    expect(mock.cancel).toHaveBeenCalledOnce();
    expect(operation).toHaveBeenCalledTimes(2);
  });

  it("of another machine are left alone", async () => {
    const { mock, stack } = stackWith({});
    const operation = vi.fn().mockRejectedValue(lockedBy("elsewhere", DEAD));
    await expect(withLockRecovery(stack, () => {}, operation)).rejects.toThrow(/locked by process \d+ on elsewhere/);
    expect(mock.cancel).not.toHaveBeenCalled();
  });

  it("are not looked for behind other errors", async () => {
    const { mock, stack } = stackWith({});
    await expect(
      withLockRecovery(
        stack,
        () => {},
        () => Promise.reject(new Error("quota")),
      ),
    ).rejects.toThrow("quota");
    expect(mock.cancel).not.toHaveBeenCalled();
  });
});
