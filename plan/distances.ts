/** How far the fleet's regions are apart. */
import type { CloudName } from "./types";

export const METROS = ["Oregon", "Ashburn", "London", "Tokyo"] as const;
export type Metro = (typeof METROS)[number];

/** The clouds' places in the metros between which round trips were measured. */
const PLACES: Record<Metro, Partial<Record<CloudName, string[]>>> = {
  Oregon: { aws: ["us-west-2"] },
  Ashburn: { aws: ["us-east-1"], oci: ["us-ashburn-1"], linode: ["us-iad"], "equinix-metal": ["dc"] },
  London: {
    aws: ["eu-west-2"],
    oci: ["uk-london-1"],
    vultr: ["lhr"],
    civo: ["LON1"],
    linode: ["eu-west", "gb-lon"],
    "equinix-metal": ["ld"],
  },
  Tokyo: {
    aws: ["ap-northeast-1"],
    oci: ["ap-tokyo-1"],
    vultr: ["nrt"],
    linode: ["ap-northeast", "jp-tyo-3"],
    "equinix-metal": ["ty"],
  },
};

/** Milliseconds between data centres, measured over the internet, 2026-11. */
const ROUND_TRIPS: [Metro, Metro, number][] = [
  ["Oregon", "Ashburn", 66],
  ["Oregon", "London", 128],
  ["Oregon", "Tokyo", 99],
  ["Ashburn", "London", 78],
  ["Ashburn", "Tokyo", 149],
  ["London", "Tokyo", 214],
];

/** The default lead of GLOBAL tables' closed timestamps covers a pair of regions up to this far apart. */
export const ROUND_TRIP_LIMIT_MS = 150;

/** undefined where nothing was measured. */
export const metroOf = (cloud: CloudName, place: string): Metro | undefined =>
  METROS.find((metro) => PLACES[metro][cloud]?.includes(place));

/** Pairs of metros further apart than the limit. */
export const farPairs = (): [Metro, Metro, number][] => ROUND_TRIPS.filter(([, , ms]) => ms > ROUND_TRIP_LIMIT_MS);
