import { Secret, type Props, type ResourceContext, type ResourceKind } from "../../rehearsal/plugins/contract";
import { isObject } from "../../rehearsal/plugins/encoding";
import { closeKubernetes, kubernetesPackage } from "../../rehearsal/plugins/kubernetes";
import { Client } from "../../rehearsal/plugins/kubernetes/client";
import { planAccess } from "../../rehearsal/plugins/kubernetes/kubeconfig";
import { missingBinaries, startApiServer, type ApiServer } from "./kubernetesServer";

export const kind = kubernetesPackage().kindOf?.("kubernetes:v1:Any") as Required<ResourceKind>;

/** Why these tests cannot run here, said aloud; undefined when they can. */
export function skipReason(): string | undefined {
  const missing = missingBinaries();
  if (missing) console.warn(`The tests against a real API server are skipped: ${missing}.`);
  return missing;
}

/** Without secret marks, as inputs and outputs come back from the engine. */
export function plain(value: unknown): unknown {
  if (value instanceof Secret) return plain(value.value);
  if (Array.isArray(value)) return value.map(plain);
  return isObject(value) ? Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)])) : value;
}

/** One resource in the engine's hands: what it would keep in state. */
export interface State {
  ctx: ResourceContext;
  id: string;
  inputs: Props;
  outputs: Props;
}

interface Options {
  type?: string;
  config?: Props;
  timeoutSeconds?: number;
}

/** Calls the stand-in in the engine's order, against a real API server of its own. */
export class PretendEngine {
  private constructor(
    readonly api: ApiServer,
    readonly client: Client,
  ) {}

  static async start(): Promise<PretendEngine> {
    const api = await startApiServer();
    return new PretendEngine(api, new Client(planAccess({ kubeconfig: api.kubeconfig })));
  }

  async stop(): Promise<void> {
    this.client.close();
    closeKubernetes();
    await this.api.close();
  }

  context(type: string, options: Options = {}): ResourceContext {
    return {
      urn: `urn:pulumi:s::p::${type}::it`,
      type,
      name: "it",
      stack: "s",
      config: { kubeconfig: this.api.kubeconfig, ...options.config },
      signal: new AbortController().signal,
      timeoutSeconds: options.timeoutSeconds,
    };
  }

  async create(inputs: Props, options: Options = {}): Promise<State> {
    const type = options.type ?? `kubernetes:${String(inputs.apiVersion)}:${String(inputs.kind)}`;
    const ctx = this.context(type, options);
    const checked = plain(kind.check(ctx, inputs, {}).inputs) as Props;
    const { id, outputs } = await kind.create(ctx, checked);
    return { ctx, id, inputs: checked, outputs: plain(outputs) as Props };
  }

  async update(state: State, news: Props): Promise<State> {
    const inputs = plain(kind.check(state.ctx, news, state.inputs).inputs) as Props;
    return { ...state, inputs, outputs: plain(await kind.update(state.ctx, state.id, state, inputs)) as Props };
  }

  remove(state: State): Promise<void> {
    return kind.delete(state.ctx, state.id, state.outputs);
  }
}

export const configMap = (name: string, data: Props, metadata: Props = {}): Props => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace: "default", ...metadata },
  data,
});
