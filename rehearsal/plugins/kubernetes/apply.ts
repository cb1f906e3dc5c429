import { isDeepStrictEqual } from "node:util";
import type { Props } from "../contract";
import { isObject } from "../encoding";
import { ApiError, isGone, isNotFound, Unreachable, type Client } from "./client";
import type { Deadline } from "./clock";
import { annotation, annotationOf, isDefinition, textAt, type KubeObject, type ManagedFields } from "./objects";
import type { Settings } from "./settings";

/** Everything one apply needs. */
export interface Application {
  client: Client;
  inputs: Props;
  fieldManager: string;
  settings: Settings;
  deadline: Deadline;
  signal?: AbortSignal;
  status?: (message: string) => void;
}

const APPLY = "application/apply-patch+yaml";
/** Manager of objects made by a plain create, in the real plugin too; the first update takes its fields over. */
const CREATOR = "pulumi-kubernetes";
// The real plugin retries five times in 31 s; a cluster that is still coming up on a busy machine may need longer.
const MISSING_PATIENCE_SECONDS = 90;
const PATCH_PATIENCE_SECONDS = 30;
// The real plugin gives up at once when nobody answers; a restarting API server is forgiven here.
const UNREACHABLE_PATIENCE_SECONDS = 60;
const LONGEST_PAUSE_SECONDS = 5;
const CONFLICT_RETRIES = 5;

const nameOf = (inputs: Props): string => textAt(inputs, "metadata", "name") ?? "";
const namespaceOf = (inputs: Props): string | undefined => textAt(inputs, "metadata", "namespace");

const pathOf = (application: Application, name?: string): Promise<string> => {
  const { client, inputs, signal } = application;
  return client.path(String(inputs.apiVersion), String(inputs.kind), namespaceOf(inputs), name, signal);
};

export const getLive = ({
  client,
  inputs,
  signal,
}: Pick<Application, "client" | "inputs" | "signal">): Promise<KubeObject> =>
  client.get(
    {
      apiVersion: String(inputs.apiVersion),
      kind: String(inputs.kind),
      namespace: namespaceOf(inputs),
      name: nameOf(inputs),
    },
    signal,
  );

/** Retries while the kind, the namespace or the API server itself is not there yet, with growing pauses. */
async function retry<T>(application: Application, patienceSeconds: number, attempt: () => Promise<T>): Promise<T> {
  const startMs = Date.now();
  for (let pauseSeconds = 0.5; ; pauseSeconds = Math.min(pauseSeconds * 2, LONGEST_PAUSE_SECONDS)) {
    try {
      return await attempt();
    } catch (error) {
      const patience =
        error instanceof Unreachable ? UNREACHABLE_PATIENCE_SECONDS : isGone(error) ? patienceSeconds : 0;
      if (application.deadline.passed || Date.now() - startMs > patience * 1000) throw error;
      if (isNotFound(error)) application.client.forget();
      application.status?.(`Retrying: ${(error as Error).message}`);
      await application.deadline.pause(pauseSeconds);
    }
  }
}

async function applyPatch(application: Application, body: Props, force: boolean): Promise<KubeObject> {
  const { client, fieldManager, signal } = application;
  try {
    const query = { fieldManager, force: String(force), fieldValidation: "Warn" };
    const path = await pathOf(application, nameOf(body));
    return (await client.request("PATCH", path, { query, body, contentType: APPLY, signal })) as KubeObject;
  } catch (error) {
    throw explainConflict(error, fieldManager);
  }
}

function explainConflict(error: unknown, fieldManager: string): unknown {
  if (!(error instanceof ApiError) || error.code !== 409) return error;
  return new ApiError(
    409,
    error.reason,
    `server-side apply field conflict: the resource managed by field manager "${fieldManager}" had an apply conflict: ` +
      `${error.message}. To take the fields over, annotate the resource with ${annotation.patchForce}: "true".`,
    error.causes,
  );
}

const isForced = ({ inputs, settings }: Application, live?: KubeObject): boolean =>
  annotationOf(inputs, annotation.patchForce) === "true" ||
  settings.patchForce ||
  (live !== undefined && (live.metadata.managedFields ?? []).length === 0);

/**
 * Creates the object: a plain create, so that an object that exists already is an error and not silently taken over
 * (real plugin since 4.29), unless the provider says `upsertExistingObjects`. Throws ApiError, NoMatch, Unreachable.
 */
export async function createObject(application: Application): Promise<KubeObject> {
  const { client, inputs, settings, signal } = application;
  let ambiguous = false;
  return retry(application, MISSING_PATIENCE_SECONDS, async () => {
    if (settings.upsert) return applyPatch(application, inputs, isForced(application));
    try {
      const query = { fieldManager: CREATOR };
      return (await client.request("POST", await pathOf(application), { query, body: inputs, signal })) as KubeObject;
    } catch (error) {
      // Our own earlier attempt, whose answer was lost, is no stranger.
      if (error instanceof ApiError && error.reason === "AlreadyExists" && ambiguous) return getLive(application);
      ambiguous ||= error instanceof Unreachable && error.ambiguous;
      throw explainExisting(error);
    }
  });
}

function explainExisting(error: unknown): unknown {
  if (!(error instanceof ApiError) || error.reason !== "AlreadyExists") return error;
  return new ApiError(
    error.code,
    error.reason,
    `${error.message}. It was made outside of this stack or by an interrupted run: delete it, adopt it with ` +
      "`pulumi import`, manage single fields with a Patch resource, or set upsertExistingObjects on the provider.",
  );
}

/** Puts the given fields on an object that something else made. Throws when it does not exist after a short while. */
export async function patchObject(application: Application): Promise<KubeObject> {
  return retry(application, PATCH_PATIENCE_SECONDS, async () => {
    // An apply would create what is missing: a Node without a machine, a ConfigMap that kubeadm then trips over.
    const live = await getLive(application);
    return applyPatch(application, application.inputs, isForced(application, live));
  });
}

/** Brings a live object to the new inputs by server-side apply; a CustomResourceDefinition is replaced as a whole. */
export async function updateObject(application: Application, patch: boolean): Promise<KubeObject> {
  const { client, inputs, fieldManager, signal } = application;
  for (let attempt = 0; ; attempt++) {
    try {
      return await retry(application, 0, async () => {
        const live = await getLive(application);
        if (isDefinition(inputs)) {
          const metadata = { ...(inputs.metadata as Props), resourceVersion: live.metadata.resourceVersion };
          const path = await pathOf(application, nameOf(inputs));
          return (await client.request("PUT", path, {
            query: { fieldManager },
            body: { ...inputs, metadata },
            signal,
          })) as KubeObject;
        }
        if (!patch) await takeOver(application, live);
        return applyPatch(application, inputs, isForced(application, live));
      });
    } catch (error) {
      const stale =
        error instanceof ApiError &&
        error.code === 409 &&
        !error.causes.some((cause) => cause.reason === "FieldManagerConflict");
      if (!stale || attempt === CONFLICT_RETRIES) throw error;
    }
  }
}

async function isThere(application: Application): Promise<boolean> {
  try {
    return (await getLive(application)) !== undefined;
  } catch (error) {
    if (isGone(error)) return false;
    throw error;
  }
}

/** Lets go of all fields a patch holds; they fall to their other owners, or away. */
export async function releaseFields(application: Application): Promise<void> {
  const { inputs } = application;
  // Without this look an apply would create the object that has just gone.
  if (!(await isThere(application))) return;
  const metadata = { name: nameOf(inputs), namespace: namespaceOf(inputs) };
  try {
    await applyPatch(application, { apiVersion: inputs.apiVersion, kind: inputs.kind, metadata }, false);
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== 422) throw error;
    throw new Error(
      `This Patch resource manages a required field (${error.causes.map((cause) => String(cause.field)).join(", ")}), so it cannot be ` +
        "deleted: set `retainOnDelete` on it, or hand the field over first.",
      { cause: error },
    );
  }
}

// Whose fields an update takes over: our own plain create, and kubectl run by hand.
const PREDECESSORS: [manager: string, operation: string][] = [
  [CREATOR, "Update"],
  ["kubectl", "Apply"],
  ["kubectl", "Update"],
  ["before-first-apply", "Update"],
];

function mergeFields(into: Props, from: Props): Props {
  const merged = { ...into };
  for (const [key, value] of Object.entries(from)) {
    const own = merged[key];
    merged[key] = isObject(own) && isObject(value) ? mergeFields(own, value) : (own ?? value);
  }
  return merged;
}

/** The managed fields after `fieldManager` took over from its predecessors; the same list when there are none. */
export function planTakeOver(managed: ManagedFields[], fieldManager: string): ManagedFields[] {
  const isOwn = (item: ManagedFields): boolean =>
    item.manager === fieldManager && item.operation === "Apply" && !item.subresource;
  const isOld = (item: ManagedFields): boolean =>
    !item.subresource &&
    PREDECESSORS.some(([manager, operation]) => item.manager === manager && item.operation === operation);
  const olds = managed.filter((item) => isOld(item) && !isOwn(item));
  if (olds.length === 0) return managed;
  const own = managed.find(isOwn) ?? { ...olds[0], manager: fieldManager, operation: "Apply", fieldsV1: {} };
  const fieldsV1 = olds.reduce<Props>((fields, item) => mergeFields(fields, item.fieldsV1 ?? {}), own.fieldsV1 ?? {});
  return [...managed.filter((item) => !isOwn(item) && !olds.includes(item)), { ...own, fieldsV1 }];
}

// Else fields that a later program drops would stay on the object: they would still belong to the creator.
async function takeOver(application: Application, live: KubeObject): Promise<void> {
  const { client, fieldManager, signal } = application;
  const managed = live.metadata.managedFields ?? [];
  const value = planTakeOver(managed, fieldManager);
  if (isDeepStrictEqual(value, managed)) return;
  const body = [
    { op: "replace", path: "/metadata/managedFields", value },
    { op: "replace", path: "/metadata/resourceVersion", value: live.metadata.resourceVersion },
  ];
  await client.request("PATCH", await pathOf(application, nameOf(live)), {
    body,
    contentType: "application/json-patch+json",
    signal,
  });
}
