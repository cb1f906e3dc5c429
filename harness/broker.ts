import { UserError } from "../plan/errors";
import { NotReadyError } from "./failure";
import type { Member } from "./members";
import type { Verb } from "./report";
import { isUp, type Backend } from "./workspace";

/** Regions that cannot be worked on yet because the broker is not up and is not going to be in this run. */
export function checkBroker(
  verb: Verb,
  backend: Backend,
  members: Member[],
  chosen: Member[],
): Map<string, NotReadyError> {
  const broker = members.find(({ part }) => part === "broker");
  if (!broker || isUp(backend, broker.name)) return new Map();
  if (verb === "up" && chosen.includes(broker)) return new Map();
  const error = new NotReadyError(
    `The broker stack "${broker.name}" is not up yet; every region gets its tokens, keys and certificates from it.`,
    `Put it up first: ./archipelago up --stack ${broker.name}`,
  );
  const regions = chosen.filter(({ part }) => part !== "broker");
  if (regions.length === chosen.length && regions.length > 0) throw error;
  return new Map(regions.map(({ name }) => [name, error]));
}

/** Throws `UserError` when the broker would go and leave regions behind that lean on it. */
export function assertBrokerIsLast(backend: Backend, members: Member[], chosen: Member[]): void {
  const broker = chosen.find(({ part }) => part === "broker");
  const left = members.filter((member) => !chosen.includes(member) && isUp(backend, member.name));
  if (!broker || left.length === 0) return;
  const names = left.map(({ name }) => name).join(", ");
  throw new UserError(
    `The broker "${broker.name}" cannot go while regions are up: ${names}.`,
    `Take the regions down first, or everything at once: ./archipelago down`,
  );
}
