import type { EngineEvent } from "@pulumi/pulumi/automation";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MARKER, renderCost, renderMarkdown, SIZE_LIMIT, type ReviewedStack } from "../../harness/markdown";
import { newReview, takeEvent, type StackReview } from "../../harness/review";
import { secretsOf } from "../../harness/reviewText";

const TYPE = "aws:ec2/instance:Instance";
const urn = (name: string, type = TYPE): string => `urn:pulumi:oregon::archipelago::${type}::${name}`;

interface Step {
  type?: string;
  old?: Record<string, unknown>;
  now?: Record<string, unknown>;
  diff?: Record<string, string>;
  protect?: boolean;
}

const step = (op: string, name: string, { type = TYPE, old, now, diff, protect }: Step = {}): EngineEvent =>
  ({
    sequence: 1,
    timestamp: 1,
    [op === "refresh" ? "resOutputsEvent" : "resourcePreEvent"]: {
      metadata: {
        op,
        urn: urn(name, type),
        type,
        old: old && { inputs: old, outputs: old, protect },
        new: now && { inputs: now, outputs: now },
        detailedDiff:
          diff &&
          Object.fromEntries(Object.entries(diff).map(([key, diffKind]) => [key, { diffKind, inputDiff: true }])),
        provider: "",
      },
    },
  }) as unknown as EngineEvent;

const said = (message: string, severity = "error"): EngineEvent =>
  ({ sequence: 1, timestamp: 1, diagnosticEvent: { message, severity, color: "never" } }) as unknown as EngineEvent;

const policy = (message: string, enforcementLevel = "mandatory", policyName = "disks-encrypted"): EngineEvent =>
  ({
    sequence: 1,
    timestamp: 1,
    policyEvent: {
      policyName,
      policyPackName: "archipelago",
      enforcementLevel,
      message,
      resourceUrn: urn("oregon-server"),
    },
  }) as unknown as EngineEvent;

const reviewed = (events: EngineEvent[], known: string[] = [], name = "oregon"): ReviewedStack => {
  const review: StackReview = newReview(name);
  for (const event of events) takeEvent(review, event, known);
  const member = { name, part: "region" as const, cloud: "aws", place: "us-west-2" };
  return { member, outcome: "changed", errors: [], review };
};
const markdownOf = (events: EngineEvent[], known: string[] = []): string =>
  renderMarkdown({ world: "clouds", stacks: [reviewed(events, known)], known });

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

  it("shows the estimated cost of a stack and of all of them where it is known", () => {
    const stacks = [reviewed([]), reviewed([], [], "london")];
    stacks[0]!.cost = { before: 100, after: 130.5 };
    stacks[1]!.cost = { before: 50, after: 40 };
    const text = renderMarkdown({ world: "clouds", stacks });
    expect(text).toContain("| +30.50 to 130.50 USD | to change |");
    expect(text).toContain("Cost of these stacks: +20.50 to 170.50 USD");
    expect(renderCost({ before: 3, after: 3 })).toBe("3.00 USD, as before");
    expect(renderCost({ before: 3, after: Number.NaN })).toBe("unknown");
    expect(renderCost(undefined)).toBe("unknown");
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

  it("is made within a second from ten megabytes of messages", () => {
    const begun = Date.now();
    markdownOf([
      said("a".repeat(5_000_000)),
      said(" \t".repeat(1_000_000)),
      said("password".repeat(400_000)),
      policy("-".repeat(1e6)),
    ]);
    expect(Date.now() - begun).toBeLessThan(3_000);
  });
});

describe("secrets", () => {
  const PASSWORD = "hunter2-is-long-enough";
  const KEY = `-----BEGIN EC PRIVATE KEY-----\n${"MHcCAQEEIIrYSSNFJx1aPHn2ZSqg8QRl9v5Yt0bWkzU7dTqk\n".repeat(6)}-----END EC PRIVATE KEY-----`;
  const SEEDS: Record<string, string> = {
    "an AWS key": "AKIAIOSFODNN7EXAMPLE",
    "an AWS secret key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "a GitHub token": "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    "a Pulumi token": "pul-0123456789abcdef0123456789abcdef01234567",
    "a bootstrap token": "abcdef.0123456789abcdef",
    "a service account's token": "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrdWJlcm5ldGVzIn0.c2lnbmF0dXJlLWhlcmU",
    "a pre-shared key": "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQ",
    "a hexadecimal key": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "a line of a private key": "MHcCAQEEIIrYSSNFJx1aPHn2ZSqg8QRl9v5Yt0bWkzU7dTqk",
  };

  it.each(Object.entries(SEEDS))("hides %s wherever it comes from", (_, secret) => {
    const text = markdownOf([
      said(`cannot use ${secret} here`),
      said(`the warning names "${secret}"`, "warning"),
      policy(`value ${secret} is in clear`),
      step("update", "oregon-server", { old: { note: "a" }, now: { note: secret }, diff: { note: "update" } }),
      step("create", `name-of-${secret}`),
      step("update", "x", {
        old: { m: { [secret]: "1" } },
        now: { m: { [secret]: "2" } },
        diff: { [`m["${secret}"]`]: "update" },
      }),
    ]);
    expect(text).not.toContain(secret);
    expect(text).toContain("[secret]");
  });

  it("hides a private key also when its lines, its end or its colours are mangled", () => {
    const texts = [
      KEY,
      KEY.slice(0, 200),
      KEY.replaceAll("\n", "\\n"),
      KEY.replace("EEII", "EE\u200bII"),
      `\u001b[31m${KEY}`,
    ];
    for (const text of texts) {
      const shown = markdownOf([said(text), policy(text)]);
      expect(shown).not.toContain("FJx1aPHn2ZSqg8QRl9v5Y");
    }
  });

  it("shows no value of what the engine calls secret, nor of what lies in it or around it", () => {
    const text = markdownOf([
      step("update", "a", {
        old: { plain: "[secret]", map: { key: "[secret]" }, list: ["[secret]", "one"] },
        now: { plain: PASSWORD, map: { key: PASSWORD }, list: [PASSWORD, "two"] },
        diff: { plain: "update", "map.key": "update", list: "update" },
      }),
    ]);
    expect(text).toContain("`plain` (changed), `map.key` (changed), `list` (changed)");
    expect(text).not.toContain(PASSWORD);
  });

  it.each([
    ["kubernetes:core/v1:Secret", "data.anything"],
    ["kubernetes:core/v1:Secret", "metadata.name"],
    ["random:index/randomString:RandomString", "result"],
    ["tls:index/privateKey:PrivateKey", "rsaBits"],
    ["aws:ec2/instance:Instance", "userDataBase64"],
    ["aws:ec2/instance:Instance", "user_data"],
    ["civo:index/instance:Instance", "script"],
    ["kubernetes:v1:ConfigMap", 'data["kube-config.token"]'],
    ["linode:index/instance:Instance", "rootPassword"],
  ])("shows no value of %s %s even where the program forgot to call it secret", (type, path) => {
    const nest = (value: string): Record<string, unknown> =>
      path
        .split(/[.[\]"]+/)
        .filter(Boolean)
        .reduceRight<unknown>((inner, key) => ({ [key]: inner }), value) as Record<string, unknown>;
    const text = markdownOf([
      step("update", "a", { type, old: nest("old-word"), now: nest("new-word"), diff: { [path]: "update" } }),
    ]);
    expect(text).not.toMatch(/old-word|new-word/);
  });

  it("hides the environment's own secrets by value, plain, in base64, and cut by a line's end", () => {
    const long = "correct horse battery staple";
    const known = secretsOf({
      PULUMI_CONFIG_PASSPHRASE: long,
      CIVO_TOKEN: PASSWORD,
      HOME: "/home/somebody",
      AUTH_URL: "https://idp.test/x",
    });
    expect(known).toContain(PASSWORD);
    expect(known.some((one) => one.includes("somebody") || one.includes("idp.test"))).toBe(false);
    const seeds = [long, PASSWORD, Buffer.from(PASSWORD).toString("base64"), encodeURIComponent(long)];
    for (const seed of seeds) {
      // At every place around the 400th sign, where messages are cut to one line.
      for (const before of [0, 380, 390, 395, 399]) {
        const text = markdownOf([said(`${"x ".repeat(before / 2)}${seed} end`), step("create", seed)], known);
        expect(text).not.toContain(seed);
        expect(text).not.toContain(seed.slice(0, 12));
      }
    }
  });

  it("leaves ordinary words, names and addresses alone", () => {
    const message =
      "oregon-server-gateway-nat-discovery: ami-0fa8a8a344ecdc6ce not found in us-west-2 at 198.18.1.10:6443 (SecurityGroupIngressRuleAlreadyExists)";
    expect(markdownOf([policy(message)])).toContain(message);
  });
});

describe("hostile names", () => {
  const HOSTILE = [
    "`code` breaks ``out`` ```of it",
    "<img src=x onerror=alert(1)>",
    "@everyone and @octocat",
    "[click](javascript:alert(1)) ![x](http://evil.test/x.png)",
    "</details><!-- archipelago:preview -->",
    "| cell | cell |\n# heading\n- list",
    "\u202egnp.exe\u202c and \u0000\u0007",
    "\ud800 half a pair",
    "```\nout of the fence\n````",
  ];

  it.each(HOSTILE)("%j stays letters", (name) => {
    const text = markdownOf([
      step("delete", name, { old: {} }),
      step("update", "x", { old: { [name]: "1" }, now: { [name]: name }, diff: { [name]: "update" } }),
      said(name),
      said(`${name} too`, "warning"),
      policy(name, "mandatory", name),
    ]);
    const bare = withoutCode(text.slice(MARKER.length));
    expect(bare).not.toMatch(/[@[\]\u202e\u0000]|<img|javascript|evil|archipelago:preview|# heading/);
    expect(bare.match(/<\/details>/g)?.length ?? 0).toBe(bare.match(/<details>/g)?.length ?? 0);
    expect(Buffer.from(text).toString()).toBe(text);
  });

  it("holds for any name at all", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom("`", "<", "@", "|", "\n", "a", "\\", "~", "&", " ", "["), maxLength: 40 }),
        (name) => {
          const bare = withoutCode(
            markdownOf([step("delete", name, { old: {} }), said(name), policy(name)]).slice(MARKER.length),
          );
          expect(bare).not.toMatch(/[`@~[\\]/);
        },
      ),
      { numRuns: 300 },
    );
  });

  /** What is left when code spans and fences are taken out by CommonMark's rule: a run of backticks ends at one of its length. */
  function withoutCode(text: string): string {
    return text.replace(/^(`{3,})text\n[\s\S]*?^\1$/gm, "").replace(/(?<!`)(`+)(?!`)[^\n]*?(?<!`)\1(?!`)/g, "");
  }
});
