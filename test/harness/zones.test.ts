import { describe, expect, test } from "vitest";
import type { Diagnostic } from "../../harness/diagnostics";
import { failureOfDiagnostics } from "../../harness/failure";
import type { Member } from "../../harness/members";
import { ZoneAttempts } from "../../harness/zones";
import type { FaultKind } from "../../plan/faults";
import type { NodeSpec } from "../../plan/types";
import { FAULT_TEXTS } from "../../rehearsal/clouds/faults";

const member: Member = { name: "ashburn", part: "region", cloud: "oci", place: "us-ashburn-1" };
const NODES: Record<string, NodeSpec> = { server: { role: "server" }, "worker-1": { role: "worker" } };
const refused = (resource: string, kind: FaultKind = "capacity"): Diagnostic => {
  const words = FAULT_TEXTS.oci[kind];
  return { severity: "error", resource, type: "oci:Core/instance:Instance", message: words.split("\n")[0]!, words };
};
const attempts = (place = "us-ashburn-1", nodes = NODES) =>
  new ZoneAttempts({ ...member, place }, { cloud: "oci", place, nodes });

describe("availability domains", () => {
  test("are tried one after the other, for the refused machine alone, until there is none left", () => {
    const zones = attempts();
    expect(zones.once).toEqual({});
    expect(zones.next([refused("ashburn-server")])).toEqual([
      "ashburn-server: Oracle Cloud has no free machine in availability domain 1 of 3 in us-ashburn-1; trying 2",
    ]);
    expect(zones.once).toEqual({ "ashburn-server": { zoneAttempt: 1 } });
    expect(zones.next([refused("ashburn-server"), refused("ashburn-worker-1")])).toHaveLength(2);
    expect(zones.once).toEqual({ "ashburn-server": { zoneAttempt: 2 }, "ashburn-worker-1": { zoneAttempt: 1 } });
    expect(zones.next([refused("ashburn-server")])).toEqual([]);
    const { errors, remedy } = failureOfDiagnostics([refused("ashburn-server")], member, (node) => zones.tried(node));
    expect(errors).toEqual([
      "ashburn-server: capacity: Oracle Cloud has no free machine of that size in us-ashburn-1 now, in none of 3 availability domains; its words: 500-InternalError, Out of host capacity.",
    ]);
    expect(remedy).toContain("(or another `zone`)");
  });

  test("are not changed where the node names its zone", () => {
    const zones = attempts("us-ashburn-1", { server: { role: "server", zone: "Uocm:US-ASHBURN-AD-1" } });
    expect(zones.next([refused("ashburn-server")])).toEqual([]);
  });

  test("are not tried where the place has one only", () => {
    expect(attempts("ap-tokyo-1").next([refused("ashburn-server")])).toEqual([]);
  });

  test("are not tried when something else went wrong, too, or for what is no machine", () => {
    expect(attempts().next([refused("ashburn-server"), refused("ashburn-worker-1", "quota")])).toEqual([]);
    expect(attempts().next([refused("ashburn")])).toEqual([]);
    expect(attempts().next([])).toEqual([]);
  });
});

describe("a failure's words", () => {
  const said = (message: string, type = ""): Diagnostic => ({
    ...{ severity: "error", resource: "", type, message, words: message },
  });

  test("hold every error, and every remedy once", () => {
    const { errors, remedy } = failureOfDiagnostics(
      [refused("ashburn-server", "quota"), said("something new"), said("connect ECONNREFUSED 198.18.0.9:6443")],
      member,
    );
    expect(errors).toHaveLength(3);
    expect(errors[0]).toMatch(/^ashburn-server: quota: .*; its words: 400-LimitExceeded/);
    expect(errors.slice(1)).toEqual(["something new", "connect ECONNREFUSED 198.18.0.9:6443"]);
    expect(remedy.split("\n")).toEqual([
      expect.stringMatching(/^ashburn-server \(Oracle Cloud, quota\): Have the limit raised/),
      expect.stringMatching(/^A server did not answer/),
    ]);
  });

  test("know the stack's own cloud behind what the program itself was refused, and no cloud behind other resources", () => {
    const own = failureOfDiagnostics([said(`invoke: ${FAULT_TEXTS.oci.credentials}`)], member);
    expect(own.remedy).toMatch(/^ashburn \(Oracle Cloud, credentials\): Renew them/);
    const provider = failureOfDiagnostics([said(FAULT_TEXTS.aws.credentials, "pulumi:providers:aws")], member);
    expect(provider.remedy).toMatch(/^ashburn \(AWS, credentials\)/);
    const other = failureOfDiagnostics([said(FAULT_TEXTS.oci.credentials, "kubernetes:core/v1:Service")], member);
    expect(other.remedy).toBe("Mend what the error of ashburn names.");
  });
});
