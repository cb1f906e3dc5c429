/** The rehearsal of upgrades: a world that begins with earlier versions and whose topology is then moved on by steps. */
import { UserError } from "../plan/errors";
import { DATABASE_IMAGES } from "./artifacts/images";
import { EARLIER, EARLIER_KUBERNETES, VERSIONS } from "./artifacts/versions";
import { writeOverlay } from "./overlay";
import * as world from "./world";

/** What the topology asks for at one step. */
export interface Stage {
  /** As v1.37.2. */
  kubernetesVersion: string;
  submariner: { version: string; repository: string };
  databaseImage: string;
}

const current = {
  submariner: { version: VERSIONS.submariner, repository: "quay.io/submariner" },
  databaseImage: DATABASE_IMAGES.standIn,
};

/** First to last: a minor version of Kubernetes together with Submariner's and the database's, then a patch version. */
export const STAGES: readonly [Stage, ...Stage[]] = [
  {
    kubernetesVersion: `v${EARLIER_KUBERNETES.minor.kubernetes}`,
    submariner: { version: EARLIER.submariner, repository: EARLIER.submarinerRepository },
    databaseImage: DATABASE_IMAGES.earlierStandIn,
  },
  { kubernetesVersion: `v${EARLIER_KUBERNETES.patch.kubernetes}`, ...current },
  { kubernetesVersion: `v${VERSIONS.kubernetes}`, ...current },
];

/**
 * Makes the living rehearsal's topology ask for another step; nothing that lives is touched.
 *
 * @returns what it asks for now, a line each.
 * @throws UserError when the living rehearsal did not begin with earlier versions, or no step has this version.
 */
export function retarget(file: world.WorldFile, kubernetesVersion: string): string[] {
  if (!file.stage) {
    throw new UserError(
      "this rehearsal did not begin with earlier versions: its machines hold the current ones alone",
      "make down, then ./rehearse up --earlier",
    );
  }
  const stage = STAGES.find((one) => one.kubernetesVersion === kubernetesVersion);
  if (!stage) {
    const versions = STAGES.map((one) => one.kubernetesVersion).join(", ");
    throw new UserError(`there is no step to Kubernetes ${kubernetesVersion}`, `choose of ${versions}`);
  }
  const moved = { ...file, stage, databaseImage: stage.databaseImage };
  world.writeWorld(moved);
  writeOverlay(world.overlayPath(), moved, file.overlay);
  return renderStage(stage);
}

export function renderStage({ kubernetesVersion, submariner, databaseImage }: Stage): string[] {
  return [
    `Kubernetes ${kubernetesVersion}`,
    `Submariner ${submariner.version} of ${submariner.repository} (the same programs at every step)`,
    `database ${databaseImage} (stand-in)`,
  ];
}
