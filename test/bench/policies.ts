/**
 * What the policy pack costs: `node --import tsx test/bench/policies.ts [stack] [rounds]` (default oregon, 7). One stack's preview
 * by the real engine on emulated clouds without machines, with the pack and without in turn. Prints CPU seconds. Needs no root.
 */
import { chooseEngine } from "../../harness/engine";
import { runPreview } from "../../harness/fleet";
import { OWN_POLICY_PACK } from "../../harness/reviewRun";
import { openBackend, openStacks } from "../../harness/workspace";
import { EmulatedWorld } from "../program/emulatedWorld";
import { cpuSeconds, median } from "./cpu";

async function main(stack: string, rounds: number): Promise<void> {
  const world = new EmulatedWorld();
  const measure = async (policyPacks: string[]): Promise<number> => {
    const cpu = cpuSeconds();
    const preview = { policyPacks, withoutBroker: true };
    const { exitCode } = await runPreview({ stacks: [stack], screen: { write: () => undefined }, preview });
    if (exitCode !== 0) throw new Error(`the preview of ${stack} ended with ${exitCode}`);
    return cpuSeconds() - cpu;
  };
  try {
    await world.open();
    await openStacks(await openBackend(world.project, await chooseEngine()), ["broker"]);
    await measure([OWN_POLICY_PACK]);
    const [without, with_]: [number[], number[]] = [[], []];
    for (let round = 0; round < rounds; round++) {
      without.push(await measure([]));
      with_.push(await measure([OWN_POLICY_PACK]));
    }
    const more = median(with_.map((cpu, round) => cpu - without[round]!));
    console.log(
      `${stack}: ${median(without).toFixed(2)} CPU s without policies, ${median(with_).toFixed(2)} with them`,
    );
    console.log(`the pack costs ${more.toFixed(2)} CPU s a stack (median of ${rounds} pairs)`);
  } finally {
    await world.close();
  }
}

void main(process.argv[2] ?? "oregon", Number(process.argv[3] ?? 7));
