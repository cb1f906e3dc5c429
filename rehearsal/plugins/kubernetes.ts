import { PartialFailure } from "./failure";
import type { Package, Props, ResourceContext, ResourceKind } from "./contract";
import { UserError } from "../../plan/errors";
import { createObject, getLive, patchObject, releaseFields, updateObject, type Application } from "./kubernetes/apply";
import { awaitReady, defaultTimeoutSeconds, NotReady } from "./kubernetes/await/ready";
import { Client, isGone, NoMatch, Unreachable } from "./kubernetes/client";
import { Deadline } from "./kubernetes/clock";
import { planChanges } from "./kubernetes/compare";
import { planAccess, pointsElsewhere } from "./kubernetes/kubeconfig";
import { planLiveInputs, planOutputs } from "./kubernetes/live";
import { checkInputs, normaliseInputs, planFieldManager } from "./kubernetes/names";
import {
  annotation,
  annotationOf,
  idOf,
  isDefinition,
  isPatch,
  parseId,
  parseToken,
  textAt,
  type KubeObject,
} from "./kubernetes/objects";
import { removeObject } from "./kubernetes/remove";
import { assertServerSideApply, planSettings } from "./kubernetes/settings";

/** Not below the npm SDK's own version, else the engine refuses. */
const VERSION = "4.34.2";

// One connection pool a cluster and login, however many resources and provider instances use it.
const clients = new Map<string, Client>();

function openClient(config: Props): Client {
  const access = planAccess(config);
  const key = JSON.stringify(access);
  const known = clients.get(key);
  if (known) return known;
  const client = new Client(access);
  clients.set(key, client);
  return client;
}

/** Closes every connection; for the end of a process or a test. */
export function closeKubernetes(): void {
  for (const client of clients.values()) client.close();
  clients.clear();
}

function planTimeout(ctx: ResourceContext, object: Props): number | undefined {
  const annotated = Number(annotationOf(object, annotation.timeoutSeconds));
  return ctx.timeoutSeconds || (Number.isInteger(annotated) && annotated > 0 ? annotated : undefined);
}

function planApplication(ctx: ResourceContext, inputs: Props, fieldManager: string): Application {
  assertServerSideApply(ctx.config);
  return {
    client: openClient(ctx.config),
    inputs,
    fieldManager,
    settings: planSettings(ctx.config),
    deadline: new Deadline(planTimeout(ctx, inputs) ?? defaultTimeoutSeconds, ctx.signal),
    signal: ctx.signal,
    status: ctx.status?.bind(ctx),
  };
}

/** Waits for readiness; an object that exists but is not ready stays in the engine's state. */
async function finish(
  ctx: ResourceContext,
  application: Application,
  live: KubeObject,
  updating: boolean,
): Promise<Props> {
  const { client, inputs, fieldManager, signal, status } = application;
  try {
    const timeoutSeconds = planTimeout(ctx, inputs);
    const last = isPatch(ctx.type, inputs)
      ? live
      : await awaitReady({ client, live, updating, timeoutSeconds, signal, status });
    return planOutputs(last, fieldManager);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    // The engine shows the reasons, not the message.
    const { live: last, reasons } = error instanceof NotReady ? error : { live, reasons: [message] };
    throw new PartialFailure(message, { id: idOf(last), outputs: planOutputs(last, fieldManager), reasons });
  }
}

/** The API server's own words, with what was wanted in front. */
function explain(error: unknown, doing: string, inputs: Props): unknown {
  if (error instanceof PartialFailure || error instanceof UserError || !(error instanceof Error)) return error;
  const what = `${doing} ${String(inputs.kind)} ${idOf(inputs)}`;
  if (error instanceof NoMatch)
    return new Error(
      `${what} failed: the API server does not know this kind; has its CustomResourceDefinition been made? (${error.message})`,
    );
  if (error instanceof Unreachable)
    return new Error(`${what} failed: the Kubernetes cluster is unreachable: ${error.message}`);
  return new Error(`${what} failed: ${error.message}`);
}

const managerOf = (inputs: Props, outputs: Props): string =>
  annotationOf(inputs, annotation.fieldManager) ?? textAt(outputs, "__fieldManager") ?? planFieldManager();

const unreachableRemedy =
  'If the cluster was deleted, rerun with the environment variable PULUMI_K8S_DELETE_UNREACHABLE set to "true" to remove this resource from Pulumi\'s state.';

const unreachable = (error: Unreachable): UserError =>
  new UserError(`The configured Kubernetes cluster is unreachable (${error.message}).`, unreachableRemedy);

/** Where the object is, from state; from the id and type alone for `get` and import. */
function planPlace(ctx: ResourceContext, id: string, inputs: Props, outputs: Props): KubeObject {
  const token = parseToken(ctx.type);
  const metadata = { ...(outputs.metadata as Props | undefined), ...parseId(id) };
  return {
    ...outputs,
    apiVersion: textAt(inputs, "apiVersion") ?? textAt(outputs, "apiVersion") ?? token.apiVersion,
    kind: textAt(inputs, "kind") ?? textAt(outputs, "kind") ?? token.kind,
    metadata,
  };
}

const object: ResourceKind = {
  check: checkInputs,

  diff: (ctx, _id, olds, news) => planChanges(ctx, olds, news),

  // The real plugin asks the server for a dry run; unknown to us stays what the inputs do not say.
  preview: (_ctx, inputs) => inputs,

  async create(ctx, given) {
    const inputs = normaliseInputs(ctx.type, given);
    try {
      const application = planApplication(ctx, inputs, managerOf(inputs, {}));
      const live = isPatch(ctx.type, inputs) ? await patchObject(application) : await createObject(application);
      if (isDefinition(live)) application.client.forget();
      return { id: idOf(live), outputs: await finish(ctx, application, live, false) };
    } catch (error) {
      throw explain(error, "Creating", inputs);
    }
  },

  async read(ctx, id, inputs, outputs) {
    const settings = planSettings(ctx.config);
    const place = planPlace(ctx, id, inputs, outputs);
    try {
      const live = await getLive({ client: openClient(ctx.config), inputs: place, signal: ctx.signal });
      const known = Object.keys(inputs).length > 0 ? inputs : planImportInputs(live);
      return { inputs: planLiveInputs(live, known), outputs: planOutputs(live, managerOf(inputs, outputs)) };
    } catch (error) {
      if (isGone(error)) return undefined;
      if (!(error instanceof Unreachable)) throw explain(error, "Reading", place);
      if (settings.deleteUnreachable) return undefined;
      if (settings.skipUpdateUnreachable) return { inputs, outputs };
      throw unreachable(error);
    }
  },

  async update(ctx, id, olds, news) {
    const inputs = normaliseInputs(ctx.type, news);
    try {
      const before = managerOf(olds.inputs, olds.outputs);
      const application = planApplication(
        ctx,
        withPlace(inputs, id),
        annotationOf(inputs, annotation.fieldManager) ?? before,
      );
      const live = await updateObject(application, isPatch(ctx.type, inputs));
      const outputs = await finish(ctx, application, live, true);
      if (before !== application.fieldManager) await releaseFields({ ...application, fieldManager: before });
      return outputs;
    } catch (error) {
      throw explain(error, "Updating", inputs);
    }
  },

  async delete(ctx, id, outputs) {
    const place = planPlace(ctx, id, {}, outputs);
    try {
      const { client, signal, status, ...rest } = planApplication(ctx, place, managerOf({}, outputs));
      if (isPatch(ctx.type, place)) return await releaseFields({ client, signal, status, ...rest });
      const timeoutSeconds = planTimeout(ctx, outputs) ?? defaultTimeoutSeconds;
      await removeObject({ client, object: place, timeoutSeconds, signal, status });
    } catch (error) {
      if (!(error instanceof Unreachable)) throw explain(error, "Deleting", place);
      if (!planSettings(ctx.config).deleteUnreachable) throw unreachable(error);
    }
  },
};

/** Inputs that name their object as the id does: the provider's default namespace may have been used at creation. */
function withPlace(inputs: Props, id: string): Props {
  const { namespace, name } = parseId(id);
  return {
    ...inputs,
    metadata: { ...(inputs.metadata as Props), name, ...(namespace === undefined ? {} : { namespace }) },
  };
}

/** All that can be an input of an object nobody has inputs for. */
function planImportInputs(live: KubeObject): Props {
  const { status: _status, ...rest } = live;
  const { name, namespace, labels, annotations } = live.metadata;
  return { ...rest, metadata: { name, namespace, labels, annotations } };
}

// Charts and manifest files are components in the real plugin; nothing here uses them.
const COMPONENTS = /^kubernetes:(helm\.sh|yaml|kustomize)(\/|:)/;

/**
 * A stand-in for the plugin of @pulumi/kubernetes, for machines that cannot download it: talks to real API servers by
 * the rules of the real plugin (naming, server-side apply, readiness, deletion, replacement).
 */
export function kubernetesPackage(): Package {
  return {
    name: "kubernetes",
    version: VERSION,
    nature: "stand-in",
    secretConfig: ["kubeconfig"],
    resources: {},
    kindOf: (type) => (type.startsWith("kubernetes:") && !COMPONENTS.test(type) ? object : undefined),
    replaceConfig: pointsElsewhere,
  };
}
