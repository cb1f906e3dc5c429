import * as pulumi from "@pulumi/pulumi";
import { describe, expect, test } from "vitest";
import { Database } from "../../components/cockroachdb/database";
import { planSubjectNames } from "../../components/cockroachdb/names";
import { DatabaseTrust } from "../../components/cockroachdb/trust";
import type { DatabaseCertificates } from "../../plan/join";
import type { ClusterPlan } from "../../plan/types";
import { isSealed, object, one, run, struckOut, valueOf, type EngineOptions, type Registration } from "./engine";
import { JOIN, planWith } from "./fleet";

const plan = planWith();
const [primary, other] = plan.regions as [ClusterPlan, ClusterPlan];

const createDatabase = (
  cluster: ClusterPlan,
  options?: EngineOptions,
  certificates: DatabaseCertificates = JOIN.database,
) => run(() => new Database("database", { plan, cluster, certificates: pulumi.secret(certificates) }), options);

describe("Database", () => {
  test("only the primary region has the init Job and the certificate of root", async () => {
    const names = async (cluster: ClusterPlan) => (await createDatabase(cluster)).all.map(({ name }) => name);
    const extra = (await names(primary)).filter((name) => !name.match(/namespace|replicas|public|budget|node-/));
    expect(extra.sort()).toEqual(["database", "database-init", "database-root-certificate"]);
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
    for (const text of Object.values(JOIN.database) as string[]) {
      expect(open).not.toContain(text);
      expect(open).not.toContain(encode(text));
    }
  });

  test("a renewed node certificate changes the pods, so that they restart with it", async () => {
    const annotation = async (nodeCert: string) => {
      const { all } = await createDatabase(other, {}, { ...JOIN.database, nodeCert });
      const { template } = object(one(all, ":StatefulSet")).spec as {
        template: { metadata: { annotations: unknown } };
      };
      return JSON.stringify(template.metadata.annotations);
    };
    expect(await annotation("one")).toBe(await annotation("one"));
    expect(await annotation("one")).not.toBe(await annotation("two"));
  });
});

const encode = (text: string): string => Buffer.from(text).toString("base64");

describe("DatabaseTrust", () => {
  const issue = (fleet = plan) =>
    run(() => new DatabaseTrust("trust", { plan: fleet }), {
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

  test("lifetimes are those of the topology", async () => {
    const { all } = await issue(planWith({ certificates: { ca: 1000, leaf: 60, leafRenewal: 30 } }));
    const hours = (resource: { inputs: Record<string, unknown> }) => {
      const { validityPeriodHours, earlyRenewalHours } = resource.inputs as Lifetime;
      return [validityPeriodHours / 24, earlyRenewalHours / 24];
    };
    expect(hours(one(all, ":SelfSignedCert"))).toEqual([1000, 365]);
    expect(hours(one(all, ":LocallySignedCert", "node-west"))).toEqual([60, 30]);
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
