/** Resources as a policy sees them, short enough to write one a test. */
import type { Finding } from "../../plan/types";
import type { Properties } from "../../policy/properties";
import type { Fleet, Resource, ResourceRule, Settings } from "../../policy/rule";
import { planWith } from "../plan/fixtures";

export const fleetOf = (cluster: string, over: object = {}): Fleet => {
  const plan = planWith(over);
  return { plan, cluster: plan.clusters[cluster] };
};

export const REHEARSED = { world: "rehearsal", protectData: false };

export const resource = (type: string, properties: Properties, more: Partial<Resource> = {}): Resource => ({
  type,
  name: "subject",
  urn: `urn:pulumi:oregon::archipelago::${type}::subject`,
  properties,
  isProtected: false,
  secretOutputs: [],
  ...more,
});

/** Findings on one resource of a stack, oregon's unless told otherwise. */
export const findingsOf = (
  rule: ResourceRule,
  subject: Resource,
  fleet: Fleet = fleetOf("oregon"),
  settings: Settings = {},
): Finding[] => rule.check(subject, fleet, settings);
