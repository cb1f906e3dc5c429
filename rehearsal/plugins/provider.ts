import * as grpc from "@grpc/grpc-js";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import { PluginInfo } from "@pulumi/pulumi/proto/plugin_pb";
import * as pb from "@pulumi/pulumi/proto/provider_pb";
import { comparedOf, diffResponse, dropIgnored, listDifferences } from "./changes";
import { Secret, type Failure, type Package, type Props, type ResourceContext, type ResourceKind } from "./contract";
import { decode, encode, isObject, UNKNOWN, unwrapProps } from "./encoding";
import { messageOf, StatusError, toServiceError } from "./failure";
import type { Sessions } from "./session";

type Request = { getUrn(): string; getTimeout?(): number };
type Call<T> = grpc.ServerUnaryCall<T, unknown>;

/** The calls of one package, as gRPC handlers. */
export function createProvider(
  pkg: Package,
  sessions: Sessions,
  log: (line: string) => void,
): grpc.UntypedServiceImplementation {
  /** Turns a function into a handler. `marked` are the properties whose secrets a failure must keep. */
  const handle =
    <T, R>(name: string, body: (request: T, call: Call<T>) => Promise<R> | R, marked?: (request: T) => Props[]) =>
    (call: Call<T>, reply: grpc.sendUnaryData<R>): void => {
      void (async () => {
        try {
          reply(null, await body(call.request, call));
        } catch (error) {
          log(`${pkg.name} ${name} failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
          reply(toServiceError(error, marked?.(call.request) ?? []));
        }
      })();
    };

  const contextOf = (call: Call<Request>): ResourceContext => {
    const session = sessions.of(call.getPeer());
    // The call ends with the engine: a killed one must not leave a wait behind.
    const gone = new AbortController();
    call.on("cancelled", () => gone.abort(new Error("the engine went away")));
    const urn = call.request.getUrn();
    return {
      urn,
      ...parseUrn(urn),
      config: session.config,
      signal: AbortSignal.any([session.cancel.signal, gone.signal]),
      timeoutSeconds: call.request.getTimeout?.() || undefined,
      status: (message) => sessions.showStatus(call.getPeer(), urn, message),
    };
  };

  const kindOf = (type: string): ResourceKind => {
    const kind = pkg.resources[type] ?? pkg.kindOf?.(type);
    if (kind) return kind;
    throw new StatusError(
      grpc.status.UNIMPLEMENTED,
      `Resource type ${type} is not among those of the ${pkg.nature} package ${pkg.name}.`,
    );
  };

  const traced = async <T>(what: string, context: ResourceContext, body: () => Promise<T>): Promise<T> => {
    log(`${what} ${context.type} ${context.stack}/${context.name}`);
    return body();
  };

  return {
    handshake: handle<pb.ProviderHandshakeRequest, pb.ProviderHandshakeResponse>("Handshake", (request, call) => {
      sessions.meet(call.getPeer(), request.getEngineAddress());
      const response = new pb.ProviderHandshakeResponse();
      response.setAcceptSecrets(true);
      return response;
    }),

    attach: handle<pb.ConfigureRequest, Empty>("Attach", () => new Empty()),

    getPluginInfo: handle<Empty, PluginInfo>("GetPluginInfo", () => {
      const info = new PluginInfo();
      info.setVersion(pkg.version);
      return info;
    }),

    getSchema: handle<pb.GetSchemaRequest, pb.GetSchemaResponse>("GetSchema", () => {
      const response = new pb.GetSchemaResponse();
      response.setSchema(JSON.stringify({ name: pkg.name, version: pkg.version, resources: {} }));
      return response;
    }),

    cancel: handle<Empty, Empty>("Cancel", (_request, call) => {
      sessions.cancel(call.getPeer());
      return new Empty();
    }),

    checkConfig: handle<pb.CheckRequest, pb.CheckResponse>("CheckConfig", (request) => {
      const news = decode(request.getNews());
      const inputs = unwrapProps(news);
      for (const key of pkg.secretConfig ?? []) if (key in inputs) inputs[key] = new Secret(inputs[key]);
      const response = new pb.CheckResponse();
      response.setInputs(encode(inputs, news));
      return response;
    }),

    diffConfig: handle<pb.DiffRequest, pb.DiffResponse>("DiffConfig", (request) => {
      const { olds, news } = comparedOf(request);
      const changes = dropIgnored(listDifferences(olds, news), request.getIgnorechangesList());
      const replace = changes.length > 0 && (pkg.replaceConfig?.(olds, news) ?? false);
      return diffResponse(
        changes.map((change) => ({ ...change, replace })),
        false,
      );
    }),

    configure: handle<pb.ConfigureRequest, pb.ConfigureResponse>("Configure", (request, call) => {
      sessions.configure(call.getPeer(), unwrapProps(decode(request.getArgs())));
      const response = new pb.ConfigureResponse();
      response.setAcceptsecrets(true);
      response.setSupportspreview(true);
      return response;
    }),

    check: handle<pb.CheckRequest, pb.CheckResponse>("Check", (request, call) => {
      const context = contextOf(call);
      const kind = kindOf(context.type);
      const marked = decode(request.getNews());
      const [news, olds] = [unwrapProps(marked), unwrapProps(decode(request.getOlds()))];
      if (Object.keys(olds).length > 0) pkg.acknowledge?.(context.urn);
      const checked = kind.check?.(context, news, olds) ?? { inputs: news };
      const failures = [...missing(kind, checked.inputs), ...(checked.failures ?? [])];
      const response = new pb.CheckResponse();
      response.setInputs(encode(checked.inputs, marked));
      response.setFailuresList(failures.map(checkFailure));
      return response;
    }),

    diff: handle<pb.DiffRequest, pb.DiffResponse>("Diff", (request, call) => {
      const context = contextOf(call);
      const kind = kindOf(context.type);
      const { olds, outputs, news } = comparedOf(request);
      pkg.acknowledge?.(context.urn, request.getId());
      const own = kind.diff?.(context, request.getId(), { inputs: olds, outputs }, news);
      const changes = dropIgnored(own?.changes ?? listDifferences(olds, news, kind), request.getIgnorechangesList());
      return diffResponse(changes, (own ? own.deleteBeforeReplace : kind.deleteBeforeReplace) ?? false);
    }),

    create: handle<pb.CreateRequest, pb.CreateResponse>(
      "Create",
      async (request, call) => {
        const context = contextOf(call);
        const kind = kindOf(context.type);
        const marked = decode(request.getProperties());
        const inputs = unwrapProps(marked);
        const response = new pb.CreateResponse();
        if (request.getPreview()) {
          response.setProperties(encode(previewOf(kind, context, inputs), marked));
          return response;
        }
        const made = await traced("create", context, () => kind.create(context, inputs));
        response.setId(made.id);
        response.setProperties(encode(made.outputs, marked));
        return response;
      },
      (request) => [decode(request.getProperties())],
    ),

    read: handle<pb.ReadRequest, pb.ReadResponse>("Read", async (request, call) => {
      const context = contextOf(call);
      const kind = kindOf(context.type);
      const [inputs, outputs] = [decode(request.getInputs()), decode(request.getProperties())];
      const response = new pb.ReadResponse();
      const found = kind.read
        ? await kind.read(context, request.getId(), unwrapProps(inputs), unwrapProps(outputs))
        : { inputs: unwrapProps(inputs), outputs: unwrapProps(outputs) };
      // An empty id says that the object is gone.
      if (!found) return response;
      pkg.acknowledge?.(context.urn, request.getId());
      response.setId(request.getId());
      response.setInputs(encode(found.inputs, inputs));
      response.setProperties(encode(found.outputs, outputs, inputs));
      return response;
    }),

    update: handle<pb.UpdateRequest, pb.UpdateResponse>(
      "Update",
      async (request, call) => {
        const context = contextOf(call);
        const kind = kindOf(context.type);
        const [oldInputs, oldOutputs] = [decode(request.getOldInputs()), decode(request.getOlds())];
        const marked = decode(request.getNews());
        const news = unwrapProps(marked);
        const olds = { inputs: unwrapProps(oldInputs), outputs: unwrapProps(oldOutputs) };
        pkg.acknowledge?.(context.urn, request.getId());
        const outputs = request.getPreview()
          ? merge(olds.outputs, news, olds.inputs)
          : await traced("update", context, () => updateOf(kind, context)(request.getId(), olds, news));
        const response = new pb.UpdateResponse();
        response.setProperties(encode(outputs, marked, without(oldOutputs, oldInputs)));
        return response;
      },
      (request) => [decode(request.getNews())],
    ),

    delete: handle<pb.DeleteRequest, Empty>("Delete", async (request, call) => {
      const context = contextOf(call);
      const outputs = unwrapProps(decode(request.getProperties()));
      await traced("delete", context, () => kindOf(context.type).delete(context, request.getId(), outputs));
      return new Empty();
    }),

    invoke: handle<pb.InvokeRequest, pb.InvokeResponse>("Invoke", async (request, call) => {
      const run = pkg.functions?.[request.getTok()];
      if (!run)
        throw new StatusError(
          grpc.status.UNIMPLEMENTED,
          `Function ${request.getTok()} is not among those of the ${pkg.nature} package ${pkg.name}.`,
        );
      const { config } = sessions.of(call.getPeer());
      const response = new pb.InvokeResponse();
      try {
        response.setReturn(encode(await run(unwrapProps(decode(request.getArgs())), config)));
      } catch (error) {
        throw new Error(`${request.getTok()}: ${messageOf(error)}`, { cause: error });
      }
      return response;
    }),
  };
}

/** The parts of `urn:pulumi:<stack>::<project>::<parent$type>::<name>`. */
function parseUrn(urn: string): { stack: string; type: string; name: string } {
  const [stack = "", , types = "", ...name] = urn.replace(/^urn:pulumi:/, "").split("::");
  return { stack, type: types.split("$").at(-1) ?? types, name: name.join("::") };
}

function missing(kind: ResourceKind, inputs: Props): Failure[] {
  return (kind.required ?? [])
    .filter((property) => inputs[property] === undefined || inputs[property] === null)
    .map((property) => ({ property, reason: `Missing required property '${property}'` }));
}

function checkFailure({ property, reason }: Failure): pb.CheckFailure {
  const failure = new pb.CheckFailure();
  failure.setProperty(property);
  failure.setReason(reason);
  return failure;
}

/** Inputs as they are, what the cloud computes as unknown unless it was given. */
function previewOf(kind: ResourceKind, context: ResourceContext, inputs: Props): Props {
  if (kind.preview) return kind.preview(context, inputs);
  const computed = (kind.computed ?? []).filter((key) => inputs[key] === undefined);
  return { ...inputs, ...Object.fromEntries(computed.map((key) => [key, UNKNOWN])) };
}

function updateOf(kind: ResourceKind, context: ResourceContext) {
  if (kind.update) return kind.update.bind(kind, context);
  throw new StatusError(grpc.status.UNIMPLEMENTED, `${context.type} cannot be updated in place.`);
}

/** Outputs an update will probably have: the old ones, changed where the inputs change. */
function merge(outputs: Props, news: Props, oldInputs: Props): Props {
  const merged: Props = {};
  for (const key of new Set([...Object.keys(outputs), ...Object.keys(news)])) {
    const [old, now, before] = [outputs[key], news[key], oldInputs[key]];
    if (now === undefined) {
      if (before === undefined) merged[key] = old;
    } else merged[key] = isObject(old) && isObject(now) ? merge(old, now, isObject(before) ? before : {}) : now;
  }
  return merged;
}

const without = (props: Props, others: Props): Props =>
  Object.fromEntries(Object.entries(props).filter(([key]) => !(key in others)));
