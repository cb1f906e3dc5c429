import { afterEach, describe, expect, test } from "vitest";
import { withOnce } from "../../harness/once";
import { ONCE_VARIABLE, onceOf, parseOnce } from "../../plan/once";

const told = (node: string) => onceOf({ name: node }, process.env);

describe("what holds for one run only", () => {
  afterEach(() => delete process.env[ONCE_VARIABLE]);

  test("is known while it runs and forgotten afterwards, also after a failure", async () => {
    await withOnce({ "a-server": { zoneAttempt: 2 } }, () => {
      expect(told("a-server")).toEqual({ zoneAttempt: 2 });
      expect(told("b-server")).toEqual({});
      return Promise.resolve();
    });
    const failing = withOnce({ "a-server": { joinAddress: "10.0.0.4" } }, () => Promise.reject(new Error("no")));
    await expect(failing).rejects.toThrow("no");
    expect(process.env[ONCE_VARIABLE]).toBeUndefined();
  });

  test("of two stacks at once does not disturb the other's", async () => {
    let release = (): void => undefined;
    const slow = withOnce({ "a-server": { zoneAttempt: 1 } }, () => new Promise<void>((end) => (release = end)));
    await withOnce({ "b-server": { zoneAttempt: 2 } }, () => {
      expect([told("a-server"), told("b-server")]).toEqual([{ zoneAttempt: 1 }, { zoneAttempt: 2 }]);
      return Promise.resolve();
    });
    expect(told("a-server")).toEqual({ zoneAttempt: 1 });
    release();
    await slow;
    expect(process.env[ONCE_VARIABLE]).toBeUndefined();
  });

  test("is refused when somebody else has written it", () => {
    expect(parseOnce(undefined)).toEqual({});
    for (const text of ["yes", "[]", "3"]) expect(() => parseOnce(text)).toThrow(/set by .\/archipelago alone/);
  });
});
