/** The mesh runs no version that is known to be unsafe. */
import type { Finding } from "../plan/types";
import { at, listAt } from "./properties";
import type { Resource, ResourceRule } from "./rule";

/** First release with the fixes for CVE-2026-66785, -66786 and -66788. */
export const SAFE_VERSION = "0.24.2";

/** Any of Submariner's own images, with its tag. */
const SUBMARINER_IMAGE = /\/submariner-[a-z-]+(?::([^@/]*))?(?:@.*)?$/;

export const safeSubmariner: ResourceRule = {
  name: "submariner-version-safe",
  description: `On live clouds Submariner is ${SAFE_VERSION} or newer.`,
  level: "mandatory",
  severity: "critical",
  reason: "older ones have published holes, and the gateways stand in the open internet",
  check: (resource, { plan }) => {
    // A rehearsal runs what package registries serve, and nobody but this machine reaches it.
    if (plan.topology.world !== "clouds") return [];
    return versionsIn(resource).flatMap(([place, version]): Finding[] =>
      isSafe(version)
        ? []
        : [
            {
              place: `${resource.name}.${place}`,
              value: version === "" ? "no version" : version,
              allowed: `${SAFE_VERSION} or newer, as a release number`,
              remedy: "raise submariner.version in the topology",
            },
          ],
    );
  },
};

function versionsIn({ type, properties }: Resource): [place: string, version: string][] {
  if (type === "kubernetes:submariner.io/v1alpha1:Submariner") {
    const version = at(properties, "spec", "version");
    return typeof version === "symbol" ? [] : [["spec.version", typeof version === "string" ? version : ""]];
  }
  if (!type.startsWith("kubernetes:apps/v1:")) return [];
  return listAt(properties, "spec", "template", "spec", "containers").flatMap((container, index) => {
    const image = at(container, "image");
    const name = typeof image === "string" ? SUBMARINER_IMAGE.exec(image) : null;
    return name ? [[`containers[${index}].image`, name[1] ?? ""] as [string, string]] : [];
  });
}

/** A pre-release of the safe version comes before it. */
export function isSafe(version: string): boolean {
  const match = /^v?(\d+)\.(\d+)\.(\d+)(-.+)?$/.exec(version);
  if (!match) return false;
  const have = match.slice(1, 4).map(Number);
  const want = SAFE_VERSION.split(".").map(Number);
  for (const [index, number] of want.entries()) {
    if (have[index] !== number) return (have[index] ?? 0) > number;
  }
  return match[4] === undefined;
}
