/** The types of a topology, and nothing about what its values mean: that is check.ts. */
import { z } from "zod";
import type { Finding } from "./types";

const node = z.strictObject({
  role: z.string(),
  gateway: z.boolean().optional(),
  size: z.string().optional(),
  zone: z.string().optional(),
});

export const clusterShape = z.strictObject({
  cloud: z.string(),
  place: z.string(),
  role: z.string(),
  primary: z.boolean().optional(),
  account: z.string().optional(),
  podCidr: z.string(),
  serviceCidr: z.string(),
  nodeCidr: z.string(),
  nodes: z.record(z.string(), node),
});

export const fleetShape = z.strictObject({
  world: z.string(),
  domain: z.string(),
  adminCidrs: z.array(z.string()),
  upstreamDns: z.array(z.string()),
  protectData: z.boolean(),
  kubernetes: z.strictObject({ version: z.string() }),
  submariner: z.strictObject({ version: z.string(), repository: z.string(), cableDriver: z.string() }),
  database: z.strictObject({
    image: z.string(),
    standIn: z.boolean(),
    replicas: z.number(),
    storageGib: z.number(),
  }),
  clusters: z.record(z.string(), z.unknown()),
});

export type ClusterShape = z.infer<typeof clusterShape>;
export type FleetShape = z.infer<typeof fleetShape>;

/** One finding for every value of the wrong type, every missing and every unknown field. */
export function shapeFindings(error: z.ZodError, data: unknown, place: string[]): Finding[] {
  return error.issues.flatMap((issue): Finding[] => {
    const path = issue.path.map(String);
    if (issue.code === "unrecognized_keys") {
      return issue.keys.map((key) => ({
        place: [...place, ...path, key].join("."),
        value: "a field nobody reads",
        allowed: "the fields of plan/types.ts",
        remedy: "correct its spelling or remove it",
      }));
    }
    const value = path.reduce<unknown>((holder, key) => (holder as Record<string, unknown> | undefined)?.[key], data);
    const allowed = issue.code === "invalid_type" ? `a ${issue.expected}` : issue.message;
    return [
      {
        place: [...place, ...path].join("."),
        value: value === undefined ? "missing" : JSON.stringify(value),
        allowed,
        remedy: value === undefined ? `set it to ${allowed}` : `make it ${allowed}`,
      },
    ];
  });
}
