/** Sizes and places that exist, as far as the price tables know (see TABLE_DATE in prices.ts). */
import { PRICES, type PlacePrice, type SizePrice } from "./prices";
import type { CloudName } from "./types";

/** Names of the instance sizes in a cloud's table; empty for a cloud without one. */
export function knownSizes(cloud: string): string[] {
  return pricesOf(cloud)?.sizes.map(({ name }) => name) ?? [];
}

/** Names of the regions, locations or metros in a cloud's table; empty for a cloud without one. */
export function knownPlaces(cloud: string): string[] {
  return pricesOf(cloud)?.places.map(({ name }) => name) ?? [];
}

/** The size a cloud's adapter takes when the topology names none. */
export function defaultSize(cloud: string): string | undefined {
  return pricesOf(cloud)?.defaultSize;
}

/** A size's row. */
export function findSize(cloud: string, name: string): SizePrice | undefined {
  return pricesOf(cloud)?.sizes.find((size) => size.name === name);
}

/** A place's row. */
export function findPlace(cloud: string, name: string): PlacePrice | undefined {
  return pricesOf(cloud)?.places.find((place) => place.name === name);
}

// Own keys only: a cloud called "constructor" has no table.
const pricesOf = (cloud: string) => (Object.hasOwn(PRICES, cloud) ? PRICES[cloud as CloudName] : undefined);
