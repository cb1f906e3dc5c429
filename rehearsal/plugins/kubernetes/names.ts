import { randomBytes } from "node:crypto";
import type { Failure, Props, ResourceContext } from "../contract";
import { Secret } from "../contract";
import { hasUnknown, isObject } from "../encoding";
import { annotation, isDefinition, isPatch, isSecret, parseToken, textAt, toWire, valueAt } from "./objects";

// What only the API server writes; in a manifest it is a leftover that would be a difference for ever.
const READ_ONLY = [
  "creationTimestamp",
  "deletionGracePeriodSeconds",
  "deletionTimestamp",
  "generation",
  "managedFields",
  "resourceVersion",
  "uid",
];

/** `<logical name>-<8 hex digits>`, as the engine's own naming does. */
export const planName = (logicalName: string): string => `${logicalName}-${randomBytes(4).toString("hex")}`;

/** A fresh field manager, one a resource. */
export const planFieldManager = (): string => `pulumi-kubernetes-${randomBytes(4).toString("hex")}`;

const base64 = (text: string): string => Buffer.from(text, "utf8").toString("base64");

// The API server turns stringData into data at once and trims base64; left as it was, it would differ for ever.
function normaliseSecret(inputs: Props): Props {
  const { stringData, ...rest } = inputs;
  const data: Props = isObject(rest.data) ? { ...rest.data } : {};
  for (const [key, value] of Object.entries(data))
    if (typeof value === "string") data[key] = Buffer.from(value, "base64").toString("base64");
  if (isObject(stringData)) for (const [key, value] of Object.entries(stringData)) data[key] = base64(String(value));
  return Object.keys(data).length > 0 ? { ...rest, data } : rest;
}

function normaliseDefinition(inputs: Props): Props {
  const { status: _status, ...rest } = inputs;
  if (!isObject(rest.spec) || rest.spec.preserveUnknownFields !== false) return rest;
  const { preserveUnknownFields: _preserve, ...spec } = rest.spec;
  return { ...rest, spec };
}

/** Inputs in the one spelling that is compared, stored and sent. */
export function normaliseInputs(type: string, inputs: Props): Props {
  const token = parseToken(type);
  const { apiVersion, kind, ...rest } = toWire(inputs);
  let result: Props = { apiVersion: apiVersion ?? token.apiVersion, kind: kind ?? token.kind, ...rest };
  if (isObject(result.metadata)) {
    const metadata = Object.entries(result.metadata).filter(([key]) => !READ_ONLY.includes(key));
    result = { ...result, metadata: Object.fromEntries(metadata) };
  }
  if (isSecret(result) && !hasUnknown(result)) result = normaliseSecret(result);
  return isDefinition(result) ? normaliseDefinition(result) : result;
}

function nameInputs(ctx: ResourceContext, inputs: Props, olds: Props): Props {
  const metadata: Props = isObject(inputs.metadata) ? inputs.metadata : {};
  if (inputs.metadata !== undefined && !isObject(inputs.metadata)) return inputs;
  if (metadata.name !== undefined && metadata.name !== "") return inputs;
  const wasAutonamed = valueAt(olds, "metadata", "annotations", annotation.autonamed) === "true";
  const name = (wasAutonamed && textAt(olds, "metadata", "name")) || planName(ctx.name);
  const annotations = isObject(metadata.annotations) ? metadata.annotations : {};
  return {
    ...inputs,
    metadata: { ...metadata, name, annotations: { ...annotations, [annotation.autonamed]: "true" } },
  };
}

/** Names what has no name, brings inputs into one spelling, refuses what the real plugin refuses. Marks secret data. */
export function checkInputs(ctx: ResourceContext, news: Props, olds: Props): { inputs: Props; failures?: Failure[] } {
  const inputs = normaliseInputs(ctx.type, news);
  const failures: Failure[] = [];
  const patch = isPatch(ctx.type, inputs);
  const named = Boolean(valueAt(inputs, "metadata", "name"));
  if (/List$/.test(String(inputs.kind)) && Array.isArray(inputs.items))
    failures.push({ property: "kind", reason: "list resources cannot be created directly: use the kinds in it" });
  if (patch && !named)
    failures.push({
      property: "metadata.name",
      reason: "patch resources require the `.metadata.name` field to be set",
    });
  if (!named && valueAt(inputs, "metadata", "generateName") !== undefined)
    failures.push({
      property: "metadata.generateName",
      reason: "the `.metadata.generateName` field is not supported in Server-Side Apply mode",
    });
  if (failures.length > 0) return { inputs, failures };
  return { inputs: hideSecretData(patch ? inputs : nameInputs(ctx, inputs, olds)) };
}

/** Whatever a Secret holds is secret, whether the program said so or not. */
export function hideSecretData(object: Props): Props {
  if (object.kind !== "Secret") return object;
  const hidden = { ...object };
  for (const key of ["data", "stringData"]) if (hidden[key] !== undefined) hidden[key] = new Secret(hidden[key]);
  return hidden;
}
