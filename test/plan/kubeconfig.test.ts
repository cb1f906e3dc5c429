import { describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { parseKubeconfig, tlsNameOf } from "../../plan/kubeconfig";

const base64 = (text: string): string => Buffer.from(text).toString("base64");
const SERVER = { server: "https://203.0.113.9:6443", "certificate-authority-data": base64("CA") };
const kubeconfig = (user: object, cluster: object = SERVER): string =>
  stringify({
    "current-context": "it",
    contexts: [{ name: "it", context: { cluster: "c", user: "u" } }],
    clusters: [{ name: "c", cluster }],
    users: [{ name: "u", user }],
  });

describe("a kubeconfig", () => {
  test("with a token is read, and an address is no name to say in TLS", () => {
    const access = parseKubeconfig(kubeconfig({ token: "secret-token" }));
    expect(access).toMatchObject({ host: "203.0.113.9", port: 6443, ca: "CA", token: "secret-token" });
    expect(tlsNameOf(access)).toBe("");
    expect(tlsNameOf({ serverName: "api.example.com" })).toBe("api.example.com");
  });

  test("of an API behind a path keeps the path", () => {
    const behind = { ...SERVER, server: "https://rancher.example.com/k8s/clusters/c-1/" };
    const access = parseKubeconfig(kubeconfig({ token: "t" }, behind));
    expect(access).toMatchObject({ host: "rancher.example.com", port: 443, basePath: "/k8s/clusters/c-1" });
  });

  test.each([
    ["a helper program", kubeconfig({ exec: { command: "aws" }, token: "secret-token" }), /helper program/],
    [
      "no credentials",
      kubeconfig({ "client-certificate": "/home/me/secret-token" }),
      /neither a token nor a certificate/,
    ],
    ["no authority", kubeconfig({ token: "secret-token" }, { server: "https://a" }), /certificate-authority-data/],
    ["plain http", kubeconfig({ token: "secret-token" }, { ...SERVER, server: "http://a" }), /no https address/],
    ["no YAML", "token: 'secret-token", /no current context/],
  ])("with %s is refused, with the remedy that was given and without a word of it", (_, text, words) => {
    const refused = (() => {
      try {
        return parseKubeconfig(text, "do this");
      } catch (error) {
        return error as Error & { remedy: string };
      }
    })() as Error & { remedy: string };
    expect(refused.message).toMatch(words);
    expect(refused.remedy).toBe("do this");
    expect(refused.message).not.toContain("secret-token");
  });
});
