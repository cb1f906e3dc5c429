/** What a policy of this pack is, before any engine is asked. */
import type { ClusterPlan, Finding, Plan } from "../plan/types";
import type { Properties } from "./properties";

export interface Resource {
  type: string;
  /** Logical name; that of a machine is its node's. */
  name: string;
  urn: string;
  /** Inputs before the operation; in a check of the whole stack, what the state will hold. */
  properties: Properties;
  /** Whether the engine refuses to delete or replace it. */
  isProtected: boolean;
  /** Outputs that are sealed whatever the cloud says. */
  secretOutputs: string[];
}

/** What the resource is held against. */
export interface Fleet {
  plan: Plan;
  /** The cluster whose stack this is; a stack of another project has none. */
  cluster?: ClusterPlan;
}

/** What `--policy-pack-config` says of one policy. */
export type Settings = Record<string, unknown>;

interface Common {
  name: string;
  /** One sentence: what must be so. */
  description: string;
  level: "mandatory" | "advisory";
  severity: "low" | "medium" | "high" | "critical";
  /** Why it blocks, or why it only warns. */
  reason: string;
  /** Without it the policy has no settings. JSON schema of each. */
  settings?: Record<string, object>;
}

/** Looks at one resource before it is made or changed. */
export interface ResourceRule extends Common {
  check: (resource: Resource, fleet: Fleet, settings: Settings) => Finding[];
}

/** Looks at all of a stack's resources once the preview or the update has gone through. */
export interface StackRule extends Common {
  checkStack: (resources: Resource[], fleet: Fleet, settings: Settings) => Finding[];
}

export type Rule = ResourceRule | StackRule;

/** The stack's name, which is its cluster's. */
export const stackOf = (urn: string): string => /^urn:pulumi:([^:]+)::/.exec(urn)?.[1] ?? "";

/** Place, value, what is allowed, what to do: in one line, as everywhere in this project. */
export const renderFinding = ({ place, value, allowed, remedy }: Finding): string =>
  `${place}: ${value}; allowed: ${allowed}. Do: ${remedy}.`;
