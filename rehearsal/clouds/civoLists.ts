import type { Props } from "../plugins/contract";
import { digest } from "./cloud";
import { text } from "../plugins/text";

export const REGIONS = [
  { code: "LON1", name: "London 1", country: "United Kingdom", default: true },
  { code: "NYC1", name: "New York 1", country: "United States", default: false },
  { code: "FRA1", name: "Frankfurt 1", country: "Germany", default: false },
  { code: "PHX1", name: "Phoenix 1", country: "United States", default: false },
];

export const TEMPLATES = [
  { name: "debian-12", version: "12", label: "bookworm" },
  { name: "ubuntu-jammy", version: "22.04", label: "jammy" },
  { name: "ubuntu-noble", version: "24.04", label: "noble" },
].map((template) => ({ id: uuidOf(template.name), ...template }));

/** Cores, MiB and GiB a size; only Civo has sizes as a list of its own. */
export const SIZES = [
  ["g3.xsmall", 1, 1024, 25],
  ["g3.small", 1, 2048, 25],
  ["g3.medium", 2, 4096, 50],
  ["g3.large", 4, 8192, 100],
  ["g3.xlarge", 6, 16384, 150],
  ["g3.2xlarge", 8, 32768, 200],
  ["g4s.xsmall", 1, 1024, 25],
  ["g4s.small", 1, 2048, 25],
  ["g4s.medium", 2, 4096, 50],
  ["g4s.large", 4, 8192, 100],
  ["g4s.xlarge", 6, 16384, 150],
].map(([name, cpu, ram, disk]) => ({
  name: text(name),
  type: "Instance",
  description: "",
  cpu,
  ram,
  disk,
  selectable: true,
}));

/** The same thing has the same id every time. */
export function uuidOf(text: string): string {
  return digest(text).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, "$1-$2-$3-$4-$5");
}

/** Filters and sorts of the provider's lists. */
export function select(records: Props[], args: Props): Props[] {
  const keys = Object.keys(records[0] ?? {});
  const checked = (place: string, key: string): void => {
    if (!keys.includes(key)) throw new Error(`expected ${place}.key to be one of [${keys.join(" ")}], got ${key}`);
  };
  let found = records;
  for (const filter of (args.filters ?? []) as { key: string; values: string[]; matchBy?: string }[]) {
    checked("filter", filter.key);
    const matches = (value: string, wanted: string): boolean => {
      if (filter.matchBy === "re") return new RegExp(wanted).test(value);
      return filter.matchBy === "substring" ? value.includes(wanted) : value === wanted;
    };
    found = found.filter((record) => filter.values.some((wanted) => matches(text(record[filter.key]), wanted)));
  }
  for (const sort of [...((args.sorts ?? []) as { key: string; direction?: string }[])].reverse()) {
    checked("sort", sort.key);
    const sign = sort.direction === "desc" ? -1 : 1;
    const rank = (one: Props, other: Props): number =>
      text(one[sort.key]).localeCompare(text(other[sort.key]), "en", { numeric: true });
    found = [...found].sort((one, other) => sign * rank(one, other));
  }
  return found;
}
