/** Which machine holds which replica of the database. */

/**
 * Ordinals by node key, evenly. Workers come first: the control plane's etcd and a database compete for the same disk.
 */
export function spreadReplicas(nodes: Record<string, { role: string }>, replicas: number): Map<string, number[]> {
  const keys = Object.keys(nodes);
  const isServer = (key: string) => nodes[key]?.role === "server";
  const holders = [...keys.filter((key) => !isServer(key)), ...keys.filter(isServer)];
  const held = new Map(keys.map((key): [string, number[]] => [key, []]));
  for (let ordinal = 0; ordinal < replicas; ordinal++) held.get(holders[ordinal % holders.length] ?? "")?.push(ordinal);
  return held;
}
