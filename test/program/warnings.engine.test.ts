import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runPreview } from "../../harness/fleet";
import { EmulatedWorld } from "./emulatedWorld";

const CLOUDS = {
  world: "clouds",
  adminCidrs: ["203.0.113.7/32"],
  clusters: { ashburn: { account: "ocid1.compartment.oc1..emulated" } },
};

describe("findings of the plan, by the real engine, for the world of clouds", () => {
  const world = new EmulatedWorld(CLOUDS);
  const { machines } = world;
  const preview = (stack: string) => world.pulumi(["preview", "--stack", stack]);
  const count = (text: string, words: string) => text.split(words).length - 1;

  beforeAll(() => world.open());
  afterAll(() => world.close());

  test("the harness shows each warning once for the fleet, and fails nothing", async () => {
    world.propose();
    const said: string[] = [];
    const report = await runPreview({
      stacks: ["broker", "london", "tokyo"],
      screen: { write: (text) => said.push(text) },
    });
    expect(report.stacks.map(({ outcome }) => outcome)).not.toContain("failed");
    const text = said.join("");
    expect(count(text, "[database-licence]")).toBe(1);
    expect(count(text, "clusters.london and clusters.tokyo: London–Tokyo 214 ms")).toBe(1);
  });

  test("a plain preview shows a stack its own warnings and the fleet's, each once, and succeeds", async () => {
    world.propose();
    const { text, code } = await preview("broker");
    expect(code, text).toBe(0);
    // The CLI prints what is said while it works, and again in its summary.
    const summary = text.slice(text.indexOf("\nDiagnostics:"));
    expect(count(summary, "[database-licence]"), text).toBe(1);
    expect(text).not.toContain("[round-trip]");
  });

  test("a plain preview stops at errors before any cloud is asked, with all of them at once and no stack trace", async () => {
    world.propose({ domain: "internal", clusters: { oregon: { podCidr: "10.128.0.0/16" } } });
    const { text, code } = await preview("broker");
    expect(code).not.toBe(0);
    for (const rule of ["domain", "cidr-overlap", "database-licence", "round-trip"]) {
      expect(text).toContain(`[${rule}]`);
    }
    expect(text).toContain("docs/topology.md");
    expect(text).not.toMatch(/\n\s+at .+:\d+:\d+/);
    expect(machines.created).toEqual([]);
  });

  test("a cloud that has ended stops every preview with one line that says so and what to do, and no cloud is asked", async () => {
    const metal = { cloud: "equinix-metal", place: "ty", account: "7f0e2c1a-5b1d-4f6e-9a51-0c4a8b1f2d3e" };
    world.propose({ clusters: { tokyo: { ...metal, nodeCidr: "10.70.0.0/25" } } });
    const line =
      "clusters.tokyo.cloud: equinix-metal, but Equinix Metal ended on 2026-06-30; allowed: aws, oci, vultr, civo, linode. " +
      "Do: choose another cloud for it, e.g. cloud: linode, place: jp-tyo-3. [cloud-ended]";
    for (const stack of ["tokyo", "london"]) {
      await world.pulumi(["stack", "init", stack]);
      const { text, code } = await preview(stack);
      expect(code, text).not.toBe(0);
      expect(count(text.slice(text.indexOf("\nDiagnostics:")), line), text).toBe(1);
      expect(text).not.toMatch(/\n\s+at .+:\d+:\d+/);
    }
    await expect(runPreview({ stacks: ["tokyo"] })).rejects.toThrow(line);
    expect(machines.created).toEqual([]);
  });
});
