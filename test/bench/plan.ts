/**
 * How long the plan of a large fleet takes: `node --import tsx test/bench/plan.ts [clusters]` (default 200). Prints
 * milliseconds of checking and planning, fresh and warm, and the growth from half the clusters; fails above one second.
 */
import fc from "fast-check";
import { assertTopology } from "../../plan/check";
import { planFleet } from "../../plan/plan";
import { draw, fleetOf } from "../plan/generatedFleet";

const LIMIT_MS = 1000;
const ROUNDS = 15;

const count = Number(process.argv[2] ?? 200);
const draws = fc.sample(draw, { numRuns: count, seed: 1 });

function measure(clusters: number): number[] {
  const topology = fleetOf(draws.slice(0, clusters));
  return Array.from({ length: ROUNDS }, () => {
    const startedMs = performance.now();
    planFleet(assertTopology(topology));
    return performance.now() - startedMs;
  });
}

const cpu = process.cpuUsage();
const [fresh = 0, ...warm] = measure(count);
const used = process.cpuUsage(cpu);
const median = (times: number[]): number => [...times].sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;
const half = median(measure(Math.ceil(count / 2)));
const text = (ms: number): string => `${ms.toFixed(1)} ms`;

console.log(
  `check and plan of ${count} clusters: first ${text(fresh)}, then ${text(median(warm))} (median of ${warm.length})`,
);
console.log(`CPU: ${text((used.user + used.system) / 1000 / ROUNDS)} a round`);
console.log(`against ${Math.ceil(count / 2)} clusters: ${(median(warm) / half).toFixed(2)} times as long`);
if (fresh > LIMIT_MS) {
  console.log(`above the limit of ${text(LIMIT_MS)}`);
  process.exitCode = 1;
}
