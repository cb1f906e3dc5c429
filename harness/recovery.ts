import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { ConcurrentUpdateError, type Deployment, type Stack } from "@pulumi/pulumi/automation";
import { UserError } from "../plan/errors";
import { renderCount, renderDuration } from "./text";

const ORPHAN_WAIT_MS = 180_000;
const ORPHAN_POLL_MS = 1_000;

/** An operation that was under way when an engine died. */
export interface Pending {
  urn: string;
  type: string;
  operation: string;
}

/** Holder of a stack's lock, as the engine names it. */
export interface Lock {
  host: string;
  processId: number;
}

export type Say = (line: string) => void;

/** The operations that an exported stack says were under way when its last engine died. */
export function pendingOperations(exported: Deployment): Pending[] {
  const deployment = exported.deployment as
    { pending_operations?: { type: string; resource: { urn: string; type: string } }[] } | undefined;
  return (deployment?.pending_operations ?? []).map(({ type, resource }) => ({
    urn: resource.urn,
    type: resource.type,
    operation: type,
  }));
}

/** Packages served by an attached provider server (emulated clouds, stand-in plugins): PULUMI_DEBUG_PROVIDERS. */
export function attachedPackages(environment: NodeJS.ProcessEnv = process.env): string[] {
  return (environment.PULUMI_DEBUG_PROVIDERS ?? "")
    .split(",")
    .map((entry) => entry.split(":")[0]?.trim() ?? "")
    .filter(Boolean);
}

/**
 * Which interrupted creates may simply be made again, and which a human must look at. Emulated creates are idempotent, so
 * are server-side apply and keys made by the engine's side alone; a real cloud may have made the thing and would make it twice.
 */
export function planRecovery(pending: Pending[], attached: string[]): { repeat: Pending[]; ask: Pending[] } {
  const harmless = new Set(["kubernetes", "random", "tls", "pulumi", "pulumi-nodejs", ...attached]);
  const creates = pending.filter(({ operation }) => operation === "creating");
  const isHarmless = ({ type }: Pending): boolean => harmless.has(type.split(":")[0] ?? "");
  return { repeat: creates.filter(isHarmless), ask: creates.filter((one) => !isHarmless(one)) };
}

/** Clears what a killed engine left in the state; needs the lock, so run it under `withLockRecovery`. Throws `UserError` when a real cloud must be looked at first. */
export async function recoverPending(stack: Stack, say: Say): Promise<void> {
  const exported = await stack.exportStack();
  const pending = pendingOperations(exported);
  if (pending.length === 0) return;
  const { ask } = planRecovery(pending, attachedPackages());
  if (ask.length > 0) throw new UserError(renderInterrupted(stack.name, ask), renderImportRemedy(stack.name, ask));

  const known = new Set(
    ((exported.deployment as { resources?: { urn: string }[] }).resources ?? []).map(({ urn }) => urn),
  );
  const root = [...known].find((urn) => urn.includes("::pulumi:pulumi:Stack::"));
  // Reading the whole stack back would ask clusters that may not answer yet; only what was interrupted is in doubt.
  const touched = pending.map(({ urn }) => urn).filter((urn) => known.has(urn));
  const target = root ? [...new Set([root, ...touched])] : undefined;
  await stack.refresh({ clearPendingCreates: true, target, color: "never" });
  say(
    `an earlier run was killed: cleared ${renderCount(pending.length, "interrupted operation")}, to be done again now`,
  );
}

/** Runs an operation; if the stack is locked by a process that is dead, or dies soon, the lock is taken away and it runs again. */
export async function withLockRecovery<T>(stack: Stack, say: Say, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    if (!(error instanceof ConcurrentUpdateError)) throw error;
    const locks = locksOf(error.message);
    const foreign = locks.find((lock) => lock.host !== hostname());
    if (locks.length === 0 || foreign) throw lockedError(stack.name, foreign);
    for (const lock of locks) await awaitHolder(stack.name, lock, say);
    say(`taking away the lock of a dead process (${locks.map((lock) => lock.processId).join(", ")})`);
    await cancelIfLocked(stack);
    return operation();
  }
}

/** The lock holders named in the engine's message. */
export function locksOf(message: string): Lock[] {
  const found = new Map<number, Lock>();
  for (const [, host = "", processId = ""] of message.matchAll(/created by \S+?@(\S+) \(pid (\d+)\)/g)) {
    found.set(Number(processId), { host, processId: Number(processId) });
  }
  return [...found.values()];
}

/** Commands for creates of a real cloud that nobody knows the end of. */
export function renderImportRemedy(stack: string, creates: Pending[]): string {
  const lines = creates.flatMap(({ urn }) => [
    `  if it exists:         pulumi refresh -s ${stack} --import-pending-creates '${urn}' --import-pending-creates '<its id>'`,
  ]);
  return [
    "Look into the cloud's console whether it was made, then",
    ...lines,
    `  if none of them does: pulumi refresh -s ${stack} --clear-pending-creates`,
    "and run the same command again.",
  ].join("\n");
}

function renderInterrupted(stack: string, creates: Pending[]): string {
  return `An engine was killed while it was creating in ${stack}: ${creates.map(({ urn }) => urn.split("::").pop()).join(", ")}. The cloud may have made it or not.`;
}

/** An engine whose harness was killed finishes by itself: wait for it instead of pulling the state from under its feet. */
async function awaitHolder(stack: string, { processId }: Lock, say: Say): Promise<void> {
  if (!isEngineAlive(processId)) return;
  if (!isOrphan(processId)) throw lockedError(stack, { host: hostname(), processId });
  say(`an engine left by an earlier run (pid ${processId}) is still at work on ${stack}; waiting for its end`);
  const deadline = Date.now() + ORPHAN_WAIT_MS;
  while (isEngineAlive(processId)) {
    if (Date.now() > deadline) {
      throw new UserError(
        `The engine with pid ${processId} still works on ${stack} after ${renderDuration(ORPHAN_WAIT_MS)}.`,
        `Wait for it, or end it with "kill -INT ${processId}", and run the same command again.`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, ORPHAN_POLL_MS));
  }
}

async function cancelIfLocked(stack: Stack): Promise<void> {
  try {
    await stack.cancel();
  } catch (error) {
    // The holder may have unlocked in the meantime.
    if (!/not locked|no lock|no update/i.test(String(error))) throw error;
  }
}

function lockedError(stack: string, lock: Lock | undefined): UserError {
  const who = lock ? ` by process ${lock.processId} on ${lock.host}` : "";
  return new UserError(
    `The stack ${stack} is locked${who}: another update is running.`,
    `Wait for its end; if that process is dead, run "pulumi cancel -s ${stack}" and then the same command again.`,
  );
}

function isEngineAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
    const words = readFileSync(`/proc/${processId}/stat`, "utf8");
    // A zombie holds nothing; a reused process id is somebody else.
    return words.includes("(pulumi") && !/\) Z /.test(words);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function isOrphan(processId: number): boolean {
  try {
    const words = readFileSync(`/proc/${processId}/stat`, "utf8");
    const parent = Number(words.slice(words.lastIndexOf(")") + 2).split(" ")[1]);
    return (
      parent === 1 || /\((systemd|init|tini|dumb-init|catatonit)/.test(readFileSync(`/proc/${parent}/stat`, "utf8"))
    );
  } catch {
    return true;
  }
}
