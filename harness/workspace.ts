import { readFileSync } from "node:fs";
import { join } from "node:path";
import { LocalWorkspace, Stack, type OutputMap, type StackSummary } from "@pulumi/pulumi/automation";
import { UserError } from "../plan/errors";
import type { Engine } from "./engine";
import { errorLines, remedyFor } from "./failure";

/** The Pulumi project the fleet's stacks belong to, with what its backend says about them. */
export interface Backend {
  workspace: LocalWorkspace;
  /** By stack name. */
  existing: Map<string, StackSummary>;
}

/** Opens the project and asks the backend which stacks there are. Throws `UserError` when there is no way to get at them. */
export async function openBackend(folder: string, engine: Engine): Promise<Backend> {
  try {
    const workspace = await LocalWorkspace.create({ workDir: folder, pulumiCommand: engine.command });
    const stacks = await workspace.listStacks();
    return { workspace, existing: new Map(stacks.map((stack) => [stack.name, stack])) };
  } catch (error) {
    const lines = errorLines(error);
    throw new UserError(`The stacks' backend cannot be used: ${lines.join(" ")}`, remedyFor(lines, "the backend"));
  }
}

/** Whether a stack holds anything. */
export function isUp({ existing }: Backend, name: string): boolean {
  return (existing.get(name)?.resourceCount ?? 0) > 0;
}

/**
 * Handles for the named stacks; missing ones are created. One after the other, because each changes the selected stack;
 * the user's own selection is put back at the end.
 */
export async function openStacks({ workspace, existing }: Backend, names: string[]): Promise<Map<string, Stack>> {
  const selected = [...existing.values()].find(({ current }) => current)?.name;
  const stacks = new Map<string, Stack>();
  for (const name of names) {
    stacks.set(name, await (existing.has(name) ? Stack.select(name, workspace) : Stack.create(name, workspace)));
  }
  if (selected && selected !== names[names.length - 1]) await workspace.selectStack(selected);
  return stacks;
}

/** Outputs of a stack, secrets in clear: keep them in memory. Empty if the stack does not exist. */
export async function readOutputs({ workspace, existing }: Backend, name: string): Promise<OutputMap> {
  return existing.has(name) ? workspace.stackOutputs(name) : {};
}

/** A self-managed backend encrypts with a passphrase; without one every operation would fail, one stack after the other. */
export function assertPassphrase(environment: NodeJS.ProcessEnv = process.env): void {
  const backend = environment.PULUMI_BACKEND_URL ?? "";
  const selfManaged = /^(file|s3|gs|azblob|postgres):/.test(backend);
  const given =
    environment.PULUMI_CONFIG_PASSPHRASE !== undefined || environment.PULUMI_CONFIG_PASSPHRASE_FILE !== undefined;
  if (!selfManaged || given) return;
  throw new UserError(
    `The backend ${backend} keeps secrets under a passphrase, and none is given.`,
    "Set PULUMI_CONFIG_PASSPHRASE, or PULUMI_CONFIG_PASSPHRASE_FILE to a file that holds it.",
  );
}

/** Whether the stack's own settings name another secrets provider than a passphrase. */
export function hasOwnSecretsProvider(folder: string, stack: string): boolean {
  try {
    return /^secretsprovider:\s*(?!passphrase|default)\S/m.test(
      readFileSync(join(folder, `Pulumi.${stack}.yaml`), "utf8"),
    );
  } catch {
    return false;
  }
}
