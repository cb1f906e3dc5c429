/** A provider package as the provider server (server.ts) serves it to the real engine. Plain data in, plain data out. */

export type Props = Record<string, unknown>;

export interface Failure {
  property: string;
  reason: string;
}

/** What every call knows about the resource and the provider instance it is for. */
export interface ResourceContext {
  urn: string;
  /** Type token, as "aws:ec2/instance:Instance". */
  type: string;
  /** Logical name (last part of the URN). */
  name: string;
  stack: string;
  /** The provider instance's configuration, secrets unwrapped. */
  config: Props;
  /** Set when the engine cancels (Ctrl-C). */
  signal: AbortSignal;
  /** The resource's `customTimeouts` for this operation; undefined or 0: the kind's own default. */
  timeoutSeconds?: number;
  /** Shows a passing status line beside the resource, where the server can. */
  status?(message: string): void;
}

/**
 * Marks a value as secret, at any depth, in outputs and in inputs returned by check and read:
 * server.ts turns it into the engine's secret encoding.
 */
export class Secret {
  constructor(readonly value: unknown) {}
}

/** A changed input and whether the change replaces the resource. Path as "spec.replicas" or `data["ca.crt"]`. */
export interface Difference {
  path: string;
  kind: "add" | "delete" | "update";
  /** Whether this change replaces the resource. */
  replace: boolean;
}

/** Life of one resource type. Inputs arrive without secret wrappers; server.ts re-marks inputs that were secret. */
export interface ResourceKind {
  /** Input properties that the real cloud refuses to be without. */
  required?: string[];
  /** Input paths ("ami", "metadata.name", prefix match) whose change replaces the resource. */
  replaceOn?: string[];
  /** On replacement, delete the old one first. */
  deleteBeforeReplace?: boolean;
  /** Outputs unknown until created (shown as unknown in preview). */
  computed?: string[];
  /** Normalise inputs, name what has no name, or refuse. `olds` are the previous checked inputs. */
  check?(ctx: ResourceContext, news: Props, olds: Props): { inputs: Props; failures?: Failure[] };
  /** A comparison of its own, in the place of replaceOn and deleteBeforeReplace. `news` may hold unknown values (encoding.ts). */
  diff?(
    ctx: ResourceContext,
    id: string,
    olds: { inputs: Props; outputs: Props },
    news: Props,
  ): { changes: Difference[]; deleteBeforeReplace?: boolean };
  /** Must be idempotent by URN where an object outlives the engine: a killed create is retried. */
  create(ctx: ResourceContext, inputs: Props): Promise<{ id: string; outputs: Props }>;
  /** undefined: gone. Inputs returned here are what a refresh writes to state. */
  read?(
    ctx: ResourceContext,
    id: string,
    inputs: Props,
    outputs: Props,
  ): Promise<{ inputs: Props; outputs: Props } | undefined>;
  update?(ctx: ResourceContext, id: string, olds: { inputs: Props; outputs: Props }, news: Props): Promise<Props>;
  delete(ctx: ResourceContext, id: string, outputs: Props): Promise<void>;
  /** Full outputs at preview; default: inputs plus unknown computed ones. */
  preview?(ctx: ResourceContext, inputs: Props): Props;
}

export interface Package {
  name: string;
  /** Reported plugin version; must not be below what the npm SDK asks for. */
  version: string;
  /** "emulated" for clouds, "stand-in" for plugins that could not be downloaded. */
  nature: "emulated" | "stand-in";
  /** Secret property names of the provider's own configuration. */
  secretConfig?: string[];
  resources: Record<string, ResourceKind>;
  /** For packages with open-ended types (kubernetes). */
  kindOf?(type: string): ResourceKind | undefined;
  /** Whether changed provider configuration replaces every resource under it. */
  replaceConfig?(olds: Props, news: Props): boolean;
  functions?: Record<string, (args: Props, config: Props) => Promise<Props>>;
  /**
   * Told whenever the engine shows that its state has the object (id unknown: some object of that URN). An object never
   * acknowledged was left by a killed create and is what the next create must return; an acknowledged one is being replaced.
   */
  acknowledge?(urn: string, id?: string): void;
}
