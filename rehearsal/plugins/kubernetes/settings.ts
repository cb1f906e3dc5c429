import { UserError } from "../../../plan/errors";
import type { Props } from "../contract";

/** A switch of the provider: its own configuration, else the variable the real plugin reads, else the default. */
function isSet(config: Props, key: string, variable: string, otherwise = false): boolean {
  const value = config[key] ?? process.env[variable];
  return value === undefined || value === "" ? otherwise : value === true || value === "true";
}

/** Throws UserError where the provider asks for client-side apply: merging there takes every kind's merge rules. */
export function assertServerSideApply(config: Props): void {
  if (isSet(config, "enableServerSideApply", "PULUMI_K8S_ENABLE_SERVER_SIDE_APPLY", true)) return;
  throw new UserError(
    "The kubernetes stand-in knows server-side apply only, and the provider has enableServerSideApply: false.",
    "Leave the option out.",
  );
}

/** The switches that this stand-in knows, with the real plugin's names and defaults. */
export const planSettings = (config: Props) => ({
  deleteUnreachable: isSet(config, "deleteUnreachable", "PULUMI_K8S_DELETE_UNREACHABLE"),
  skipUpdateUnreachable: isSet(config, "skipUpdateUnreachable", "PULUMI_K8S_SKIP_UPDATE_UNREACHABLE"),
  patchForce: isSet(config, "enablePatchForce", "PULUMI_K8S_ENABLE_PATCH_FORCE"),
  upsert: isSet(config, "upsertExistingObjects", "PULUMI_K8S_UPSERT_EXISTING_OBJECTS"),
  secretMutable: isSet(config, "enableSecretMutable", "PULUMI_K8S_ENABLE_SECRET_MUTABLE"),
  configMapMutable: isSet(config, "enableConfigMapMutable", "PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE"),
});

export type Settings = ReturnType<typeof planSettings>;
