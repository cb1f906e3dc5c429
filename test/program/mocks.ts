/** Runs a whole stack under Pulumi's mocks: nothing is created, every registration is seen. */
import { createRequire } from "node:module";
import * as pulumi from "@pulumi/pulumi";
import type { createBroker as CreateBroker } from "../../stacks/broker";
import type { createRegion as CreateRegion } from "../../stacks/region";
import type { Join } from "../../plan/join";
import type { Plan } from "../../plan/types";

const require = createRequire(__filename);

export interface Seen {
  type: string;
  name: string;
  inputs: Record<string, unknown>;
  provider?: string;
}

export const JOIN: Join = {
  brokerApi: "198.51.100.1:6443",
  brokerCa: "Q0E=",
  brokerToken: "broker-token-of-this-region",
  psk: "cHNr",
  database: { caCert: "ca", nodeCert: "cert", nodeKey: "node-key", rootCert: "root", rootKey: "root-key" },
};

/** The public half of a P-256 key; what the program computes from it is looked at elsewhere. */
const PUBLIC_KEY = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC KEY-----\n";

/** What the clouds would answer. */
function outputsOf(type: string, name: string, inputs: Record<string, unknown>): Record<string, unknown> {
  if (type.startsWith("tls:"))
    return {
      privateKeyPem: `KEY ${name}`,
      publicKeyPem: PUBLIC_KEY,
      certPem: `CERT ${name}`,
      certRequestPem: "REQUEST",
    };
  if (type.startsWith("random:")) return { result: "abcdefghijklmnopqrstuv", base64: "cHNr" };
  const addresses = {
    privateIp: "10.0.0.2",
    internalIp: "10.0.0.2",
    accessPrivateIpv4: "10.0.0.2",
    ipAddress: "198.51.100.8",
  };
  const outside = {
    publicIp: "198.51.100.9",
    mainIp: "198.51.100.9",
    accessPublicIpv4: "198.51.100.9",
    ipv4s: ["198.51.100.9"],
    subnet: "198.51.100.9",
  };
  const isKubernetes = type.startsWith("kubernetes:");
  if (isKubernetes && type.endsWith(":Secret")) return { data: { token: "dG9rZW4=", "ca.crt": "Q0E=" } };
  return isKubernetes ? {} : { ...addresses, ...outside, interfaces: inputs.interfaces ?? [] };
}

/** The value at a path inside plain data; undefined where the path ends early. */
export const at = (data: unknown, ...path: (string | number)[]): unknown =>
  path.reduce<unknown>((holder, key) => (holder as Record<string | number, unknown> | undefined)?.[key], data);

/** The same as text; fails the test when it is something else. */
export function textAt(data: unknown, ...path: (string | number)[]): string {
  const value = at(data, ...path);
  if (typeof value !== "string") throw new Error(`${path.join(".")} is ${typeof value}, not text`);
  return value;
}

export interface StackRun {
  seen: Seen[];
  /** Stacks whose outputs were read. */
  asked: string[];
  outputs: Record<string, unknown>;
}

/**
 * Runs one stack as a preview (so that nothing waits for a cluster), with every output known.
 *
 * @param join what the broker stack's output is; default: a whole entry.
 */
export async function runStack(
  plan: Plan,
  stack: string,
  options: { join?: unknown; preview?: boolean } = {},
): Promise<StackRun> {
  const join = "join" in options ? options.join : JOIN;
  const seen: Seen[] = [];
  const asked: string[] = [];
  await pulumi.runtime.setMocks(
    {
      call: ({ token, inputs }) => {
        if (token !== "pulumi:pulumi:readStackOutputs") return answer(token);
        asked.push(textAt(inputs, "name"));
        return { outputs: join === undefined ? {} : { [`join-${stack}`]: join } };
      },
      newResource: ({ type, name, inputs, provider }) => {
        seen.push({ type, name, inputs: inputs as Record<string, unknown>, provider });
        const id = type.startsWith("linode:") ? "42" : `${name}-id`;
        const outputs = outputsOf(type, name, inputs as Record<string, unknown>);
        return { id, state: { ...(inputs as Record<string, unknown>), ...outputs } };
      },
    },
    "archipelago",
    stack,
    options.preview ?? true,
    "organization",
  );
  // Loaded by the same translator as under the engine, so that the program's own lazy `require` works.
  require("tsx/cjs");
  const cluster = plan.clusters[stack]!;
  let outputs: Record<string, unknown>;
  if (cluster.role === "broker") {
    const { createBroker } = require("../../stacks/broker") as { createBroker: typeof CreateBroker };
    outputs = createBroker(plan);
  } else {
    const { createRegion } = require("../../stacks/region") as { createRegion: typeof CreateRegion };
    outputs = await createRegion(plan, cluster);
  }
  await pulumi.runtime.disconnect();
  return { seen, asked, outputs };
}

function answer(token: string): Record<string, unknown> {
  if (token === "aws:ec2/getAmi:getAmi") return { id: "ami-1" };
  if (token === "oci:Core/getImages:getImages") return { images: [{ id: "image-1" }] };
  if (token === "oci:Identity/getAvailabilityDomains:getAvailabilityDomains")
    return { availabilityDomains: [{ name: "AD-1" }] };
  if (token === "vultr:index/getOs:getOs") return { id: "2284" };
  if (token.startsWith("civo:")) return { templates: [{ id: "image-1" }] };
  throw new Error(`unexpected call ${token}`);
}
