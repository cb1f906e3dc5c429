/** Who is who in a cluster, settled before any machine exists: its CA, its administrator, its join token. */
import * as crypto from "node:crypto";
import * as pulumi from "@pulumi/pulumi";
import { RandomPassword } from "@pulumi/random/randomPassword";
import { CertRequest } from "@pulumi/tls/certRequest";
import { LocallySignedCert } from "@pulumi/tls/locallySignedCert";
import { PrivateKey } from "@pulumi/tls/privateKey";
import { SelfSignedCert } from "@pulumi/tls/selfSignedCert";
import type { SharedCredentials } from "../../plan/bootScript";
import type { CertificateDays } from "../../plan/types";

const DAY_HOURS = 24;

/** PEM texts; keys and token are secret. */
export interface Identity {
  caCert: pulumi.Output<string>;
  caKey: pulumi.Output<string>;
  /** `sha256:<hex>` of the CA's public key, by which joining nodes know it. */
  caHash: pulumi.Output<string>;
  adminCert: pulumi.Output<string>;
  adminKey: pulumi.Output<string>;
  /** `<6>.<16>` characters. */
  bootstrapToken: pulumi.Output<string>;
}

export function createIdentity(cluster: string, days: CertificateDays, opts: pulumi.CustomResourceOptions): Identity {
  const { key: caKey, cert: ca } = createAuthority(`${cluster}-ca`, `kubernetes-${cluster}`, days, opts);

  const adminKey = createKey(`${cluster}-admin`, opts);
  const request = new CertRequest(
    `${cluster}-admin`,
    {
      privateKeyPem: adminKey.privateKeyPem,
      subject: { commonName: "archipelago-admin", organization: "system:masters" },
    },
    opts,
  );
  const admin = new LocallySignedCert(
    `${cluster}-admin`,
    {
      certRequestPem: request.certRequestPem,
      caPrivateKeyPem: caKey.privateKeyPem,
      caCertPem: ca.certPem,
      validityPeriodHours: days.leaf * DAY_HOURS,
      earlyRenewalHours: days.leafRenewal * DAY_HOURS,
      allowedUses: ["client_auth", "digital_signature"],
    },
    opts,
  );

  const token = new RandomPassword(`${cluster}-token`, { length: 22, special: false, upper: false }, opts);
  return {
    caCert: ca.certPem,
    caKey: pulumi.secret(caKey.privateKeyPem),
    caHash: caKey.publicKeyPem.apply(publicKeyHash),
    adminCert: admin.certPem,
    adminKey: pulumi.secret(adminKey.privateKeyPem),
    bootstrapToken: pulumi.secret(token.result).apply((text) => `${text.slice(0, 6)}.${text.slice(6, 22)}`),
  };
}

/**
 * What several servers must have in common. With a single one kubeadm makes these by itself.
 * Every key is EC P-256: seven PEM files must fit into the user data.
 */
export function createSharedCredentials(
  cluster: string,
  days: CertificateDays,
  opts: pulumi.CustomResourceOptions,
): pulumi.Output<SharedCredentials> {
  const etcd = createAuthority(`${cluster}-etcd-ca`, `etcd-${cluster}`, days, opts);
  const frontProxy = createAuthority(`${cluster}-front-proxy-ca`, `front-proxy-${cluster}`, days, opts);
  const serviceAccount = createKey(`${cluster}-service-account`, opts);
  return pulumi.secret(
    pulumi.output({
      etcdCaCert: etcd.cert.certPem,
      etcdCaKey: etcd.key.privateKeyPem,
      frontProxyCaCert: frontProxy.cert.certPem,
      frontProxyCaKey: frontProxy.key.privateKeyPem,
      serviceAccountKey: serviceAccount.privateKeyPem,
      serviceAccountPublicKey: serviceAccount.publicKeyPem,
    }),
  );
}

function createKey(name: string, opts: pulumi.CustomResourceOptions): PrivateKey {
  return new PrivateKey(name, { algorithm: "ECDSA", ecdsaCurve: "P256" }, opts);
}

function createAuthority(name: string, commonName: string, days: CertificateDays, opts: pulumi.CustomResourceOptions) {
  const key = createKey(name, opts);
  const cert = new SelfSignedCert(
    name,
    {
      privateKeyPem: key.privateKeyPem,
      subject: { commonName },
      isCaCertificate: true,
      setSubjectKeyId: true,
      validityPeriodHours: days.ca * DAY_HOURS,
      allowedUses: ["cert_signing", "crl_signing", "digital_signature", "key_encipherment"],
    },
    opts,
  );
  return { key, cert };
}

/** kubeadm's way to name a CA: the digest of its public key's DER form, which is what a PUBLIC KEY PEM holds. */
export function publicKeyHash(publicKeyPem: string): string {
  const der = Buffer.from(publicKeyPem.replace(/-----[^-]+-----|\s/g, ""), "base64");
  return `sha256:${crypto.createHash("sha256").update(der).digest("hex")}`;
}
