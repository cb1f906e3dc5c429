/** A folder in which the real engine keeps its state for emulated clouds, apart from whatever the user has. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";

/** Creates the folders the engine expects to exist. */
export function makeEngineFolders(folder: string): void {
  for (const name of ["home", "backend"]) mkdirSync(join(folder, name), { recursive: true, mode: 0o700 });
}

/**
 * The engine's own settings: state in the folder, and no word with the outside.
 *
 * @param debugProviders which packages are served, and on which ports: `name:port,…`.
 */
export const planEngineEnvironment = (
  folder: string,
  passphrase: string,
  debugProviders: string,
): Record<string, string> => ({
  PULUMI_HOME: join(folder, "home"),
  PULUMI_BACKEND_URL: `file://${join(folder, "backend")}`,
  PULUMI_CONFIG_PASSPHRASE: passphrase,
  PULUMI_SKIP_UPDATE_CHECK: "true",
  PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
  PULUMI_DEBUG_PROVIDERS: debugProviders,
});
