/** Places of a cloud that asks the same price in all of them. */
import type { Place, Provenance } from "../prices";

/** @param names parted by blanks. */
export const priceEverywhere = (names: string, provenance: Provenance): Place[] =>
  names.split(" ").map((name) => ({ name, machineFactor: 1, diskFactor: 1, provenance }));
