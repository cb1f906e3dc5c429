import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";

interface Step {
  name?: string;
  uses?: string;
  run?: string;
  if?: string;
  shell?: string;
  env?: Record<string, string>;
  with?: Record<string, unknown>;
}

interface Job {
  if?: string;
  needs?: string | string[];
  environment?: string;
  permissions?: Record<string, string>;
  "timeout-minutes"?: number;
  env?: Record<string, string>;
  steps: Step[];
}

interface Workflow {
  name: string;
  on: Record<string, unknown>;
  permissions?: unknown;
  concurrency?: { group: string; "cancel-in-progress": boolean };
  env?: Record<string, string>;
  jobs: Record<string, Job>;
}

const ROOT = join(__dirname, "..", "..", ".github");
const texts = Object.fromEntries(
  readdirSync(join(ROOT, "workflows")).map((file) => [file, readFileSync(join(ROOT, "workflows", file), "utf8")]),
);
const workflows = Object.fromEntries(Object.entries(texts).map(([file, text]) => [file, parse(text) as Workflow]));
const action = parse(readFileSync(join(ROOT, "actions", "sign-in", "action.yml"), "utf8")) as {
  runs: { steps: Step[] };
};
const jobs = Object.entries(workflows).flatMap(([file, { jobs }]) =>
  Object.entries(jobs).map(([name, job]): [string, Job] => [`${file} ${name}`, job]),
);
const steps = [
  ...jobs.flatMap(([name, job]) => job.steps.map((step): [string, Step] => [name, step])),
  ...action.runs.steps.map((step): [string, Step] => ["sign-in", step]),
];
const scripts = steps.flatMap(([name, step]) =>
  step.run ? [[`${name}: ${step.name ?? "run"}`, step.run] as const] : [],
);

const SECRET = /\bsecrets\s*[.[]/;
const mentionsSecret = (value: unknown): boolean => SECRET.test(JSON.stringify(value));

describe("workflows", () => {
  test("there are a preview, a preview of forks, a look for drift and a deployment", () => {
    expect(Object.keys(workflows).sort()).toEqual(["deploy.yml", "drift.yml", "preview-of-forks.yml", "preview.yml"]);
  });

  test.each(Object.entries(workflows))("%s never runs by pull_request_target", (file, workflow) => {
    expect(Object.keys(workflow.on)).not.toContain("pull_request_target");
    expect(texts[file]).not.toContain("pull_request_target");
  });

  test.each(Object.entries(workflows))("%s gives nothing by itself and has one run at a time", (_, workflow) => {
    expect(workflow.permissions).toEqual({});
    expect(workflow.concurrency?.group).toMatch(/\S/);
    expect(workflow.env).toBeUndefined();
  });

  test.each(jobs)("%s has a deadline and no more than it needs", (name, job) => {
    const allowed: Record<string, Record<string, string>> = {
      "preview.yml emulated": { contents: "read" },
      "preview.yml live": { contents: "read", "id-token": "write" },
      "preview.yml comment": { "pull-requests": "write" },
      "preview-of-forks.yml comment": { "pull-requests": "write" },
      "drift.yml idle": { actions: "read" },
      "drift.yml look": { contents: "read", "id-token": "write" },
      "drift.yml tell": { issues: "write" },
      "deploy.yml up": { contents: "read", "id-token": "write" },
    };
    expect(job.permissions).toEqual(allowed[name]);
    expect(job["timeout-minutes"]).toBeGreaterThan(0);
  });

  test.each(jobs)("%s uses secrets and identities only behind an environment", (_, job) => {
    if (mentionsSecret(job) || job.permissions?.["id-token"]) expect(job.environment).toMatch(/^(preview|clouds)$/);
    // For a step at a time, not for whatever an action does beside it.
    expect(mentionsSecret(job.env ?? {})).toBe(false);
  });

  test("code of forks meets no secret, no identity, no environment and no right to write", () => {
    const { emulated, live } = workflows["preview.yml"]!.jobs;
    expect(mentionsSecret(emulated)).toBe(false);
    expect(emulated?.environment).toBeUndefined();
    expect(Object.values(emulated?.permissions ?? {})).toEqual(["read"]);
    expect(JSON.stringify(emulated)).not.toMatch(/sign-in|github\.token|GITHUB_TOKEN|cache/);
    expect(live?.if).toContain("github.event.pull_request.head.repo.full_name == github.repository");
    expect(emulated?.if).toContain("github.event.pull_request.head.repo.full_name != github.repository");
  });

  test("every review, live or emulated, is of what the change touches, and leaves no policy out", () => {
    for (const name of ["emulated", "live"]) {
      const review = workflows["preview.yml"]!.jobs[name]!.steps.find((step) => step.name?.startsWith("preview on"))!;
      expect(review.run).toMatch(/^\.\/(rehearse preview|archipelago preview --markdown \S+) --touched "\$BASE"/m);
      expect(review.run).not.toContain("--no-policies");
    }
  });

  test("what runs for a fork with the right to write checks nothing out and takes nothing from its run", () => {
    const { comment } = workflows["preview-of-forks.yml"]!.jobs;
    expect(comment?.steps.filter(({ uses }) => uses)).toEqual([]);
    expect(JSON.stringify(comment)).not.toMatch(/artifact|checkout|secrets/);
  });

  test.each(jobs)("%s does not both write to GitHub and run code of the tree", (_, job) => {
    const writes = Object.entries(job.permissions ?? {}).some(
      ([key, value]) => value === "write" && key !== "id-token",
    );
    if (writes) expect(JSON.stringify(job.steps)).not.toMatch(/actions\/checkout|npm|\.\/archipelago|\.\/rehearse/);
  });

  test("the deployment goes by main alone, one at a time and never broken off, in fleet order", () => {
    const deploy = workflows["deploy.yml"]!;
    expect(deploy.on.push).toMatchObject({ branches: ["main"] });
    expect(deploy.concurrency).toEqual({ group: "fleet", "cancel-in-progress": false });
    expect(deploy.jobs.up?.if).toBe("github.ref == 'refs/heads/main'");
    expect(deploy.jobs.up?.environment).toBe("clouds");
    expect(deploy.jobs.up?.steps.find(({ name }) => name === "up")?.run).toMatch(/^\.\/archipelago up$/m);
  });

  test("drift is looked for on a schedule and cannot push a waiting deployment out of its group", () => {
    const drift = workflows["drift.yml"]!;
    expect(drift.on.schedule).toEqual([{ cron: expect.stringMatching(/^\d+ \d+ \* \* \*$/) as string }]);
    expect(drift.concurrency?.group).not.toBe(workflows["deploy.yml"]!.concurrency?.group);
    expect(JSON.stringify(drift.jobs.look)).toContain("./archipelago preview --refresh --no-policies --markdown");
  });

  test.each(steps.filter(([, { uses }]) => uses && !uses.startsWith("./")))(
    "%s pins its action by a commit: %o",
    (_, step) => {
      expect(step.uses).toMatch(/^[\w.-]+\/[\w.-]+@[0-9a-f]{40}$/);
    },
  );

  test.each(steps.filter(([, { uses }]) => uses?.startsWith("actions/checkout")))(
    "%s leaves no token in the checkout",
    (_, step) => {
      expect(step.with?.["persist-credentials"]).toBe(false);
      expect(step.with?.ref).toBeUndefined();
    },
  );
});

describe("scripts of the workflows", () => {
  test.each(scripts)("%s is sound bash", (_, script) => {
    const checked = spawnSync("bash", ["-n"], { input: script, encoding: "utf8" });
    expect(checked.stderr).toBe("");
    expect(checked.status).toBe(0);
  });

  test.each(scripts.filter(([, script]) => script.includes("\n")))("%s stops at the first failure", (_, script) => {
    expect(script.replace(/^#.*\n/gm, "")).toMatch(/^set -euo pipefail\n/);
  });

  // A branch's name is a shell's text as soon as an expression puts it into a script.
  test.each(scripts)("%s takes what others wrote from the environment, never from an expression", (_, script) => {
    expect(script).not.toContain("${{");
  });
});
