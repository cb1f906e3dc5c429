/** What is more about rolling one of several servers: its place in etcd is given up before, and taken again after. */
import { UserError } from "../plan/errors";
import type { ClusterPlan, NodePlan } from "../plan/types";
import type { ApiServer } from "./apiserver";
import { checkSpare, type EtcdMember, readMembers, removeMember } from "./etcdMembers";
import { renderRollCommand, type RollStep } from "./rollPlan";

/** A server's place in etcd. */
export interface Membership {
  member: EtcdMember;
  /** The server that is asked about etcd, and that the new machine joins. */
  other: NodePlan;
  /** Names of all servers. */
  servers: string[];
}

const SAY_MS = 9_000;

/** @throws UserError when etcd could not spare this server, before anything is touched. */
export async function readMembership(cluster: ClusterPlan, step: RollStep, api: ApiServer): Promise<Membership> {
  const planned = cluster.nodes.filter(({ role }) => role === "server");
  const other = planned.find(({ name }) => name !== step.node);
  if (!other) throw new RangeError(`${step.node} is the only server`);
  const members = await readMembers(api, other.name);
  const servers = planned.map(({ name }) => name);
  const problem = checkSpare(members, servers);
  const member = members.find(({ name }) => name === step.node);
  if (problem === undefined && member) return { member, other, servers };
  throw new UserError(
    `etcd cannot spare ${step.node}: ${problem}.`,
    `All of ${servers.join(", ")} must be members, and nobody else (docs/operating.md, nodes); then ${renderRollCommand([step])}`,
  );
}

/**
 * Takes the server out of etcd while its machine still runs: left in, it would count for the majority, and its successor
 * of the same name and address could not join. Asked of the other server, for its own API goes down with it.
 */
export async function leaveEtcd(
  { member, other }: Membership,
  { node }: RollStep,
  api: ApiServer,
  say: (line: string) => void,
): Promise<void> {
  say(`${node}: leaves etcd`);
  await removeMember(api, other.name, member);
}

/** Until the new server has a vote: before that no other one may go. @throws UserError at the deadline. */
export async function awaitMembership(
  { other, servers }: Membership,
  { node }: RollStep,
  api: ApiServer,
  say: (line: string) => void,
  deadlineSeconds: number,
): Promise<void> {
  const deadline = Date.now() + deadlineSeconds * 1000;
  for (;;) {
    const problem = checkSpare(await readMembers(api, other.name), servers);
    if (problem === undefined) return;
    if (Date.now() > deadline) {
      throw new UserError(
        `its new machine is Ready, but after ${deadlineSeconds} s ${problem}`,
        `See how etcd is: kubectl -n kube-system logs etcd-${node}`,
      );
    }
    say(`${node}: waiting for etcd: ${problem}`);
    await new Promise((resolve) => setTimeout(resolve, SAY_MS));
  }
}
