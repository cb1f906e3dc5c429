import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stateFolder } from "../harness/folders";
import { planEngineEnvironment } from "./engineFolder";
import type { Stage } from "./stages";

/** What a living rehearsal is made of; written once at `up`, read by the daemon and by every later command. */
export interface WorldFile {
  machineImage: string;
  binFolder: string;
  manifestsFolder: string;
  cableDriver: "libreswan" | "wireguard" | "vxlan";
  cableDriverWhy: string;
  databaseImage: string;
  databaseStandIn: boolean;
  /** In a rehearsal of upgrades: the versions that the topology asks for now. */
  stage?: Stage;
  /** Protects the local backend's secrets; this world's own, made when it was. */
  passphrase: string;
  /** Packages served as stand-ins because their real plugin could not be had. */
  standIns: string[];
  /** One fixed port a package, so that a restarted daemon is found where the engine left it. */
  ports: Record<string, number>;
  /** Laid over the rehearsal's own overlay (`--overlay`), for as long as this world lives. */
  overlay?: object;
  /** Which engine was taken. */
  engine?: string;
}

export const worldPath = (): string => join(stateFolder(), "world.json");
export const daemonPidPath = (): string => join(stateFolder(), "daemon.pid");
export const daemonLogPath = (): string => join(stateFolder(), "daemon.log");
export const overlayPath = (): string => join(stateFolder(), "overlay.json");
export const storePath = (): string => join(stateFolder(), "clouds.json");
export const kubeconfigFolder = (): string => join(stateFolder(), "kubeconfigs");
export const engineFolder = (): string => join(stateFolder(), "pulumi");
/** The project folder pulumi runs in: the program of this checkout, stack files of the rehearsal alone. */
export const projectPath = (): string => join(stateFolder(), "project");

/** undefined when no rehearsal lives. */
export function readWorld(): WorldFile | undefined {
  return existsSync(worldPath()) ? (JSON.parse(readFileSync(worldPath(), "utf8")) as WorldFile) : undefined;
}

/** Written whole or not at all, readable by its owner only. */
export function writeWorld(world: WorldFile): void {
  mkdirSync(stateFolder(), { recursive: true, mode: 0o700 });
  const temporary = `${worldPath()}.${process.pid}`;
  writeFileSync(temporary, JSON.stringify(world, null, 2) + "\n", { mode: 0o600 });
  chmodSync(temporary, 0o600);
  renameSync(temporary, worldPath());
}

export const createPassphrase = (): string => randomBytes(18).toString("base64url");

/** The environment in which plain `pulumi` and the harness meet this world. */
export function planEnvironment(world: WorldFile): Record<string, string> {
  const served = Object.entries(world.ports).map(([name, port]) => `${name}:${port}`);
  return {
    ...planEngineEnvironment(engineFolder(), world.passphrase, served.join(",")),
    ARCHIPELAGO_PROJECT: projectPath(),
    ARCHIPELAGO_OVERLAY: overlayPath(),
    ARCHIPELAGO_MANIFESTS: world.manifestsFolder,
    PATH: `${world.binFolder}:${process.env.PATH ?? ""}`,
  };
}

/**
 * The same as shell text for `eval "$(./rehearse env)"`. Plain `pulumi` becomes one that runs in the rehearsal's project
 * folder: in the checkout it would write this world's salt into the stack files of the live world.
 */
export function renderEnvironment(environment: Record<string, string>): string {
  const quote = (value: string): string => `'${value.replaceAll("'", `'\\''`)}'`;
  const exports = Object.entries(environment).map(([name, value]) => `export ${name}=${quote(value)}\n`);
  return `${exports.join("")}pulumi() { command pulumi --cwd "$ARCHIPELAGO_PROJECT" "$@"; }\n`;
}
