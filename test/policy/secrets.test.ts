import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { type Properties, readProperties, Sealed, UNKNOWN } from "../../policy/properties";
import { sealedInputs, sealedState } from "../../policy/secrets";
import { fleetOf, findingsOf, resource } from "./subjects";

const SCRIPT = "#!/bin/bash\nTOKEN=x";
const sealed = new Sealed(SCRIPT);
const KEY = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\n-----END EC PRIVATE KEY-----\n".repeat(2);
const base64 = (text: string | Buffer) => Buffer.from(text).toString("base64");

describe("secrets are secret", () => {
  test.each<[string, (value: Properties[string]) => Properties]>([
    ["aws:ec2/instance:Instance", (value) => ({ userDataBase64: value })],
    ["oci:Core/instance:Instance", (value) => ({ metadata: { user_data: value } })],
    ["vultr:index/instance:Instance", (value) => ({ userData: value })],
    ["civo:index/instance:Instance", (value) => ({ script: value })],
    ["linode:index/instance:Instance", (value) => ({ metadatas: [{ userData: value }] })],
    ["equinix-metal:index/device:Device", (value) => ({ userData: value })],
    ["kubernetes:core/v1:Secret", (value) => ({ data: { token: value } })],
    ["pulumi:providers:kubernetes", (value) => ({ kubeconfig: value })],
  ])("tells a sealed %s from an open one", (type, properties) => {
    expect(findingsOf(sealedInputs, resource(type, properties(sealed)))).toEqual([]);
    expect(findingsOf(sealedInputs, resource(type, properties(UNKNOWN)))).toEqual([]);
    expect(findingsOf(sealedInputs, resource(type, properties(SCRIPT)))).toHaveLength(1);
  });

  test("counts a seal above the field, and an empty Secret that Kubernetes fills", () => {
    const type = "kubernetes:core/v1:Secret";
    expect(findingsOf(sealedInputs, resource(type, { data: new Sealed({ token: "x" }) }))).toEqual([]);
    expect(findingsOf(sealedInputs, resource(type, { type: "kubernetes.io/service-account-token" }))).toEqual([]);
  });

  test("wants generated keys among the secret outputs", () => {
    const type = "tls:index/privateKey:PrivateKey";
    const secretOutputs = ["privateKeyPem", "privateKeyOpenssh"];
    expect(findingsOf(sealedInputs, resource(type, {}, { secretOutputs }))).toEqual([]);
    expect(findingsOf(sealedInputs, resource(type, {}))).toHaveLength(2);
  });

  test.each([
    ["in clear", KEY],
    ["in base64", base64(KEY)],
    ["packed, in base64", base64(gzipSync(KEY + "x".repeat(40) + Math.PI))],
    ["in base64 twice", base64(base64(KEY))],
  ])("finds a private key %s in any field of any resource, and never shows it", (_, text) => {
    const found = findingsOf(sealedInputs, resource("kubernetes:core/v1:ConfigMap", { data: { x: [text] } }));
    expect(found).toMatchObject([{ place: "subject.data.x[0]", value: "a private key in clear" }]);
    expect(JSON.stringify(found)).not.toContain(text.slice(0, 40));
    const hidden = { data: { x: [new Sealed(text)] } };
    expect(findingsOf(sealedInputs, resource("kubernetes:core/v1:ConfigMap", hidden))).toEqual([]);
  });

  test("takes certificates and digests for what they are", () => {
    const certificate = KEY.replaceAll("EC PRIVATE KEY", "CERTIFICATE");
    const properties = { caCert: certificate, caData: base64(certificate), digest: "a".repeat(64) };
    expect(findingsOf(sealedInputs, resource("kubernetes:core/v1:ConfigMap", properties))).toEqual([]);
  });
});

describe("no secret in the state", () => {
  const check = (properties: Properties, type = "pulumi:pulumi:Stack") =>
    sealedState.checkStack([resource(type, properties)], fleetOf("oregon"), {});

  test("wants kubeconfigs and the clusters' entries sealed among a stack's outputs", () => {
    const open = { kubeconfig: "users: []", "join-london": { psk: "x" }, apiEndpoint: "https://198.51.100.9:6443" };
    expect(check(open).map(({ place }) => place)).toEqual(["subject.kubeconfig", "subject.join-london"]);
    expect(check({ ...open, kubeconfig: new Sealed("x"), "join-london": new Sealed({ psk: "x" }) })).toEqual([]);
  });

  test("finds keys, kubeconfigs and tokens in what a provider answered", () => {
    const token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhZG1pbiJ9.c2lnbmF0dXJlLW9mLXRva2Vu";
    for (const text of [KEY, "client-key-data: eA==", `Bearer ${token}`]) {
      expect(check({ answer: text }, "aws:ec2/instance:Instance")).toHaveLength(1);
      expect(check({ answer: new Sealed(text) }, "aws:ec2/instance:Instance")).toEqual([]);
    }
  });
});

describe("what the engine sends", () => {
  test("keeps its marks of secrets and of what is not known yet", () => {
    const secret = { "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", value: ["x"] };
    expect(readProperties({ a: secret, b: "04da6b54-80e4-46f7-96ec-b56ff0331ba9", c: [1, null, true] })).toEqual({
      a: new Sealed(["x"]),
      b: UNKNOWN,
      c: [1, null, true],
    });
  });
});
