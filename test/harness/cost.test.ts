import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type CostDocument, monthOf, runCost } from "../../harness/cost";
import { main } from "../../harness/main";
import { EXIT, renderReport } from "../../harness/report";
import { UserError } from "../../plan/errors";
import { topologyWith } from "../plan/fixtures";

const metal = { cloud: "equinix-metal", place: "ty", nodeCidr: "10.70.0.0/25", account: "project" };
const linesOf = (options: Parameters<typeof runCost>[0]): string => runCost(options).lines.join("\n");

describe("cost", () => {
  it("shows a row a stack and a total, by machine, disk, address and egress", () => {
    const text = linesOf({ topology: topologyWith() });
    expect(text).toMatch(/STACK +PRICED IN +MACHINE +DISK +ADDRESS +EGRESS +TOTAL/);
    expect(text).toMatch(/oregon +aws us-west-2 +121\.48 +12\.80 +7\.30 +18\.00 +159\.58/);
    expect(text).toMatch(/total +288\.41 +16\.20 +10\.30 +18\.00 +332\.91/);
  });

  it("states the date of its prices, how much of the sum is unverified, and what it assumes of traffic", () => {
    const text = linesOf({ topology: topologyWith(), egressGb: 250 });
    expect(text).toContain("table of 2026-11");
    expect(text).toMatch(/\$[\d.]+ of \$[\d.]+ rest on figures from memory or from undated copies/);
    expect(text).toContain("each region sends 250 GB a month to each other region");
    expect(text).not.toContain("rehearsal");
  });

  it("shows every figure with its source when asked for detail", () => {
    const text = linesOf({ topology: topologyWith(), detail: true });
    expect(text).toMatch(/oregon-worker-1 +machine +60\.74 +t3\.large.*aws\.amazon\.com.*copy of 2026-01/);
    expect(text).toMatch(/ashburn +egress +0\.00 .*memory, unverified/);
  });

  it("shows the chosen stacks alone, and refuses one that nobody has", () => {
    const { document } = runCost({ topology: topologyWith(), stacks: ["london"] });
    expect(document.stacks.map(({ name }) => name)).toEqual(["london"]);
    expect(document.totalUsd).toBe(43.45);
    expect(() => runCost({ topology: topologyWith(), stacks: ["paris"] })).toThrow(UserError);
  });

  it("says in a rehearsal that nothing is billed, and in whose stead an ended cloud's stack is priced", () => {
    const topology = topologyWith({ world: "rehearsal", clusters: { tokyo: metal } });
    const { lines, exitCode } = runCost({ topology });
    expect(exitCode).toBe(EXIT.ok);
    expect(lines.join("\n")).toContain("emulated and bill nothing");
    expect(lines.join("\n")).toContain(
      "tokyo: Equinix Metal ended on 2026-06-30 and has no prices; priced as Linode jp-tyo-3",
    );
    expect(monthOf(topology)).toContain("A month of 5 stacks, were they on live clouds: about $332.91");
  });

  it("prints what it cannot price with its remedy, marks the sums, and answers with the code of wrong input", () => {
    const topology = topologyWith({ clusters: { oregon: { nodes: { server: { size: "t9.large" } } } } });
    const { lines, exitCode } = runCost({ topology });
    expect(exitCode).toBe(EXIT.usage);
    expect(lines.join("\n")).toMatch(/oregon .* 88\.79 \+ \?/);
    expect(lines.join("\n")).toContain("clusters.oregon.nodes.server.size: t9.large; allowed:");
    expect(monthOf(topology)).toContain("without what has no known price (1 thing)");
  });
});

describe("docs/costs.md", () => {
  it("shows the estimate of the tree's own fleet", () => {
    const [, , ...table] = runCost({ topology: topologyWith() }).lines;
    const rows = table.slice(0, table.indexOf(""));
    expect(readFileSync(join(__dirname, "../../docs/costs.md"), "utf8")).toContain(rows.join("\n"));
    expect(rows).toHaveLength(7);
  });
});

describe("the cost verb", () => {
  const folder = mkdtempSync(join(tmpdir(), "archipelago-cost-"));
  const overlay = join(folder, "overlay.json");
  let written = "";
  beforeEach(() => {
    written = "";
    writeFileSync(
      overlay,
      JSON.stringify({
        adminCidrs: ["203.0.113.7/32"],
        clusters: { ashburn: { account: "ocid1.compartment.oc1..aaaaaaaaexample" } },
      }),
    );
    vi.stubEnv("ARCHIPELAGO_OVERLAY", overlay);
    for (const stream of [process.stdout, process.stderr])
      vi.spyOn(stream, "write").mockImplementation((text) => ((written += String(text)), true));
  });
  afterEach(() => {
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
    rmSync(overlay, { force: true });
  });

  it("prints one JSON document with sums, lines, assumptions and statement", async () => {
    expect(await main(["cost", "--json", "--stack", "oregon", "--egress-gb", "0"])).toBe(EXIT.ok);
    const document = JSON.parse(written) as CostDocument;
    expect(document).toMatchObject({ currency: "USD", tableDate: "2026-11", exitCode: 0, totalUsd: 141.58 });
    expect(document.assumptions).toEqual({ egressGbPerPair: 0 });
    expect(document.stacks[0]?.lines.every(({ provenance }) => provenance.length > 0)).toBe(true);
    expect(document.statement.join(" ")).toContain("No discounts");
  });

  it.each(["-1", "much", "", "Infinity", "1e12"])("refuses %j GB", async (gb) => {
    expect(await main(["cost", "--egress-gb", gb])).toBe(EXIT.usage);
    expect(written).toContain("It must be a number from 0");
  });
});

describe("a preview's report", () => {
  const report = { verb: "preview", world: "clouds", stacks: [], seconds: 1, exitCode: 0 } as const;
  const engine = { version: "3.250.0", source: "path", path: "/x/pulumi" } as const;

  it("ends with the month's estimate before what to do next", () => {
    const lines = renderReport({ ...report, stacks: [], engine, month: monthOf(topologyWith()) });
    expect(lines.at(-3)).toMatch(/^A month of 5 stacks: about \$332\.91 \(list prices of 2026-11, 100 GB /);
    expect(lines.at(-1)).toContain("Nothing was changed");
  });

  it("has no such line when there is no estimate", () => {
    expect(renderReport({ ...report, stacks: [], engine }).join("\n")).not.toContain("A month");
  });
});
