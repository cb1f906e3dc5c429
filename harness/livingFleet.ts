/** The clusters that are up, and the gate that a change of one of them passes before the next. */
import { setTimeout as sleep } from "node:timers/promises";
import { planFleet } from "../plan/plan";
import type { Plan, Topology } from "../plan/types";
import { ApiError, ApiServer } from "./apiserver";
import { errorLines, NotReadyError } from "./failure";
import type { FleetOptions } from "./fleet";
import { parseKubeconfig } from "./kubeconfig";
import type { Member } from "./members";
import { openStatus, type OpenStatus } from "./status";
import { checkReadiness } from "./summary";
import { renderDuration } from "./text";
import { lookForUnsettled } from "./upgradeGate";
import { lookAtVersions, type LivingCluster } from "./upgradeLook";

const POLL_MS = 2_000;
const SAY_MS = 9_000;
const SILENT = { write: (): boolean => true };

/** The clusters that are up: what they say, and the gate over all of them. */
export class LivingFleet {
  readonly plan: Plan;
  private readonly apis: Map<string, ApiServer>;

  constructor(
    private readonly topology: Topology,
    private readonly status: OpenStatus,
  ) {
    this.plan = planFleet(topology);
    const configs = Object.entries(status.kubeconfigs);
    this.apis = new Map(configs.map(([name, config]) => [name, new ApiServer(parseKubeconfig(config), 20)]));
  }

  /** Throws NotReadyError where the cluster is not up. */
  api(cluster: string): ApiServer {
    const api = this.apis.get(cluster);
    if (api) return api;
    throw new NotReadyError(`${cluster} is not up.`, `Put it up first: ./archipelago up --stack ${cluster}`);
  }

  close(): void {
    for (const api of this.apis.values()) api.close();
  }

  /** Of the chosen clusters that are up. Throws NotReadyError when none is, or one does not answer. */
  async versions(chosen: Member[]): Promise<LivingCluster[]> {
    const names = chosen.map(({ name }) => name).filter((name) => this.apis.has(name));
    if (names.length === 0) throw new NotReadyError("None of these clusters is up.", "Put them up: ./archipelago up");
    return Promise.all(names.map((name) => this.versionsOf(name)));
  }

  private async versionsOf(name: string): Promise<LivingCluster> {
    try {
      return await lookAtVersions(this.api(name), this.plan.clusters[name]!);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      throw new NotReadyError(
        `${name} does not say what versions it has: ${error.message}.`,
        `Look: ./archipelago status --stack ${name} --detail`,
      );
    }
  }

  /**
   * Waits until every cluster that is up is Ready, and the named ones have come to rest as the topology says.
   *
   * @throws NotReadyError at the deadline, with what is lacking.
   */
  async gate(deadlineSeconds: number, settled: string[], say: (line: string) => void): Promise<void> {
    const deadline = Date.now() + deadlineSeconds * 1000;
    let said = Date.now();
    for (;;) {
      const lacking = await this.lacking(settled);
      if (lacking.length === 0) return;
      if (Date.now() > deadline) {
        throw new NotReadyError(
          `not ready after ${renderDuration(deadlineSeconds * 1000)}: ${lacking.join("; ")}.`,
          "Look: ./archipelago status --detail. Nothing more is touched until everything that is up is Ready.",
        );
      }
      if (Date.now() - said > SAY_MS) {
        said = Date.now();
        say(`waiting: ${lacking.join("; ")}`);
      }
      await sleep(POLL_MS);
    }
  }

  private async lacking(settled: string[]): Promise<string[]> {
    const { summary } = await this.status.look();
    const up = summary.clusters.filter(({ state }) => state !== "down");
    const problems = checkReadiness({ ...summary, clusters: up }).map(
      ({ cluster, problem }) => `${cluster} ${problem}`,
    );
    if (problems.length > 0) return problems;
    const unsettled = await Promise.all(
      settled.map((name) =>
        lookForUnsettled(this.api(name), this.plan.clusters[name]!, this.topology).catch(errorLines),
      ),
    );
    return unsettled.flatMap((lines, index) => lines.map((line) => `${settled[index]} ${line}`));
  }
}

/** Reads the stacks' outputs once; close it at the end. */
export async function openLivingFleet(topology: Topology, options: FleetOptions): Promise<LivingFleet> {
  // The whole fleet, not only what was chosen: a canary must not harm its neighbours.
  const status = await openStatus({ ...options, topology, stacks: [], screen: SILENT });
  return new LivingFleet(topology, status);
}
