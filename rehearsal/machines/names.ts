import { createHash } from "node:crypto";

/** How the parts of one world are named on the host. One world lives on a host at a time; tests make their own beside it. */
export interface WorldNames {
  /** Network namespace that plays the internet. */
  router: string;
  /** Prefix of every machine's network namespace, container and volume. */
  machinePrefix: string;
  /** The host's end of the only link into the world. */
  hostLink: string;
  /** nftables table (family inet) that guards the host's uplinks. */
  guardTable: string;
  /** Label that marks the world's containers. */
  label: string;
  /** Origin number of the routes we add to the host, by which they are found again. */
  routeProtocol: number;
  /** Network namespace taken for the host; undefined: the host itself. Tests stay inside one of their own. */
  hostNamespace?: string;
}

export const WORLD: WorldNames = {
  router: "archipelago-internet",
  machinePrefix: "archi-",
  hostLink: "archi0",
  guardTable: "archipelago_guard",
  label: "archipelago=1",
  routeProtocol: 197,
};

/** Name of the router's end of the link to the operator (the host). */
export const OPERATOR_LINK = "operator";

/** Namespace and container of a machine carry the same name. */
export const machineName = (names: WorldNames, id: string): string => `${names.machinePrefix}${id}`;

// Interface names hold 15 characters, ids up to 60: a digest stands in, the full name is the link's alias.
const digest = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 10);

/** The segment's bridge inside the router. */
export const bridgeName = (segment: string): string => `seg-${digest(segment)}`;

/** The router's end of a machine's link into its segment. */
export const segmentLink = (id: string): string => `prv-${digest(id)}`;

/** The router's end of a machine's public link (publicMode "interface"). */
export const publicLink = (id: string): string => `pub-${digest(id)}`;
