/** What a comment on a pull request is made of: data, no words. */
import type { FleetCostChange } from "./reviewCost";
import type { Member } from "./members";
import type { Outcome } from "./report";
import type { ChangeKind, ResourceChange, StackReview } from "./review";

/** One stack of the comment. */
export interface ReviewedStack {
  member: Member;
  outcome: Outcome;
  /** Said by the harness itself, when the engine said nothing. */
  errors: string[];
  remedy?: string;
  review: StackReview;
}

/** A stack that the change takes out of the topology, and with it out of everything that would take it down. */
export interface LeavingStack {
  name: string;
  cloud: string;
  place: string;
}

export interface ReviewDocument {
  world: "clouds" | "rehearsal";
  /** "real pulumi 3.250.0". */
  engine?: string;
  stacks: ReviewedStack[];
  /** What is wrong with the topology; then there are no stacks. */
  planError?: { message: string; remedy: string };
  /** What the plan warns of, a line each, and whether the change brings it. */
  planWarnings?: { text: string; isNew: boolean }[];
  /** Which stacks the change touches and why, in one sentence. */
  scope?: string;
  leaving?: LeavingStack[];
  /** Of the whole fleet; missing where it was not estimated. */
  cost?: FleetCostChange;
  /** Names of the policy packs that the stacks were checked by. */
  policyPacks?: string[];
  /** Whether the clouds were asked what there is. */
  withDrift?: boolean;
  /** Secrets to mask by value in the finished text. */
  known?: string[];
}

export const changesOf = ({ review }: ReviewedStack): ResourceChange[] => [...review.changes.values()];

export function countKinds(changes: ResourceChange[]): Record<ChangeKind, number> {
  const counts = { create: 0, update: 0, replace: 0, delete: 0, import: 0 };
  for (const { kind } of changes) counts[kind]++;
  return counts;
}

export const isDone = (outcome: Outcome): boolean => outcome === "changed" || outcome === "unchanged";

export const sizeOf = (text: string): number => Buffer.byteLength(text);
