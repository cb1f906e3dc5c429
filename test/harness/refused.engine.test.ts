import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { renderReport, type FleetReport } from "../../harness/report";
import { CLOUD_FACTS } from "../../plan/clouds";
import { FAULT_KINDS } from "../../plan/faults";
import { CLOUDS, type CloudName, type NodeSpec } from "../../plan/types";
import { FAULT_TEXTS, machineFault, outOfCapacity } from "../../rehearsal/clouds/faults";
import { clusterOf, planScratch } from "../conformance/scratchFleet";
import type { Told } from "./refusedFleet";
import { RefusedStack, TRACE, withBroker } from "./refusedStack";

const slug = (kind: string): string => kind.replace(" ", "-");
const ASHBURN = "us-ashburn-1";

describe("what a cloud refuses, by the real engine and the harness", () => {
  const stack = new RefusedStack();
  const { machines, store } = stack;
  const machineObjects = (cloud: CloudName) => store.list(cloud).filter((one) => one.hidden.machine !== undefined);

  beforeAll(() => stack.open());
  beforeEach(() => void (stack.said = ""));
  afterAll(() => stack.close());

  describe("with a machine a cloud and a reason", () => {
    const workers = Object.fromEntries(FAULT_KINDS.map((kind): [string, NodeSpec] => [slug(kind), { role: "worker" }]));
    const told: Told = {
      topology: planScratch(() => workers).topology,
      clusters: CLOUDS.map(clusterOf),
    };
    let refused: FleetReport;
    let said: string;
    let healed: FleetReport;
    let again: FleetReport;
    const of = (report: FleetReport) => report.stacks[0]!;

    beforeAll(async () => {
      stack.tell(told);
      for (const cloud of CLOUDS)
        for (const kind of FAULT_KINDS)
          store.failNext({ ...machineFault(cloud, kind), name: `${clusterOf(cloud)}-${slug(kind)}` });
      // All refusals in one run of the engine, which otherwise stops at the first.
      process.env.PULUMI_CONTINUE_ON_ERROR = "true";
      refused = await stack.up(told);
      ({ said } = stack);
      delete process.env.PULUMI_CONTINUE_ON_ERROR;
      healed = await stack.up(told);
      again = await stack.preview(told);
    });

    test("the run fails with exit code 1, and prints no stack trace", () => {
      expect([of(refused).outcome, refused.exitCode]).toEqual(["failed", 1]);
      expect(of(refused).errors).toHaveLength(CLOUDS.length * FAULT_KINDS.length);
      expect(said).toContain("error: ");
      for (const text of [said, renderReport(refused).join("\n")]) expect(text).not.toMatch(TRACE);
    });

    test.each(CLOUDS.flatMap((cloud) => FAULT_KINDS.map((kind) => [cloud, kind] as const)))(
      "%s, %s: is told in the program's words and the cloud's, with what to do",
      (cloud, kind) => {
        const node = `${clusterOf(cloud)}-${slug(kind)}`;
        const [error, ...more] = of(refused).errors.filter((line) => line.startsWith(`${node}: `));
        expect(more).toEqual([]);
        expect(error).toMatch(new RegExp(`^${node}: ${kind}: .*; its words: `));
        expect(error).toContain(FAULT_TEXTS[cloud][kind].replace(/\s+/g, " ").slice(0, 90));
        const remedies = of(refused).remedy?.split("\n") ?? [];
        const [remedy, ...others] = remedies.filter((line) => line.startsWith(`${node} (`));
        expect(others).toEqual([]);
        expect(remedy).toMatch(
          new RegExp(`^${node} \\(${CLOUD_FACTS[cloud].label}, ${kind}\\): [A-Z].* What was made stays; `),
        );
      },
    );

    test("the next run makes what was refused, each machine once", () => {
      expect([of(healed).outcome, of(healed).errors, healed.exitCode]).toEqual(["changed", [], 0]);
      expect(of(healed).changes.create).toBe(CLOUDS.length * FAULT_KINDS.length);
      for (const cloud of CLOUDS) {
        const names = machineObjects(cloud).map(({ name }) => name);
        const keys = ["server", ...FAULT_KINDS.map(slug)];
        expect(names.sort()).toEqual(keys.map((key) => `${clusterOf(cloud)}-${key}`).sort());
      }
      expect(machines.machines.size).toBe(CLOUDS.length * (FAULT_KINDS.length + 1));
      expect(of(again).outcome).toBe("unchanged");
    });
  });

  describe("with Oracle's availability domains out of hosts", () => {
    const oracle = { cloud: "oci", place: ASHBURN, account: "ocid1.compartment.oc1..refused" };
    const nodes = (...keys: string[]): Record<string, NodeSpec> => ({
      server: { role: "server" },
      ...Object.fromEntries(keys.map((key): [string, NodeSpec] => [key, { role: "worker" }])),
    });
    const brokerOf = (...keys: string[]): Told =>
      stack.tell({ topology: withBroker({ ...oracle, nodes: nodes(...keys) }), clusters: ["broker"] });
    const domain = (number: number): string => `Emul:US-ASHBURN-1-AD-${number}`;
    const full = (number: number, name: string): void =>
      store.failNext({ ...outOfCapacity("oci", 1), name, where: { availabilityDomain: domain(number) } });
    const domainsOf = () =>
      Object.fromEntries(machineObjects("oci").map(({ name, inputs }) => [name, inputs.availabilityDomain]));

    beforeAll(async () => {
      stack.tell({ topology: planScratch().topology, clusters: [] });
      expect(await stack.plain("up", "--yes", "--skip-preview")).toContain("deleted");
      expect(store.list()).toEqual([]);
    });

    test("the machine is tried in one after the other, and stays where it was made", async () => {
      full(1, "broker-server");
      full(2, "broker-server");
      const told = brokerOf();
      const report = await stack.up(told);
      expect(report.stacks[0]).toMatchObject({ outcome: "changed", errors: [] });
      expect(domainsOf()).toEqual({ "broker-server": domain(3) });
      expect(
        stack.said.match(/no free machine in availability domain \d of 3 in us-ashburn-1; trying \d/g),
      ).toHaveLength(2);
      const preview = await stack.preview(told);
      expect([preview.stacks[0]?.outcome, preview.stacks[0]?.errors]).toEqual(["unchanged", []]);
    });

    test("another machine is not moved with it", async () => {
      full(1, "broker-one");
      const report = await stack.up(brokerOf("one", "two"));
      expect(report.stacks[0]).toMatchObject({ outcome: "changed", errors: [] });
      expect(domainsOf()).toEqual({
        ...{ "broker-server": domain(3), "broker-one": domain(2), "broker-two": domain(1) },
      });
    });

    test("the run ends with the refusal when there is none left, and what was made stays", async () => {
      for (const number of [1, 2, 3]) full(number, "broker-three");
      const told = brokerOf("one", "two", "three");
      const report = await stack.up(told);
      const [ended] = report.stacks;
      expect([ended?.outcome, report.exitCode]).toEqual(["failed", 1]);
      expect(ended?.errors[0]).toMatch(/^broker-three: capacity: .* in none of 3 availability domains; its words: /);
      expect(Object.keys(domainsOf())).toHaveLength(3);
      expect((await stack.up(told)).stacks[0]).toMatchObject({ outcome: "changed", changes: { create: 1 } });
    });

    test("plain pulumi shows the cloud's words, which docs/operating.md explains", async () => {
      full(1, "broker-four");
      brokerOf("one", "two", "three", "four");
      const text = (await stack.plain("up", "--yes", "--skip-preview")).replace(/\s+/g, " ");
      expect(text).toContain("500-InternalError, Out of host capacity.");
    });

    test("a failed deletion is told, and the next one goes on", async () => {
      store.failNext({ cloud: "oci", operation: "delete", name: "broker-one", message: FAULT_TEXTS.oci["rate limit"] });
      const first = await stack.plain("destroy", "--yes", "--skip-preview");
      expect(first).toContain("429-TooManyRequests");
      await stack.plain("destroy", "--yes", "--skip-preview");
      expect(store.list()).toEqual([]);
    });
  });
});
