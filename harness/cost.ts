import {
  COST_KINDS,
  DEFAULT_ASSUMPTIONS,
  type CostLine,
  type FleetCost,
  planCost,
  selectCost,
  type StackCost,
} from "../plan/cost";
import { CLOUD_FACTS } from "../plan/clouds";
import type { Provenance } from "../plan/prices";
import { EXISTING, type Topology } from "../plan/types";
import { membersOf, planSelection } from "./members";
import { EXIT, type ExitCode } from "./report";
import { renderCount, renderTable } from "./text";
import { loadTopology, planFleet } from "./topology";

export interface CostOptions {
  /** Names of the stacks to show; all when empty. */
  stacks?: string[];
  /** GB a month each region sends to each other region; default 100. */
  egressGb?: number;
  /** Every line with its source. */
  detail?: boolean;
  /** The fleet; default what the program itself reads. */
  topology?: Topology;
}

export interface CostReport {
  lines: string[];
  /** What `--json` prints. */
  document: CostDocument;
  /** Wrong input when something could not be priced: the sums are without it. */
  exitCode: ExitCode;
}

/** The estimate with the sentences that say what it assumes. */
export type CostDocument = FleetCost & { statement: string[]; exitCode: ExitCode };

/**
 * A month's estimate of the chosen stacks. Asks no cloud and no engine.
 *
 * @throws UserError for a stack nobody has, or a topology with findings.
 */
export function runCost(options: CostOptions = {}): CostReport {
  const cost = costOf(options.topology ?? loadTopology(), options.stacks, options.egressGb);
  const exitCode = cost.findings.length === 0 ? EXIT.ok : EXIT.usage;
  const document = { ...cost, statement: renderStatement(cost), exitCode };
  return { lines: renderCost(cost, options.detail), document, exitCode };
}

/** The line at the end of a preview. */
export function monthOf(topology: Topology, stacks?: string[]): string {
  return renderMonth(costOf(topology, stacks));
}

function costOf(topology: Topology, stacks?: string[], egressGbPerPair = DEFAULT_ASSUMPTIONS.egressGbPerPair) {
  const cost = planCost(planFleet(topology), { egressGbPerPair });
  const chosen = planSelection(membersOf(topology), stacks);
  return selectCost(
    cost,
    chosen.map(({ name }) => name),
  );
}

/** One sentence: the sum, of how many stacks, on what assumption. */
export function renderMonth(cost: FleetCost): string {
  const { stacks, findings, assumptions, tableDate, world, totalUsd } = cost;
  const live = world === "rehearsal" ? ", were they on live clouds" : "";
  const missing =
    findings.length > 0 ? `, without what has no known price (${renderCount(findings.length, "thing")})` : "";
  const assumed = `list prices of ${tableDate}, ${assumptions.egressGbPerPair} GB between each two regions each way`;
  return `A month of ${renderCount(stacks.length, "stack")}${live}: about ${usd(totalUsd)}${missing} (${assumed}; more: ./archipelago cost).`;
}

/** The table, what could not be priced, and what the sums assume. */
export function renderCost(cost: FleetCost, detail = false): string[] {
  const head = ["STACK", "PRICED IN", ...COST_KINDS.map((kind) => kind.toUpperCase()), "TOTAL"];
  const rows = cost.stacks.map((stack) => [
    stack.name,
    `${stack.cloud} ${stack.place}`,
    ...COST_KINDS.map((kind) => money(stack.usd[kind])),
    `${money(stack.totalUsd)}${stack.findings.length > 0 ? " + ?" : ""}`,
  ]);
  const sums = COST_KINDS.map((kind) => money(cost.usd[kind]));
  const total = ["total", "", ...sums, `${money(cost.totalUsd)}${cost.findings.length > 0 ? " + ?" : ""}`];
  const lines = ["USD a month", "", ...renderTable(alignRight([head, ...rows, total]))];
  if (detail) for (const stack of cost.stacks) lines.push("", ...renderDetail(stack));
  if (cost.findings.length > 0) {
    lines.push(
      "",
      `Not in the price tables, so that the sums are not whole (${renderCount(cost.findings.length, "thing")}):`,
    );
    for (const { place, value, allowed, remedy } of cost.findings)
      lines.push(`  ${place}: ${value}; allowed: ${allowed}. Do: ${remedy}.`);
  }
  return [...lines, "", ...renderStatement(cost).map((sentence) => `- ${sentence}`)];
}

/** What the sums assume, what they leave out, and how far the prices can be believed. */
export function renderStatement(cost: FleetCost): string[] {
  const { assumptions, hours, tableDate, totalUsd, uncheckedUsd, stacks } = cost;
  const statement = [
    `Prices: the clouds' own list prices in USD, table of ${tableDate}; ${readCopies(stacks)}. ` +
      `${usd(uncheckedUsd)} of ${usd(totalUsd)} rest on figures from memory or from undated copies (--detail says which).`,
    `Machines run all ${hours} hours of a month. No discounts, credits, trial months, taxes; no load balancers but those before three servers, because there are no others.`,
    `Traffic: each region sends ${assumptions.egressGbPerPair} GB a month to each other region over the tunnels and pays for what it sends ` +
      `(--egress-gb changes it). Nothing else counts: image pulls come in, and what goes through the broker is small.`,
    "What clouds give away is counted once an account and cloud, for a fleet that is alone in its accounts.",
    ...stacks
      .filter(({ cloud }) => cloud === EXISTING)
      .map(
        ({ name }) =>
          `${name} is an existing cluster: not priced, for it is not ours; its traffic and volumes are its owner's.`,
      ),
  ];
  if (cost.world === "rehearsal")
    statement.push(
      "This is a rehearsal: its clouds are emulated and bill nothing. The estimate is for the same fleet on live clouds.",
    );
  for (const { name, cloud, place, insteadOf } of stacks) {
    if (!insteadOf) continue;
    const { label } = CLOUD_FACTS[insteadOf.cloud];
    statement.push(
      `${name}: ${label} ended on ${insteadOf.endedOn} and has no prices; priced as ${CLOUD_FACTS[cloud].label} ${place}, its live replacement, in that cloud's default size.`,
    );
  }
  return statement;
}

/** "copies read were of 2026-01 to 2026-09". */
function readCopies(stacks: StackCost[]): string {
  const all = stacks.flatMap(({ lines }) => lines.flatMap(({ provenance }) => provenance));
  const months = all.flatMap((provenance) => ("checked" in provenance ? [provenance.checked] : [])).sort();
  if (months.length === 0) return "no dated copy of any was read";
  const [first, last] = [months[0], months[months.length - 1]];
  return `copies that were read date from ${first === last ? first : `${first} to ${last}`}`;
}

function renderDetail({ name, lines, totalUsd }: StackCost): string[] {
  const width = money(totalUsd).length;
  const rows = lines.map((line) => [
    `  ${line.node ?? name}`,
    line.kind,
    money(line.usd).padStart(width),
    line.what,
    renderProvenance(line),
  ]);
  return [`${name}: ${usd(totalUsd)}`, ...renderTable(rows)];
}

function renderProvenance({ provenance }: CostLine): string {
  const word = (one: Provenance): string => ("checked" in one ? `copy of ${one.checked}` : one.from);
  return [...new Set(provenance.map((one) => `${one.source} (${word(one)})`))].join(", ");
}

const money = (amount: number): string => amount.toFixed(2);
const usd = (amount: number): string => `$${amount.toFixed(2)}`;

/** Figures, from the third column on, end under each other. */
function alignRight(rows: string[][]): string[][] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) => row.map((cell, column) => (column < 2 ? cell : cell.padStart(widths[column] ?? 0))));
}
