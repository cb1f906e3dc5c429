/** Upstream's manifests in the order in which an empty cluster can take them. */
import type * as pulumi from "@pulumi/pulumi";
import { createFromManifest, type KubeObject } from "../manifests";

/** What the other objects live in or are made of. */
const FOUNDATION = new Set(["Namespace", "CustomResourceDefinition"]);

/**
 * Creates every object of a manifest: namespaces and CRDs, then accounts and rights, then what runs under them.
 *
 * @param transform changes a copy of each object before it is sent.
 * @returns all resources, for `dependsOn`.
 */
export function createManifest(
  prefix: string,
  manifest: KubeObject[],
  opts: { parent: pulumi.Resource },
  transform?: (copy: KubeObject) => KubeObject,
): pulumi.Resource[] {
  const stages = [
    manifest.filter(({ kind }) => FOUNDATION.has(kind)),
    manifest.filter(({ kind }) => !FOUNDATION.has(kind) && !isWorkload(kind)),
    manifest.filter(({ kind }) => isWorkload(kind)),
  ];
  const created: pulumi.Resource[] = [];
  for (const stage of stages) {
    const dependsOn = [...created];
    created.push(...stage.map((object) => createFromManifest(prefix, object, { ...opts, dependsOn }, transform)));
  }
  return created;
}

/** A workload started before its rights exist sees its first calls refused, and backs off. */
const isWorkload = (kind: string): boolean => kind === "Deployment" || kind === "DaemonSet";
