import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chooseEngine } from "../harness/engine";
import { prepareProject } from "../harness/project";
import type { ExitCode } from "../harness/report";
import { OWN_POLICY_PACK, runReview } from "../harness/reviewRun";
import { PROJECT_FOLDER } from "../harness/topology";
import { openBackend, openStacks } from "../harness/workspace";
import { obtainArtifacts } from "./artifacts";
import { cloudPackages } from "./clouds";
import { Store } from "./clouds/store";
import { makeEngineFolders, planEngineEnvironment } from "./engineFolder";
import { RecordedMachines } from "./machines/recordedMachines";
import { writeOverlay } from "./overlay";
import { kubernetesPackage } from "./plugins/kubernetes";
import { randomPackage } from "./plugins/random";
import { serve } from "./plugins/server";
import { tlsPackage } from "./plugins/tls";
import { createPassphrase } from "./world";

export interface PreviewOnlyOptions {
  /** Names of the stacks; all when empty. */
  stacks?: string[];
  /** Only stacks that the change since this commit or branch touches. */
  touched?: string;
  /** Folders of policy packs to check by beside the project's own. */
  policyPacks?: string[];
  /** Whether the project's own policy pack is asked; default true. */
  policies?: boolean;
  /** Progress; default stderr. */
  say?: (line: string) => void;
}

/**
 * The preview of a fleet that is not up yet, on emulated clouds without machines, as the comment for a pull request on
 * stdout. Needs neither root nor podman nor an account, changes nothing on the host and leaves nothing but the cache.
 */
export async function previewOnly(options: PreviewOnlyOptions): Promise<ExitCode> {
  const say = options.say ?? ((line: string) => void process.stderr.write(`${line}\n`));
  const folder = mkdtempSync(join(tmpdir(), "archipelago-preview-"));
  const artifacts = await obtainArtifacts({ only: ["manifests"], onProgress: say });
  const obtainEngine = async (): Promise<string> =>
    join((await obtainArtifacts({ only: ["engine"], onProgress: say })).binFolder, "pulumi");
  const clouds = cloudPackages({ store: new Store(), machines: new RecordedMachines() });
  // In a preview nothing of theirs is asked that the released plugins would answer otherwise.
  const served = await serve([...clouds, kubernetesPackage(), randomPackage(), tlsPackage()]);
  try {
    makeEngineFolders(folder);
    Object.assign(process.env, planEngineEnvironment(folder, createPassphrase(), served.debugProviders), {
      ARCHIPELAGO_OVERLAY: join(folder, "overlay.json"),
      ARCHIPELAGO_MANIFESTS: artifacts.manifestsFolder,
      ARCHIPELAGO_PROJECT: join(folder, "project"),
    });
    writeOverlay(join(folder, "overlay.json"), { cableDriver: "vxlan", ...databaseOf(artifacts.database) });
    prepareProject(PROJECT_FOLDER, join(folder, "project"));
    const engine = await chooseEngine({ obtainEngine, download: artifacts.source === "releases" });
    // Regions refer to the broker's stack, also when they alone are previewed.
    await openStacks(await openBackend(join(folder, "project"), engine), ["broker"]);
    const { stacks, touched, policies = true } = options;
    const policyPacks = [...(policies ? [OWN_POLICY_PACK] : []), ...(options.policyPacks ?? [])];
    const review = await runReview({ stacks, touched, download: false, preview: { policyPacks, withoutBroker: true } });
    process.stdout.write(review.markdown);
    return review.exitCode;
  } finally {
    await served.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

const databaseOf = ({ image, standIn }: { image: string; standIn: boolean }) => ({
  databaseImage: image || "archipelago.internal/cockroachdb-stand-in:none",
  databaseStandIn: standIn,
});
