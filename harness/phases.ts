/** The stages a stack goes through, in the order they usually run. */
export const PHASES = ["network", "machines", "kubernetes", "submariner", "database"] as const;
export type Phase = (typeof PHASES)[number];

const MACHINE_TYPES = /:(Instance|Device|EquinixInstance)$/;
const CLOUD_PACKAGES = new Set(["aws", "oci", "vultr", "equinix-metal", "equinix", "civo", "linode"]);

/**
 * The phase a resource belongs to, by what the engine's events tell: its type, the types of its parents (both in the
 * URN) and its name. `undefined` for what belongs to none (the stack itself, providers).
 */
export function phaseOf(urn: string, type: string): Phase | undefined {
  const { parents, name } = partsOf(urn);
  const own = type.split(":")[0] ?? "";
  if (own === "pulumi") return undefined;
  if (CLOUD_PACKAGES.has(own)) return MACHINE_TYPES.test(type) ? "machines" : "network";

  const context = [...parents, type, name].join(" ").toLowerCase();
  if (/submariner/.test(context)) return "submariner";
  if (/cockroach|database/.test(context)) return "database";
  if (own === "kubernetes") return "kubernetes";
  if (/network|firewall|subnet|address/.test(type.toLowerCase())) return "network";
  if (/machine|node/.test(type.toLowerCase())) return "machines";
  // Keys, certificates and tokens are made for the cluster's start.
  return own === "random" || own === "tls" || /kubernetes|cluster/.test(context) ? "kubernetes" : undefined;
}

/** Logical name of a resource: the last part of its URN. */
export function nameOf(urn: string): string {
  return partsOf(urn).name;
}

/** Type token of a resource: the last of those in its URN. */
export function typeOf(urn: string): string {
  return partsOf(urn).type;
}

function partsOf(urn: string): { parents: string[]; type: string; name: string } {
  // urn:pulumi:<stack>::<project>::<parent type>$<type>::<name>; only the name may contain "::" again.
  const [, , types = "", ...name] = urn.split("::");
  const all = types.split("$");
  return { parents: all.slice(0, -1), type: all.at(-1) ?? "", name: name.join("::") || urn };
}
