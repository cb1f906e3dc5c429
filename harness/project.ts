import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parse, stringify } from "yaml";
import { UserError } from "../plan/errors";
import { isSecure, PROJECT_FOLDER } from "../stacks/topology";

type Settings = Record<string, unknown>;

/** The folder pulumi runs in: this checkout, or the one named by ARCHIPELAGO_PROJECT (see `prepareProject`). */
export function projectFolder(): string {
  const folder = process.env.ARCHIPELAGO_PROJECT ?? PROJECT_FOLDER;
  if (!existsSync(join(folder, "Pulumi.yaml"))) {
    throw new UserError(
      `There is no Pulumi.yaml in ${folder}.`,
      "Unset ARCHIPELAGO_PROJECT, or run the command that made that folder again (make rehearsal).",
    );
  }
  return folder;
}

/**
 * Makes `folder` a Pulumi project that runs the program in `root` but keeps its own stack files.
 *
 * The engine writes a passphrase's salt into Pulumi.<stack>.yaml. A rehearsal must leave the user's files as they are, and
 * must not trip over the salt or the encrypted values of the user's own stacks; so it gets copies without them.
 * May be called again at any time: edits of the originals are taken over, the copies' salts and secrets are kept.
 */
export function prepareProject(root: string, folder: string): void {
  mkdirSync(folder, { recursive: true });
  const project = parse(readFileSync(join(root, "Pulumi.yaml"), "utf8")) as Settings;
  const main = typeof project.main === "string" ? resolve(root, project.main) : root;
  writeFileSync(join(folder, "Pulumi.yaml"), stringify({ ...project, main, ...resolvePlugins(root, project) }));
  for (const file of readdirSync(root).filter((name) => /^Pulumi\.[^.]+\.yaml$/.test(name))) {
    const original = (parse(readFileSync(join(root, file), "utf8")) ?? {}) as Settings;
    const copy = join(folder, file);
    const kept = existsSync(copy) ? ((parse(readFileSync(copy, "utf8")) ?? {}) as Settings) : {};
    writeFileSync(copy, stringify(planStackSettings(original, kept)));
  }
}

/** The plugins that the project names by their paths (the policy pack's), findable from any folder. */
function resolvePlugins(root: string, { plugins }: Settings): Settings {
  if (typeof plugins !== "object" || plugins === null) return {};
  const kinds = Object.entries(plugins as Record<string, { name: string; path: string }[]>);
  const resolved = kinds.map(([kind, list]) => [kind, list.map((one) => ({ ...one, path: resolve(root, one.path) }))]);
  return { plugins: Object.fromEntries(resolved) as Settings };
}

/**
 * Stack settings without anything that only the original's secrets provider can read. The salt is the copy's own, and so
 * are the secrets that were set there (`pulumi config set --secret`): nobody else has them.
 */
export function planStackSettings(original: Settings, kept: Settings): Settings {
  const { encryptionsalt: _salt, encryptedkey: _key, secretsprovider: _provider, ...rest } = original;
  if (rest.config && typeof rest.config === "object") rest.config = withoutSecure(rest.config);
  if (kept.encryptionsalt === undefined) return rest;
  const secrets = Object.entries(Object(kept.config) as Settings).filter(([, value]) => isSecure(value));
  if (secrets.length > 0) rest.config = { ...(rest.config as Settings | undefined), ...Object.fromEntries(secrets) };
  return { ...rest, encryptionsalt: kept.encryptionsalt };
}

function withoutSecure(value: unknown): unknown {
  if (Array.isArray(value)) return value.filter((item) => !isSecure(item)).map(withoutSecure);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, item]) => !isSecure(item));
  return Object.fromEntries(entries.map(([key, item]) => [key, withoutSecure(item)]));
}
