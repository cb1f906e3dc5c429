import {
  Secret,
  type Difference,
  type Failure,
  type Package,
  type Props,
  type ResourceContext,
  type ResourceKind,
} from "./contract";
import { listDifferences } from "./changes";
import { isUnknown } from "./encoding";
import { request, selfSign, sign, useFailures } from "./tlsCertificates";
import {
  algorithmOf,
  CURVE_NAMES,
  generateKey,
  keyId,
  parsePrivateKey,
  renderPkcs8,
  renderPrivateKey,
  renderPublicKey,
  renderSsh,
  type KeyAlgorithm,
} from "./tlsKeys";
import { text } from "./text";

/** Stand-in for the tls plugin. Keys and certificates live in the engine's state alone, as with the real one. */
export const tlsPackage = (): Package => ({
  name: "tls",
  version: "5.6.1",
  nature: "stand-in",
  resources: {
    "tls:index/privateKey:PrivateKey": privateKeyKind,
    "tls:index/selfSignedCert:SelfSignedCert": certificateKind(
      ["privateKeyPem", "allowedUses", "validityPeriodHours"],
      ["keyAlgorithm"],
      selfSign,
    ),
    "tls:index/certRequest:CertRequest": {
      required: ["privateKeyPem"],
      computed: ["certRequestPem", "keyAlgorithm"],
      create: async (_context, inputs) => {
        const made = await request(inputs);
        return { id: keyId(parsePrivateKey(inputs.privateKeyPem)), outputs: { ...inputs, ...made } };
      },
      delete: () => Promise.resolve(),
    },
    "tls:index/locallySignedCert:LocallySignedCert": certificateKind(
      ["allowedUses", "caCertPem", "caPrivateKeyPem", "certRequestPem", "validityPeriodHours"],
      ["caKeyAlgorithm"],
      sign,
    ),
  },
  functions: { "tls:index/getPublicKey:getPublicKey": (args) => Promise.resolve(getPublicKey(args)) },
});

const SECRET_FORMS = ["privateKeyPem", "privateKeyPemPkcs8", "privateKeyOpenssh"];

const privateKeyKind: ResourceKind = {
  required: ["algorithm"],
  computed: [
    ...["ecdsaCurve", "rsaBits", ...SECRET_FORMS, "publicKeyPem", "publicKeyOpenssh"],
    ...["publicKeyFingerprintMd5", "publicKeyFingerprintSha256"],
  ],
  check: (_context, news) => ({ inputs: news, failures: keyFailures(news) }),
  create: (_context, inputs) => {
    const { algorithm, ecdsaCurve = "P224", rsaBits = 2048 } = inputs;
    const key = generateKey(algorithm as KeyAlgorithm, text(ecdsaCurve), Number(rsaBits));
    const ssh = renderSsh(key);
    const outputs: Props = {
      ...{ ...inputs, ecdsaCurve, rsaBits },
      ...{
        privateKeyPem: renderPrivateKey(key),
        privateKeyPemPkcs8: renderPkcs8(key),
        privateKeyOpenssh: ssh.privateKey,
      },
      ...{ publicKeyPem: renderPublicKey(key), publicKeyOpenssh: ssh.publicKey },
      ...{ publicKeyFingerprintMd5: ssh.md5, publicKeyFingerprintSha256: ssh.sha256 },
    };
    for (const form of SECRET_FORMS) outputs[form] = new Secret(outputs[form]);
    return Promise.resolve({ id: keyId(key), outputs });
  },
  delete: () => Promise.resolve(),
};

function keyFailures(inputs: Props): Failure[] {
  const oneOf = (property: string, allowed: string[]): Failure[] => {
    const value = inputs[property];
    if (value === undefined || isUnknown(value) || allowed.includes(text(value))) return [];
    return [{ property, reason: `value must be one of: ["${allowed.join('" "')}"], got: "${text(value)}"` }];
  };
  return [...oneOf("algorithm", ["RSA", "ECDSA", "ED25519"]), ...oneOf("ecdsaCurve", CURVE_NAMES)];
}

/** A certificate is made anew by any change but of when it is to be renewed, and when that time has come. */
function certificateKind(
  required: string[],
  computed: string[],
  make: (inputs: Props) => Promise<Props & { id: string }>,
): ResourceKind {
  const shown = (inputs: Props): Props => ({
    earlyRenewalHours: 0,
    isCaCertificate: false,
    setSubjectKeyId: false,
    ...inputs,
  });
  return {
    required,
    computed: [...computed, "certPem", "readyForRenewal", "validityEndTime", "validityStartTime"],
    check: (_context, news) => ({ inputs: news, failures: useFailures(news) }),
    create: async (_context, inputs) => {
      const { id, ...made } = await make(inputs);
      return { id, outputs: { ...shown(inputs), ...made, readyForRenewal: isRenewable(inputs, made) } };
    },
    diff: (_context: ResourceContext, _id, olds, news) => {
      const changes: Difference[] = listDifferences(olds.inputs, news).map((change) => ({
        ...change,
        replace: change.path !== "earlyRenewalHours",
      }));
      if (isRenewable(news, olds.outputs)) changes.push({ path: "readyForRenewal", kind: "update", replace: true });
      return { changes };
    },
    read: (_context, _id, inputs, outputs) =>
      Promise.resolve({ inputs, outputs: { ...outputs, readyForRenewal: isRenewable(inputs, outputs) } }),
    update: (_context, _id, olds, news) =>
      Promise.resolve({ ...olds.outputs, ...shown(news), readyForRenewal: isRenewable(news, olds.outputs) }),
    delete: () => Promise.resolve(),
  };
}

function isRenewable(inputs: Props, outputs: Props): boolean {
  const end = Date.parse(text(outputs.validityEndTime));
  const hours = inputs.earlyRenewalHours;
  return !Number.isNaN(end) && !isUnknown(hours) && end - Number(hours ?? 0) * 3_600_000 <= Date.now();
}

function getPublicKey(args: Props): Props {
  const key = parsePrivateKey(args.privateKeyPem ?? args.privateKeyOpenssh);
  const ssh = renderSsh(key);
  return {
    ...{ ...args, id: keyId(key), algorithm: algorithmOf(key), publicKeyPem: renderPublicKey(key) },
    ...{ publicKeyOpenssh: ssh.publicKey, publicKeyFingerprintMd5: ssh.md5, publicKeyFingerprintSha256: ssh.sha256 },
  };
}
