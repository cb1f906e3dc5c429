/**
 * Whether the preview of a fleet is linear in its stacks: `node --import tsx test/bench/stacks.ts [few] [many] [rounds]` (default 10, 50, 2).
 * Real engine, emulated clouds without machines, generated regions, nothing up yet; few and many in turn. Prints CPU
 * and wall seconds a stack and the ratio of many to few; fails where CPU a stack grows by more than 15 %. Needs no root.
 */
import { runPreview } from "../../harness/fleet";
import { openBackend, openStacks } from "../../harness/workspace";
import { chooseEngine } from "../../harness/engine";
import { DEFAULT_TOPOLOGY } from "../../stacks/topology";
import { type Draw, fleetOf } from "../plan/generatedFleet";
import { EmulatedWorld } from "../program/emulatedWorld";
import { cpuSeconds } from "./cpu";

const TOLERANCE = 0.15;
const SILENT = { write: () => undefined };

/** Every cloud in turn, a server and a worker each: few and many are made of the same. */
const drawOf = (index: number): Draw => ({
  word: "bench",
  cloud: index,
  place: index,
  prefixes: [20, 24, 28],
  gap: 0,
  workers: 1,
  gatewayOnWorker: false,
});

interface Measured {
  cpu: number;
  wall: number;
}

/** Seconds a stack. */
async function measure(stacks: number): Promise<Measured> {
  const topology = fleetOf(Array.from({ length: stacks }, (_, index) => drawOf(index)));
  const removed = Object.fromEntries(Object.keys(DEFAULT_TOPOLOGY.clusters).map((name) => [name, null]));
  const clusters = { ...removed, ...topology.clusters };
  const world = new EmulatedWorld({ ...topology, world: "rehearsal", protectData: false, clusters });
  try {
    await world.open();
    // Regions refer to the broker's stack.
    const [broker = ""] = Object.keys(topology.clusters);
    await openStacks(await openBackend(world.project, await chooseEngine()), [broker]);
    const [cpu, startedMs] = [cpuSeconds(), Date.now()];
    const report = await runPreview({ screen: SILENT, preview: { withoutBroker: true } });
    const wrong = report.stacks.filter(({ outcome }) => outcome !== "changed");
    if (report.stacks.length !== stacks || wrong.length > 0)
      throw new Error(
        `${wrong.length} of ${report.stacks.length} stacks have no preview: ${wrong[0]?.errors.join(" ")}`,
      );
    return { cpu: (cpuSeconds() - cpu) / stacks, wall: (Date.now() - startedMs) / 1000 / stacks };
  } finally {
    await world.close();
  }
}

async function main(few: number, many: number, rounds: number): Promise<void> {
  const ratios: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const measured: Measured[] = [];
    for (const stacks of [few, many]) {
      const { cpu, wall } = await measure(stacks);
      console.log(`${stacks} stacks: ${cpu.toFixed(2)} CPU s and ${wall.toFixed(2)} s a stack`);
      measured.push({ cpu, wall });
    }
    const ratio = measured[1]!.cpu / measured[0]!.cpu;
    console.log(`CPU a stack, ${many} against ${few}: ${ratio.toFixed(2)} times`);
    ratios.push(ratio);
  }
  if (Math.min(...ratios) > 1 + TOLERANCE) {
    console.log(`more than linear: above ${1 + TOLERANCE}`);
    process.exitCode = 1;
  }
}

const [few = 10, many = 50, rounds = 2] = process.argv.slice(2).map(Number);
void main(few, many, rounds);
