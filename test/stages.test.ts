import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { loadTopology, planFleet, PROJECT_FOLDER } from "../harness/topology";
import { checkUpgrade, type LivingVersions } from "../plan/checkUpgrade";
import type { Topology } from "../plan/types";
import { writeOverlay } from "../rehearsal/overlay";
import { renderStage, retarget, STAGES, type Stage } from "../rehearsal/stages";
import { readWorld, type WorldFile } from "../rehearsal/world";

const before = { ...process.env };
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "archipelago-stages-"));
  process.env.ARCHIPELAGO_STATE = folder;
});
afterEach(() => {
  process.env = { ...before };
  rmSync(folder, { recursive: true });
});

function topologyAt(stage: Stage): Topology {
  const overlay = join(folder, "overlay.json");
  const { databaseImage } = stage;
  writeOverlay(overlay, { cableDriver: "vxlan", databaseImage, databaseStandIn: true, stage });
  return loadTopology(PROJECT_FOLDER, overlay);
}
const livingAt = (stage: Stage): LivingVersions => ({
  cluster: "oregon",
  apiServer: stage.kubernetesVersion,
  kubelets: { "oregon-server": stage.kubernetesVersion },
  submariner: stage.submariner.version,
  databaseImage: stage.databaseImage,
});
const world = (stage?: Stage): WorldFile => ({
  machineImage: "m",
  binFolder: "b",
  manifestsFolder: "f",
  cableDriver: "vxlan",
  cableDriverWhy: "w",
  databaseImage: "d:1",
  databaseStandIn: true,
  passphrase: "p",
  standIns: [],
  ports: {},
  stage,
});

describe("the steps of the rehearsal of upgrades", () => {
  test.each(STAGES.slice(1).map((stage, index) => [STAGES[index]!, stage] as const))(
    "lead from $kubernetesVersion to $kubernetesVersion by a sound topology and an upgrade that is allowed",
    (from, to) => {
      expect(checkUpgrade([livingAt(from)], topologyAt(to))).toEqual([]);
      expect(checkUpgrade([livingAt(to)], topologyAt(from))).not.toEqual([]);
    },
  );

  test("lay one replica on each machine of the primary region, so that its workers are drained", () => {
    const { clusters } = planFleet(topologyAt(STAGES[0]));
    expect(clusters.oregon?.nodes.map(({ replicas }) => replicas.length)).toEqual([1, 1, 1]);
  });

  test("say that Submariner's programs stay the same and that the database is a stand-in", () => {
    for (const stage of STAGES) expect(renderStage(stage).join("\n")).toMatch(/the same programs.*\n.*\(stand-in\)/);
  });

  test("move a world that began with earlier versions, and no other", () => {
    const [begin, next] = STAGES as readonly [Stage, Stage];
    retarget(world(begin), next.kubernetesVersion);
    expect(readWorld()?.stage).toEqual(next);
    const topology = loadTopology(PROJECT_FOLDER, join(folder, "overlay.json"));
    expect(topology.kubernetes.version).toBe(next.kubernetesVersion);
    expect(topology.database.image).toBe(next.databaseImage);
    expect(() => retarget(world(begin), "v1.35.9")).toThrow("there is no step to Kubernetes v1.35.9");
    expect(() => retarget(world(), next.kubernetesVersion)).toThrow("did not begin with earlier versions");
  });
});
