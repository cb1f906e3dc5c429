import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { UserError } from "../plan/errors";
import { VERSIONS } from "./artifacts/versions";
import { OPERATOR } from "./machines/addresses";

/** The emulated Metal assigns its machines' private addresses from this block, as the real one does from the project's. */
export const METAL_PRIVATE_BLOCK = "10.70.0.0/25";

export interface OverlayChoices {
  cableDriver: "libreswan" | "wireguard" | "vxlan";
  /** Image reference of the database; `standIn` says whether it is ours. */
  databaseImage: string;
  databaseStandIn: boolean;
  /** In a rehearsal of upgrades: what the topology asks for now. */
  stage?: { kubernetesVersion: string; submariner: { version: string; repository: string } };
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
    submariner: { version: VERSIONS.submariner, ...choices.stage?.submariner, cableDriver: choices.cableDriver },
    ...(choices.stage && { kubernetes: { version: choices.stage.kubernetesVersion } }),
    database: { image: choices.databaseImage, standIn: choices.databaseStandIn },
    // a change under review may take either out of the fleet
    adjust: {
      // One replica a machine: only then is a worker drained before it is upgraded
      ...(choices.stage && {
        oregon: { nodes: { "worker-1": { replicas: [0] }, "worker-2": { role: "worker", replicas: [2] } } },
      }),
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

/**
 * Writes the overlay where ARCHIPELAGO_OVERLAY points.
 *
 * @param own what whoever rehearses lays over the rehearsal's own changes.
 */
export function writeOverlay(path: string, choices: OverlayChoices, own: object = {}): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, JSON.stringify(combineOverlays(planOverlay(choices), own), null, 2) + "\n");
}

type Overlay = Record<string, unknown>;

/** One overlay that does what the two do one after the other: what they remove stays marked for removal. */
export function combineOverlays(first: object, second: object): Overlay {
  const combined: Overlay = { ...first };
  for (const [key, value] of Object.entries(second)) {
    const before = combined[key];
    combined[key] = isObject(before) && isObject(value) ? combineOverlays(before, value) : (value as unknown);
  }
  return combined;
}

const isObject = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** @throws UserError when the file cannot be read as a JSON object. */
export function readOwnOverlay(path: string): object {
  const remedy = "name a file with a JSON object that is laid over stacks/topology.ts";
  let data: unknown;
  try {
    data = JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new UserError(`${path}: ${(cause as Error).message}`, remedy);
  }
  if (isObject(data)) return data;
  throw new UserError(`${path}: no JSON object`, remedy);
}
