import type { EngineEvent } from "@pulumi/pulumi/automation";
import { describe, expect, it } from "vitest";
import { diagnosticOf, hideSecrets, oneLine } from "../../harness/diagnostics";
import {
  applyEvent,
  currentPhase,
  isUnchanged,
  longestUnderWay,
  newProgress,
  renderChanges,
} from "../../harness/events";
import { phaseOf } from "../../harness/phases";
import { ProgressView, renderActivity, renderProgressLine } from "../../harness/progress";
import { WARNING_MARK } from "../../plan/check";

const urn = (types: string, name: string): string => `urn:pulumi:london::archipelago::${types}::${name}`;
const REGION = "archipelago:stacks:Region";

const step = (
  kind: "resourcePreEvent" | "resOutputsEvent" | "resOpFailedEvent",
  types: string,
  name: string,
  op = "create",
): EngineEvent => {
  const metadata = { op, urn: urn(types, name), type: types.split("$").pop()!, provider: "" };
  return { sequence: 1, timestamp: 1, [kind]: { metadata } };
};
const said = (message: string, severity = "error", about?: string): EngineEvent =>
  ({
    sequence: 1,
    timestamp: 1,
    diagnosticEvent: { message, severity, color: "never", urn: about },
  }) as unknown as EngineEvent;

describe("phases", () => {
  it.each([
    [`${REGION}$aws:ec2/vpc:Vpc`, "oregon-network", "network"],
    [`${REGION}$aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule`, "oregon-ike", "network"],
    [`${REGION}$aws:ec2/instance:Instance`, "oregon-server", "machines"],
    [`${REGION}$oci:Core/instance:Instance`, "ashburn-server", "machines"],
    [`${REGION}$equinix-metal:index/device:Device`, "tokyo-server", "machines"],
    [`${REGION}$vultr:index/reservedIp:ReservedIp`, "broker-server", "network"],
    [`${REGION}$random:index/randomString:RandomString`, "london-token", "kubernetes"],
    [`${REGION}$archipelago:kubernetes:Cluster$kubernetes:apps/v1:DaemonSet`, "kube-flannel-ds", "kubernetes"],
    [`${REGION}$archipelago:submariner:Gateway$kubernetes:apps/v1:Deployment`, "operator", "submariner"],
    [`${REGION}$kubernetes:submariner.io/v1alpha1:Submariner`, "submariner", "submariner"],
    [`${REGION}$archipelago:cockroachdb:Database$kubernetes:apps/v1:StatefulSet`, "london-replicas", "database"],
    [`archipelago:cockroachdb:Trust$tls:index/privateKey:PrivateKey`, "broker-database-ca", "database"],
    ["pulumi:pulumi:Stack", "archipelago-london", undefined],
    ["pulumi:providers:kubernetes", "london-kubernetes", undefined],
  ])("finds the phase of %s %s", (types, name, phase) => {
    expect(phaseOf(urn(types, name), types.split("$").pop()!)).toBe(phase);
  });
});

describe("progress", () => {
  const vpc = `${REGION}$civo:index/network:Network`;
  const machine = `${REGION}$civo:index/instance:Instance`;

  it("counts what began and what ended, and names what is waited for longest", () => {
    const progress = newProgress("london");
    progress.startedMs = 0;
    applyEvent(progress, step("resourcePreEvent", vpc, "london-network"), 1_000);
    applyEvent(progress, step("resOutputsEvent", vpc, "london-network"), 2_000);
    applyEvent(progress, step("resourcePreEvent", machine, "london-server"), 3_000);
    expect(progress.phases.network).toEqual({ seen: 1, done: 1 });
    expect(progress.phases.machines).toEqual({ seen: 1, done: 0 });
    expect(currentPhase(progress)).toBe("machines");
    expect(longestUnderWay(progress)?.name).toBe("london-server");
    expect(renderActivity(progress, 15_000)).toBe("network 1/1, machines 0/1 (15 s) · create london-server for 12 s");
  });

  it("does not count a failed operation as done", () => {
    const progress = newProgress("london");
    applyEvent(progress, step("resourcePreEvent", machine, "london-server"), 0);
    applyEvent(progress, step("resOpFailedEvent", machine, "london-server"), 1);
    expect(progress.phases.machines).toEqual({ seen: 1, done: 0 });
    expect(progress.underWay.size).toBe(0);
  });

  it("keeps a diagnostic once, however often the engine repeats it", () => {
    const progress = newProgress("london");
    applyEvent(progress, said("quota exceeded"), 0);
    applyEvent(progress, said("quota exceeded"), 1);
    expect(progress.diagnostics).toHaveLength(1);
  });

  it("shows a waiting, a running and an ended stack in one line each", () => {
    const progress = newProgress("london");
    expect(renderProgressLine(progress, 0)).toMatch(/london\s+waiting$/);
    Object.assign(progress, { state: "running", step: "starting", startedMs: 0 });
    expect(renderProgressLine(progress, 61_000)).toMatch(/starting \(1 min 01 s\)$/);
    Object.assign(progress, { state: "failed", step: "quota exceeded", endedMs: 2_000 });
    expect(renderProgressLine(progress, 99_000)).toMatch(/failed: quota exceeded \(2 s\)$/);
  });

  it("writes plain lines, each once, where there is no terminal", () => {
    const written: string[] = [];
    const view = new ProgressView(["london"], { write: (text) => written.push(text) });
    view.begin("london", "starting");
    for (const name of ["a", "b"]) view.event("london", step("resourcePreEvent", machine, name));
    view.event("london", said("quota exceeded"));
    view.end("london", "failed", "quota exceeded");
    const text = written.join("");
    expect(text.split("\n").slice(0, 3)).toEqual([
      "[london] starting",
      "[london] machines",
      "[london] error: quota exceeded",
    ]);
    expect(text).not.toContain("\u001b");
  });

  it("leaves out what every program says of the topology: the harness said it before", () => {
    const written: string[] = [];
    const view = new ProgressView(["london", "tokyo"], { write: (text) => written.push(text) });
    for (const name of ["london", "tokyo"]) {
      for (const message of [`${WARNING_MARK}database.licensed: missing`, "deprecated"]) {
        view.event(name, said(message, "warning"));
      }
    }
    expect(written.join("").trimEnd().split("\n")).toEqual([
      "[london] warning: deprecated",
      "[tokyo] warning: deprecated",
    ]);
  });

  it("rewrites its block on a terminal instead of adding lines", () => {
    const written: string[] = [];
    const before = process.env.CI;
    delete process.env.CI;
    const view = new ProgressView(["london", "tokyo"], {
      write: (text) => written.push(text),
      isTTY: true,
      columns: 80,
    });
    view.start();
    view.begin("london", "starting");
    view.stop();
    view.stop();
    if (before !== undefined) process.env.CI = before;
    expect(written.join("")).toContain("london");
    expect(written.every((text) => text.startsWith("\u001b[2A") || text.split("\n").length === 3)).toBe(true);
  });
});

describe("changes", () => {
  it("calls a run unchanged when everything stayed the same", () => {
    expect(isUnchanged({ same: 40 })).toBe(true);
    expect(isUnchanged({})).toBe(true);
    expect(isUnchanged({ same: 40, update: 1 })).toBe(false);
    expect(isUnchanged({ create: 0, same: 3 })).toBe(true);
  });

  it("tells created before unchanged", () => {
    expect(renderChanges({ same: 4, create: 3 })).toBe("3 created, 4 unchanged");
    expect(renderChanges({})).toBe("nothing to do");
  });
});

describe("diagnostics", () => {
  it("makes one line of a coloured message with a stack trace", () => {
    const text =
      "\u001b[31m<{%fg 1%}>Error: no capacity\n    at create (/x/y.js:1:2)\n    at node:internal/z:1\n<{%reset%}>try later";
    expect(oneLine(text)).toBe("Error: no capacity try later");
  });

  it("hides keys, tokens and passwords", () => {
    const key = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQ\n-----END EC PRIVATE KEY-----";
    expect(hideSecrets(`x ${key} y`)).toBe("x [secret] y");
    expect(hideSecrets("join abcdef.0123456789abcdef now")).toBe("join [secret] now");
    expect(hideSecrets('{"password":"hunter2"}')).not.toContain("hunter2");
    expect(hideSecrets("eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrdWJlIn0.c2ln")).toBe("[secret]");
    expect(hideSecrets("A".repeat(200))).toBe("[secret]");
    expect(hideSecrets("oregon-server not reachable at 198.18.1.10:6443")).toBe(
      "oregon-server not reachable at 198.18.1.10:6443",
    );
  });

  it("passes over what only says that something else failed", () => {
    expect(diagnosticOf(said("update failed"))).toBeUndefined();
    expect(diagnosticOf(said("all is well", "info"))).toBeUndefined();
    expect(diagnosticOf(said("using pulumi-resource-x from $PATH at /y", "warning"))).toBeUndefined();
  });

  it("names the resource an error is about, but not the stack itself", () => {
    const about = urn(`${REGION}$civo:index/instance:Instance`, "london-server");
    expect(diagnosticOf(said("no", "error", about))?.resource).toBe("london-server");
    expect(diagnosticOf(said("no", "error", urn("pulumi:pulumi:Stack", "archipelago-london")))?.resource).toBe("");
  });
});
