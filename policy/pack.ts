/** From rules to what @pulumi/policy serves. */
import type {
  Policies,
  PolicyConfigSchema,
  PolicyResourceOptions,
  ReportViolation,
  ResourceValidationArgs,
  StackValidationArgs,
} from "@pulumi/policy";
import type { Plan } from "../plan/types";
import { encryptedDisks, metadataTokens, statedOwner, tags, unsettledDisks } from "./machines";
import { planCostCeiling } from "./cost";
import { protectedData, retainedVolumes } from "./data";
import { priceStack } from "./prices";
import { type Properties, readProperties } from "./properties";
import { managementPorts, otherPorts } from "./reach";
import { type Fleet, renderFinding, type Resource, type Rule, stackOf } from "./rule";
import { sealedInputs, sealedState } from "./secrets";
import { safeSubmariner } from "./submariner";

export const PACK_NAME = "archipelago";

/** Every policy of the pack; docs/policy.md has the same list. */
export const RULES: Rule[] = [
  managementPorts,
  otherPorts,
  encryptedDisks,
  unsettledDisks,
  metadataTokens,
  tags,
  statedOwner,
  retainedVolumes,
  protectedData,
  sealedInputs,
  sealedState,
  safeSubmariner,
  planCostCeiling(priceStack),
];

/** The rules as policies that know the fleet. */
export function planPolicies(rules: Rule[], plan: Plan): Policies {
  return rules.map((rule) => {
    const { name, level, severity, reason } = rule;
    const description = `${rule.description} ${level === "mandatory" ? "It blocks" : "It only warns"}: ${reason}.`;
    const configSchema = rule.settings && ({ properties: rule.settings } as PolicyConfigSchema);
    const common = { name, description, severity, enforcementLevel: level, configSchema };
    const report = (findings: ReturnType<typeof runRule>, violate: ReportViolation): void => {
      for (const [text, urn] of findings) violate(text, urn);
    };
    return "check" in rule
      ? {
          ...common,
          validateResource: (args: ResourceValidationArgs, violate: ReportViolation) =>
            report(runRule(rule, [resourceOf(args)], plan, args.getConfig()), violate),
        }
      : {
          ...common,
          validateStack: (args: StackValidationArgs, violate: ReportViolation) =>
            report(runRule(rule, args.resources.map(resourceOf), plan, args.getConfig()), violate),
        };
  });
}

/** Findings as texts, each with the resource it is about. */
function runRule(rule: Rule, resources: Resource[], plan: Plan, settings: object): [text: string, urn?: string][] {
  const [first] = resources;
  if (!first) return [];
  const fleet: Fleet = { plan, cluster: plan.clusters[stackOf(first.urn)] };
  if ("checkStack" in rule)
    return rule
      .checkStack(resources, fleet, settings as Record<string, unknown>)
      .map((finding) => [renderFinding(finding)]);
  return rule
    .check(first, fleet, settings as Record<string, unknown>)
    .map((finding) => [renderFinding(finding), first.urn]);
}

interface Validated {
  type: string;
  name: string;
  urn: string;
  props: Record<string, unknown>;
  opts: PolicyResourceOptions;
}

/** The name by which @pulumi/policy's proxy hands out what it stands before. */
const BEHIND_PROXY = "__getSpecialProxyTarget";

function resourceOf({ type, name, urn, props, opts }: Validated): Resource {
  return {
    type,
    name,
    urn,
    properties: props[BEHIND_PROXY] as Properties,
    isProtected: opts.protect,
    secretOutputs: opts.additionalSecretOutputs,
  };
}

interface Deserialize {
  deserializeProperties: (sent: { toJavaScript: () => Record<string, unknown> }, proxySecrets: boolean) => unknown;
}

/**
 * Makes @pulumi/policy hand on what the engine tells it of secrets and unknown values. Left alone it opens every secret
 * before a policy sees it, so that none could say whether one is sealed; and where a value is not known yet it ends the
 * whole policy, so that one unknown address would hide an open port beside it.
 *
 * @param module `@pulumi/policy/deserialize`. Should a newer one work otherwise, everything looks unsealed: the policies
 *   then block, they do not pass.
 */
export function keepMarks(module: object): void {
  (module as Deserialize).deserializeProperties = (sent) => readProperties(sent.toJavaScript());
}
