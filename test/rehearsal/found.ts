/** What stands in a cluster and on its machine, to be compared before and after somebody was a guest there. */
import { createHash } from "node:crypto";
import { kubectl, list, type KubeObject } from "./kube";
import { onMachine } from "./power";

/** What comes and goes by itself. */
const RESTLESS = ["events", "events.events.k8s.io", "leases.coordination.k8s.io", "componentstatuses"];
/** Labels and annotations that the cluster's own controllers write when they like. */
const RESTLESS_MARKS = ["kubernetes.io/legacy-token-last-used", "endpoints.kubernetes.io/last-change-trigger-time"];

type Whole = KubeObject & { kind: string; metadata: Record<string, unknown>; data?: unknown };

/** Every object of the cluster without its status, by kind, namespace and name; of Secrets a digest. */
export async function findObjects(cluster: string): Promise<Record<string, unknown>> {
  const kinds = (await kubectl(cluster, "api-resources", "--verbs=list", "-o", "name")).split("\n").filter(Boolean);
  const asked = kinds.filter((kind) => !RESTLESS.includes(kind));
  const objects = (await list(cluster, asked.join(","), "-A")) as Whole[];
  return Object.fromEntries(
    objects.map(({ status: _status, ...object }) => {
      const {
        resourceVersion: _version,
        generation: _generation,
        managedFields: _fields,
        ...metadata
      } = object.metadata;
      for (const key of ["labels", "annotations"] as const) {
        for (const mark of RESTLESS_MARKS) delete metadata[key]?.[mark];
        // Whose only mark was such a one had none before.
        if (Object.keys(metadata[key] ?? {}).length === 0) delete metadata[key];
      }
      const { kind } = object;
      const data = kind === "Secret" ? { data: digest(object.data) } : {};
      const name = `${kind} ${object.metadata.namespace ?? ""}/${object.metadata.name}`;
      return [name, { ...object, metadata, ...data }];
    }),
  );
}

const digest = (data: unknown): string =>
  createHash("sha256")
    .update(JSON.stringify(data) ?? "")
    .digest("hex");

/**
 * What a mesh could leave on a machine, a line each: links, addresses to route by, rules, kernel settings of the network,
 * packet filters. Pods' own links and kube-proxy's chains come and go.
 */
export async function findTraces(node: string): Promise<string[]> {
  const text = await onMachine(
    node,
    `set -euo pipefail
    ip -o link show | sed -E 's/^[0-9]+: ([^:@]+).*/link \\1/'
    ip -4 rule show
    ip -4 route show table all
    sysctl -a 2>/dev/null | grep -E '^net.ipv4.(tcp_mtu_probing|conf\\.)'
    ipset list -name 2>/dev/null | sed 's/^/ipset /' || true
    nft list ruleset | sed -nE 's/^[[:space:]]*((table|chain|set|map) .*) [{]$/\\1/p'`,
  );
  const lines = text.split("\n").filter((line) => line !== "" && !/veth|^chain KUBE-/.test(line));
  return [...new Set(lines)].sort();
}
