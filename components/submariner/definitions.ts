/** Kinds that Submariner's operator defines by itself when it starts. */
import type * as pulumi from "@pulumi/pulumi";
import { createFromManifest, type KubeObject } from "../manifests";

/** Singular forms; upstream's CRDs, pkg/gateway/crds.go of the operator. */
const KINDS: { kind: string; scope: "Namespaced" | "Cluster" }[] = [
  { kind: "Cluster", scope: "Namespaced" },
  { kind: "ClusterGlobalEgressIP", scope: "Cluster" },
  { kind: "Endpoint", scope: "Namespaced" },
  { kind: "Gateway", scope: "Namespaced" },
  { kind: "GatewayRoute", scope: "Namespaced" },
  { kind: "GlobalEgressIP", scope: "Namespaced" },
  { kind: "GlobalIngressIP", scope: "Namespaced" },
  { kind: "NonGatewayRoute", scope: "Namespaced" },
  { kind: "RouteAgent", scope: "Namespaced" },
];

/**
 * In a cluster that stays, these definitions would stay too: the operator makes them and nobody deletes them. Made here
 * before it, as empty forms that it fills with its own at every start, they are the stack's, and go with it.
 */
export const createDefinitions = (name: string, opts: pulumi.CustomResourceOptions): pulumi.Resource[] =>
  KINDS.map(({ kind, scope }) =>
    // From then on it is as the operator wants it.
    createFromManifest(name, planDefinition(kind, scope), { ...opts, ignoreChanges: ["spec"] }),
  );

function planDefinition(kind: string, scope: string): KubeObject {
  const singular = kind.toLowerCase();
  const plural = `${singular}s`;
  const schema = { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } };
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.submariner.io` },
    spec: {
      group: "submariner.io",
      scope,
      names: { kind, listKind: `${kind}List`, plural, singular },
      versions: [{ name: "v1", served: true, storage: true, schema }],
    },
  };
}
