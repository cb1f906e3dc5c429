/** How long the fleet's certificates live. */
import type { CertificateDays, Topology } from "./types";

/**
 * A CA lives ten years and is renewed in its last one; what it signs lives a year and is renewed in its last quarter:
 * a fleet that sees one `pulumi up` in ninety days never has an expired one.
 */
export const DEFAULT_CERTIFICATES: CertificateDays = { ca: 3650, caRenewal: 365, leaf: 365, leafRenewal: 90 };

export const certificateDays = (topology: Pick<Topology, "certificates">): CertificateDays => ({
  ...DEFAULT_CERTIFICATES,
  ...topology.certificates,
});
