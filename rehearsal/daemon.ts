/**
 * The daemon behind a living rehearsal: serves the emulated clouds and the stand-ins to the engine and owns the machines.
 * Everything it knows lies in the state folder, so that it can die and be started again.
 */
import { rmSync, writeFileSync } from "node:fs";
import { stateFolder } from "../harness/folders";
import { cloudPackages } from "./clouds";
import { Store } from "./clouds/store";
import { PodmanMachines } from "./machines/podmanMachines";
import type { Package } from "./plugins/contract";
import { kubernetesPackage } from "./plugins/kubernetes";
import { randomPackage } from "./plugins/random";
import { serve } from "./plugins/server";
import { tlsPackage } from "./plugins/tls";
import { daemonPidPath, readWorld, storePath } from "./world";

const STAND_INS: Record<string, () => Package> = {
  kubernetes: kubernetesPackage,
  random: randomPackage,
  tls: tlsPackage,
};

async function main(): Promise<void> {
  const world = readWorld();
  if (!world) throw new Error("no world.json in the state folder: the rehearsal was not put up");
  const log = (line: string): void => console.log(`${new Date().toISOString()} ${line}`);
  const machines = new PodmanMachines({ stateFolder: stateFolder(), image: world.machineImage });
  await machines.start();
  const standIns = world.standIns.map((name) => {
    const make = STAND_INS[name];
    if (!make) throw new Error(`no stand-in for package ${name}`);
    return make();
  });
  const packages = [...cloudPackages({ store: new Store(storePath()), machines }), ...standIns];
  const served = await serve(packages, { ports: world.ports, log });
  writeFileSync(daemonPidPath(), String(process.pid));
  log(`serving ${served.debugProviders}`);
  const end = (): void => {
    rmSync(daemonPidPath(), { force: true });
    void served.close().finally(() => process.exit(0));
  };
  process.on("SIGTERM", end);
  process.on("SIGINT", end);
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
