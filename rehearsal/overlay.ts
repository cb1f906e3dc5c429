import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** The emulated Metal assigns its machines' private addresses from this block, as the real one does from the project's. */
export const METAL_PRIVATE_BLOCK = "10.70.0.0/25";

/** The network the operator (this host) sits in; the only source the region clusters' API servers admit. */
export const OPERATOR_NETWORK = "198.18.0.0/24";

/** The whole emulated internet; everything public in a rehearsal lies in it (RFC 2544, never routed). */
export const EMULATED_INTERNET = "198.18.0.0/15";

/** Version of Submariner that package registries serve; live clouds use the newer one of the topology. */
export const REHEARSED_SUBMARINER = "0.24.0";

export interface OverlayChoices {
  cableDriver: "libreswan" | "wireguard" | "vxlan";
  /** Image reference of the database; `standIn` says whether it is ours. */
  databaseImage: string;
  databaseStandIn: boolean;
}

/**
 * What a rehearsal changes in the topology: data only, merged over stacks/topology.ts and the stack files.
 * Tokyo runs on the emulated Equinix Metal here, because the real one has ended and nothing else rehearses that adapter.
 */
export function planOverlay(choices: OverlayChoices): Record<string, unknown> {
  return {
    world: "rehearsal",
    adminCidrs: [OPERATOR_NETWORK],
    upstreamDns: [],
    // a rehearsal is taken down with all it holds
    protectData: false,
    submariner: { version: REHEARSED_SUBMARINER, cableDriver: choices.cableDriver },
    database: { image: choices.databaseImage, standIn: choices.databaseStandIn },
    clusters: {
      ashburn: { account: "ocid1.compartment.oc1..emulated" },
      tokyo: {
        cloud: "equinix-metal",
        place: "ty",
        nodeCidr: METAL_PRIVATE_BLOCK,
        account: "00000000-0000-4000-8000-00000000e341",
      },
    },
  };
}

/** Writes the overlay where ARCHIPELAGO_OVERLAY points. */
export function writeOverlay(path: string, choices: OverlayChoices): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, JSON.stringify(planOverlay(choices), null, 2) + "\n");
}
