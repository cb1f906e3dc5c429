/** The policy pack: the same fleet as the program's, read the same way, and the rules it is held to. */
import { PolicyPack } from "@pulumi/policy";
import { UserError } from "../plan/errors";
import { planFleet } from "../plan/plan";
import type { Plan } from "../plan/types";
import { loadTopology } from "../stacks/topology";
import { keepMarks, PACK_NAME, planPolicies, RULES } from "./pack";

// `require`, not `import`: what is replaced must be the module itself, not this file's view of it.
// eslint-disable-next-line @typescript-eslint/no-require-imports
keepMarks(require("@pulumi/policy/deserialize") as object);
new PolicyPack(PACK_NAME, { policies: planPolicies(RULES, readPlan()), enforcementLevel: "mandatory" });

/** A pack that cannot read the topology must not let anything pass: message and remedy, and the preview fails. */
function readPlan(): Plan {
  try {
    return planFleet(loadTopology());
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    console.error(`${error.message}\n${error.remedy}`);
    process.exit(1);
  }
}
