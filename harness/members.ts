import { UserError } from "../plan/errors";
import type { Topology } from "../plan/types";

/** The part a stack plays; it decides the order. */
export type Part = "broker" | "primary" | "region";

/** One stack of the fleet, as far as the harness has to know it. */
export interface Member {
  name: string;
  part: Part;
  /** Only shown. */
  cloud: string;
  place: string;
}

/** The fleet's stacks in the order they are put up. */
export function membersOf(topology: Topology): Member[] {
  const order: Part[] = ["broker", "primary", "region"];
  return Object.entries(topology.clusters)
    .map(([name, { role, primary, cloud, place }]): Member => {
      return { name, part: role === "broker" ? "broker" : primary ? "primary" : "region", cloud, place };
    })
    .sort((left, right) => order.indexOf(left.part) - order.indexOf(right.part));
}

/** A piece of work and the names of those that must have succeeded before it. */
export interface Task {
  name: string;
  after: string[];
}

/** The members asked for, in fleet order; all of them when nothing is named. Throws `UserError` for a name nobody has. */
export function planSelection(members: Member[], names: string[] | undefined): Member[] {
  if (!names || names.length === 0) return members;
  const known = members.map((member) => member.name);
  const unknown = [...new Set(names)].filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    throw new UserError(
      `There is no stack ${unknown.map((name) => `"${name}"`).join(", ")} in this fleet.`,
      `Choose among ${known.join(", ")}; a new region is a new entry in stacks/topology.ts.`,
    );
  }
  return members.filter((member) => names.includes(member.name));
}

/** What waits for what when stacks are put up: broker, then primary, then the others at once. Only the chosen ones count. */
export function planUp(chosen: Member[]): Task[] {
  const before: Record<Part, Part[]> = { broker: [], primary: ["broker"], region: ["broker", "primary"] };
  return planTasks(chosen, before);
}

/** What waits for what when stacks are taken down: regions at once, the broker after all of them. */
export function planDown(chosen: Member[]): Task[] {
  const before: Record<Part, Part[]> = { broker: ["primary", "region"], primary: [], region: [] };
  return planTasks(chosen, before);
}

/** Reading needs no order. */
export function planAtOnce(chosen: Member[]): Task[] {
  return chosen.map(({ name }) => ({ name, after: [] }));
}

function planTasks(chosen: Member[], before: Record<Part, Part[]>): Task[] {
  return chosen.map(({ name, part }) => ({
    name,
    after: chosen.filter((other) => before[part].includes(other.part)).map((other) => other.name),
  }));
}
