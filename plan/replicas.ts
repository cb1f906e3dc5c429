/** Which machine holds which replica of the database. */

/** What of a node says where replicas lie. */
interface Holder {
  role: string;
  replicas?: number[];
}

/**
 * Ordinals by node key. What nodes state stays where it is; the rest is dealt to whoever holds fewest, workers first: the
 * control plane's etcd and a database compete for the same disk. In a valid topology a region of several nodes states
 * every ordinal (plan/checkReplicas.ts), so only a region's one node is ever dealt anything: a node more moves nothing.
 */
export function spreadReplicas(nodes: Record<string, Holder>, replicas: number): Map<string, number[]> {
  const keys = Object.keys(nodes);
  const isServer = (key: string) => nodes[key]?.role === "server";
  const holders = [...keys.filter((key) => !isServer(key)), ...keys.filter(isServer)];
  const ordinals = [...Array(replicas).keys()];
  const nodeOf = new Map(
    ordinals.flatMap((ordinal): [number, string][] => {
      const key = keys.find((candidate) => nodes[candidate]?.replicas?.includes(ordinal));
      return key === undefined ? [] : [[ordinal, key]];
    }),
  );
  const held = (key: string) => ordinals.filter((ordinal) => nodeOf.get(ordinal) === key);
  for (const ordinal of ordinals.filter((each) => !nodeOf.has(each))) {
    const [first] = [...holders].sort((one, other) => held(one).length - held(other).length);
    if (first !== undefined) nodeOf.set(ordinal, first);
  }
  return new Map(keys.map((key) => [key, held(key)]));
}

/** A placement as it stands under `nodes` in a topology: `{ server: { replicas: [1] }, worker-1: { replicas: [0, 2] } }`. */
export function renderPlacement(placement: Map<string, number[]>): string {
  const entries = [...placement].filter(([, ordinals]) => ordinals.length > 0);
  return `{ ${entries.map(([key, ordinals]) => `${key}: { replicas: [${ordinals.join(", ")}] }`).join(", ")} }`;
}
