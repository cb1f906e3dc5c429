import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runUp } from "../../harness/fleet";
import { MARKER, SIZE_LIMIT } from "../../harness/markdown";
import { runReview, type ReviewOptions } from "../../harness/reviewRun";
import { EmulatedWorld } from "../program/emulatedWorld";
import { assertNoSecretIn, secretsOfRun } from "../program/runSecrets";

const STACKS = ["broker", "oregon"];
const screen = { write: (text: string) => process.stderr.write(text) };

/** The comment, made of what the real engine says about emulated clouds. */
describe("the comment, by the real engine", () => {
  const world = new EmulatedWorld();
  const { machines, store } = world;
  const comments: string[] = [];
  const propose = (change: object = {}): void => world.propose(change);
  const review = async (preview: ReviewOptions["preview"] = {}) => {
    const result = await runReview({ screen, stacks: STACKS, preview: { withoutBroker: true, ...preview } });
    comments.push(result.markdown);
    return result;
  };
  const changesOf = (result: Awaited<ReturnType<typeof review>>, stack: string) =>
    result.report?.stacks.find(({ name }) => name === stack)?.changes;

  beforeAll(() => world.open());
  afterAll(() => world.close());

  test("shows a whole fleet before anything is up, regions too, and creates nothing", async () => {
    const result = await review();
    expect(result.exitCode).toBe(0);
    expect(machines.created).toEqual([]);
    const [broker, oregon] = STACKS.map((stack) => changesOf(result, stack)?.create ?? 0);
    expect(
      result.markdown.startsWith(`${MARKER}\n\n## Preview on emulated clouds: ${broker! + oregon!} to create`),
    ).toBe(true);
    expect(result.markdown).toContain(`| oregon | aws us-west-2 | ${oregon} | 0 | 0 | 0 | 159.58 | to change |`);
  });

  test("says that nothing changes when everything is up", async () => {
    const up = await runUp({ screen, stacks: STACKS });
    expect(up.stacks.map(({ outcome }) => outcome)).toEqual(["changed", "changed"]);
    const { markdown } = await review();
    expect(markdown).toContain("## Preview on emulated clouds: no changes");
    expect(markdown).not.toContain("<details>");
  });

  test("shows the property that changes, and counts as the engine counts", async () => {
    propose({ clusters: { oregon: { nodes: { "worker-1": { size: "t3.xlarge" } } } } });
    const result = await review();
    expect(changesOf(result, "oregon")).toMatchObject({ update: 1 });
    expect(result.markdown).toContain("| oregon | aws us-west-2 | 0 | 1 | 0 | 0 | 220.31 | to change |");
    expect(result.markdown).toContain(
      "- `oregon-worker-1` (`aws:ec2/instance:Instance`): `instanceType` `t3.large` → `t3.xlarge`",
    );
  });

  test("is loud about machines that would be replaced", async () => {
    propose({
      clusters: { oregon: { nodes: { server: { zone: "us-west-2b" }, "worker-1": { zone: "us-west-2b" } } } },
    });
    const { markdown, exitCode } = await review();
    const losses = markdown.indexOf("### 🛑 oregon: what holds state is replaced or deleted");
    expect(losses).toBeGreaterThan(0);
    expect(markdown.slice(losses)).toMatch(
      /\*\*replace\*\* `oregon-server` \(`aws:ec2\/instance:Instance`\): a machine/,
    );
    expect(exitCode).toBe(0);
  });

  test("tells drift: what somebody changed and what somebody deleted", async () => {
    propose();
    const machine = store.list("vultr").find(({ type }) => type.includes("instance"))!;
    store.drift(machine, { label: "renamed by hand" });
    const rule = store.list("aws").find(({ type }) => type.includes("IngressRule"))!;
    store.remove(rule);
    const { markdown } = await review({ refresh: true });
    expect(markdown).toContain("## Drift on emulated clouds");
    expect(markdown).toMatch(
      /### 🌊 broker: [\s\S]*`broker-server` \(`vultr:index\/instance:Instance`\): `label` `broker-server` → `renamed by hand`/,
    );
    expect(markdown).toMatch(/### 🌊 oregon: [\s\S]*SecurityGroupIngressRule`\) \*\*is gone\*\*/);
  });

  test("tells what is wrong with the topology instead of failing without a word", async () => {
    propose({ clusters: { oregon: { podCidr: "10.128.0.0/16" } } });
    const { markdown, exitCode, report } = await review();
    expect([exitCode, report]).toEqual([2, undefined]);
    expect(markdown).toContain("## Preview on emulated clouds: the topology is wrong");
    expect(markdown).toContain("clusters.oregon.podCidr");
    propose();
  });

  test("holds no secret of the fleet, whatever it told", async () => {
    const secrets = await secretsOfRun(world, STACKS);
    expect(secrets.size).toBeGreaterThan(30);
    expect(comments).toHaveLength(6);
    for (const comment of comments) {
      expect(Buffer.byteLength(comment)).toBeLessThanOrEqual(SIZE_LIMIT);
      assertNoSecretIn("a comment", comment, secrets);
    }
  });
});
