import * as zlib from "node:zlib";
import { describe, expect, test } from "vitest";
import { assertNoSecretIn, findSecrets, partsOf } from "./runSecrets";

const KEY = `-----BEGIN EC PRIVATE KEY-----\n${"MHcCAQEEIIrYSSNFJx1aPHn2ZSqg8QRl9v5Yt0bWkzU7dTqk\n".repeat(2)}-----END EC PRIVATE KEY-----\n`;
const base64 = (text: string | Buffer): string => Buffer.from(text).toString("base64");
const TOKEN = "abcdef.0123456789abcdef";

describe("the search for secrets", () => {
  const secrets = new Set([...partsOf(KEY), ...partsOf(TOKEN)]);

  test.each<[string, (text: string) => string]>([
    ["plain", (text) => text],
    ["as JSON", (text) => JSON.stringify({ text })],
    ["in base64", (text) => base64(text)],
    ["in base64 twice", (text) => base64(`data: ${base64(text)}`)],
    ["packed", (text) => base64(zlib.gzipSync(text))],
  ])("finds keys and tokens %s", (_, pack) => {
    for (const text of [KEY, `#!/bin/bash\nTOKEN=${TOKEN}\n`]) {
      expect(findSecrets(`before ${pack(text)} after`, secrets)).not.toEqual([]);
      expect(() => assertNoSecretIn("here", pack(text), secrets)).toThrow("here holds");
    }
  });

  test("finds nothing in what holds none", () => {
    const text = JSON.stringify({ script: base64("#!/bin/bash\necho nothing secret here\n"), sealed: "v1:abc:def" });
    expect(findSecrets(text, secrets)).toEqual([]);
  });

  test("takes from a secret what is secret in it, and leaves names, addresses and certificates", () => {
    const certificate = base64("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n");
    for (const text of ["198.18.0.10:6443", "submariner-k8s-broker", "root", certificate, "https://198.18.0.1:6443"])
      expect(partsOf(text)).toEqual([]);
    const kubeconfig = `users:\n- user:\n    client-key-data: ${base64(KEY)}\n    token: eyJhbGciOi.payload\n`;
    expect(partsOf(kubeconfig)).toEqual(
      expect.arrayContaining([base64(KEY), "eyJhbGciOi.payload", ...partsOf(KEY)]) as string[],
    );
    expect(partsOf("q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQ")).toHaveLength(1);
    expect(partsOf("0123456789abcdef")).toHaveLength(1);
  });
});
