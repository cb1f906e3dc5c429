/** A stack costs no more than somebody has said it may. */
import type { Plan } from "../plan/types";
import type { StackRule } from "./rule";
import { stackOf } from "./rule";

/** What a stack costs a month in US dollars by the plan alone; undefined when no price is known. What has no price is not in it. */
export type PriceStack = (plan: Plan, stack: string) => number | undefined;

/** Nearly twice what the dearest of the tree's own stacks is estimated at. */
export const DEFAULT_CEILING_USD = 300;

/** @param priceStack where prices come from: see prices.ts. */
export function planCostCeiling(priceStack: PriceStack): StackRule {
  return {
    name: "cost-ceiling",
    description: "A stack's estimated month stays below the ceiling.",
    level: "mandatory",
    severity: "medium",
    reason:
      "a wrong size or count is seen on the bill weeks later; whoever means it raises the number in the same change",
    settings: {
      monthlyUsd: {
        type: "number",
        minimum: 0,
        default: DEFAULT_CEILING_USD,
        description: "most that one stack may cost a month, in US dollars",
      },
    },
    checkStack: ([first], { plan, cluster }, settings) => {
      const stack = first && stackOf(first.urn);
      if (!cluster || !stack) return [];
      const ceilingUsd = (settings.monthlyUsd as number | undefined) ?? DEFAULT_CEILING_USD;
      const monthlyUsd = priceStack(plan, stack);
      if (monthlyUsd === undefined || monthlyUsd <= ceilingUsd) return [];
      return [
        {
          place: `stack ${stack}`,
          value: `about ${Math.round(monthlyUsd)} USD a month`,
          allowed: `${ceilingUsd} USD`,
          remedy: "choose fewer or smaller machines, or raise cost-ceiling.monthlyUsd in the policy pack's config",
        },
      ];
    },
  };
}
