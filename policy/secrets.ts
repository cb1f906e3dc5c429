/** Secrets are secrets: sealed in inputs, in outputs and in the state. */
import * as zlib from "node:zlib";
import type { Finding } from "../plan/types";
import { openTexts, type Properties, type Property, Sealed, UNKNOWN } from "./properties";
import type { Resource, ResourceRule, StackRule } from "./rule";

const ALLOWED = "a secret, which the engine encrypts in the state and never shows";

/** Fields whose whole content is secret, by type; `*` stands for every item of a list. */
const SECRET_INPUTS: Record<string, string[]> = {
  // user data: the boot script holds the cluster's CA key and its join token
  "aws:ec2/instance:Instance": ["userData", "userDataBase64"],
  "aws:ec2/launchTemplate:LaunchTemplate": ["userData"],
  "oci:Core/instance:Instance": ["metadata.user_data"],
  "vultr:index/instance:Instance": ["userData"],
  "civo:index/instance:Instance": ["script", "initialPassword"],
  "linode:index/instance:Instance": ["metadatas.*.userData", "rootPass"],
  "equinix-metal:index/device:Device": ["userData"],
  "kubernetes:core/v1:Secret": ["data", "stringData"],
  "tls:index/selfSignedCert:SelfSignedCert": ["privateKeyPem"],
  "tls:index/certRequest:CertRequest": ["privateKeyPem"],
  "tls:index/locallySignedCert:LocallySignedCert": ["caPrivateKeyPem"],
  "pulumi:providers:kubernetes": ["kubeconfig"],
};

/** Outputs that no input tells of: the resource itself must say that they are secret. */
const SECRET_OUTPUTS: Record<string, string[]> = {
  "tls:index/privateKey:PrivateKey": ["privateKeyPem", "privateKeyOpenssh"],
  "random:index/randomPassword:RandomPassword": ["result"],
  "random:index/randomBytes:RandomBytes": ["base64"],
};

export const sealedInputs: ResourceRule = {
  name: "secrets-are-secret",
  description:
    "User data, Kubernetes Secrets, keys and kubeconfigs are secret inputs, and generated ones secret outputs.",
  level: "mandatory",
  severity: "critical",
  reason: "what once stood in clear in a state or a log has to be replaced everywhere",
  check: (resource) => [
    ...(SECRET_INPUTS[resource.type] ?? []).flatMap((path) =>
      unsealed(resource.properties, path.split(".")).map((place) => finding(resource, place, "in clear")),
    ),
    ...(SECRET_OUTPUTS[resource.type] ?? [])
      .filter((output) => !resource.secretOutputs.includes(output))
      .map((output) => finding(resource, output, "not among additionalSecretOutputs")),
    ...secretTexts(resource.properties).map(([path, what]) => finding(resource, path, `${what} in clear`)),
  ],
};

/** Outputs of a stack that are secret whatever they hold. */
const SECRET_STACK_OUTPUT = /kubeconfig|^join-|password|token|psk|(?:^|[-_])key$|Key$/;
const STACK = "pulumi:pulumi:Stack";

export const sealedState: StackRule = {
  name: "no-secret-in-state",
  description: "Nothing in the stack's state or outputs shows a key, a token or a kubeconfig in clear.",
  level: "mandatory",
  severity: "critical",
  reason: "the state is read by everyone who may preview, and it is copied into backups",
  checkStack: (resources) =>
    resources.flatMap((resource) => [
      ...(resource.type === STACK ? unsealedOutputs(resource) : []),
      ...secretTexts(resource.properties).map(([path, what]) => finding(resource, path, `${what} in clear`)),
    ]),
};

function unsealedOutputs(stack: Resource): Finding[] {
  return Object.keys(stack.properties)
    .filter((output) => SECRET_STACK_OUTPUT.test(output))
    .flatMap((output) => unsealed(stack.properties, [output]).map((place) => finding(stack, place, "in clear")));
}

/** Where a path ends in something known without having passed a seal. */
function unsealed(holder: Properties, [key = "", ...rest]: string[], before = ""): string[] {
  const entries = key === "*" ? Object.entries(holder) : [[key, holder[key]] as const];
  return entries.flatMap(([name, value]) => {
    const place = before ? `${before}.${name}` : name;
    if (value instanceof Sealed || typeof value !== "object" || value === null || rest.length === 0)
      return rest.length === 0 && isReadable(value) ? [place] : [];
    return unsealed(value as Properties, rest, place);
  });
}

/** Whether there is anything in it to read. */
function isReadable(value: Property | undefined): boolean {
  if (value instanceof Sealed || value === UNKNOWN || value === undefined || value === null || value === "")
    return false;
  return typeof value === "object" ? Object.values(value).some(isReadable) : true;
}

const finding = (resource: Resource, path: string, value: string): Finding => ({
  place: `${resource.name}.${path}`,
  value,
  allowed: ALLOWED,
  remedy:
    "wrap it in pulumi.secret, or name it in additionalSecretOutputs; then replace the secret itself if it was applied",
});

// what gives a secret away wherever it stands

const MARKS: [RegExp, string][] = [
  [/-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/, "a private key"],
  [/client-key-data:/, "a kubeconfig with a key"],
  [/\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}/, "a bearer token"],
];
/** Encodings inside encodings: gzip in base64 in base64 is the most that any cloud asks for. */
const DEPTH = 3;
const BASE64 = /^[A-Za-z0-9+/\s]{64,}={0,2}\s*$/;

/** Paths of texts that hold a secret, also encoded or packed, and what it is. */
function secretTexts(properties: Properties): [path: string, what: string][] {
  return openTexts(properties).flatMap(({ path, text }) => {
    const what = secretIn(text, DEPTH);
    return what ? [[path, what] as [string, string]] : [];
  });
}

function secretIn(text: string, depth: number): string | undefined {
  const found = MARKS.find(([mark]) => mark.test(text));
  if (found) return found[1];
  return depth > 0 && BASE64.test(text) ? secretIn(unpack(Buffer.from(text, "base64")), depth - 1) : undefined;
}

function unpack(bytes: Buffer): string {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes.toString("latin1");
  try {
    return zlib.gunzipSync(bytes).toString("latin1");
  } catch {
    return "";
  }
}
