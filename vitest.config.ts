import { defineConfig } from "vitest/config";

/**
 * Three projects: `unit` (pure code, mocks), `engine` (real engine, emulated clouds, no machines; run in a network
 * namespace of its own), `rehearsal` (everything, as root). test/run.ts runs them in this order.
 */
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
          pool: "forks",
          include: ["test/**/*.engine.test.ts", "test/**/*.api.test.ts"],
          fileParallelism: false,
          testTimeout: 600_000,
          hookTimeout: 600_000,
        },
      },
      {
        test: {
          name: "rehearsal",
          pool: "forks",
          include: ["test/rehearsal/**/*.test.ts"],
          fileParallelism: false,
          testTimeout: 600_000,
          hookTimeout: 3_600_000,
        },
      },
    ],
  },
});
