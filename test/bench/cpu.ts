import { readFileSync } from "node:fs";

/** A kernel's tick: in these /proc counts. */
const TICKS_PER_SECOND = 100;

/** CPU seconds of this process and of every child that has ended: engines, language hosts, programs, policy packs. */
export function cpuSeconds(): number {
  const fields = readFileSync("/proc/self/stat", "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS_PER_SECOND;
}

export const median = (numbers: number[]): number =>
  [...numbers].sort((left, right) => left - right)[Math.floor(numbers.length / 2)] ?? 0;
