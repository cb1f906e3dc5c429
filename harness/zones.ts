import { CLOUD_FACTS } from "../plan/clouds";
import { availabilityDomainsOf } from "../plan/networks";
import type { OnceByNode } from "../plan/once";
import type { ClusterSpec } from "../plan/types";
import type { Diagnostic } from "./diagnostics";
import { refusalOf } from "./failure";
import type { Member } from "./members";

/**
 * Where one availability domain has no host free another one may: which of them each machine is to be tried in. Only
 * Oracle's machines that name no `zone`, and only until all of the place's domains were tried.
 */
export class ZoneAttempts {
  private readonly attempts = new Map<string, number>();
  private readonly domains: number;
  private readonly movable: Set<string>;

  constructor(
    private readonly member: Member,
    { cloud, place, nodes }: Pick<ClusterSpec, "cloud" | "place" | "nodes">,
  ) {
    this.domains = cloud === "oci" ? availabilityDomainsOf(place) : 1;
    const unzoned = Object.entries(nodes).filter(([, { zone }]) => zone === undefined);
    this.movable = new Set(unzoned.map(([key]) => `${member.name}-${key}`));
  }

  /** For the next run of the engine. */
  get once(): OnceByNode {
    return Object.fromEntries([...this.attempts].map(([node, zoneAttempt]) => [node, { zoneAttempt }]));
  }

  /** How many domains a machine was tried in; undefined where there was no choice. */
  tried(node: string): number | undefined {
    const attempt = this.attempts.get(node);
    return attempt === undefined ? undefined : attempt + 1;
  }

  /**
   * Moves every refused machine on to its next domain.
   *
   * @returns a line for each; none when running the engine again would not help: a machine has no domain left, or
   *   something else went wrong, too.
   */
  next(errors: Diagnostic[]): string[] {
    const nodes = new Set<string>();
    for (const error of errors) {
      const refusal = refusalOf(error, this.member);
      const { kind, name = "" } = refusal ?? {};
      if (kind !== "capacity" || !this.movable.has(name) || this.attemptOf(name) + 1 >= this.domains) return [];
      nodes.add(name);
    }
    return [...nodes].map((node) => {
      const next = this.attemptOf(node) + 1;
      this.attempts.set(node, next);
      const { label } = CLOUD_FACTS.oci;
      return `${node}: ${label} has no free machine in availability domain ${next} of ${this.domains} in ${this.member.place}; trying ${next + 1}`;
    });
  }

  private attemptOf(node: string): number {
    return this.attempts.get(node) ?? 0;
  }
}
