/** Upstream's own manifests, pinned and fetched by the harness, read from one folder and made into typed resources. */
import * as fs from "node:fs";
import * as path from "node:path";
import * as k8s from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { parseAllDocuments } from "yaml";
import { UserError } from "../plan/errors";

/** One Kubernetes object as it stands in a manifest. */
export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string>; annotations?: Record<string, string> };
  [field: string]: unknown;
}

export interface Manifests {
  flannel: KubeObject[];
  submarinerBroker: KubeObject[];
  submarinerOperator: KubeObject[];
}

const REMEDY =
  'Run `eval "$(./archipelago manifests)"` in this shell: it fetches the pinned manifests. In a rehearsal: `eval "$(./rehearse env)"`.';

/**
 * Reads flannel.yaml, submariner-broker.yaml and submariner-operator.yaml.
 *
 * @param folder default: the environment's ARCHIPELAGO_MANIFESTS.
 * @throws UserError when the folder is not named or lacks a file.
 */
export function loadManifests(folder = process.env.ARCHIPELAGO_MANIFESTS): Manifests {
  if (!folder)
    throw new UserError("ARCHIPELAGO_MANIFESTS is not set: the upstream manifests are nowhere to be read.", REMEDY);
  const read = (file: string) => parseManifest(readText(path.join(folder, file)), file);
  return {
    flannel: read("flannel.yaml"),
    submarinerBroker: read("submariner-broker.yaml"),
    submarinerOperator: read("submariner-operator.yaml"),
  };
}

/** A multi-document YAML as objects; empty documents are left out. */
export function parseManifest(text: string, file: string): KubeObject[] {
  return parseAllDocuments(text).flatMap((document, index): KubeObject[] => {
    if ("errors" in document && document.errors.length > 0) {
      throw new UserError(`${file}, document ${index + 1}: ${document.errors[0]?.message}`, REMEDY);
    }
    const object = document.toJS() as Partial<KubeObject> | null;
    if (object === null || object === undefined) return [];
    if (!object.apiVersion || !object.kind || !object.metadata?.name) {
      throw new UserError(
        `${file}, document ${index + 1}: not a Kubernetes object (apiVersion, kind, metadata.name).`,
        REMEDY,
      );
    }
    return [object as KubeObject];
  });
}

/**
 * One resource of the very type the manifest names (`kubernetes:<apiVersion>:<Kind>`).
 * Its logical name is `<prefix>-<kind>-<name>` in lower case, so a manifest's order never matters.
 *
 * @param transform changes a copy of the object before it is sent (its return value is used).
 */
export function createFromManifest(
  prefix: string,
  object: KubeObject,
  opts: pulumi.CustomResourceOptions,
  transform: (copy: KubeObject) => object = (copy) => copy,
): k8s.apiextensions.CustomResource {
  const name = `${prefix}-${object.kind}-${object.metadata.name}`.toLowerCase();
  const sent = transform(structuredClone(object)) as k8s.apiextensions.CustomResourceArgs;
  return new k8s.apiextensions.CustomResource(name, sent, opts);
}

function readText(file: string): string {
  try {
    return fs.readFileSync(file, "utf8");
  } catch (cause) {
    throw new UserError(`Cannot read ${file}: ${(cause as NodeJS.ErrnoException).code ?? String(cause)}.`, REMEDY);
  }
}
