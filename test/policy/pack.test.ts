import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ResourceValidationArgs, ResourceValidationPolicy } from "@pulumi/policy";
import { describe, expect, test } from "vitest";
import { keepMarks, planPolicies, RULES } from "../../policy/pack";
import { Sealed } from "../../policy/properties";
import { planWith } from "../plan/fixtures";

const DOCUMENT = readFileSync(join(__dirname, "../../docs/policy.md"), "utf8");

describe("the pack", () => {
  test("says of each policy in docs/policy.md what it does and why", () => {
    const rows = RULES.map(({ name, level, severity, reason }) => `| ${name} | ${level} | ${severity} | ${reason} |`);
    const lines = DOCUMENT.split("\n").map((line) => line.replace(/ +/g, " "));
    const table = lines.filter((line) => /^\| [a-z0-9-]+ \| (mandatory|advisory) /.test(line));
    expect(table).toEqual(rows);
  });

  test("gives every policy a name of its own that @pulumi/policy takes", () => {
    const names = RULES.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const { settings } of RULES) expect(Object.keys(settings ?? {})).not.toContain("enforcementLevel");
  });

  test("hands a resource to its rules as the engine marked it, and reports in one line", () => {
    const policy = planPolicies(RULES, planWith()).find(({ name }) => name === "secrets-are-secret");
    const violations = (userData: unknown): string[] => {
      const found: string[] = [];
      const args = {
        type: "vultr:index/instance:Instance",
        name: "broker-server",
        urn: "urn:pulumi:broker::archipelago::vultr:index/instance:Instance::broker-server",
        props: { __getSpecialProxyTarget: { userData } },
        opts: { protect: false, additionalSecretOutputs: [] },
        getConfig: () => ({}),
      } as unknown as ResourceValidationArgs;
      const validate = (policy as ResourceValidationPolicy).validateResource;
      if (typeof validate !== "function") throw new Error("not one function");
      void validate(args, (message) => void found.push(typeof message === "string" ? message : ""));
      return found;
    };
    expect(violations(new Sealed("#!/bin/bash"))).toEqual([]);
    expect(violations("#!/bin/bash")).toEqual([
      expect.stringMatching(/^broker-server\.userData: in clear; allowed: .*\. Do: .*\.$/),
    ]);
  });

  test("leaves alone the stack of a project that is not in the topology, but for its secrets", () => {
    const stackPolicies = planPolicies(RULES, planWith()).filter((policy) => "validateStack" in policy);
    expect(stackPolicies.map(({ name }) => name)).toEqual(["owner-stated", "no-secret-in-state", "cost-ceiling"]);
    const found: string[] = [];
    const urn = "urn:pulumi:elsewhere::other::pulumi:pulumi:Stack::other-elsewhere";
    const resources = [
      { type: "pulumi:pulumi:Stack", name: "other", urn, props: { __getSpecialProxyTarget: { kubeconfig: "x" } } },
    ].map((one) => ({ ...one, opts: { protect: false, additionalSecretOutputs: [] } }));
    for (const policy of stackPolicies)
      void policy.validateStack(
        { resources, getConfig: () => ({}) } as never,
        (message: unknown) => void found.push(String(message)),
      );
    expect(found).toHaveLength(1);
  });

  test("keeps the engine's marks in the very place where @pulumi/policy would drop them", () => {
    const module: { deserializeProperties?: (sent: object, proxySecrets: boolean) => unknown } = {};
    keepMarks(module);
    const sent = { a: { "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", value: "x" } };
    expect(module.deserializeProperties?.({ toJavaScript: () => sent }, false)).toEqual({ a: new Sealed("x") });
  });
});
