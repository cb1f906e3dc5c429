import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BINARY, planStartArguments, renderInitScript } from "../../components/cockroachdb/command";
import { planJoinList, planSubjectNames, PUBLIC_SERVICE, replicaName } from "../../components/cockroachdb/names";
import {
  NATURE_LABEL,
  planInitJob,
  planResources,
  planStatefulSet,
  SELECTOR,
} from "../../components/cockroachdb/objects";
import type { ClusterPlan } from "../../plan/types";
import { planWith, TOPOLOGY } from "./fleet";

const plan = planWith();
const [primary, other] = plan.regions as [ClusterPlan, ClusterPlan];
const label = fc.stringMatching(/^[a-z]([a-z0-9-]{0,20}[a-z0-9])?$/);
const suffix = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join("."));

/** Whether Go's (and everybody's) rule for one wildcard label lets a pattern stand for a name. */
const stands = (pattern: string, name: string): boolean =>
  pattern === name ||
  (pattern.startsWith("*.") && name.includes(".") && name.slice(name.indexOf(".")) === pattern.slice(1));

describe("names", () => {
  test("a node certificate vouches for every replica and the public Service by every name a pod can use", () => {
    fc.assert(
      fc.property(suffix, fc.nat(99), (ending, ordinal) => {
        const { dnsNames, ipAddresses } = planSubjectNames({ suffix: ending });
        const vouched = (name: string) => dnsNames.some((pattern) => stands(pattern, name));
        const namespaces = ["", ".cockroachdb", ".cockroachdb.svc", `.cockroachdb.svc.${ending}`];
        for (const namespace of namespaces) {
          expect(vouched(`cockroachdb-${ordinal}.cockroachdb${namespace}`)).toBe(true);
          expect(vouched(`${PUBLIC_SERVICE}${namespace}`)).toBe(true);
        }
        expect(vouched(replicaName({ suffix: ending }, ordinal))).toBe(true);
        expect(vouched("localhost")).toBe(true);
        expect(ipAddresses).toEqual(["127.0.0.1"]);
      }),
    );
  });

  test("a node certificate vouches for no replica of another region", () => {
    fc.assert(
      fc.property(suffix, suffix, fc.nat(99), (mine, theirs, ordinal) => {
        fc.pre(mine !== theirs);
        const { dnsNames } = planSubjectNames({ suffix: mine });
        expect(dnsNames.some((pattern) => stands(pattern, replicaName({ suffix: theirs }, ordinal)))).toBe(false);
      }),
    );
  });

  test("the join list names two replicas of every region", () => {
    expect(planJoinList(plan)).toEqual([
      "cockroachdb-0.cockroachdb.cockroachdb.svc.west.fleet.test:26257",
      "cockroachdb-1.cockroachdb.cockroachdb.svc.west.fleet.test:26257",
      "cockroachdb-0.cockroachdb.cockroachdb.svc.east.fleet.test:26257",
      "cockroachdb-1.cockroachdb.cockroachdb.svc.east.fleet.test:26257",
    ]);
  });

  test("the join list names no replica that does not exist", () => {
    const single = planWith({ database: { ...TOPOLOGY.database, replicas: 1 } });
    expect(planJoinList(single)).toHaveLength(single.regions.length);
  });
});

describe("command", () => {
  const flag = (cluster: ClusterPlan, name: string) =>
    planStartArguments(plan, cluster).find((argument) => argument.startsWith(`--${name}=`));

  test("every region joins by the same list and under the same cluster name", () => {
    for (const name of ["join", "cluster-name", "max-offset"]) {
      expect(flag(primary, name)).toBeDefined();
      expect(flag(primary, name)).toBe(flag(other, name));
    }
  });

  test("a replica advertises the name that the join lists of its peers use", () => {
    const advertised = flag(other, "advertise-addr")?.replace("--advertise-addr=", "");
    expect(planJoinList(plan)).toContain(advertised?.replace("$(POD_NAME)", "cockroachdb-1"));
  });

  test("localities have the same keys everywhere and tell the regions apart", () => {
    expect(flag(primary, "locality")).toBe("--locality=cloud=aws,region=west,zone=$(NODE_NAME)");
    expect(flag(other, "locality")).toBe("--locality=cloud=oci,region=east,zone=$(NODE_NAME)");
  });

  test("every variable in the arguments is in the container's environment", () => {
    const container = replicaContainer(primary);
    const used = JSON.stringify(container.args).match(/(?<=\$\()\w+(?=\))/g) ?? [];
    expect(new Set(used)).toEqual(new Set(["POD_NAME", "NODE_NAME"]));
    expect(container.env.map(({ name }) => name)).toEqual(expect.arrayContaining(used));
  });

  describe("init script", () => {
    /** Runs the script with a database that answers `answers` one after the other. */
    const initialise = (...answers: { says: string; exit: number }[]) => {
      const folder = mkdtempSync(join(tmpdir(), "init-"));
      try {
        const binary = join(folder, "cockroach");
        const cases = answers.map(({ says, exit }, index) => `${index + 1}) echo '${says}' >&2; exit ${exit} ;;`);
        const count = join(folder, "count");
        writeFileSync(count, "0");
        writeFileSync(
          binary,
          `#!/bin/sh\necho "$@" > ${folder}/arguments\nn=$(($(cat ${count}) + 1))\necho $n > ${count}\ncase $n in\n${cases.join("\n")}\nesac\n`,
        );
        chmodSync(binary, 0o755);
        const script = renderInitScript(primary)
          .replaceAll(BINARY, binary)
          .replace(/sleep \d+/, "sleep 0");
        const { status, stdout } = spawnSync("/bin/sh", ["-c", script], { encoding: "utf8" });
        const read = (file: string) => execFileSync("cat", [join(folder, file)], { encoding: "utf8" }).trim();
        return { status, stdout, tries: Number(read("count")), arguments: read("arguments") };
      } finally {
        rmSync(folder, { recursive: true });
      }
    };
    const refusal = { says: "ERROR: cannot dial server", exit: 1 };

    test("tries until the first replica answers", () => {
      const result = initialise(refusal, refusal, { says: "Cluster successfully initialized", exit: 0 });
      expect(result).toMatchObject({ status: 0, tries: 3 });
      expect(result.stdout).toContain("attempt 2: ERROR: cannot dial server");
    });

    test("takes a database that is initialised already for success", () => {
      const already = { says: "ERROR: cluster has already been initialized", exit: 1 };
      expect(initialise(refusal, already)).toMatchObject({ status: 0, tries: 2 });
    });

    test("ends with an error after its last attempt, saying what it waited for", () => {
      const result = initialise(...Array.from({ length: 200 }, () => refusal));
      expect(result).toMatchObject({ status: 1, tries: 150 });
      expect(result.stdout).toContain(`is ${replicaName(primary, 0)}:26257 running?`);
    });

    test("addresses its own first replica under the fleet's cluster name", () => {
      const { arguments: given } = initialise({ says: "", exit: 0 });
      expect(given).toContain(`--host=${replicaName(primary, 0)}:26257`);
      expect(given).toContain("--cluster-name=archipelago");
    });
  });
});

interface Container {
  args: string[];
  env: { name: string }[];
}
const replicaContainer = (cluster: ClusterPlan): Container => {
  const spec = planStatefulSet(plan, cluster, "fingerprint") as unknown as {
    template: { spec: { containers: [Container] } };
  };
  return spec.template.spec.containers[0];
};

describe("objects", () => {
  test("the pod selector does not change with the nature of the database", () => {
    const real = planWith({ database: { ...TOPOLOGY.database, standIn: false } });
    const shown = [plan, real].map((each) => planStatefulSet(each, each.primary, "") as unknown as StatefulSet);
    expect(shown.map((set) => set.selector)).toEqual([{ matchLabels: SELECTOR }, { matchLabels: SELECTOR }]);
    expect(shown.map((set) => set.template.metadata.labels[NATURE_LABEL])).toEqual(["stand-in", "real"]);
  });

  test("the init pod is not taken for a replica", () => {
    const job = planInitJob(plan, primary) as unknown as StatefulSet;
    const { labels } = job.template.metadata;
    expect(Object.entries(SELECTOR).every(([key, value]) => labels[key] === value)).toBe(false);
    expect(labels[NATURE_LABEL]).toBe("stand-in");
  });

  test("the real database has a memory limit, from which it takes its cache", () => {
    const real = { ...TOPOLOGY, database: { ...TOPOLOGY.database, standIn: false } };
    expect(planResources(real).limits).toEqual({ memory: "2Gi" });
  });
});

interface StatefulSet {
  selector: unknown;
  template: { metadata: { labels: Record<string, string> } };
}
