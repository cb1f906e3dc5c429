import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { VERSIONS } from "./artifacts/versions";
import { OPERATOR } from "./machines/addresses";

/** The emulated Metal assigns its machines' private addresses from this block, as the real one does from the project's. */
export const METAL_PRIVATE_BLOCK = "10.70.0.0/25";

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
    // this host is the only one the region clusters' API servers admit
    adminCidrs: [OPERATOR.cidr],
    upstreamDns: [],
    // a rehearsal is taken down with all it holds
    protectData: false,
    // what package registries serve; live clouds use the newer one of the topology
    submariner: { version: VERSIONS.submariner, cableDriver: choices.cableDriver },
    database: { image: choices.databaseImage, standIn: choices.databaseStandIn },
    // a change under review may take either out of the fleet
    adjust: {
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
