import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { membersOf, planDown, planSelection, planUp, type Member, type Task } from "../../harness/members";
import { runInOrder } from "../../harness/schedule";
import { DEFAULT_TOPOLOGY } from "../../stacks/topology";
import { UserError } from "../../plan/errors";

const fleet: Member[] = membersOf(DEFAULT_TOPOLOGY);
const names = fleet.map(({ name }) => name);
const partOf = (name: string) => fleet.find((member) => member.name === name)?.part;

/** Any tasks without cycles: each may wait for earlier ones. */
const tasks = fc.array(fc.array(fc.nat(), { maxLength: 4 }), { minLength: 1, maxLength: 9 }).map((lists): Task[] =>
  lists.map((after, index) => ({
    name: `t${index}`,
    after: index === 0 ? [] : [...new Set(after.map((number) => `t${number % index}`))],
  })),
);

async function run(list: Task[], failing: Set<string>, parallel: number) {
  const log: string[] = [];
  let running = 0;
  let most = 0;
  const ended = await runInOrder(
    list,
    parallel,
    async (name) => {
      log.push(`begin ${name}`);
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
      log.push(`end ${name}`);
      return !failing.has(name);
    },
    (value) => value,
  );
  return { log, most, ended };
}

/** Everything a task waits for, directly or through others. */
function ancestors(list: Task[], name: string): Set<string> {
  const direct = list.find((task) => task.name === name)?.after ?? [];
  return new Set(direct.flatMap((one) => [one, ...ancestors(list, one)]));
}

describe("order", () => {
  it("puts the broker first, the primary second and the other regions after both", () => {
    expect(planUp(fleet)).toEqual([
      { name: "broker", after: [] },
      { name: "oregon", after: ["broker"] },
      { name: "ashburn", after: ["broker", "oregon"] },
      { name: "london", after: ["broker", "oregon"] },
      { name: "tokyo", after: ["broker", "oregon"] },
    ]);
  });

  it("takes regions down at once and the broker after all of them", () => {
    const down = planDown(fleet);
    expect(down.find(({ name }) => name === "broker")?.after.sort()).toEqual(["ashburn", "london", "oregon", "tokyo"]);
    expect(down.filter(({ name }) => name !== "broker").every(({ after }) => after.length === 0)).toBe(true);
  });

  it("lets a chosen region wait only for chosen stacks", () => {
    expect(planUp(planSelection(fleet, ["london"]))).toEqual([{ name: "london", after: [] }]);
    expect(planUp(planSelection(fleet, ["london", "broker"]))).toEqual([
      { name: "broker", after: [] },
      { name: "london", after: ["broker"] },
    ]);
  });

  it("names the stacks there are when asked for one there is not", () => {
    expect(() => planSelection(fleet, ["paris"])).toThrow(UserError);
    expect(() => planSelection(fleet, ["paris"])).toThrow(/"paris"/);
  });

  it("begins no region before the primary has succeeded, whatever is chosen and fails", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.subarray(names, { minLength: 1 }),
        fc.subarray(names),
        fc.integer({ min: 1, max: 4 }),
        async (chosen, failing, parallel) => {
          const { log } = await run(planUp(planSelection(fleet, chosen)), new Set(failing), parallel);
          for (const name of chosen.filter((one) => partOf(one) === "region")) {
            const begun = log.indexOf(`begin ${name}`);
            for (const earlier of ["broker", "oregon"].filter((one) => chosen.includes(one))) {
              if (begun >= 0) expect(log.indexOf(`end ${earlier}`)).toBeLessThan(begun);
              if (failing.includes(earlier)) expect(begun).toBe(-1);
            }
          }
        },
      ),
    );
  });
});

describe("schedule", () => {
  it("runs a task exactly when everything it waits for has succeeded", async () => {
    await fc.assert(
      fc.asyncProperty(tasks, fc.array(fc.nat(8)), fc.integer({ min: 1, max: 4 }), async (list, numbers, parallel) => {
        const failing = new Set(numbers.map((number) => `t${number}`));
        const { log, most, ended } = await run(list, failing, parallel);
        expect(most).toBeLessThanOrEqual(parallel);
        expect(ended.map(({ name }) => name)).toEqual(list.map(({ name }) => name));
        for (const [index, { name, after }] of list.entries()) {
          const doomed = [...ancestors(list, name)].some((one) => failing.has(one));
          expect(log.includes(`begin ${name}`)).toBe(!doomed);
          expect("failedBefore" in ended[index]!).toBe(doomed);
          if (!doomed)
            for (const one of after) expect(log.indexOf(`end ${one}`)).toBeLessThan(log.indexOf(`begin ${name}`));
        }
      }),
    );
  });

  it("refuses tasks that wait for each other", async () => {
    const circle = [
      { name: "a", after: ["b"] },
      { name: "b", after: ["a"] },
    ];
    await expect(run(circle, new Set(), 2)).rejects.toThrow(/wait for each other/);
  });
});
