/** Looks things up in the table of sizes and places (prices.ts). */
import { PRICES, type Place, type Size } from "./prices";
import type { CloudName } from "./types";

/** Names of the instance sizes in a cloud's table; empty for a cloud without one. */
export const knownSizes = (cloud: string): string[] => [...tableOf(cloud).sizes.keys()];

/** Names of the regions, locations or metros in a cloud's table; empty for a cloud without one. */
export const knownPlaces = (cloud: string): string[] => [...tableOf(cloud).places.keys()];

/** What a node without `size` is made of; `undefined` for a cloud whose machines are not ours to make. */
export const defaultSize = (cloud: string): string | undefined => pricesOf(cloud)?.defaultSize;

/** A size's row. */
export const findSize = (cloud: string, name: string): Size | undefined => tableOf(cloud).sizes.get(name);

/** A place's row. */
export const findPlace = (cloud: string, name: string): Place | undefined => tableOf(cloud).places.get(name);

/** The root disk that an adapter orders where disks are billed by themselves. */
export const bootDiskGib = (cloud: string): number | undefined => pricesOf(cloud)?.bootDiskGib;

/** Root disk of a machine of this size. */
export const rootDiskGib = (cloud: string, size: Size): number => size.diskGib ?? bootDiskGib(cloud) ?? 0;

// Own keys only: a cloud called "constructor" has no table.
const pricesOf = (cloud: string) => (Object.hasOwn(PRICES, cloud) ? PRICES[cloud as CloudName] : undefined);

interface Table {
  sizes: ReadonlyMap<string, Size>;
  places: ReadonlyMap<string, Place>;
}
const tables = new Map<string, Table>();

/** By name, made once: a fleet of hundreds asks for every node. */
function tableOf(cloud: string): Table {
  const known = tables.get(cloud);
  if (known) return known;
  const { sizes = [], places = [] } = pricesOf(cloud) ?? {};
  const byName = <T extends { name: string }>(rows: T[]) => new Map(rows.map((row) => [row.name, row]));
  const table = { sizes: byName(sizes), places: byName(places) };
  tables.set(cloud, table);
  return table;
}
