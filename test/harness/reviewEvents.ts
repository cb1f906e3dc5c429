/** Engine events as tests of the comment need them. */
import type { EngineEvent } from "@pulumi/pulumi/automation";
import { renderMarkdown } from "../../harness/markdown";
import { newReview, takeEvent, type StackReview } from "../../harness/review";
import type { ReviewedStack } from "../../harness/reviewDocument";

const TYPE = "aws:ec2/instance:Instance";
const urn = (name: string, type = TYPE): string => `urn:pulumi:oregon::archipelago::${type}::${name}`;

interface Step {
  type?: string;
  old?: Record<string, unknown>;
  now?: Record<string, unknown>;
  diff?: Record<string, string>;
  protect?: boolean;
}

/** One step of the engine; `refresh` comes as its end, all others as their beginning. */
export const step = (op: string, name: string, { type = TYPE, old, now, diff, protect }: Step = {}): EngineEvent => ({
  sequence: 1,
  timestamp: 1,
  [op === "refresh" ? "resOutputsEvent" : "resourcePreEvent"]: {
    metadata: {
      op,
      urn: urn(name, type),
      type,
      old: old && { inputs: old, outputs: old, protect },
      new: now && { inputs: now, outputs: now },
      detailedDiff:
        diff && Object.fromEntries(Object.entries(diff).map(([key, diffKind]) => [key, { diffKind, inputDiff: true }])),
      provider: "",
    },
  },
});

export const said = (message: string, severity = "error"): EngineEvent =>
  ({ sequence: 1, timestamp: 1, diagnosticEvent: { message, severity, color: "never" } }) as unknown as EngineEvent;

export const policy = (message: string, enforcementLevel = "mandatory", policyName = "disks-encrypted"): EngineEvent =>
  ({
    sequence: 1,
    timestamp: 1,
    policyEvent: {
      policyName,
      policyPackName: "archipelago",
      enforcementLevel,
      message,
      resourceUrn: urn("oregon-server"),
    },
  }) as unknown as EngineEvent;

export const reviewed = (events: EngineEvent[], known: string[] = [], name = "oregon"): ReviewedStack => {
  const review: StackReview = newReview(name);
  for (const event of events) takeEvent(review, event, known);
  const member = { name, part: "region" as const, cloud: "aws", place: "us-west-2" };
  return { member, outcome: "changed", errors: [], review };
};
export const markdownOf = (events: EngineEvent[], known: string[] = []): string =>
  renderMarkdown({ world: "clouds", stacks: [reviewed(events, known)], known });
