import type { Props } from "../contract";
import { isObject } from "../encoding";

/** A Kubernetes object as the API server sends and takes it. */
export interface KubeObject extends Props {
  apiVersion: string;
  kind: string;
  metadata: Metadata;
}

export interface Metadata extends Props {
  name: string;
  namespace?: string;
  uid?: string;
  generation?: number;
  resourceVersion?: string;
  annotations?: Record<string, string>;
  labels?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: { uid: string }[];
  managedFields?: ManagedFields[];
}

export interface ManagedFields extends Props {
  manager?: string;
  operation?: string;
  apiVersion?: string;
  subresource?: string;
  fieldsV1?: Props;
}

export const annotation = {
  autonamed: "pulumi.com/autonamed",
  deletionPropagation: "pulumi.com/deletionPropagationPolicy",
  fieldManager: "pulumi.com/patchFieldManager",
  patchForce: "pulumi.com/patchForce",
  skipAwait: "pulumi.com/skipAwait",
  timeoutSeconds: "pulumi.com/timeoutSeconds",
  waitFor: "pulumi.com/waitFor",
} as const;

/** The value at a path of keys, undefined where the path ends early. */
export function valueAt(object: unknown, ...path: (string | number)[]): unknown {
  return path.reduce<unknown>((value, key) => {
    if (Array.isArray(value)) return value[Number(key)];
    return isObject(value) ? value[key] : undefined;
  }, object);
}

export function textAt(object: unknown, ...path: (string | number)[]): string | undefined {
  const value = valueAt(object, ...path);
  return typeof value === "string" ? value : undefined;
}

/** A count in a status; the API server leaves zeros out. */
export function countAt(object: unknown, ...path: (string | number)[]): number {
  const value = valueAt(object, ...path);
  return typeof value === "number" ? value : 0;
}

export function listAt(object: unknown, ...path: (string | number)[]): Props[] {
  const value = valueAt(object, ...path);
  return Array.isArray(value) ? value.filter(isObject) : [];
}

/** Annotations of inputs or of a live object, by name. */
export function annotationOf(object: unknown, name: string): string | undefined {
  return textAt(object, "metadata", "annotations", name);
}

/** A condition of `.status.conditions`, by type. */
export function conditionOf(object: unknown, type: string): Props | undefined {
  return listAt(object, "status", "conditions").find((condition) => condition.type === type);
}

/** "namespace/name", or "name" of an object of the whole cluster: the id Pulumi keeps. */
export function idOf(object: Props): string {
  const namespace = textAt(object, "metadata", "namespace");
  const name = textAt(object, "metadata", "name") ?? "";
  return namespace ? `${namespace}/${name}` : name;
}

export function parseId(id: string): { namespace?: string; name: string } {
  const [first = "", second] = id.split("/");
  return second === undefined ? { name: first } : { namespace: first, name: second };
}

/** "apps/v1" and "StatefulSet" of a type token as "kubernetes:apps/v1:StatefulSet". */
export function parseToken(type: string): { apiVersion: string; kind: string } {
  const [, groupVersion = "", kind = ""] = type.split(":");
  return { apiVersion: groupVersion.replace(/^core\//, ""), kind };
}

/** The group of an apiVersion, "" for the core group. */
export const groupOf = (apiVersion: string): string =>
  apiVersion.includes("/") ? (apiVersion.split("/")[0] ?? "") : "";

/** Whether inputs only patch an object that something else made: the type's name is the kind's with "Patch" behind it. */
export const isPatch = (type: string, inputs: Props): boolean =>
  parseToken(type).kind === `${String(inputs.kind)}Patch`;

export const isSecret = (object: Props): boolean => object.apiVersion === "v1" && object.kind === "Secret";
export const isConfigMap = (object: Props): boolean => object.apiVersion === "v1" && object.kind === "ConfigMap";
export const isDefinition = (object: Props): boolean =>
  groupOf(String(object.apiVersion)) === "apiextensions.k8s.io" && object.kind === "CustomResourceDefinition";

/** How kubectl names it: "statefulset.apps/db -n cockroachdb". */
export function kubectlName(object: Props): string {
  const group = groupOf(String(object.apiVersion));
  const namespace = textAt(object, "metadata", "namespace");
  const kind = String(object.kind).toLowerCase() + (group ? `.${group}` : "");
  return `${kind}/${String(valueAt(object, "metadata", "name"))}${namespace ? ` -n ${namespace}` : ""}`;
}

// The SDK cannot spell a dash in a property of a CustomResourceDefinition.
const DASHED = /^x-kubernetes-[a-z-]+$/;
const UNDERSCORED = /^x_kubernetes_[a-z_]+$/;

function renameKeys(value: unknown, rename: (key: string) => string): unknown {
  if (Array.isArray(value)) return value.map((item) => renameKeys(item, rename));
  // Only plain data is walked: secrets and other classes stay themselves.
  if (!isObject(value) || Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [rename(key), renameKeys(item, rename)]));
}

/** Inputs as the API server spells them: `x_kubernetes_int_or_string` becomes `x-kubernetes-int-or-string`. */
export const toWire = (props: Props): Props =>
  renameKeys(props, (key) => (UNDERSCORED.test(key) ? key.replaceAll("_", "-") : key)) as Props;

/** The reverse of toWire, for outputs. */
export const fromWire = (props: Props): Props =>
  renameKeys(props, (key) => (DASHED.test(key) ? key.replaceAll("-", "_") : key)) as Props;
