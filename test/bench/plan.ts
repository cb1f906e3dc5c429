/**
 * How long the plan of a large fleet takes: `node --import tsx test/bench/plan.ts [clusters]` (default 200, at most 400).
 * Prints milliseconds of checking and planning, fresh and warm, and the growth of CPU time from half the clusters; fails
 * above one second.
 */
import fc from "fast-check";
import { assertTopology } from "../../plan/check";
import { planFleet } from "../../plan/plan";
import { draw, fleetOf } from "../plan/generatedFleet";
import { median } from "./cpu";

const LIMIT_MS = 1000;
/** Their ranges fill 10.0.0.0/8. */
const MOST_CLUSTERS = 400;
const ROUNDS = 25;

interface Round {
  wallMs: number;
  cpuMs: number;
}

const count = Math.min(Number(process.argv[2] ?? 200), MOST_CLUSTERS);
const draws = fc.sample(draw, { numRuns: count, seed: 1 });

function measure(clusters: number): Round[] {
  const topology = fleetOf(draws.slice(0, clusters));
  return Array.from({ length: ROUNDS }, () => {
    const startedMs = performance.now();
    const cpu = process.cpuUsage();
    planFleet(assertTopology(topology));
    const { user, system } = process.cpuUsage(cpu);
    return { wallMs: performance.now() - startedMs, cpuMs: (user + system) / 1000 };
  });
}

const text = (ms: number): string => `${ms.toFixed(1)} ms`;

const [fresh] = measure(count);
// The growth is only told once both are equally warm.
const half = median(measure(Math.ceil(count / 2)).map(({ cpuMs }) => cpuMs));
const warm = measure(count);
const cpuMs = median(warm.map((round) => round.cpuMs));
const firstMs = fresh?.wallMs ?? 0;

console.log(`check and plan of ${count} clusters`);
console.log(`first: ${text(firstMs)}, of it CPU ${text(fresh?.cpuMs ?? 0)}`);
console.log(`then: ${text(median(warm.map((round) => round.wallMs)))}, CPU ${text(cpuMs)} (medians of ${warm.length})`);
console.log(`CPU against ${Math.ceil(count / 2)} clusters: ${(cpuMs / half).toFixed(2)} times`);
if (firstMs > LIMIT_MS) {
  console.log(`above the limit of ${text(LIMIT_MS)}`);
  process.exitCode = 1;
}
