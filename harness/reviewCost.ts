/** What a change does to a month's bill: the plan before and after, both by today's price table. */
import { COST_KINDS, planCost, type CostKind, type FleetCost, type StackCost, sumUsd } from "../plan/cost";
import { planFleet } from "../plan/plan";
import type { Topology } from "../plan/types";
import { code, word } from "./reviewText";
import { renderCount } from "./text";

/** Estimates for a month, in US dollars. */
export interface CostChange {
  /** Missing where the fleet before the change is not known. */
  before?: number;
  after: number;
  /** What has no known price, before or after: the sums are without it. */
  unpriced: number;
}

export interface StackCostChange extends CostChange {
  name: string;
  /** The kinds that differ, each with what it costs more; empty where the fleet before is not known. */
  parts: { kind: CostKind; usd: number }[];
}

export interface FleetCostChange {
  /** Every stack of the fleet before or after. */
  stacks: StackCostChange[];
  total: CostChange;
  /** Where the prices come from and what they assume. */
  assumption: string;
}

/**
 * The cost of every stack and of the fleet, and how a change alters them. A stack that the change does not touch may cost
 * more as well: it sends to every new region.
 * @param before the fleet where the change left its base; `undefined` when it is not known or cannot be planned.
 */
export function planCostChange(after: Topology, before?: Topology): FleetCostChange {
  const now = planCost(planFleet(after));
  const then = before && costBefore(before);
  const names = new Set([...Object.keys(after.clusters), ...(then ? then.stacks.map(({ name }) => name) : [])]);
  const stacks = [...names].map((name) => {
    const [old, stack] = [then && findStack(then, name), findStack(now, name)];
    const parts = then ? COST_KINDS.flatMap((kind) => differenceOf(kind, old, stack)) : [];
    return { name, ...changeOf(then && (old?.totalUsd ?? 0), stack?.totalUsd ?? 0, [old, stack]), parts };
  });
  const { tableDate, assumptions, world } = now;
  const live = world === "rehearsal" ? ", were it on live clouds" : "";
  const assumption = `list prices of ${tableDate}, ${assumptions.egressGbPerPair} GB between each two regions each way${live}`;
  return { stacks, total: changeOf(then?.totalUsd, now.totalUsd, [then, now]), assumption };
}

/** An older plan's data may be none that today's code can plan. */
function costBefore(topology: Topology): FleetCost | undefined {
  try {
    return planCost(planFleet(topology));
  } catch {
    return undefined;
  }
}

const findStack = (cost: FleetCost, name: string): StackCost | undefined =>
  cost.stacks.find((stack) => stack.name === name);

function changeOf(before: number | undefined, after: number, costs: (FleetCost | StackCost | undefined)[]): CostChange {
  return { before, after, unpriced: Math.max(...costs.map((cost) => cost?.findings.length ?? 0)) };
}

function differenceOf(kind: CostKind, before?: StackCost, after?: StackCost): { kind: CostKind; usd: number }[] {
  const usd = sumUsd([after?.usd[kind] ?? 0, -(before?.usd[kind] ?? 0)]);
  return usd === 0 ? [] : [{ kind, usd }];
}

/** "130.50 (+30.50)"; the sum alone where nothing changes or nothing is known of before. */
export function renderCost(cost: CostChange | undefined): string {
  if (!cost) return "unknown";
  const more = cost.unpriced > 0 ? " + ?" : "";
  const change = changeUsd(cost);
  return `${cost.after.toFixed(2)}${more}${change ? ` (**${renderSigned(change)}**)` : ""}`;
}

const changeUsd = ({ before, after }: CostChange): number => (before === undefined ? 0 : sumUsd([after, -before]));

const renderSigned = (usd: number): string => `${usd < 0 ? "−" : "+"}${Math.abs(usd).toFixed(2)}`;

/** "A month of the whole fleet: about 332.91 USD, 48.00 more than before (…)." */
export function renderTotal({ total, assumption }: FleetCostChange): string {
  const change = changeUsd(total);
  const than =
    total.before === undefined
      ? "; before the change: not known"
      : change === 0
        ? ", as before"
        : `, **${Math.abs(change).toFixed(2)} ${change > 0 ? "more" : "less"}** than before`;
  const missing =
    total.unpriced > 0 ? `, without what has no known price (${renderCount(total.unpriced, "thing")})` : "";
  return `A month of the whole fleet: about ${total.after.toFixed(2)} USD${missing}${than} (${assumption}).`;
}

/** Which stacks cost more or less, and for what; empty where none does. */
export function renderDifference({ stacks }: FleetCostChange): string[] {
  return stacks
    .filter(({ parts }) => parts.length > 0)
    .map((stack) => {
      const parts = stack.parts.map(({ kind, usd }) => `${kind} ${renderSigned(usd)}`).join(", ");
      return `${code(word(stack.name))}: ${(stack.before ?? 0).toFixed(2)} → ${stack.after.toFixed(2)} USD (${parts})`;
    });
}
