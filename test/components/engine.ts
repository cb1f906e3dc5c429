/** A pretended engine for one component: records what was asked of it, when each resource was begun and when done. */
import * as pulumi from "@pulumi/pulumi";

export interface Registration {
  type: string;
  name: string;
  inputs: Record<string, unknown>;
  /** Places in the sequence of all beginnings and ends. */
  begun: number;
  done: number;
}

export interface EngineOptions {
  preview?: boolean;
  /** Outputs beyond the inputs. */
  outputs?: (type: string, name: string, inputs: Record<string, unknown>) => Record<string, unknown>;
  /** Resources that take a while, by type and logical name: whoever does not wait for them is begun before they are done. */
  slow?: (type: string, name: string) => boolean;
}

const SLOW_MILLISECONDS = 150;

/**
 * Runs a program and waits until every resource is done.
 *
 * @param program returns whatever the test wants to look at.
 */
export async function run<T>(
  program: () => T,
  options: EngineOptions = {},
): Promise<{ value: T; all: Registration[] }> {
  const all: Registration[] = [];
  let moment = 0;
  await pulumi.runtime.setMocks(
    {
      call: () => ({}),
      newResource: async ({ type, name, inputs }) => {
        const registration = { type, name, inputs: inputs as Record<string, unknown>, begun: moment++, done: -1 };
        all.push(registration);
        await new Promise((resolve) => setTimeout(resolve, options.slow?.(type, name) ? SLOW_MILLISECONDS : 0));
        registration.done = moment++;
        const outputs = options.outputs?.(type, name, registration.inputs) ?? {};
        return { id: `${name}-id`, state: { ...registration.inputs, ...outputs } };
      },
    },
    "archipelago",
    "test",
    options.preview ?? false,
  );
  const value = program();
  await pulumi.runtime.disconnect();
  return { value, all };
}

/** The one resource whose type ends so, and whose logical name too if it is given. */
export function one(all: Registration[], type: string, name = ""): Registration {
  const found = all.filter((each) => each.type.endsWith(type) && each.name.endsWith(name));
  if (found.length !== 1)
    throw new Error(`${found.length} resources are ${type} ${name}: ${found.map((each) => each.name).join(", ")}`);
  return found[0] as Registration;
}

/** What an output holds. */
export const valueOf = <T>(output: pulumi.Output<T>): Promise<T> =>
  new Promise((resolve) => output.apply((value) => void resolve(value)));

/** How the SDK marks a secret on its way to the engine. */
const SECRET_MARK = "4dabf18193072939515e22adb298388d";

export const isSealed = (value: unknown): boolean =>
  typeof value === "object" && value !== null && SECRET_MARK in value;

/** The same value with every secret in it laid open. */
export function opened(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(opened);
  if (typeof value !== "object" || value === null) return value;
  if (isSealed(value)) return opened((value as { value: unknown }).value);
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, opened(each)]));
}

/** The same value with every secret in it struck out: what anybody may read in the state. */
export function struckOut(value: unknown): unknown {
  if (isSealed(value)) return "[secret]";
  if (Array.isArray(value)) return value.map(struckOut);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, struckOut(each)]));
}

/** The Kubernetes object of a registration. */
export interface Shown {
  metadata: { name: string; namespace?: string; labels?: Record<string, string>; annotations?: Record<string, string> };
  spec: Record<string, unknown>;
  data: Record<string, string>;
}
export const object = (registration: Registration): Shown => opened(registration.inputs) as Shown;
