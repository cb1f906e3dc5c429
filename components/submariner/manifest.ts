/** Upstream's manifests in the order in which an empty cluster can take them. */
import type * as pulumi from "@pulumi/pulumi";
import { createFromManifest, type KubeObject } from "../manifests";

/** What the other objects live in or are made of. */
const FOUNDATION = new Set(["Namespace", "CustomResourceDefinition"]);

/**
 * Creates every object of a manifest that a plain Kubernetes uses: namespaces and CRDs, then accounts and rights, then what runs under them.
 *
 * @param transform changes a copy of each object before it is sent.
 * @returns all resources, for `dependsOn`.
 */
export function createManifest(
  prefix: string,
  manifest: KubeObject[],
  opts: { parent: pulumi.Resource; dependsOn?: pulumi.Resource[] },
  transform?: (copy: KubeObject) => KubeObject,
): pulumi.Resource[] {
  const wanted = manifest.filter((object) => !isOpenShift(object));
  const stages = [
    wanted.filter(({ kind }) => FOUNDATION.has(kind)),
    wanted.filter(({ kind }) => !FOUNDATION.has(kind) && !isWorkload(kind)),
    wanted.filter(({ kind }) => isWorkload(kind)),
  ];
  const created: pulumi.Resource[] = [...(opts.dependsOn ?? [])];
  for (const stage of stages) {
    const dependsOn = [...created];
    created.push(...stage.map((object) => createFromManifest(prefix, object, { ...opts, dependsOn }, transform)));
  }
  return created;
}

/** A workload started before its rights exist sees its first calls refused, and backs off. */
const isWorkload = (kind: string): boolean => kind === "Deployment" || kind === "DaemonSet";

/** Rights for OpenShift's security contexts: upstream marks them by name, and only OpenShift reads them. */
const isOpenShift = ({ metadata }: KubeObject): boolean => metadata.name.startsWith("ocp-");
