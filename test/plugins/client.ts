import * as grpc from "@grpc/grpc-js";
import { ResourceProviderClient } from "@pulumi/pulumi/proto/provider_grpc_pb";
import * as pb from "@pulumi/pulumi/proto/provider_pb";
import { Struct } from "google-protobuf/google/protobuf/struct_pb";
import type { Package, Props } from "../../rehearsal/plugins/contract";
import { serve } from "../../rehearsal/plugins/server";

const SIGNATURE = "4dabf18193072939515e22adb298388d";

/** A secret as the engine sends it. */
export const secret = (value: unknown): Props => ({ [SIGNATURE]: "1b47061264138c4ac30d75fd1eb44270", value });

const struct = (props: Props): Struct => Struct.fromJavaScript(props as Parameters<typeof Struct.fromJavaScript>[0]);
const props = (message?: Struct): Props => message?.toJavaScript() ?? {};

type Reply<T> = (error: grpc.ServiceError | null, response: T) => void;
const call = <T>(send: (reply: Reply<T>) => void): Promise<T> =>
  new Promise((resolve, reject) => send((error, response) => (error ? reject(error) : resolve(response))));

/** A served package, spoken to as the engine does, over its own connection. */
export class Served {
  private constructor(
    readonly client: ResourceProviderClient,
    readonly close: () => Promise<void>,
    readonly debugProviders: string,
    private readonly port: number,
  ) {}

  static async start(pkg: Package, config: Props = {}): Promise<Served> {
    const served = await serve([pkg]);
    const port = served.ports[pkg.name] ?? 0;
    const one = new Served(dial(port), () => served.close(), served.debugProviders, port);
    await configure(one.client, config);
    return one;
  }

  /** Another provider instance of the same package. */
  async another(config: Props): Promise<Served> {
    const other = new Served(dial(this.port), () => this.close(), this.debugProviders, this.port);
    await configure(other.client, config);
    return other;
  }

  urn(type: string, name: string): string {
    return `urn:pulumi:stack::project::${type}::${name}`;
  }

  async check(urn: string, news: Props, olds: Props = {}): Promise<{ inputs: Props; failures: string[] }> {
    const request = new pb.CheckRequest();
    request.setUrn(urn);
    request.setNews(struct(news));
    request.setOlds(struct(olds));
    const response = await call<pb.CheckResponse>((reply) => this.client.check(request, reply));
    const failures = response.getFailuresList().map((one) => `${one.getProperty()}: ${one.getReason()}`);
    return { inputs: props(response.getInputs()), failures };
  }

  async diff(urn: string, olds: Props, news: Props, ignore: string[] = [], outputs: Props = olds) {
    const request = new pb.DiffRequest();
    request.setUrn(urn);
    request.setId("id");
    request.setOldInputs(struct(olds));
    request.setOlds(struct(outputs));
    request.setNews(struct(news));
    request.setIgnorechangesList(ignore);
    const response = await call<pb.DiffResponse>((reply) => this.client.diff(request, reply));
    const detailed: Record<string, number> = {};
    response.getDetaileddiffMap().forEach((detail, path) => (detailed[path] = detail.getKind()));
    return {
      changed: response.getChanges() === pb.DiffResponse.DiffChanges.DIFF_SOME,
      replaces: response.getReplacesList(),
      deleteFirst: response.getDeletebeforereplace(),
      detailed,
    };
  }

  async create(urn: string, inputs: Props, preview = false): Promise<{ id: string; outputs: Props }> {
    const request = new pb.CreateRequest();
    request.setUrn(urn);
    request.setProperties(struct(inputs));
    request.setPreview(preview);
    const response = await call<pb.CreateResponse>((reply) => this.client.create(request, reply));
    return { id: response.getId(), outputs: props(response.getProperties()) };
  }

  async read(urn: string, id: string, inputs: Props, outputs: Props) {
    const request = new pb.ReadRequest();
    request.setUrn(urn);
    request.setId(id);
    request.setInputs(struct(inputs));
    request.setProperties(struct(outputs));
    const response = await call<pb.ReadResponse>((reply) => this.client.read(request, reply));
    return { id: response.getId(), inputs: props(response.getInputs()), outputs: props(response.getProperties()) };
  }

  async update(
    urn: string,
    id: string,
    olds: { inputs: Props; outputs: Props },
    news: Props,
    preview = false,
  ): Promise<Props> {
    const request = new pb.UpdateRequest();
    request.setUrn(urn);
    request.setId(id);
    request.setOldInputs(struct(olds.inputs));
    request.setOlds(struct(olds.outputs));
    request.setNews(struct(news));
    request.setPreview(preview);
    return props((await call<pb.UpdateResponse>((reply) => this.client.update(request, reply))).getProperties());
  }

  async delete(urn: string, id: string, outputs: Props = {}): Promise<void> {
    const request = new pb.DeleteRequest();
    request.setUrn(urn);
    request.setId(id);
    request.setProperties(struct(outputs));
    await call((reply: Reply<unknown>) => this.client.delete(request, reply));
  }

  async invoke(token: string, args: Props): Promise<Props> {
    const request = new pb.InvokeRequest();
    request.setTok(token);
    request.setArgs(struct(args));
    return props((await call<pb.InvokeResponse>((reply) => this.client.invoke(request, reply))).getReturn());
  }
}

const dial = (port: number): ResourceProviderClient =>
  // Channels to one address share a connection unless told otherwise; every provider instance has its own.
  new ResourceProviderClient(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), {
    "grpc.use_local_subchannel_pool": 1,
  });

async function configure(client: ResourceProviderClient, config: Props): Promise<void> {
  const request = new pb.ConfigureRequest();
  request.setArgs(struct(config));
  await call((reply: Reply<unknown>) => client.configure(request, reply));
}
