import { beforeEach, describe, expect, test } from "vitest";
import { planInitJob } from "../../components/cockroachdb/objects";
import { ApiError } from "../../harness/apiserver";
import {
  decommissionReplaced,
  parseNodeStatus,
  readDatabaseNodes,
  type DatabaseApi,
} from "../../harness/databaseNodes";
import { planWith } from "../plan/fixtures";

const plan = planWith();
const address = (ordinal: number, region: string) =>
  `cockroachdb-${ordinal}.cockroachdb.cockroachdb.svc.${region}.archipelago.internal:26257`;
const STATUS = [
  "id\taddress\tsql_address\tbuild\tstarted_at\tupdated_at\tlocality\tattrs\tis_available\tis_live",
  `1\t${address(0, "oregon")}\t${address(0, "oregon")}\tv25.4.14\t2026-11-01\t2026-11-25\tregion=oregon\t[]\ttrue\ttrue`,
  `4\t${address(0, "london")}\t${address(0, "london")}\tv25.4.14\t2026-11-01\t2026-11-25\tregion=london\t[]\ttrue\ttrue`,
  `9\t${address(2, "oregon")}\t${address(2, "oregon")}\tv25.4.14\t2026-11-01\t2026-11-25\tregion=oregon\t[]\ttrue\ttrue`,
  "7\tNULL\tNULL\tNULL\tNULL\tNULL\tNULL\tNULL\tfalse\tfalse",
  "",
].join("\n");

/** Keeps Jobs and lets each end at once, as it is told. */
class PretendPrimary implements DatabaseApi {
  readonly jobs = new Map<string, { spec: object; status: object }>();
  readonly commands: string[] = [];
  log = STATUS;
  ends = "Complete";

  constructor() {
    this.jobs.set("cockroachdb-init", { spec: planInitJob(plan, plan.primary), status: {} });
  }
  get<T>(path: string): Promise<T> {
    if (path.includes("/pods?")) {
      return Promise.resolve({ items: [{ metadata: { name: "p", creationTimestamp: "2026-11-25" } }] } as T);
    }
    const job = this.jobs.get(path.split("/").at(-1)!);
    return job ? Promise.resolve(job as T) : Promise.reject(new ApiError("answered 404", 404));
  }
  text(): Promise<string> {
    return Promise.resolve(this.log);
  }
  post<T>(_path: string, body: object): Promise<T> {
    const job = body as {
      metadata: { name: string };
      spec: { template: { spec: { containers: { command: string[] }[] } } };
    };
    this.commands.push(job.spec.template.spec.containers[0]!.command.at(-1)!);
    const conditions = [{ type: this.ends, status: "True" }];
    this.jobs.set(job.metadata.name, { spec: job.spec, status: { conditions } });
    return Promise.resolve({} as T);
  }
  remove(path: string): Promise<void> {
    this.jobs.delete(path.split("/").at(-1)!.split("?")[0]!);
    return Promise.resolve();
  }
}

describe("the database's own list of its nodes", () => {
  test("is read by its head, without those that have no address any more", () => {
    expect(parseNodeStatus(STATUS).map(({ id }) => id)).toEqual([1, 4, 9]);
    expect(parseNodeStatus(`warning: something\n${STATUS}`)[2]).toEqual({ id: 9, address: address(2, "oregon") });
    expect(parseNodeStatus("nothing here")).toEqual([]);
  });
});

describe("stores that are lost on purpose", () => {
  let api: PretendPrimary;
  const said: string[] = [];
  const read = (ordinals: number[]) =>
    readDatabaseNodes(api, { suffix: "oregon.archipelago.internal", ordinals }, (line) => said.push(line));
  beforeEach(() => void (api = new PretendPrimary()));

  test("are looked up by their addresses before, by a Job with the initialising one's image, certificates and rights", async () => {
    expect(await read([0, 2])).toEqual([1, 9]);
    expect(api.commands).toEqual([
      "exec /cockroach/cockroach node status --format=tsv --certs-dir=/cockroach/cockroach-certs " +
        `--host=${address(0, "oregon")}`,
    ]);
    // Nothing is left of it.
    expect([...api.jobs.keys()]).toEqual(["cockroachdb-init"]);
  });

  test("are decommissioned under their old ids, with the cluster's name, which this command insists on", async () => {
    await decommissionReplaced(api, [1, 9], (line) => said.push(line));
    expect(api.commands).toEqual([
      "exec /cockroach/cockroach node decommission 1 9 --wait=all --certs-dir=/cockroach/cockroach-certs " +
        `--host=${address(0, "oregon")} --cluster-name=archipelago`,
    ]);
  });

  test("of an address that the database does not know stop the roll before anything is lost", async () => {
    await expect(read([1])).rejects.toThrow("The database does not know a node at cockroachdb-1.cockroachdb.");
  });

  test("tell what the program said last when it fails, and the way on when there is no Job to go by", async () => {
    api.ends = "Failed";
    api.log = "ERROR: cannot dial server.\nIs the server running?";
    await expect(read([0])).rejects.toThrow("cockroachdb-node-status failed: Is the server running?");
    api.jobs.clear();
    await expect(read([0])).rejects.toMatchObject({ remedy: expect.stringContaining("./archipelago up") as string });
  });
});
