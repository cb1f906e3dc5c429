import * as pulumi from "@pulumi/pulumi";
import * as tls from "@pulumi/tls";
import { certificateDays } from "../../plan/certificates";
import type { DatabaseCertificates } from "../../plan/join";
import type { ClusterPlan, Plan } from "../../plan/types";
import { planSubjectNames, type SubjectNames } from "./names";

const DAY_HOURS = 24;

const KEY = { algorithm: "ECDSA", ecdsaCurve: "P256" } as const;
const ORGANIZATION = "Cockroach";

/**
 * The database's certificates: one CA for the fleet, a node certificate for each region, and the client certificate of
 * `root` for the primary region alone. Made in the broker stack; the CA's key never leaves it.
 */
export class DatabaseTrust extends pulumi.ComponentResource {
  /** Keyed by cluster; secret as a whole. */
  readonly entries: Record<string, pulumi.Output<DatabaseCertificates>>;

  constructor(name: string, args: { plan: Plan }, opts?: pulumi.ComponentResourceOptions) {
    super("archipelago:cockroachdb:Trust", name, {}, opts);
    const child = { parent: this };

    const days = certificateDays(args.plan.topology);
    const caKey = new tls.PrivateKey(`${name}-ca`, KEY, child);
    const ca = new tls.SelfSignedCert(
      `${name}-ca`,
      {
        privateKeyPem: caKey.privateKeyPem,
        subject: { commonName: `${ORGANIZATION} CA`, organization: ORGANIZATION },
        isCaCertificate: true,
        allowedUses: ["cert_signing", "digital_signature"],
        validityPeriodHours: days.ca * DAY_HOURS,
        // Renewed by the first `pulumi up` after that. It keeps its key, so certificates under the old and the new one
        // trust each other while the regions change over.
        earlyRenewalHours: days.caRenewal * DAY_HOURS,
      },
      child,
    );

    const issue = (leaf: string, commonName: string, uses: string[], names?: SubjectNames) => {
      const key = new tls.PrivateKey(`${name}-${leaf}`, KEY, child);
      const request = new tls.CertRequest(
        `${name}-${leaf}`,
        { privateKeyPem: key.privateKeyPem, subject: { commonName, organization: ORGANIZATION }, ...names },
        child,
      );
      const certificate = new tls.LocallySignedCert(
        `${name}-${leaf}`,
        {
          certRequestPem: request.certRequestPem,
          caPrivateKeyPem: caKey.privateKeyPem,
          caCertPem: ca.certPem,
          allowedUses: ["digital_signature", ...uses],
          validityPeriodHours: days.leaf * DAY_HOURS,
          earlyRenewalHours: days.leafRenewal * DAY_HOURS,
        },
        child,
      );
      return { certificate: certificate.certPem, key: key.privateKeyPem };
    };

    const entryFor = (region: ClusterPlan): pulumi.Output<DatabaseCertificates> => {
      // Replicas dial each other: every node is server and client.
      const node = issue(`node-${region.name}`, "node", ["server_auth", "client_auth"], planSubjectNames(region));
      const common = { caCert: ca.certPem, nodeCert: node.certificate, nodeKey: node.key };
      if (!region.primary) return pulumi.secret(common);
      const root = issue("client-root", "root", ["client_auth"]);
      return pulumi.secret({ ...common, rootCert: root.certificate, rootKey: root.key });
    };
    this.entries = Object.fromEntries(args.plan.regions.map((region) => [region.name, entryFor(region)]));
    this.registerOutputs({});
  }
}
