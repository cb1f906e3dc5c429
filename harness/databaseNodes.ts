/** The database's own view of its nodes, asked in the primary region, which alone holds the root client's certificate. */
import { UserError } from "../plan/errors";
import { DATABASE } from "../plan/names";
import { ApiError, type ApiServer } from "./apiserver";

/** What is asked of the primary region's API server. */
export type DatabaseApi = Pick<ApiServer, "get" | "post" | "remove" | "text">;

type Say = (line: string) => void;

const JOBS = `/apis/batch/v1/namespaces/${DATABASE.namespace}/jobs`;
const PODS = `/api/v1/namespaces/${DATABASE.namespace}/pods`;
const POLL_MS = 2_000;
const SAY_MS = 9_000;
const STATUS_SECONDS = 120;
/** Moving a store's ranges is a matter of its size; the Job goes on when nobody waits for it any more. */
const DECOMMISSION_SECONDS = 3_600;

interface Job {
  spec: { template: { spec: { restartPolicy?: string; containers: { name: string; command: string[] }[] } } };
  status?: { conditions?: { type: string; status: string; message?: string }[] };
}

/** One node as `cockroach node status --format=tsv` prints it. */
export interface DatabaseNode {
  id: number;
  address: string;
}

/** Reads the table by its head: releases add columns. Rows without an address are nodes that are long gone. */
export function parseNodeStatus(text: string): DatabaseNode[] {
  const rows = text.split("\n").map((line) => line.split("\t"));
  const head = rows.findIndex((row) => row.includes("id") && row.includes("address"));
  const [id = -1, address = -1] = ["id", "address"].map((name) => rows[head]?.indexOf(name) ?? -1);
  return rows.slice(head + 1).flatMap((row) => {
    const number = Number(row[id]);
    return head >= 0 && Number.isInteger(number) && number > 0 && row[address]?.includes(":")
      ? [{ id: number, address: row[address] }]
      : [];
  });
}

/**
 * Ids of the database's nodes that are these replicas of one region.
 *
 * @throws UserError when one of them is not in the database's list, or the list cannot be had.
 */
export async function readDatabaseNodes(
  api: DatabaseApi,
  { suffix, ordinals }: { suffix: string; ordinals: number[] },
  say: Say,
): Promise<number[]> {
  const text = await runAsRoot(
    api,
    "node-status",
    (flags) => `node status --format=tsv ${flags.sql}`,
    STATUS_SECONDS,
    say,
  );
  const nodes = parseNodeStatus(text);
  return ordinals.map((ordinal) => {
    const host = `${DATABASE.statefulSet}-${ordinal}.${DATABASE.statefulSet}.${DATABASE.namespace}.svc.${suffix}:`;
    const found = nodes.filter(({ address }) => address.startsWith(host));
    const newest = Math.max(...found.map(({ id }) => id));
    if (found.length > 0) return newest;
    throw new UserError(
      `The database does not know a node at ${host.slice(0, -1)}.`,
      "See what it knows: cockroach node status, as the root client of the primary region.",
    );
  });
}

/**
 * Tells the database that stores are gone for good, and waits until it holds no range there any more: only then is another
 * node's loss borne. The order is CockroachDB's for a node that lost its disk: the new store joins under a new id, then the
 * old id is decommissioned.
 *
 * @throws UserError at the deadline; the Job goes on by itself.
 */
export async function decommissionReplaced(api: DatabaseApi, ids: number[], say: Say): Promise<void> {
  say(`decommissioning database node ${ids.join(", ")}: waiting until no range counts on the lost stores`);
  await runAsRoot(
    api,
    "node-decommission",
    (flags) => `node decommission ${ids.join(" ")} --wait=all ${flags.rpc}`,
    DECOMMISSION_SECONDS,
    say,
  );
}

/** How a command reaches the database: those that speak SQL know no cluster name, the others insist on it. */
interface Flags {
  sql: string;
  rpc: string;
}

/** Runs one command of the database's program in a Job shaped like the one that initialised it; answers with its output. */
async function runAsRoot(
  api: DatabaseApi,
  purpose: string,
  command: (flags: Flags) => string,
  deadlineSeconds: number,
  say: Say,
): Promise<string> {
  const { initJob } = DATABASE;
  let pattern: Job;
  try {
    pattern = await api.get<Job>(`${JOBS}/${initJob}`);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    throw new UserError(
      `The primary region's Job ${initJob}, which holds the way to the database, cannot be read: ${error.message}.`,
      "Put it there again: ./archipelago up --stack <primary region>",
    );
  }
  const name = `${DATABASE.statefulSet}-${purpose}`;
  await removeJob(api, name);
  await api.post(JOBS, planJob(pattern, name, command));
  const begin = Date.now();
  let said = begin;
  for (;;) {
    const seen = await lookAtJob(api, name);
    if (seen.ended === "well") {
      const output = await logsOf(api, name);
      await removeJob(api, name);
      return output;
    }
    const look = `kubectl -n ${DATABASE.namespace} logs job/${name}`;
    if (seen.ended === "badly")
      throw new UserError(`${name} failed: ${lastLine(await logsOf(api, name))}`, `See ${look}`);
    const seconds = Math.round((Date.now() - begin) / 1000);
    if (seconds > deadlineSeconds) {
      throw new UserError(
        `${name} did not end within ${deadlineSeconds} s; last seen: ${seen.words}.`,
        `It goes on by itself: ${look} -f. Roll no other node before it has ended.`,
      );
    }
    if (Date.now() - said > SAY_MS) {
      said = Date.now();
      say(`${name}: ${seconds} s of ${deadlineSeconds} s; ${seen.words}`);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** The Job, pure: image, certificates, rights and address of the one that initialised the database. */
export function planJob(pattern: Job, name: string, command: (flags: Flags) => string): object {
  const { spec } = pattern.spec.template;
  const [container] = spec.containers;
  const script = container?.command.at(-1) ?? "";
  const flag = (flagName: string) => new RegExp(`--${flagName}=\\S+`).exec(script)?.[0] ?? "";
  const program = /\/\S*\/cockroach(?= )/.exec(script)?.[0] ?? "cockroach";
  const sql = `${flag("certs-dir")} ${flag("host")}`;
  const words = command({ sql, rpc: `${sql} ${flag("cluster-name")}` });
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name, namespace: DATABASE.namespace },
    spec: {
      // A replica that is asked while it starts refuses; asking again does no harm.
      backoffLimit: 5,
      template: {
        metadata: { labels: { "app.kubernetes.io/name": name } },
        spec: {
          ...spec,
          restartPolicy: "Never",
          containers: [{ ...container, name: "command", command: ["/bin/sh", "-c", `exec ${program} ${words}`] }],
        },
      },
    },
  };
}

async function removeJob(api: DatabaseApi, name: string): Promise<void> {
  await api.remove(`${JOBS}/${name}?propagationPolicy=Foreground`);
  for (let tries = 0; tries < 30; tries++) {
    try {
      await api.get(`${JOBS}/${name}`);
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return;
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function lookAtJob(api: DatabaseApi, name: string): Promise<{ ended?: "well" | "badly"; words: string }> {
  try {
    const { status } = await api.get<Job>(`${JOBS}/${name}`);
    const is = (type: string) => status?.conditions?.some((one) => one.type === type && one.status === "True");
    if (is("Complete")) return { ended: "well", words: "complete" };
    if (is("Failed")) return { ended: "badly", words: "failed" };
    return { words: lastLine(await logsOf(api, name)) };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return { words: error.message };
  }
}

/** Of the Job's newest pod; empty while there is none. */
async function logsOf(api: DatabaseApi, name: string): Promise<string> {
  try {
    const label = encodeURIComponent(`batch.kubernetes.io/job-name=${name}`);
    const { items } = await api.get<{ items: { metadata: { name: string; creationTimestamp: string } }[] }>(
      `${PODS}?labelSelector=${label}`,
    );
    const newest = items.sort((one, other) =>
      one.metadata.creationTimestamp.localeCompare(other.metadata.creationTimestamp),
    );
    const pod = newest.at(-1)?.metadata.name;
    return pod ? await api.text(`${PODS}/${pod}/log?container=command`) : "";
  } catch (error) {
    // A pod that has not begun has no log yet.
    if (error instanceof ApiError) return "";
    throw error;
  }
}

const lastLine = (text: string): string => text.trim().split("\n").at(-1) || "nothing said yet";
