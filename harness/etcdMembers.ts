/** Members of a cluster's stacked etcd, asked and removed from one of its servers: etcd is open to nobody outside. */
import { UserError } from "../plan/errors";
import type { ApiServer } from "./apiserver";
import { runOnNode } from "./nodeShell";
import { renderCount } from "./text";

export interface EtcdMember {
  /** Decimal, as etcd's JSON writes 64-bit numbers. */
  id: string;
  /** The node's name: kubeadm names members so. Empty while a member has not started. */
  name: string;
  /** Takes no part in votes yet. */
  isLearner: boolean;
}

const CALL_SECONDS = 180;
const FOLDER = "/etc/kubernetes/pki/etcd";

/** etcd's own JSON gateway, with the certificate that kubeadm makes for health checks: etcd's image need not hold a client. */
const renderCall = (path: string, body: object): string =>
  `curl -sS --fail-with-body --max-time 20 --cacert ${FOLDER}/ca.crt --cert ${FOLDER}/healthcheck-client.crt ` +
  `--key ${FOLDER}/healthcheck-client.key https://127.0.0.1:2379${path} -d '${JSON.stringify(body)}'`;

/**
 * Asks the etcd of `server`, whose answer the majority stands behind.
 *
 * @throws UserError when it does not answer, with what it said.
 */
export async function readMembers(api: ApiServer, server: string): Promise<EtcdMember[]> {
  return parseMembers(server, await call(api, server, renderCall("/v3/cluster/member/list", { linearizable: true })));
}

/**
 * Removes a member. Asked of another server than the member's own, which ends as soon as it is out.
 *
 * @throws UserError when etcd refuses, as it does where the rest would be no majority.
 */
export async function removeMember(api: ApiServer, server: string, { id }: EtcdMember): Promise<void> {
  await call(api, server, renderCall("/v3/cluster/member/remove", { ID: id }));
}

/** What stands against taking one of the members away; undefined: the rest can spare it. Pure. */
export function checkSpare(members: EtcdMember[], servers: string[]): string | undefined {
  const missing = servers.filter((server) => !members.some(({ name }) => name === server));
  if (missing.length > 0) return `${missing.join(", ")} ${missing.length === 1 ? "is" : "are"} no member of etcd`;
  const learners = members.filter(({ isLearner }) => isLearner).map(({ name }) => name);
  if (learners.length > 0) return `${learners.join(", ")} has not caught up with etcd's other members yet`;
  // A member that nobody knows counts for the majority, and does not vote.
  const strangers = members.length - servers.length;
  if (strangers > 0) return `etcd has ${renderCount(strangers, "member")} that no server of the topology is`;
  return undefined;
}

/** From etcd's JSON. @throws UserError for anything else. */
export function parseMembers(server: string, text: string): EtcdMember[] {
  try {
    const { members } = JSON.parse(text) as { members?: { ID: string; name?: string; isLearner?: boolean }[] };
    if (!members || members.length === 0) throw new RangeError("no members");
    return members.map(({ ID: id, name = "", isLearner = false }) => ({ id, name, isLearner }));
  } catch {
    throw new UserError(`${server}: etcd's answer is no list of members: ${text.trim().slice(0, 200)}`, REMEDY(server));
  }
}

async function call(api: ApiServer, server: string, script: string): Promise<string> {
  const { exitCode, output } = await runOnNode(api, server, script, { deadlineSeconds: CALL_SECONDS });
  if (exitCode === 0) return output;
  throw new UserError(
    `${server}: etcd did not do it: ${output.trim().slice(-300) || `exit code ${exitCode}`}`,
    REMEDY(server),
  );
}

const REMEDY = (server: string): string =>
  `See how etcd is: kubectl -n kube-system logs etcd-${server}; nothing was removed from it.`;
