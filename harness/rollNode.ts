/** One node's way: emptied, its machine replaced, back in its cluster. */
import type { EngineEvent, Stack } from "@pulumi/pulumi/automation";
import { UserError } from "../plan/errors";
import { ApiError, type ApiServer, persist } from "./apiserver";
import { decommissionReplaced, readDatabaseNodes } from "./databaseNodes";
import { drainNode, uncordonNode } from "./drain";
import { NotReadyError } from "./failure";
import { runPreview, runUp } from "./fleet";
import type { LivingFleet } from "./livingFleet";
import { findMachine, type MachineState, setProtection } from "./machineState";
import { withOnce } from "./once";
import { nameOf } from "./phases";
import type { RollOptions } from "./roll";
import { renderRollCommand, type RollStep } from "./rollPlan";
import { awaitMembership, leaveEtcd, type Membership, readMembership } from "./rollServer";

export interface RollContext {
  options: RollOptions;
  /** Everything that is up must be Ready between two nodes. */
  fleet: LivingFleet;
  say: (line: string) => void;
  stackOf: (name: string) => Stack;
}

const READY_SECONDS = 900;
const POLL_MS = 2_000;
const SAY_MS = 9_000;
const QUIET = { write: (): void => undefined };

/**
 * Drains a node, deletes it, has its machine replaced and waits until the whole fleet is Ready again.
 *
 * @throws UserError that says how far it came and how to go on.
 */
export async function rollNode(context: RollContext, step: RollStep): Promise<void> {
  const { stackOf, fleet } = context;
  const { stack, node } = step;
  const api = fleet.api(stack);
  const say = (line: string): void => context.say(`[${stack}] ${line}`);
  const machine = await findMachine(stackOf(stack), fleet.plan.clusters[stack]!.cloud, node);
  const replaced = await readReplaced(context, step, say);
  const membership = step.server ? await readMembership(fleet.plan.clusters[stack]!, step, api) : undefined;
  if (machine.isProtected) {
    say(`${node}: the machine's protection is taken off for this once`);
    await setProtection(stackOf(stack), machine.urn, false);
  }
  try {
    say(`${node}: looking what else its replacement would touch`);
    await assertNothingElse(context, step, machine.urn);
    await empty(context, step, api, say, membership);
  } catch (error) {
    if (machine.isProtected) await setProtection(stackOf(stack), machine.urn, true);
    throw error;
  }
  say(`${node}: drained; its machine is replaced now`);
  try {
    await replace(context, step, machine, membership?.other.privateAddress);
    await awaitNode(context, step, api, say);
    await persist(() => uncordonNode(api, node));
    say(`${node}: Ready; waiting for the fleet`);
    await awaitFleet(context, step, say);
    if (membership) await awaitMembership(membership, step, api, say, context.options.readySeconds ?? READY_SECONDS);
  } catch (error) {
    throw error instanceof UserError ? withStores(error, replaced) : error;
  }
  if (replaced.length > 0) await decommissionReplaced(fleet.api(fleet.plan.primary.name), replaced, say);
}

/** The same error for somebody who goes on by hand: what the roll itself would have told the database at its end. */
function withStores({ message, remedy }: UserError, replaced: number[]): UserError {
  if (replaced.length === 0) return new UserError(message, remedy);
  const command = `cockroach node decommission ${replaced.join(" ")}`;
  const then = `Once the new machine's replicas are Ready: ${command}, as the database's root client; roll no other node before.`;
  return new UserError(message, `${remedy}\n${then}`);
}

/** Ids under which the database knows the stores that are about to go. They come back at the same addresses as others. */
async function readReplaced({ fleet }: RollContext, step: RollStep, say: (line: string) => void): Promise<number[]> {
  if (step.replicas.length === 0) return [];
  const { suffix } = fleet.plan.clusters[step.stack]!;
  return readDatabaseNodes(fleet.api(fleet.plan.primary.name), { suffix, ordinals: step.replicas }, say);
}

/** A replacement must not carry other changes along, nor others be drawn into it. */
async function assertNothingElse({ options, fleet }: RollContext, step: RollStep, urn: string): Promise<void> {
  const touched = new Set<string>();
  const onEvent = (_: string, { resourcePreEvent }: EngineEvent): void => {
    if (!resourcePreEvent) return;
    const { op, type, urn: own } = resourcePreEvent.metadata;
    if (["same", "read", "refresh"].includes(op) || type === "pulumi:pulumi:Stack") return;
    if (!belongsTo(nameOf(own), step, fleet.plan.clusters[step.stack]!.nodes)) touched.add(`${op} ${nameOf(own)}`);
  };
  const { stacks } = await runPreview({
    ...{ ...options, stacks: [step.stack], replace: [urn], screen: QUIET, onEvent },
    preview: undefined,
  });
  const failed = stacks.find(({ errors }) => errors.length > 0);
  if (failed) throw new UserError(failed.errors.join("; "), failed.remedy ?? "Mend what the error names.");
  if (touched.size === 0) return;
  throw new UserError(
    `More than ${step.node} would change: ${[...touched].join(", ")}.`,
    `Put the stack's own changes up first: ./archipelago up --stack ${step.stack}; then ${renderRollCommand([step])}`,
  );
}

/** Whether a resource's logical name is a machine's, or of what ties it to others. */
export function belongsTo(name: string, { node, key }: Pick<RollStep, "node" | "key">, nodes: { name: string }[]) {
  const owns = (owner: string): boolean => name === owner || name.startsWith(`${owner}-`);
  const closer = nodes.some((other) => other.name.startsWith(`${node}-`) && owns(other.name));
  return (owns(node) && !closer) || name === `submariner-node-${key}`;
}

async function empty(
  { options }: RollContext,
  step: RollStep,
  api: ApiServer,
  say: (line: string) => void,
  membership: Membership | undefined,
): Promise<void> {
  const { node } = step;
  try {
    await drainNode(api, node, {
      deadlineSeconds: options.drainSeconds,
      onProgress: say,
      next: `Then again: ${renderRollCommand([step])}`,
    });
    if (membership) await leaveEtcd(membership, step, api, say);
    // The new machine has the same name: a node that is still there would not be let in again. Where a server has just left
    // etcd, its own API breaks connections off until the balancer has missed it.
    const remove = (): Promise<void> => api.remove(`/api/v1/nodes/${node}`);
    await (membership ? persist(remove) : remove());
  } catch (error) {
    // As it was before: its pods come back, and the next attempt begins anew.
    await uncordonNode(api, node).catch(() => undefined);
    throw error;
  }
}

async function replace(
  context: RollContext,
  step: RollStep,
  { urn, id }: MachineState,
  joinAddress: string | undefined,
): Promise<void> {
  const { stack, node } = step;
  const { stacks } = await withOnce(joinAddress ? { [node]: { joinAddress } } : {}, () =>
    runUp({ ...context.options, stacks: [stack], replace: [urn] }),
  );
  const failed = stacks.find(({ outcome }) => outcome !== "changed" && outcome !== "unchanged");
  if (!failed) return;
  const { cloud } = context.fleet.plan.clusters[stack]!;
  const now = await findMachine(context.stackOf(stack), cloud, node).catch(() => undefined);
  // A node that was deleted does not register again by itself: an `up` would wait for it, and find nothing to do.
  const next =
    now?.id === id && !now.isGone
      ? `Its old machine is still there: pulumi up -s ${stack} --replace '${urn}'`
      : goOn(step);
  throw new UserError(
    `drained and deleted, but its machine was not replaced: ${failed.errors.join("; ")}`,
    [...(failed.remedy ? [failed.remedy] : []), next].join("\n"),
  );
}

async function awaitNode(
  { options: { readySeconds = READY_SECONDS } }: RollContext,
  step: RollStep,
  api: ApiServer,
  say: (line: string) => void,
): Promise<void> {
  const begin = Date.now();
  let said = begin;
  for (;;) {
    const seen = await lookAtNode(api, step.node);
    if (seen === undefined) return;
    if (Date.now() - begin > readySeconds * 1000)
      throw new UserError(`its new machine is not Ready after ${readySeconds} s: ${seen}`, goOn(step));
    if (Date.now() - said > SAY_MS) {
      said = Date.now();
      say(`${step.node}: waiting for the new machine, ${Math.round((said - begin) / 1000)} s: ${seen}`);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** What a node still lacks, in words; undefined when it is Ready. */
async function lookAtNode(api: ApiServer, node: string): Promise<string | undefined> {
  try {
    const { status } = await api.get<{
      status?: { conditions?: { type: string; status: string; message?: string }[] };
    }>(`/api/v1/nodes/${node}`);
    const ready = status?.conditions?.find(({ type }) => type === "Ready");
    return ready?.status === "True" ? undefined : (ready?.message ?? "the node has not said anything yet");
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return error.status === 404 ? "the node has not registered" : error.message;
  }
}

async function awaitFleet(
  { options: { readySeconds = READY_SECONDS }, fleet }: RollContext,
  step: RollStep,
  say: (line: string) => void,
): Promise<void> {
  try {
    await fleet.gate(readySeconds, [], say);
  } catch (error) {
    if (!(error instanceof NotReadyError)) throw error;
    throw new UserError(
      `its machine is replaced, but the fleet is ${error.message}`,
      `See what is missing: ./archipelago status --detail. ${step.node} itself need not be rolled again.`,
    );
  }
}

const goOn = ({ stack, node }: RollStep): string =>
  `Go on: ./archipelago up --stack ${stack} makes what is missing of ${node}; what is done already is left as it is.`;
