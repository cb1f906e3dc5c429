/** Rows of the table that several clouds write alike. */
import type { Place, Provenance, Size } from "../prices";

/** Places of a cloud that asks the same price in all of them. @param names parted by blanks. */
export const priceEverywhere = (names: string, provenance: Provenance): Place[] =>
  names.split(" ").map((name) => ({ name, machineFactor: 1, diskFactor: 1, provenance }));

/** Machines that are listed by the month, disk and traffic within. @param usual where a price is from unless told. */
export const priceByMonth =
  (usual: Provenance) =>
  (
    name: string,
    vcpus: number,
    memoryGib: number,
    diskGib: number,
    includedGb: number,
    usdPerMonth: number,
    provenance = usual,
  ): Size => ({ name, vcpus, memoryGib, diskGib, includedGb, usdPerMonth, provenance });
