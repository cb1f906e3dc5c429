import { defineConfig } from "vitest/config";

/**
 * `unit`: pure code, mocks. `engine`: real engine or API server, emulated clouds, no machines; in a network namespace of
 * its own. `machines`: the one-machine world alone, as root. `rehearsal`: asks a living rehearsal. `life`: changes it.
 * `roll`: replaces a machine of it.
 * `replicated`: asks and hurts another one, in which a region has three servers.
 * `existing`: joins a cluster of somebody else to a small one, and takes it out again.
 * `upgrade`: the same of a rehearsal that began with earlier versions.
 * test/run.ts runs them in this order.
 */
const ONE_AFTER_THE_OTHER = {
  pool: "forks" as const,
  fileParallelism: false,
  testTimeout: 600_000,
  hookTimeout: 600_000,
};

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          pool: "forks",
          include: ["test/**/*.test.ts"],
          exclude: ["test/rehearsal/**", "test/**/*.engine.test.ts", "test/**/*.api.test.ts"],
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: "engine",
          ...ONE_AFTER_THE_OTHER,
          include: ["test/**/*.engine.test.ts", "test/**/*.api.test.ts"],
        },
      },
      {
        test: {
          name: "machines",
          ...ONE_AFTER_THE_OTHER,
          include: ["test/rehearsal/machines*.test.ts"],
        },
      },
      {
        test: {
          name: "rehearsal",
          ...ONE_AFTER_THE_OTHER,
          include: ["test/rehearsal/**/*.test.ts"],
          exclude: [
            "test/rehearsal/machines*.test.ts",
            "test/rehearsal/life.test.ts",
            "test/rehearsal/roll.test.ts",
            "test/rehearsal/replicated.test.ts",
            "test/rehearsal/existing.test.ts",
            "test/rehearsal/upgrade.test.ts",
          ],
          setupFiles: ["test/rehearsal/enter.ts"],
        },
      },
      {
        test: {
          name: "life",
          ...ONE_AFTER_THE_OTHER,
          include: ["test/rehearsal/life.test.ts"],
          setupFiles: ["test/rehearsal/enter.ts"],
        },
      },
      {
        test: {
          name: "roll",
          ...ONE_AFTER_THE_OTHER,
          include: ["test/rehearsal/roll.test.ts"],
          setupFiles: ["test/rehearsal/enter.ts"],
        },
      },
      {
        test: {
          name: "replicated",
          ...ONE_AFTER_THE_OTHER,
          include: ["test/rehearsal/replicated.test.ts"],
          setupFiles: ["test/rehearsal/enter.ts"],
        },
      },
      {
        test: {
          name: "existing",
          ...ONE_AFTER_THE_OTHER,
          include: ["test/rehearsal/existing.test.ts"],
          setupFiles: ["test/rehearsal/enter.ts"],
        },
      },
      {
        test: {
          name: "upgrade",
          ...ONE_AFTER_THE_OTHER,
          include: ["test/rehearsal/upgrade.test.ts"],
          setupFiles: ["test/rehearsal/enter.ts"],
        },
      },
    ],
  },
});
