/** Where the cost ceiling's figures come from; the only place that knows. */
import type { PriceStack } from "./cost";

/** No price is known yet, so the ceiling is not applicable: see docs/policy.md. */
export const priceStack: PriceStack = () => undefined;
