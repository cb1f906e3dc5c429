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

/**
 * Words for what is allowed: the known names most like the wanted one, and how many more there are.
 *
 * @param count how many names to spell out.
 */
export function renderNearest(names: string[], wanted: string, count = 8): string {
  const near = names
    .map((name) => ({ name, distance: editDistance(name.toLowerCase(), wanted.toLowerCase()) }))
    .sort((left, right) => left.distance - right.distance)
    .slice(0, count)
    .map(({ name }) => name);
  const more = names.length - near.length;
  return more > 0 ? `${near.join(", ")} or one of ${more} more` : near.join(", ");
}

/** How many letters must be added, dropped or changed to come from one word to the other. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (const [index, letter] of [...from].entries()) {
    const next = [index + 1];
    for (let column = 1; column <= to.length; column++) {
      const changed = (row[column - 1] ?? 0) + (letter === to[column - 1] ? 0 : 1);
      next.push(Math.min(changed, (row[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}

// Own keys only: a cloud called "constructor" has no table.
const pricesOf = (cloud: string) => (Object.hasOwn(PRICES, cloud) ? PRICES[cloud as CloudName] : undefined);
