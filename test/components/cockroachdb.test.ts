import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BINARY, planStartArguments, renderInitScript } from "../../components/cockroachdb/command";
import { Database } from "../../components/cockroachdb/database";
import { planJoinList, planSubjectNames, PUBLIC_SERVICE, replicaName } from "../../components/cockroachdb/names";
import {
  NATURE_LABEL,
  planInitJob,
  planResources,
  planStatefulSet,
  SELECTOR,
} from "../../components/cockroachdb/objects";
import { DatabaseTrust } from "../../components/cockroachdb/trust";
import type { DatabaseCertificates } from "../../plan/join";
import type { ClusterPlan } from "../../plan/types";
import { isSealed, object, one, run, struckOut, valueOf, type EngineOptions, type Registration } from "./engine";
import { JOIN, planWith, TOPOLOGY } from "./fleet";

const plan = planWith();
const [primary, other] = plan.regions as [ClusterPlan, ClusterPlan];
const label = fc.stringMatching(/^[a-z]([a-z0-9-]{0,20}[a-z0-9])?$/);
const suffix = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join("."));

const createDatabase = (
  cluster: ClusterPlan,
  options?: EngineOptions,
  certificates: DatabaseCertificates = JOIN.database,
) => run(() => new Database("database", { plan, cluster, certificates: pulumi.secret(certificates) }), options);

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

describe("Database", () => {
  test("only the primary region has the init Job and the certificate of root", async () => {
    const names = async (cluster: ClusterPlan) => (await createDatabase(cluster)).all.map(({ name }) => name);
    const extra = (await names(primary)).filter((name) => !name.match(/namespace|replicas|public|budget|node-/));
    expect(extra).toEqual(["database", "database-root-certificate", "database-init"]);
    expect(await names(other)).not.toContain("database-init");
    expect(await names(other)).not.toContain("database-root-certificate");
  });

  test("the StatefulSet is awaited everywhere but in the primary region, where the Job makes it ready", async () => {
    const annotations = async (cluster: ClusterPlan) =>
      object(one((await createDatabase(cluster)).all, ":StatefulSet")).metadata.annotations;
    expect(await annotations(primary)).toEqual({ "pulumi.com/skipAwait": "true" });
    expect(await annotations(other)).toBeUndefined();
  });

  test("the Services never wait for endpoints, which come with init", async () => {
    const { all } = await createDatabase(other);
    const services = all.filter(({ type }) => type.endsWith(":Service"));
    expect(services.map((service) => object(service).metadata.annotations)).toEqual([
      { "pulumi.com/skipAwait": "true" },
      { "pulumi.com/skipAwait": "true" },
    ]);
  });

  const waits: [string, string, (all: Registration[]) => Registration, (all: Registration[]) => Registration][] = [
    ["all objects", "namespace", (all) => one(all, ":Secret", "node-certificate"), (all) => one(all, ":Namespace")],
    [
      "the replicas",
      "certificates",
      (all) => one(all, ":StatefulSet"),
      (all) => one(all, ":Secret", "node-certificate"),
    ],
    [
      "the replicas",
      "Service that names them",
      (all) => one(all, ":StatefulSet"),
      (all) => one(all, ":Service", "-replicas"),
    ],
    ["init", "replicas", (all) => one(all, ":Job"), (all) => one(all, ":StatefulSet")],
    ["init", "certificate of root", (all) => one(all, ":Job"), (all) => one(all, ":Secret", "root-certificate")],
  ];
  test.each(waits)("%s wait for the %s", async (_who, _what, later, earlier) => {
    // Found once, so that the one waited for can be made slow.
    const { type, name } = earlier((await createDatabase(primary)).all);
    const { all } = await createDatabase(primary, { slow: (t, n) => t === type && n === name });
    expect(later(all).begun).toBeGreaterThan(earlier(all).done);
  });

  test("certificates reach the cluster as sealed Secrets, and stand nowhere else", async () => {
    const { all } = await createDatabase(primary);
    const node = one(all, ":Secret", "node-certificate");
    expect(isSealed(node.inputs.data)).toBe(true);
    expect(object(node).data).toEqual({
      "ca.crt": encode("ca pem"),
      "node.crt": encode("node pem"),
      "node.key": encode("node key pem"),
    });
    expect(object(one(all, ":Secret", "root-certificate")).data).toEqual({
      "ca.crt": encode("ca pem"),
      "client.root.crt": encode("root pem"),
      "client.root.key": encode("root key pem"),
    });
    const open = JSON.stringify(all.map(({ inputs }) => struckOut(inputs)));
    for (const text of Object.values(JOIN.database)) {
      expect(open).not.toContain(text);
      expect(open).not.toContain(encode(text));
    }
  });

  test("a renewed node certificate changes the pods, so that they restart with it", async () => {
    const annotation = async (nodeCert: string) => {
      const { all } = await createDatabase(other, {}, { ...JOIN.database, nodeCert });
      const { template } = object(one(all, ":StatefulSet")).spec as { template: Pick<Registration, never> };
      return JSON.stringify((template as { metadata: { annotations: unknown } }).metadata.annotations);
    };
    expect(await annotation("one")).toBe(await annotation("one"));
    expect(await annotation("one")).not.toBe(await annotation("two"));
  });
});

const encode = (text: string): string => Buffer.from(text).toString("base64");

describe("DatabaseTrust", () => {
  const issue = () =>
    run(() => new DatabaseTrust("trust", { plan }), {
      outputs: (type, name) => {
        if (type.endsWith("PrivateKey")) return { privateKeyPem: `key of ${name}` };
        if (type.endsWith("CertRequest")) return { certRequestPem: `request of ${name}` };
        return { certPem: `certificate of ${name}` };
      },
    });

  test("every region has an entry that is secret as a whole", async () => {
    const { value } = await issue();
    expect(Object.keys(value.entries)).toEqual(["west", "east"]);
    for (const entry of Object.values(value.entries)) expect(await pulumi.isSecret(entry)).toBe(true);
  });

  test("the primary region alone is given the certificate of root, and none the CA's key", async () => {
    const { value } = await issue();
    const entries = await Promise.all([value.entries.west, value.entries.east].map((entry) => valueOf(entry!)));
    expect(entries).toEqual([
      {
        caCert: "certificate of trust-ca",
        nodeCert: "certificate of trust-node-west",
        nodeKey: "key of trust-node-west",
        rootCert: "certificate of trust-client-root",
        rootKey: "key of trust-client-root",
      },
      {
        caCert: "certificate of trust-ca",
        nodeCert: "certificate of trust-node-east",
        nodeKey: "key of trust-node-east",
      },
    ]);
  });

  test("a node is server and client, root is client alone, and both are what CockroachDB calls them", async () => {
    const { all } = await issue();
    const request = (name: string) => one(all, ":CertRequest", name).inputs;
    const uses = (name: string) => one(all, ":LocallySignedCert", name).inputs.allowedUses;
    expect(request("node-east").subject).toEqual({ commonName: "node", organization: "Cockroach" });
    expect(uses("node-east")).toEqual(["digital_signature", "server_auth", "client_auth"]);
    expect(request("client-root").subject).toEqual({ commonName: "root", organization: "Cockroach" });
    expect(uses("client-root")).toEqual(["digital_signature", "client_auth"]);
    expect(request("client-root")).not.toHaveProperty("dnsNames");
    expect(request("node-east")).toMatchObject(planSubjectNames(other));
  });

  test("certificates are renewed well before they end, and never outlive a CA that is due for renewal", async () => {
    const { all } = await issue();
    const ca = one(all, ":SelfSignedCert").inputs as Lifetime;
    const leaf = one(all, ":LocallySignedCert", "node-west").inputs as unknown as Lifetime;
    expect(leaf.earlyRenewalHours).toBeGreaterThanOrEqual(30 * 24);
    expect(leaf.earlyRenewalHours).toBeLessThan(leaf.validityPeriodHours / 2);
    // A leaf issued on the CA's last day before renewal must not outlast it.
    expect(ca.earlyRenewalHours).toBeGreaterThanOrEqual(leaf.validityPeriodHours);
  });

  test("keys are handed to the signing resources as secrets", async () => {
    const { all } = await issue();
    const open = JSON.stringify(all.map(({ inputs }) => struckOut(inputs)));
    expect(open).not.toContain("key of");
  });
});

interface Lifetime extends Record<string, unknown> {
  validityPeriodHours: number;
  earlyRenewalHours: number;
}
