/** What a fleet costs in a month, by the list prices of prices.ts. Pure. */
import { CLOUD_FACTS } from "./clouds";
import { isChecked, PRICES, type CloudPrices, type Place, type Provenance, type Size, TABLE_DATE } from "./prices";
import { renderNearest } from "./nearest";
import { findPlace, findSize, knownPlaces, knownSizes } from "./sizes";
import { isReplicated } from "./servers";
import {
  type AdapterName,
  type CloudName,
  type ClusterPlan,
  EXISTING,
  type Finding,
  type NodePlan,
  type Plan,
} from "./types";

/** A month, as clouds count it that list prices by the hour. */
export const HOURS_PER_MONTH = 730;

export const COST_KINDS = ["machine", "disk", "address", "egress"] as const;
export type CostKind = (typeof COST_KINDS)[number];

export interface CostAssumptions {
  /** What each region sends to each other region over the tunnels, GB a month; each pays for what it sends. */
  egressGbPerPair: number;
}
/** 100 GB a month are 0.3 Mbit/s all month long. */
export const DEFAULT_ASSUMPTIONS: CostAssumptions = { egressGbPerPair: 100 };
/** More than any of these clouds would carry; what is above is a slip of the keyboard. */
export const MOST_EGRESS_GB = 1e9;

/** One thing that is paid for. Money is USD, rounded to cents. */
export interface CostLine {
  kind: CostKind;
  /** The machine it belongs to; traffic belongs to the whole stack. */
  node?: string;
  what: string;
  usd: number;
  provenance: Provenance[];
}

export interface StackCost {
  name: string;
  /** Where it is priced: where it lies, unless `instead` says otherwise. An existing cluster is not priced: it is not ours. */
  cloud: AdapterName;
  place: string;
  /** Set when the stack lies in a cloud that has ended and is priced in another one. */
  insteadOf?: { cloud: CloudName; place: string; endedOn: string };
  lines: CostLine[];
  usd: Record<CostKind, number>;
  totalUsd: number;
  /** What could not be priced; the sums are without it. */
  findings: Finding[];
}

export interface FleetCost {
  currency: "USD";
  hours: number;
  /** Month of the price tables. */
  tableDate: string;
  /** In a rehearsal nothing is billed: the estimate is for the same fleet on live clouds. */
  world: Plan["topology"]["world"];
  assumptions: CostAssumptions;
  stacks: StackCost[];
  usd: Record<CostKind, number>;
  totalUsd: number;
  /** The part of the total that rests on figures of which no dated copy was read. */
  uncheckedUsd: number;
  findings: Finding[];
}

/**
 * A month's estimate of every stack. Nothing it does not know stops it: unknown sizes, places and clouds become findings.
 *
 * @throws RangeError when an assumption is no amount of traffic.
 */
export function planCost(plan: Plan, assumptions: CostAssumptions = DEFAULT_ASSUMPTIONS): FleetCost {
  const { egressGbPerPair } = assumptions;
  if (!(egressGbPerPair >= 0 && egressGbPerPair <= MOST_EGRESS_GB))
    throw new RangeError(`${egressGbPerPair} GB a month is not between 0 and ${MOST_EGRESS_GB}`);
  const { world } = plan.topology;
  const sites = Object.values(plan.clusters).map((cluster) => locate(cluster, world));
  const billable = billableShares(sites, egressGbPerPair);
  return totalOf(
    world,
    assumptions,
    sites.map((site) => priceStack(site, egressGbPerPair, billable.get(site.cloud) ?? 0)),
  );
}

/** The same estimate for some of the stacks only; the shares of what is free stay those of the whole fleet. */
export function selectCost(cost: FleetCost, names: string[]): FleetCost {
  return totalOf(
    cost.world,
    cost.assumptions,
    cost.stacks.filter(({ name }) => names.includes(name)),
  );
}

/** Adds in whole cents, so that sums are exactly the sums of what is shown. */
export function sumUsd(amounts: number[]): number {
  return amounts.reduce((cents, usd) => cents + Math.round(usd * 100), 0) / 100;
}

/** A cluster with the tables it is priced by. */
interface Site {
  cluster: ClusterPlan;
  cloud: AdapterName;
  place: string;
  insteadOf?: StackCost["insteadOf"];
  prices?: CloudPrices;
  at?: Place;
  sizes: Map<NodePlan, Size | undefined>;
  findings: Finding[];
}

function locate(cluster: ClusterPlan, world: Plan["topology"]["world"]): Site {
  const { cloud, place, name } = cluster;
  const findings: Finding[] = [];
  // Whoever put it up pays for it, with or without the fleet.
  if (cloud === EXISTING) return { cluster, cloud, place, sizes: new Map(), findings };
  const own = PRICES[cloud];
  const find = (field: string, value: string, allowed: string, remedy: string): void =>
    void findings.push({ place: `clusters.${name}.${field}`, value, allowed, remedy });
  const site = (
    cloud: CloudName,
    place: string,
    nameOf: (node: NodePlan) => string,
    more: Partial<Site> = {},
  ): Site => {
    const at = findPlace(cloud, place);
    if (!at) {
      const remedy = "correct it, or add it to plan/prices; until then the cloud's usual price is taken";
      find(
        "place",
        place,
        `a place in the table of ${TABLE_DATE}: ${renderNearest(knownPlaces(cloud), place)}`,
        remedy,
      );
    }
    const sizes = new Map(cluster.nodes.map((node) => [node, findSize(cloud, nameOf(node))]));
    if (at && at.machineFactor === undefined)
      find(
        "place",
        place,
        "a place whose prices are known",
        "look them up and add them; the cloud's usual ones are taken",
      );
    for (const [node, size] of sizes) {
      if (size && isPriced(size)) continue;
      if (size) {
        find(
          `nodes.${node.key}.size`,
          size.name,
          "a size whose price is known",
          "look it up and add it to plan/prices",
        );
        continue;
      }
      const allowed = `a size in the table of ${TABLE_DATE}: ${renderNearest(knownSizes(cloud), nameOf(node))}`;
      find(`nodes.${node.key}.size`, nameOf(node), allowed, "correct it, or add it and its price to plan/prices");
    }
    return { cluster, cloud, place, prices: PRICES[cloud], at, sizes, findings, ...more };
  };

  if (!own) {
    find("cloud", cloud, "a cloud with a table in plan/prices", "add its table, or ask the one who bills it");
    return { cluster, cloud, place, sizes: new Map(), findings };
  }
  if (!own.ended) return site(cloud, place, (node) => node.size);
  const { on, instead } = own.ended;
  if (world === "clouds") {
    const remedy = CLOUD_FACTS[cloud].ended?.remedy ?? "choose another cloud";
    find("cloud", cloud, `a cloud that still sells machines: this one ended on ${on} and has no prices`, remedy);
    return { cluster, cloud, place, sizes: new Map(), findings };
  }
  // Sizes of the ended cloud mean nothing in the other: its adapter's default stands for them.
  const size = PRICES[instead.cloud]?.defaultSize ?? "";
  return site(instead.cloud, instead.places[place] ?? instead.otherwise, () => size, {
    insteadOf: { cloud, place, endedOn: on },
  });
}

const isPriced = ({ usdPerHour, usdPerMonth }: Size): boolean => usdPerHour !== undefined || usdPerMonth !== undefined;

const sentGb = (site: Site, egressGbPerPair: number): number => site.cluster.peers.length * egressGbPerPair;

/** Which part of its traffic each cloud bills: what is free is an account's, and the fleet has one account a cloud. */
function billableShares(sites: Site[], egressGbPerPair: number): Map<AdapterName, number> {
  const shares = new Map<AdapterName, number>();
  for (const cloud of new Set(sites.map((site) => site.cloud))) {
    if (cloud === EXISTING) continue;
    const there = sites.filter((site) => site.cloud === cloud);
    const sent = there.reduce((sum, site) => sum + sentGb(site, egressGbPerPair), 0);
    const included = there.flatMap(({ sizes }) => [...sizes.values()].map((size) => size?.includedGb ?? 0));
    const freeGb = included.reduce((sum, gb) => sum + gb, PRICES[cloud]?.egress.freeGb ?? 0);
    shares.set(cloud, sent > freeGb ? 1 - freeGb / sent : 0);
  }
  return shares;
}

function priceStack(site: Site, egressGbPerPair: number, billable: number): StackCost {
  const { cluster, cloud, place, insteadOf, prices, at, findings } = site;
  const lines: CostLine[] = [];
  const add = (kind: CostKind, what: string, usd: number, provenance: Provenance[], node?: string): void =>
    void lines.push({ kind, ...(node && { node }), what, usd: Math.round(usd * 100) / 100, provenance });
  // Where places differ, that this one costs no more is a figure too.
  const differ = prices?.places.some((other) => other.machineFactor !== 1) ?? false;
  const placed = (figure: Provenance): Provenance[] => (at && differ ? [figure, at.provenance] : [figure]);

  if (prices) {
    const { machineFactor = 1, diskFactor = 1, balancerFactor = 1, egressUsdPerGb } = at ?? {};
    for (const [node, size] of site.sizes) {
      if (!size) continue;
      const month = size.usdPerMonth ?? (size.usdPerHour ?? 0) * HOURS_PER_MONTH;
      const shape = `${size.name}, ${size.vcpus} vCPUs, ${size.memoryGib} GiB`;
      if (isPriced(size)) add("machine", shape, month * machineFactor, placed(size.provenance), node.name);
      if (size.diskGib !== undefined)
        add("disk", `${size.diskGib} GiB, come with the machine`, 0, [size.provenance], node.name);
      else if (prices.disk && prices.bootDiskGib) {
        const usd = prices.bootDiskGib * prices.disk.usd * diskFactor;
        add("disk", `${prices.bootDiskGib} GiB`, usd, placed(prices.disk.provenance), node.name);
      }
      const address = node.staticAddress ? prices.staticAddress : prices.ephemeralAddress;
      const what = node.staticAddress ? "public address, static" : "public address, the machine's own";
      add("address", what, address.usd, [address.provenance], node.name);
    }
    if (isReplicated(cluster) && prices.balancer) {
      const { balancer, staticAddress } = prices;
      const figures = balancerFactor === 1 ? [balancer.provenance] : placed(balancer.provenance);
      add("address", "load balancer before the API", balancer.usd * balancerFactor, figures);
      add("address", "public address, the load balancer's", staticAddress.usd, [staticAddress.provenance]);
    }
    const gb = sentGb(site, egressGbPerPair);
    if (gb > 0) {
      const rate = egressUsdPerGb ?? prices.egress.usd;
      const billedGb = rate > 0 ? gb * billable : 0;
      const note = prices.egress.note ? ` (${prices.egress.note})` : "";
      const what = `${gb} GB to ${cluster.peers.length} regions, ${Math.round(billedGb)} GB of it billed${note}`;
      const { provenance } = prices.egress;
      add(
        "egress",
        what,
        rate * billedGb,
        at && egressUsdPerGb !== undefined ? [provenance, at.provenance] : [provenance],
      );
    }
  }
  const usd = sumByKind(lines.map(({ kind, usd }) => ({ [kind]: usd })));
  const totalUsd = sumUsd(Object.values(usd));
  return { name: cluster.name, cloud, place, ...(insteadOf && { insteadOf }), lines, usd, totalUsd, findings };
}

function totalOf(world: FleetCost["world"], assumptions: CostAssumptions, stacks: StackCost[]): FleetCost {
  const unchecked = stacks.flatMap(({ lines }) => lines.filter(({ provenance }) => !provenance.every(isChecked)));
  return {
    currency: "USD",
    hours: HOURS_PER_MONTH,
    tableDate: TABLE_DATE,
    world,
    assumptions,
    stacks,
    usd: sumByKind(stacks.map(({ usd }) => usd)),
    totalUsd: sumUsd(stacks.map((stack) => stack.totalUsd)),
    uncheckedUsd: sumUsd(unchecked.map(({ usd }) => usd)),
    findings: stacks.flatMap(({ findings }) => findings),
  };
}

function sumByKind(parts: Partial<Record<CostKind, number>>[]): Record<CostKind, number> {
  const sum = (kind: CostKind): number => sumUsd(parts.map((part) => part[kind] ?? 0));
  return { machine: sum("machine"), disk: sum("disk"), address: sum("address"), egress: sum("egress") };
}
