import { execFile } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { stateFolder } from "../harness/folders";

/** Packages whose real plugin is released; a stand-in serves only where that cannot be had. */
const PLUGINS = ["random", "tls", "kubernetes"];

/** A machine that reaches the release places answers within this; one that does not refuses or hangs. */
const DOWNLOAD_DEADLINE_SECONDS = 60;

function sdkVersion(name: string): string {
  const file = join(__dirname, "..", "node_modules", "@pulumi", name, "package.json");
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}

/**
 * Where releases are reached, tries to obtain the real provider plugins with the engine's own installer.
 * @returns Names of the packages that need a stand-in: all from the first one that cannot be had.
 */
export async function choosePlugins(
  pulumi: string,
  areReleasesReached: boolean,
  say: (line: string) => void,
): Promise<string[]> {
  const home = join(stateFolder(), "pulumi", "home");
  mkdirSync(home, { recursive: true, mode: 0o700 });
  for (const [index, name] of PLUGINS.entries()) {
    try {
      if (!areReleasesReached) throw new Error("the release places do not answer");
      await promisify(execFile)(
        pulumi,
        ["plugin", "install", "resource", name, `v${sdkVersion(name)}`, "--non-interactive"],
        {
          env: { ...process.env, PULUMI_HOME: home, PULUMI_SKIP_UPDATE_CHECK: "true" },
          timeout: DOWNLOAD_DEADLINE_SECONDS * 1000,
        },
      );
      say(`provider plugin ${name}: real (downloaded)`);
    } catch {
      const standIns = PLUGINS.slice(index);
      say(`provider plugins ${standIns.join(", ")}: not to be had from here, stand-ins serve instead`);
      return standIns;
    }
  }
  return [];
}
