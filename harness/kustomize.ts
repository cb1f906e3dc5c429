import { posix } from "node:path";
import { parse, parseAllDocuments } from "yaml";

/** The little of a Kubernetes object that is looked at here. */
export interface KubernetesObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string> };
  subjects?: { kind: string; namespace?: string }[];
  [field: string]: unknown;
}

interface Kustomization {
  namespace?: string;
  resources?: string[];
}

/** Objects without a namespace of their own; of a Namespace it is the name that changes. */
const CLUSTER_SCOPED = new Set(["CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding", "Namespace"]);

/** The order in which the objects can be created one after the other. */
const KIND_ORDER = ["Namespace", "CustomResourceDefinition", "ServiceAccount", "Role", "ClusterRole", "RoleBinding"];

/** The objects of a YAML text with one or more documents. */
export function parseObjects(text: string): KubernetesObject[] {
  return parseAllDocuments(text).flatMap((document) => {
    const object = document.toJS() as KubernetesObject | null;
    return object ? [object] : [];
  });
}

/**
 * The objects a kustomization names, with its namespace: what `kubectl kustomize` makes of one that uses resources and
 * namespace. Patches are left out: upstream's only one pins a vendor's images.
 *
 * @param read returns the text of a file, or undefined if there is none.
 */
export function collectObjects(read: (path: string) => string | undefined, folder: string): KubernetesObject[] {
  const path = posix.join(folder, "kustomization.yaml");
  const text = read(path);
  if (text === undefined) throw new Error(`${path} is missing`);
  const { namespace, resources = [] } = parse(text) as Kustomization;
  const objects = resources.flatMap((resource) => {
    const file = posix.join(folder, resource);
    const content = file.endsWith(".yaml") ? read(file) : undefined;
    return content === undefined ? collectObjects(read, file) : parseObjects(content);
  });
  return namespace === undefined ? objects : objects.map((object) => withNamespace(object, namespace));
}

function withNamespace(object: KubernetesObject, namespace: string): KubernetesObject {
  const copy = structuredClone(object);
  if (copy.kind === "Namespace") copy.metadata.name = namespace;
  if (!CLUSTER_SCOPED.has(copy.kind)) copy.metadata.namespace = namespace;
  for (const subject of copy.subjects ?? []) if (subject.kind === "ServiceAccount") subject.namespace = namespace;
  return copy;
}

/** By kind, then by name, so that what others need comes first. */
export function sortObjects(objects: KubernetesObject[]): KubernetesObject[] {
  const rank = ({ kind }: KubernetesObject) => {
    const place = KIND_ORDER.indexOf(kind);
    return place < 0 ? KIND_ORDER.length : place;
  };
  const key = (o: KubernetesObject) => `${o.kind}/${o.metadata.name}`;
  return [...objects].sort((a, b) => rank(a) - rank(b) || (key(a) < key(b) ? -1 : 1));
}
