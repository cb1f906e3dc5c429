import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MARKER } from "../../harness/markdown";
import { secretsOf } from "../../harness/reviewText";
import { markdownOf, policy, said, step } from "./reviewEvents";

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
    expect(bare).not.toMatch(/[@[\]\u202e]|<img|javascript|evil|archipelago:preview|# heading/);
    expect(bare).not.toContain("\u0000");
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
