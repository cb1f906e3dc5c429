import { cpus } from "node:os";
import type { EngineEvent, Stack } from "@pulumi/pulumi/automation";
import { renderFinding, topologyWarnings } from "../plan/check";
import { UserError } from "../plan/errors";
import { renderOpenings } from "../plan/existing";
import { planFleet } from "../plan/plan";
import { EXISTING, type Topology } from "../plan/types";
import { loadTopology } from "../stacks/topology";
import type { Diagnostic } from "./diagnostics";
import { monthOf } from "./cost";
import { Deadline } from "./deadline";
import { chooseEngine, renderEngine, type EngineOptions } from "./engine";
import { isUnchanged, type StackProgress } from "./events";
import { assertBrokerIsLast, checkBroker, forgetRegion } from "./broker";
import { errorLines, failureOfDiagnostics, remedyFor, type NotReadyError } from "./failure";
import { Interruption } from "./interruption";
import { obtainManifests } from "./manifests";
import { withOnce } from "./once";
import { membersOf, planAtOnce, planDown, planSelection, planUp, type Member, type Task } from "./members";
import { ProgressView, renderActivity, type Screen } from "./progress";
import { projectFolder } from "./project";
import { recoverPending, withLockRecovery } from "./recovery";
import { exitCodeOf, renderOutcome, type FleetReport, type Outcome, type StackResult, type Verb } from "./report";
import { runInOrder } from "./schedule";
import { renderDuration } from "./text";
import { ZoneAttempts } from "./zones";
import { assertPassphrase, hasOwnSecretsProvider, openBackend, openStacks } from "./workspace";

export interface FleetOptions extends EngineOptions {
  /** Names of the stacks to work on; all when empty. */
  stacks?: string[];
  /** Where progress goes; default stderr. */
  screen?: Screen;
  /** How many stacks at a time; default one more than CPUs, 2 to 4. */
  parallel?: number;
  /** How long one stack may take; default 60 minutes. */
  deadlineMinutes?: number;
  /** The fleet; default what the program itself reads (stacks/topology.ts, stack files, overlay). */
  topology?: Topology;
  /** The Pulumi project's folder; default the checkout or ARCHIPELAGO_PROJECT. */
  folder?: string;
  /** URNs of resources to be replaced although nothing about them differs; for `up` and `preview`. */
  replace?: string[];
  /** Hears every engine event beside the progress view. */
  onEvent?: (stack: string, event: EngineEvent) => void;
  /** For `preview` alone: what differs from `pulumi preview`'s own defaults. */
  preview?: {
    /** Folders of policy packs to check the stacks by. */
    policyPacks?: string[];
    /** Ask the clouds first what there is, so that drift shows as changes. */
    refresh?: boolean;
    /** Preview regions although the broker is not up: what they would get from it is then unknown. */
    withoutBroker?: boolean;
  };
}

/** Puts the chosen stacks up: broker, primary, then the others at once. What is up already stays as it is. */
export function runUp(options: FleetOptions = {}): Promise<FleetReport> {
  return runVerb("up", options);
}

/** Shows what `up` would do. */
export function runPreview(options: FleetOptions = {}): Promise<FleetReport> {
  return runVerb("preview", options);
}

/** Takes the chosen stacks down: regions at once, the broker last. */
export function runDown(options: FleetOptions = {}): Promise<FleetReport> {
  return runVerb("down", options);
}

/** What the owners of the existing clusters among them must open by hand. */
function openingsOf(topology: Topology, names: string[]): string[] {
  const { clusters } = planFleet(topology);
  return names.flatMap((name) => {
    const cluster = clusters[name];
    return cluster?.cloud === EXISTING ? renderOpenings(cluster) : [];
  });
}

/** One more than CPUs, because a stack mostly waits for its machines; each engine takes about 3 CPU seconds and 300 MB. */
function defaultParallel(cpuCount: number): number {
  return Math.min(4, Math.max(2, cpuCount + 1));
}

async function runVerb(verb: Verb, options: FleetOptions): Promise<FleetReport> {
  const startedMs = Date.now();
  const topology = options.topology ?? loadTopology();
  const members = membersOf(topology);
  const chosen = planSelection(members, options.stacks);
  const folder = options.folder ?? projectFolder();
  if (!chosen.every(({ name }) => hasOwnSecretsProvider(folder, name))) assertPassphrase();
  const { world } = topology;
  // The program reads upstream's manifests from a folder and fetches nothing itself.
  if (verb !== "down") process.env.ARCHIPELAGO_MANIFESTS ??= await obtainManifests();
  const engine = await chooseEngine(options);
  const view = new ProgressView(
    chosen.map(({ name }) => name),
    options.screen,
  );
  view.say(renderEngine(engine));
  view.say(`world: ${world}${world === "rehearsal" ? " (clouds are emulated)" : ""}`);
  if (verb !== "down") {
    const names = chosen.map(({ name }) => name);
    for (const warning of topologyWarnings(topology, names)) view.say(`warning: ${renderFinding(warning)}`);
    if (verb === "up") for (const line of openingsOf(topology, names)) view.say(line);
  }

  const backend = await openBackend(folder, engine);
  const isLenient = verb === "down" || (verb === "preview" && options.preview?.withoutBroker === true);
  const tooEarly = isLenient ? new Map<string, NotReadyError>() : checkBroker(verb, backend, members, chosen);
  if (verb === "down") assertBrokerIsLast(backend, members, chosen);
  const doable = chosen.filter(({ name }) => !tooEarly.has(name) && (verb !== "down" || backend.existing.has(name)));

  const interruption = new Interruption((line) => view.say(line));
  view.start();
  try {
    const stacks = await openStacks(
      backend,
      doable.map(({ name }) => name),
    );
    // With the broker going too there is nobody left to look for the region.
    const broker = verb === "down" ? members.find(({ part }) => part === "broker") : undefined;
    const staying = broker && !chosen.includes(broker) ? broker.name : undefined;
    const run = async (name: string): Promise<StackResult> => {
      const member = chosen.find((one) => one.name === name)!;
      const early = tooEarly.get(name);
      if (early) return endWith(view, verb, member, 0, failureOf("stopped", member, early));
      const stack = stacks.get(name);
      if (!stack) return endWith(view, verb, member, 0, { outcome: "unchanged" });
      const result = await runStack(verb, member, stack, view, interruption, { ...options, topology });
      if (staying && isDone(result.outcome)) {
        const forgotten = await forgetRegion(backend, staying, name).catch((error: unknown) => errorLines(error)[0]);
        view.say(`[${name}] objects deleted on the broker: ${String(forgotten)}`);
      }
      return result;
    };
    const parallel = options.parallel ?? defaultParallel(cpus().length);
    const ended = await runInOrder(planFor(verb, chosen), parallel, run, ({ outcome }) => isDone(outcome));
    const results = ended.map((end, index) => {
      if ("value" in end) return end.value;
      const error = `not begun, because ${end.failedBefore} did not succeed`;
      return endWith(view, verb, chosen[index]!, 0, { outcome: "stopped", errors: [error] });
    });
    const seconds = (Date.now() - startedMs) / 1000;
    const { version, source, path } = engine;
    const month = verb === "preview" ? { month: monthOf(topology, options.stacks) } : {};
    const exitCode = exitCodeOf(results);
    return { verb, world, engine: { version, source, path }, stacks: results, seconds, ...month, exitCode };
  } finally {
    view.stop();
    interruption.dispose();
  }
}

async function runStack(
  verb: Verb,
  member: Member,
  stack: Stack,
  view: ProgressView,
  interruption: Interruption,
  { deadlineMinutes = 60, onEvent, preview, replace, topology }: FleetOptions & { topology: Topology },
): Promise<StackResult> {
  const { name } = member;
  const startedMs = Date.now();
  const finish = (ending: Ending): StackResult => endWith(view, verb, member, Date.now() - startedMs, ending);
  if (interruption.requested) return finish({ outcome: "cancelled", errors: ["not begun, the run was interrupted"] });

  view.begin(name, "starting");
  const say = (line: string): void => view.say(`[${name}] ${line}`);
  const progress = view.stacks.get(name)!;
  const observe = (): string => renderActivity(progress, Date.now());
  const deadline = new Deadline(name, deadlineMinutes * 60_000, interruption.signal, observe);
  const zones = new ZoneAttempts(member, topology.clusters[name]!);
  try {
    const common = {
      onEvent: (event: EngineEvent) => {
        // The SDK's debug messages, which come whether asked for or not, hold what it registers, private keys too. Its types
        // do not know them.
        const severity: string | undefined = event.diagnosticEvent?.severity;
        if (severity === "debug") return;
        view.event(name, event);
        onEvent?.(name, event);
      },
      signal: deadline.signal,
      color: "never",
    } as const;
    await withLockRecovery(stack, say, async () => {
      if (verb !== "preview") await recoverPending(stack, say);
      if (verb === "preview") {
        await stack.preview({ ...common, replace, policyPacks: preview?.policyPacks, refresh: preview?.refresh });
      } else if (verb === "down") await stack.destroy(common);
      else await upInSomeZone(() => stack.up({ ...common, replace }), view, zones, name, deadline.signal);
    });
    return finish({ outcome: isUnchanged(progress.changes) ? "unchanged" : "changed" });
  } catch (error) {
    if (deadline.lastSeen !== undefined) {
      return finish({
        outcome: "failed",
        errors: [`not done after ${renderDuration(deadlineMinutes * 60_000)}; last: ${deadline.lastSeen}`],
        remedy: `See how far it is: ./archipelago status --stack ${name} --detail`,
      });
    }
    if (interruption.requested) return finish({ outcome: "cancelled", errors: ["interrupted before it was done"] });
    return finish(failureOf("failed", member, error, errorsOf(progress), (node) => zones.tried(node)));
  } finally {
    deadline.dispose();
  }
}

/** Runs the engine again for machines that one availability domain has no host for, while there is another one to try. */
async function upInSomeZone(
  up: () => Promise<unknown>,
  view: ProgressView,
  zones: ZoneAttempts,
  name: string,
  stop: AbortSignal,
): Promise<void> {
  for (;;) {
    try {
      await withOnce(zones.once, up);
      return;
    } catch (error) {
      const lines = stop.aborted ? [] : zones.next(errorsOf(view.stacks.get(name)!));
      if (lines.length === 0) throw error;
      for (const line of lines) view.say(`[${name}] ${line}`);
      view.again(name);
    }
  }
}

const errorsOf = ({ diagnostics }: StackProgress): Diagnostic[] =>
  diagnostics.filter(({ severity }) => severity === "error");

interface Ending {
  outcome: Outcome;
  errors?: string[];
  remedy?: string;
}

function failureOf(
  outcome: Outcome,
  member: Member,
  error: unknown,
  told: Diagnostic[] = [],
  triedZones?: (node: string) => number | undefined,
): Ending {
  if (told.length > 0 && !(error instanceof UserError))
    return { outcome, ...failureOfDiagnostics(told, member, triedZones) };
  const errors = errorLines(error);
  return { outcome, errors, remedy: error instanceof UserError ? error.remedy : remedyFor(errors, member.name) };
}

function endWith(view: ProgressView, verb: Verb, member: Member, milliseconds: number, ending: Ending): StackResult {
  const { outcome, errors = [], remedy } = ending;
  const changes = view.stacks.get(member.name)?.changes ?? {};
  view.end(member.name, outcome, renderOutcome(verb, { outcome, changes, errors }));
  return { name: member.name, part: member.part, outcome, seconds: milliseconds / 1000, changes, errors, remedy };
}

function isDone(outcome: Outcome): boolean {
  return outcome === "changed" || outcome === "unchanged";
}

function planFor(verb: Verb, chosen: Member[]): Task[] {
  // A preview of a region needs a broker that is up, not one that was previewed.
  return verb === "down" ? planDown(chosen) : verb === "up" ? planUp(chosen) : planAtOnce(chosen);
}
