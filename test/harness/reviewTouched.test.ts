import { execFileSync } from "node:child_process";
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { membersOf } from "../../harness/members";
import { readTopologyAt } from "../../harness/reviewBase";
import { planTouched, readAncestor, readChangedFiles, type ChangedFile } from "../../harness/reviewTouched";
import { DEFAULT_TOPOLOGY } from "../../stacks/topology";

const members = membersOf(DEFAULT_TOPOLOGY);
const ALL = ["broker", "oregon", "ashburn", "london", "tokyo"];
const touched = (...files: (string | ChangedFile)[]): string[] =>
  planTouched(
    files.map((file) => (typeof file === "string" ? { path: file } : file)),
    members,
  ).stacks;
const settings = (cluster: string): string => `config:\n  archipelago:cluster:\n    cloud: civo\n${cluster}`;

describe("a change touches", () => {
  it.each<[string[], string[]]>([
    [["docs/security.md", "README.md", "test/plan/cidr.test.ts", ".github/workflows/preview.yml", "Makefile"], []],
    [["rehearsal/clouds/aws.ts", "harness/main.ts", "vitest.config.ts"], []],
    [["components/clouds/aws.ts"], ["oregon"]],
    [["components/clouds/equinixMetal.ts"], ["tokyo"]],
    [["components/clouds/ociFallback.ts"], ["ashburn"]],
    [
      ["components/clouds/vultr.ts", "components/clouds/civo.ts", "docs/x.md"],
      ["broker", "london"],
    ],
    [["components/clouds/linode.ts"], []],
    [["components/clouds/shared.ts"], ALL],
    [["components/cloud.ts"], ALL],
    [["plan/plan.ts"], ALL],
    [["stacks/topology.ts"], ALL],
    [["package-lock.json"], ALL],
    [["Pulumi.yaml"], ALL],
    [["policy/index.ts"], ALL],
    [["harness/upstream/go.sum"], ALL],
    [["harness/manifests.ts"], ALL],
    [["a-file-nobody-thought-of"], ALL],
  ])("by %j: %j", (paths, stacks) => {
    expect(touched(...paths)).toEqual(stacks);
  });

  it("one stack, by a setting that is its own", () => {
    const sizes = {
      path: "Pulumi.london.yaml",
      before: settings("    nodes: { server: { size: small } }\n"),
      after: settings("    nodes: { server: { size: large } }\n"),
    };
    expect(touched(sizes)).toEqual(["london"]);
    expect(touched({ ...sizes, before: settings("") })).toEqual(["london"]);
  });

  it.each([
    ["its pods' addresses", "    podCidr: 10.140.0.0/16\n"],
    ["a gateway more", "    nodes: { worker-1: { role: worker, gateway: true } }\n"],
    ["a node less", "    nodes: { server: null }\n"],
    ["its part", "    primary: true\n"],
  ])("every peer too, by %s", (_, cluster) => {
    expect(touched({ path: "Pulumi.london.yaml", before: settings(""), after: settings(cluster) })).toEqual(ALL);
  });

  it("all of them when a stack comes, goes or cannot be read", () => {
    expect(touched({ path: "Pulumi.paris.yaml", after: settings("") })).toEqual(ALL);
    expect(touched({ path: "Pulumi.london.yaml", before: settings("") })).toEqual(ALL);
    expect(touched({ path: "Pulumi.london.yaml", before: settings(""), after: "{ not yaml" })).toEqual(ALL);
  });

  it("is told in one sentence", () => {
    expect(planTouched([{ path: "components/clouds/aws.ts" }], members).why).toBe(
      "1 of 5 stacks: only their own files or their cloud's are changed.",
    );
    const shared = ["plan/plan.ts", "`<img>`\n@octocat", "c.ts", "d.ts"].map((path) => ({ path }));
    expect(planTouched(shared, members).why).toBe(
      "All 5 stacks, because what they share is changed: `plan/plan.ts`, `` `<img>` @octocat ``, `c.ts` and 1 more file.",
    );
    expect(planTouched([], members).why).toBe("No stack is made from what this change touches.");
  });
});

describe("the fleet before the change", () => {
  it("is read by the program of that commit, and is unknown where there was none", async () => {
    const folder = mkdtempSync(join(tmpdir(), "archipelago-overlay-"));
    writeFileSync(
      join(folder, "overlay.json"),
      '{"adminCidrs":["203.0.113.0/24"],"clusters":{"ashburn":{"account":"ocid1.compartment.oc1..aaaa"}}}',
    );
    vi.stubEnv("ARCHIPELAGO_OVERLAY", join(folder, "overlay.json"));
    expect((await readTopologyAt(process.cwd(), "HEAD"))?.clusters.oregon?.cloud).toBe("aws");
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true });
    expect(await readTopologyAt(process.cwd(), "--output=/nowhere")).toBeUndefined();
  });
});

describe("git tells what changed", () => {
  const folder = mkdtempSync(join(tmpdir(), "archipelago-touched-"));
  const git = (...words: string[]): string =>
    execFileSync("git", ["-C", folder, ...words], { encoding: "utf8", stdio: "pipe" });
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  const commit = (): string => {
    git("add", "-A");
    git("-c", "user.name=a", "-c", "user.email=a@b.test", "commit", "-qm", "x");
    return git("rev-parse", "HEAD").trim();
  };

  beforeAll(() => {
    git("init", "-q", "-b", "main");
    write("Pulumi.london.yaml", settings(""));
    write("plan/old.ts", "1");
    commit();
    git("checkout", "-qb", "change");
    write("Pulumi.london.yaml", settings("    account: x\n"));
    git("mv", "plan/old.ts", "plan/new.ts");
    write('docs/a\n"b".md', "hostile");
    commit();
    git("checkout", "-q", "main");
    write("stacks/later.ts", "of main alone");
    commit();
    git("checkout", "-q", "change");
    write("docs/not-added.md", "x");
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("since the branches parted, with both names of what was moved and what is not committed yet", async () => {
    const files = await readChangedFiles(folder, await readAncestor(folder, "main"));
    expect(files.map(({ path }) => path).sort()).toEqual(
      ["Pulumi.london.yaml", 'docs/a\n"b".md', "docs/not-added.md", "plan/new.ts", "plan/old.ts"].sort(),
    );
    expect(files.find(({ path }) => path === "Pulumi.london.yaml")).toEqual({
      path: "Pulumi.london.yaml",
      before: settings(""),
      after: settings("    account: x\n"),
    });
  });

  it.each(["nowhere", "--output=/tmp/x", "-h", ""])("and refuses %j as a base, as a user's error", async (base) => {
    await expect(readAncestor(folder, base)).rejects.toThrow(/git does not know where this change left/);
  });
});
