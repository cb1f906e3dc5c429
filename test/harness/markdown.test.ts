import type { EngineEvent } from "@pulumi/pulumi/automation";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MARKER, renderMarkdown, SIZE_LIMIT } from "../../harness/markdown";
import { WARNING_MARK } from "../../plan/check";
import { markdownOf, policy, reviewed, said, step } from "./reviewEvents";

describe("the comment", () => {
  it("begins with the marker by which it is found again, and names its world in the title", () => {
    expect(markdownOf([]).startsWith(`${MARKER}\n\n## Preview on live clouds: no changes`)).toBe(true);
    expect(renderMarkdown({ world: "rehearsal", stacks: [] })).toContain(
      "## Preview on emulated clouds: no stack is touched",
    );
  });

  it("counts a replacement once, though the engine tells it in three steps", () => {
    const properties = { old: { ami: "ami-1" }, now: { ami: "ami-2" }, diff: { ami: "update-replace" } };
    const text = markdownOf([
      step("create-replacement", "oregon-server", properties),
      step("replace", "oregon-server", properties),
      step("delete-replaced", "oregon-server", { old: { ami: "ami-1" } }),
      step("create", "oregon-worker-2"),
      step("same", "oregon-worker-1"),
    ]);
    expect(text).toContain("## Preview on live clouds: 1 to create, 1 to replace");
    expect(text).toContain("| oregon | aws us-west-2 | 1 | 0 | **1** | 0 | to change |");
  });

  it("tells what is lost, unfolded and before everything else", () => {
    const text = markdownOf([
      step("update", "oregon-tags", {
        type: "aws:ec2/vpc:Vpc",
        old: { a: "1" },
        now: { a: "2" },
        diff: { a: "update" },
      }),
      said("quota exceeded"),
      step("replace", "oregon-server", {
        old: { ami: "1" },
        now: { ami: "2" },
        diff: { ami: "update-replace" },
        protect: true,
      }),
      step("delete", "volume-1", { type: "kubernetes:core/v1:PersistentVolume", old: { a: 1 } }),
    ]);
    const losses = text.indexOf("### 🛑 oregon: what holds state is replaced or deleted");
    expect(losses).toBeGreaterThan(0);
    expect(losses).toBeLessThan(text.indexOf("quota exceeded"));
    expect(losses).toBeLessThan(text.indexOf("<details>"));
    expect(text).toContain(
      "**replace** `oregon-server` (`aws:ec2/instance:Instance`): a machine: etcd and database volumes lie on it, because of `ami`; it is protected, so the deployment will refuse",
    );
    expect(text).toContain("**delete** `volume-1` (`kubernetes:core/v1:PersistentVolume`): a database volume");
  });

  it("folds the rest and shows how plain properties change", () => {
    const text = markdownOf([
      step("update", "oregon-worker-1", {
        old: { instanceType: "t3.large", tags: { "a.b": "x" }, gone: true, subnetId: "s-1" },
        now: {
          instanceType: "t3.xlarge",
          tags: { "a.b": "y" },
          added: 3,
          subnetId: "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
        },
        diff: { instanceType: "update", 'tags["a.b"]': "update", gone: "delete", added: "add", subnetId: "update" },
      }),
    ]);
    expect(text).toContain("<details><summary>oregon: 1 to be updated</summary>\n\n- `oregon-worker-1`");
    expect(text).toContain("`instanceType` `t3.large` → `t3.xlarge`");
    expect(text).toContain('`tags["a.b"]` `x` → `y`, `gone` `true` (removed), `added` `3` (added)');
    expect(text).toContain("`subnetId` `s-1` → `known after the deployment`");
  });

  it("shows the topology's errors instead of stacks when there is no plan", () => {
    const planError = {
      message: "One thing is wrong with the topology:\n  clusters.oregon.place: x",
      remedy: "Correct it.",
    };
    const text = renderMarkdown({ world: "clouds", stacks: [], planError });
    expect(text).toContain("## Preview on live clouds: the topology is wrong");
    expect(text).toContain("```text\nOne thing is wrong with the topology:\n  clusters.oregon.place: x\n```");
    expect(text).toContain("<sub>No engine and no cloud was asked");
  });

  it("keeps violations apart from advice, and does not tell them twice as errors", () => {
    const stack = { ...reviewed([policy("not encrypted"), policy("no tags", "advisory")]), outcome: "failed" as const };
    stack.errors = ["policy disks-encrypted: not encrypted"];
    const text = renderMarkdown({ world: "clouds", stacks: [stack] });
    expect(text).toContain(
      "### ❌ oregon: policy violations (mandatory)\n\n- `disks-encrypted` on `oregon-server`: `not encrypted`",
    );
    expect(text).toContain("### ⚠️ oregon: policy advice\n\n- `disks-encrypted` on `oregon-server`: `no tags`");
    expect(text.match(/not encrypted/g)).toHaveLength(1);
    expect(text).toContain("1 stack without a result");
  });

  it("shows what each stack costs, what the whole fleet does, and for what that changes", () => {
    const parts = [{ kind: "machine" as const, usd: 30.5 }];
    const cost = {
      stacks: [
        { name: "oregon", before: 100, after: 130.5, unpriced: 0, parts },
        { name: "london", before: 40, after: 40, unpriced: 1, parts: [] },
      ],
      total: { before: 140, after: 170.5, unpriced: 1 },
      assumption: "list prices of 2026-11",
    };
    const text = renderMarkdown({ world: "clouds", stacks: [reviewed([]), reviewed([], [], "london")], cost });
    expect(text).toContain("| result |\n");
    expect(text).toContain("| 130.50 (**+30.50**) | to change |");
    expect(text).toContain("| 40.00 + ? | to change |");
    expect(text).toContain(
      "A month of the whole fleet: about 170.50 USD, without what has no known price (1 thing), **30.50 more** than before (list prices of 2026-11).",
    );
    expect(text).toContain(
      "<details><summary>Cost: what makes the difference</summary>\n\n- `oregon`: 100.00 → 130.50 USD (machine +30.50)\n\n</details>",
    );
  });

  it("says of a stack that leaves the topology that nothing takes it down, before everything that is lost", () => {
    const leaving = [{ name: "london", cloud: "civo", place: "LON1" }];
    const stacks = [reviewed([step("delete", "oregon-server", { old: {} })])];
    const text = renderMarkdown({ world: "clouds", stacks, leaving });
    expect(text).toContain("1 to delete; 1 stack leaving the topology");
    expect(text).toContain("- `london` (civo LON1): `./archipelago down --stack london`");
    expect(text.indexOf("🛑 Leaving")).toBeLessThan(text.indexOf("🛑 oregon"));
    expect(renderMarkdown({ world: "clouds", stacks: [], leaving })).toContain("🛑 Leaving the topology: 1 stack");
  });

  it("shows the topology's new warnings and folds those that were there before", () => {
    const planWarnings = [
      { text: "database.licensed: missing", isNew: false },
      { text: "clusters.london.nodes: one gateway", isNew: true },
    ];
    const text = renderMarkdown({ world: "clouds", stacks: [reviewed([])], planWarnings });
    expect(text).toContain("### ⚠️ Topology: doubtful\n\n- `clusters.london.nodes: one gateway`");
    expect(text).toContain(
      "<details><summary>Topology: 1 doubt, as before</summary>\n\n- `database.licensed: missing`",
    );
    expect(markdownOf([said(`${WARNING_MARK}database.licensed: missing`, "warning")])).not.toContain("licensed");
  });

  it.each([
    [undefined, /shown\.<\/sub>/],
    [[], /No policy pack was asked\./],
    [["policy"], /Policy packs: policy: 1 finding\./],
  ])("says at its foot which policy packs were asked: %j", (policyPacks, words) => {
    const stacks = [reviewed([policy("no tags", "advisory")])];
    expect(renderMarkdown({ world: "clouds", stacks, policyPacks })).toMatch(words);
  });

  it("tells once what several stacks warn of", () => {
    const warning = said("database: the licence ends", "warning");
    const stacks = ["oregon", "london"].map((name) => reviewed([warning, said(`${name} alone`, "warning")], [], name));
    const text = renderMarkdown({ world: "clouds", stacks });
    expect(text).toContain("### ⚠️ Warnings of several stacks\n\n- `database: the licence ends` (2 stacks)");
    expect(text.match(/the licence ends/g)).toHaveLength(1);
    expect(text).toContain("### ⚠️ london: warnings\n\n- `london alone`");
  });

  it("tells drift apart from planned changes: what is gone and what was changed by hand", () => {
    const text = renderMarkdown({
      world: "clouds",
      withDrift: true,
      stacks: [
        reviewed([
          step("refresh", "oregon-server", { old: { label: "a" }, now: { label: "b" }, diff: { label: "update" } }),
          step("refresh", "oregon-rule", { type: "aws:vpc/rule:Rule", old: { a: 1 } }),
          step("refresh", "oregon-quiet", { type: "aws:ec2/vpc:Vpc", old: { a: 1 }, now: { a: 2 } }),
        ]),
      ],
    });
    expect(text).toContain("## Drift on live clouds");
    expect(text).toContain("`label` `a` → `b`");
    expect(text).toContain("- `oregon-rule` (`aws:vpc/rule:Rule`) **is gone**");
    expect(text).not.toContain("oregon-quiet");
  });
});

describe("the comment's size", () => {
  const many = (count: number, op: string, type = "aws:ec2/vpc:Vpc"): EngineEvent[] =>
    Array.from({ length: count }, (_, index) =>
      step(op, `thing-${index}-${"x".repeat(60)}`, { type, old: { a: "1" }, now: { a: "2" }, diff: { a: "update" } }),
    );

  it("stays under GitHub's limit, keeps what matters most and says what was left out", () => {
    const stacks = Array.from({ length: 50 }, (_, index) =>
      reviewed(
        [
          ...many(300, "create"),
          ...many(300, "update", "aws:ec2/subnet:Subnet"),
          said(`error ${index}`),
          step("delete", `server-${index}`, { old: {} }),
        ],
        [],
        `stack-${index}`,
      ),
    );
    const text = renderMarkdown({ world: "clouds", stacks });
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(SIZE_LIMIT);
    expect(SIZE_LIMIT).toBeLessThan(65_536);
    for (const index of [0, 49]) {
      expect(text).toContain(`\`server-${index}\``);
      expect(text).toContain(`error ${index}`);
    }
    expect(text).toContain(
      "**Left out, because a comment has a limit:** resources to create of 50 stacks, resources to update of ",
    );
    // Whole sections: every fold that begins ends.
    expect(text.match(/<details>/g)?.length).toBe(text.match(/<\/details>/g)?.length);
  });

  it("cuts one list that alone would fill the comment and counts what it cut", () => {
    const text = markdownOf(many(5_000, "create"));
    expect(Buffer.byteLength(text)).toBeLessThan(20_000);
    expect(text).toMatch(/- … and \d+ more/);
    expect(text).toContain("5000 to create");
  });

  it("holds for any texts and any number of stacks", () => {
    const texts = fc.string({ unit: "binary", maxLength: 3_000 });
    fc.assert(
      fc.property(fc.array(texts, { maxLength: 30 }), fc.integer({ min: 1, max: 300 }), (messages, count) => {
        const events = messages.flatMap((message) => [
          said(message),
          policy(message, "advisory", message),
          step("delete", message),
        ]);
        const stacks = Array.from({ length: count }, (_, index) => reviewed(index < 20 ? events : [], [], `s${index}`));
        const text = renderMarkdown({ world: "clouds", stacks });
        expect(Buffer.byteLength(text)).toBeLessThanOrEqual(SIZE_LIMIT);
        expect(text.startsWith(MARKER)).toBe(true);
      }),
      { numRuns: 25 },
    );
  });

  it("is made within seconds of CPU from ten megabytes of messages", () => {
    const begun = process.cpuUsage();
    markdownOf([
      said("a".repeat(5_000_000)),
      said(" \t".repeat(1_000_000)),
      said("password".repeat(400_000)),
      policy("-".repeat(1e6)),
    ]);
    const { user, system } = process.cpuUsage(begun);
    expect((user + system) / 1e6).toBeLessThan(3);
  });
});
