import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { kubectl, list, REGIONS } from "./kube";

const REGION = "london";
const OTHER = "ashburn";
const ACCESS = "submariner-k8s-broker-access";
const BROKER = "submariner-k8s-broker";

interface Rule {
  verbs: string[];
  apiGroups?: string[];
  resources?: string[];
  resourceNames?: string[];
}

/** What every account of every cluster may do: ask what it may do itself, and read the public trust anchors. */
const ANYBODY =
  /^(create (authentication|authorization)\.k8s\.io\/selfsubject[a-z]*reviews|(get|list|watch) certificates\.k8s\.io\/clustertrustbundles)$/;

/** Upstream's Role for a joined cluster (submariner-k8s-broker-cluster), as docs/security.md lists it. */
const UPSTREAM: Record<string, string> = {
  "submariner.io/clusters": "create delete get list patch update watch",
  "submariner.io/endpoints": "create delete get list patch update watch",
  "submariner.io/brokers": "get list",
  "multicluster.x-k8s.io/serviceimports": "create delete get list patch update watch",
  "multicluster.x-k8s.io/serviceimports/status": "create delete get list patch update watch",
  "discovery.k8s.io/endpointslices": "create delete get list patch update watch",
  "discovery.k8s.io/endpointslices/restricted": "create delete get list patch update watch",
  "/secrets": "create delete get list update watch",
  "/serviceaccounts": "get list",
};

describe("one region's token, on the broker's API", () => {
  const folder = mkdtempSync(join(tmpdir(), "archipelago-access-"));
  const kubeconfig = join(folder, "region.yaml");

  /** kubectl with nothing but what the region was given. */
  async function asRegion(args: string[], input?: string): Promise<string> {
    const work = promisify(execFile)("kubectl", ["--kubeconfig", kubeconfig, "--request-timeout=60s", ...args], {
      maxBuffer: 64 * 1024 * 1024,
    });
    if (input !== undefined) work.child.stdin?.end(input);
    return (await work).stdout;
  }

  /** Resolves with kubectl's words when the server refuses; fails the test when it does not. */
  async function refusal(args: string[], input?: string): Promise<string> {
    const end = await asRegion(args, input).then(
      (said) => ({ allowed: true, said }),
      (error: { stderr?: string; message: string }) => ({ allowed: false, said: error.stderr ?? error.message }),
    );
    expect(end, args.join(" ")).toMatchObject({ allowed: false });
    return end.said;
  }

  const review = async (namespace: string): Promise<string[]> => {
    const body = { apiVersion: "authorization.k8s.io/v1", kind: "SelfSubjectRulesReview", spec: { namespace } };
    const said = await asRegion(["create", "-o", "json", "-f", "-"], JSON.stringify(body));
    const { status } = JSON.parse(said) as { status: { incomplete: boolean; resourceRules: Rule[] } };
    expect([namespace, status.incomplete]).toEqual([namespace, false]);
    return status.resourceRules.flatMap(({ verbs, apiGroups = [""], resources = [] }) =>
      verbs.flatMap((verb) => apiGroups.flatMap((group) => resources.map((one) => `${verb} ${group}/${one}`))),
    );
  };

  const mayI = async (verb: string, resource: string, namespace: string): Promise<boolean> =>
    // Exit code 1 stands for "no".
    (await asRegion(["auth", "can-i", verb, resource, "-n", namespace]).catch(() => "no")).trim() === "yes";

  beforeAll(async () => {
    const secret = JSON.parse(
      await kubectl(REGION, "get", "secret", "submariner-broker-secret", "-n", "submariner-operator", "-o", "json"),
    ) as { data: Record<string, string> };
    const submariner = JSON.parse(
      await kubectl(
        REGION,
        "get",
        "submariners.submariner.io",
        "submariner",
        "-n",
        "submariner-operator",
        "-o",
        "json",
      ),
    ) as { spec: { brokerK8sApiServer: string } };
    const config = {
      apiVersion: "v1",
      kind: "Config",
      clusters: [
        {
          name: "broker",
          cluster: {
            server: `https://${submariner.spec.brokerK8sApiServer}`,
            "certificate-authority-data": secret.data["ca.crt"],
          },
        },
      ],
      users: [{ name: "region", user: { token: Buffer.from(secret.data.token ?? "", "base64").toString() } }],
      contexts: [{ name: "broker", context: { cluster: "broker", user: "region", namespace: BROKER } }],
      "current-context": "broker",
    };
    writeFileSync(kubeconfig, stringify(config), { mode: 0o600 });
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("is the region's own account and no administrator", async () => {
    const { status } = JSON.parse(await asRegion(["auth", "whoami", "-o", "json"])) as {
      status: { userInfo: { username: string; groups: string[] } };
    };
    expect(status.userInfo.username).toBe(`system:serviceaccount:${ACCESS}:cluster-${REGION}`);
    expect(status.userInfo.groups.sort()).toEqual([
      "system:authenticated",
      "system:serviceaccounts",
      `system:serviceaccounts:${ACCESS}`,
    ]);
  });

  test("may do in the broker's namespace exactly what upstream's Role allows", async () => {
    const rights = (await review(BROKER)).filter((right) => !ANYBODY.test(right));
    const byResource: Record<string, string> = {};
    for (const resource of new Set(rights.map((right) => right.split(" ")[1]!))) {
      const verbs = rights.filter((right) => right.endsWith(` ${resource}`)).map((right) => right.split(" ")[0]!);
      byResource[resource] = [...new Set(verbs)].sort().join(" ");
    }
    expect(byResource).toEqual(UPSTREAM);
  });

  test("may do nothing in any other namespace, its own account's included", async () => {
    const namespaces = (await list("broker", "namespaces")).map(({ metadata }) => metadata.name);
    expect(namespaces).toContain(ACCESS);
    for (const namespace of namespaces.filter((name) => name !== BROKER)) {
      const rights = (await review(namespace)).filter((right) => !ANYBODY.test(right));
      expect([namespace, rights]).toEqual([namespace, []]);
    }
  });

  test("reads the other regions' endpoints: that is what the broker is for", async () => {
    const { items } = JSON.parse(await asRegion(["get", "endpoints.submariner.io", "-n", BROKER, "-o", "json"])) as {
      items: { spec: { cluster_id: string } }[];
    };
    expect(new Set(items.map(({ spec }) => spec.cluster_id))).toEqual(new Set(REGIONS));
  });

  test("does not get at another region's token: not by name, not by list, not by asking for a new one", async () => {
    // It is there, and an administrator sees it.
    const name = `cluster-${OTHER}-token`;
    expect(await kubectl("broker", "get", "secret", name, "-n", ACCESS, "-o", "name")).toContain(name);
    for (const args of [
      ["get", "secret", name, "-n", ACCESS],
      ["get", "secret", `cluster-${REGION}-token`, "-n", ACCESS],
      ["get", "secrets", "-n", ACCESS],
      ["get", "secrets", "--all-namespaces"],
      ["create", "token", `cluster-${OTHER}`, "-n", ACCESS],
      ["get", "pods", "-n", BROKER, "--as", `system:serviceaccount:${ACCESS}:cluster-${OTHER}`],
    ])
      expect(await refusal(args)).toMatch(/forbidden/i);
  });

  test("finds no token among the Secrets that upstream's Role lets it read", async () => {
    const { items } = JSON.parse(await asRegion(["get", "secrets", "-n", BROKER, "-o", "json"])) as {
      items: { type: string; metadata: { name: string } }[];
    };
    expect(items.map(({ type, metadata }) => `${type} ${metadata.name}`)).toEqual([]);
  });

  test("does not gain from the accounts it can make a token for: none in that namespace has any right", async () => {
    const accounts = (await list("broker", "serviceaccounts", "-n", BROKER)).map(({ metadata }) => metadata.name);
    const bindings = JSON.parse(
      await kubectl("broker", "get", "rolebindings,clusterrolebindings", "--all-namespaces", "-o", "json"),
    ) as { items: { metadata: { name: string }; subjects?: { kind: string; name: string; namespace?: string }[] }[] };
    const bound = bindings.items.filter(({ subjects = [] }) =>
      subjects.some(
        ({ kind, name, namespace }) =>
          (kind === "ServiceAccount" && namespace === BROKER && accounts.includes(name)) ||
          (kind === "Group" && name === `system:serviceaccounts:${BROKER}`),
      ),
    );
    expect(bound.map(({ metadata }) => metadata.name)).toEqual([]);
  });

  test("is refused whatever would widen its rights or touch the cluster itself", async () => {
    const object = (kind: string, apiVersion: string, rest: object, namespace?: string): string =>
      JSON.stringify({ apiVersion, kind, metadata: { name: "intruder", ...(namespace && { namespace }) }, ...rest });
    const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" };
    const subjects = [{ kind: "ServiceAccount", name: `cluster-${REGION}`, namespace: ACCESS }];
    const rbac = "rbac.authorization.k8s.io/v1";
    const pod = { spec: { containers: [{ name: "a", image: "registry.k8s.io/pause:3.10.2" }] } };
    // Dry runs: should one be allowed after all, the test fails and the broker is as it was.
    const create = ["create", "--dry-run=server", "-f", "-"];
    for (const body of [
      object("ClusterRoleBinding", rbac, { roleRef, subjects }),
      object("RoleBinding", rbac, { roleRef, subjects }, BROKER),
      object("Pod", "v1", pod, BROKER),
      object("ServiceAccount", "v1", {}, BROKER),
      object("Secret", "v1", {}, ACCESS),
      object("Secret", "v1", {}, "kube-system"),
      object("Namespace", "v1", {}),
    ])
      expect(await refusal(create, body)).toMatch(/forbidden/i);
    for (const args of [
      ["get", "nodes"],
      ["get", "configmaps", "-n", "kube-system"],
      ["get", "customresourcedefinitions"],
      ["delete", "--dry-run=server", "namespace", BROKER],
    ])
      expect(await refusal(args)).toMatch(/forbidden/i);
  });

  test("can do to the other regions' objects what docs/security.md admits it can, and that is asked for in a dry run only", async () => {
    const theirs = JSON.parse(
      await kubectl("broker", "get", "endpoints.submariner.io", "-n", BROKER, "-o", "json"),
    ) as {
      items: { metadata: { name: string }; spec: { cluster_id: string } }[];
    };
    const name = theirs.items.find(({ spec }) => spec.cluster_id === OTHER)!.metadata.name;
    expect(await mayI("delete", "endpoints.submariner.io", BROKER)).toBe(true);
    const said = await asRegion(["delete", "--dry-run=server", "endpoints.submariner.io", name, "-n", BROKER]);
    expect(said).toMatch(/deleted.*dry run/);
    expect(await mayI("delete", "endpoints.submariner.io", ACCESS)).toBe(false);
  });
});
