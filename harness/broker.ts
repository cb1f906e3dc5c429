import { UserError } from "../plan/errors";
import { ApiServer } from "./apiserver";
import { NotReadyError } from "./failure";
import type { Member } from "./members";
import type { Verb } from "./report";
import { parseKubeconfig } from "./kubeconfig";
import { isUp, readOutputs, type Backend } from "./workspace";

/** Regions that cannot be worked on yet because the broker is not up and is not going to be in this run. */
export function checkBroker(
  verb: Verb,
  backend: Backend,
  members: Member[],
  chosen: Member[],
): Map<string, NotReadyError> {
  const broker = members.find(({ part }) => part === "broker");
  if (!broker || isUp(backend, broker.name)) return new Map();
  if (verb === "up" && chosen.includes(broker)) return new Map();
  const error = new NotReadyError(
    `The broker stack "${broker.name}" is not up yet; every region gets its tokens, keys and certificates from it.`,
    `Put it up first: ./archipelago up --stack ${broker.name}`,
  );
  const regions = chosen.filter(({ part }) => part !== "broker");
  if (regions.length === chosen.length && regions.length > 0) throw error;
  return new Map(regions.map(({ name }) => [name, error]));
}

/** Throws `UserError` when the broker would go and leave regions behind that lean on it. */
export function assertBrokerIsLast(backend: Backend, members: Member[], chosen: Member[]): void {
  const broker = chosen.find(({ part }) => part === "broker");
  const left = members.filter((member) => !chosen.includes(member) && isUp(backend, member.name));
  if (!broker || left.length === 0) return;
  const names = left.map(({ name }) => name).join(", ");
  throw new UserError(
    `The broker "${broker.name}" cannot go while regions are up: ${names}.`,
    `Take the regions down first, or everything at once: ./archipelago down`,
  );
}

/** Where gateways tell each other about themselves; the names are Submariner's. */
const MEETING_PLACE = "/apis/submariner.io/v1/namespaces/submariner-k8s-broker";

interface Announced {
  metadata: { name: string };
  spec: { cluster_id?: string };
}

/**
 * Deletes what a region's gateways had announced on the broker. A region goes with its machines, so that nothing in it can
 * hang; its announcements would stay behind, and the others would go on looking for it.
 * @returns how many objects were deleted; 0 without a broker.
 */
export async function forgetRegion(backend: Backend, broker: string, region: string): Promise<number> {
  if (!isUp(backend, broker)) return 0;
  const { kubeconfig } = await readOutputs(backend, broker);
  if (!kubeconfig) return 0;
  const api = new ApiServer(parseKubeconfig(String(kubeconfig.value)));
  try {
    let deleted = 0;
    for (const kind of ["endpoints", "clusters"]) {
      const all = await api.list<Announced>(`${MEETING_PLACE}/${kind}`);
      for (const { metadata } of all.filter(({ spec }) => spec.cluster_id === region)) {
        await api.remove(`${MEETING_PLACE}/${kind}/${metadata.name}`);
        deleted += 1;
      }
    }
    return deleted;
  } finally {
    api.close();
  }
}
