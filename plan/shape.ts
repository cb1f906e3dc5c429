/** The types of a topology, and nothing about what its values mean: that is check.ts. */
import { z } from "zod";
import { breaks, type RuleFinding } from "./rules";

const node = z.strictObject({
  role: z.string(),
  gateway: z.boolean().optional(),
  size: z.string().optional(),
  zone: z.string().optional(),
  replicas: z.array(z.number()).optional(),
  name: z.string().optional(),
  publicAddress: z.string().optional(),
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
  storageClass: z.string().optional(),
  dnsAddress: z.string().optional(),
});

export const fleetShape = z.strictObject({
  world: z.string(),
  domain: z.string(),
  owner: z.string().optional(),
  adminCidrs: z.array(z.string()),
  upstreamDns: z.array(z.string()),
  protectData: z.boolean(),
  kubernetes: z.strictObject({ version: z.string() }),
  submariner: z.strictObject({
    version: z.string(),
    repository: z.string(),
    cableDriver: z.string(),
    cablePort: z.number().optional(),
    mssOctets: z.number().optional(),
  }),
  database: z.strictObject({
    image: z.string(),
    standIn: z.boolean(),
    replicas: z.number(),
    storageGib: z.number(),
    survive: z.string().optional(),
    licensed: z.boolean().optional(),
  }),
  certificates: z
    .strictObject({
      ca: z.number().optional(),
      caRenewal: z.number().optional(),
      leaf: z.number().optional(),
      leafRenewal: z.number().optional(),
    })
    .optional(),
  accepted: z.array(z.string()).optional(),
  clusters: z.record(z.string(), z.unknown()),
});

export type ClusterShape = z.infer<typeof clusterShape>;
export type FleetShape = z.infer<typeof fleetShape>;

/** One finding for every value of the wrong type, every missing and every unknown field. */
export function shapeFindings(error: z.ZodError, data: unknown, place: string[]): RuleFinding[] {
  return error.issues.flatMap((issue): RuleFinding[] => {
    const path = issue.path.map(String);
    if (issue.code === "unrecognized_keys") {
      const allowed = "the fields of plan/types.ts";
      return issue.keys.map((key) => {
        const at = [...place, ...path, key].join(".");
        return breaks("field-unknown", at, "a field nobody reads", allowed, "correct its spelling or remove it");
      });
    }
    const value = path.reduce<unknown>((holder, key) => (holder as Record<string, unknown> | undefined)?.[key], data);
    const allowed = issue.code === "invalid_type" ? `a ${issue.expected}` : issue.message;
    const at = [...place, ...path].join(".");
    if (value === undefined) return [breaks("field-missing", at, "missing", allowed, `set it to ${allowed}`)];
    return [breaks("field-type", at, JSON.stringify(value), allowed, `make it ${allowed}`)];
  });
}
