/** Where the cost ceiling's figures come from; the only place that knows. */
import { planCost } from "../plan/cost";
import type { PriceStack } from "./cost";

export const priceStack: PriceStack = (plan, stack) =>
  planCost(plan).stacks.find(({ name }) => name === stack)?.totalUsd;
