import { isDeepStrictEqual } from "node:util";
import { isObject } from "../../encoding";
import { conditionOf, listAt, textAt, valueAt, type KubeObject } from "../objects";
import { ready, waiting, type Judge } from "./verdict";

// The real plugin gives the addresses of a Service this long to settle after each change.
const SETTLE_SECONDS = 10;

/** Whether a Service is one whose pods are waited for: it has a selector and an address of its own. */
export function needsEndpoints(service: KubeObject): boolean {
  const selector = valueAt(service, "spec", "selector");
  return (
    textAt(service, "spec", "type") !== "ExternalName" &&
    textAt(service, "spec", "clusterIP") !== "None" &&
    isObject(selector) &&
    Object.keys(selector).length > 0
  );
}

/** Has its address (LoadBalancer) and its endpoints have settled with none that is not ready. */
export const judgeService: Judge = (service, { related, quietSeconds }) => {
  const addressed =
    textAt(service, "spec", "type") !== "LoadBalancer" ||
    listAt(service, "status", "loadBalancer", "ingress").length > 0;
  if (!addressed) return waiting("no load balancer has given it an address");
  if (!needsEndpoints(service)) return ready;
  const endpoints = related.find((item) => item.metadata.name === service.metadata.name);
  if (!endpoints) return waiting("it has no Endpoints yet");
  const subsets = listAt(endpoints, "subsets");
  const pending = subsets.flatMap((subset) => listAt(subset, "notReadyAddresses"));
  const names = pending.map((address) => textAt(address, "targetRef", "name") ?? String(address.ip));
  if (names.length > 0) return waiting(`pods behind it are not ready: ${names.join(", ")}`);
  return quietSeconds >= SETTLE_SECONDS ? ready : waiting("its endpoints have not settled yet");
};

export const judgeVolume: Judge = (volume) => {
  const phase = textAt(volume, "status", "phase");
  return phase === "Available" || phase === "Bound" ? ready : waiting(`phase ${phase ?? "none"}`);
};

/** Bound; a claim that waits for its first pod need only be Pending. */
export const judgeClaim: Judge = (claim, { related, updating }) => {
  const phase = textAt(claim, "status", "phase");
  if (phase === "Bound") return ready;
  const name = textAt(claim, "spec", "storageClassName");
  const storageClass = related.find((item) => item.metadata.name === name);
  const lazy = textAt(storageClass, "volumeBindingMode") === "WaitForFirstConsumer";
  if (lazy && phase === "Pending" && !updating) return ready;
  return waiting(`phase ${phase ?? "none"}, storage class ${name || "none"}`);
};

/** A service account's token is written by a controller; other secrets are ready at once. */
export const judgeSecret: Judge = (secret) => {
  if (textAt(secret, "type") !== "kubernetes.io/service-account-token") return ready;
  if (textAt(secret, "data", "token")) return ready;
  const account = textAt(secret, "metadata", "annotations", "kubernetes.io/service-account.name");
  return waiting(`no token yet; its ServiceAccount is "${account ?? ""}"`);
};

export const judgeQuota: Judge = (quota) =>
  isDeepStrictEqual(valueAt(quota, "spec", "hard"), valueAt(quota, "status", "hard"))
    ? ready
    : waiting("its limits are not in force yet");

/** Established: objects of the new kind can be made. The real plugin leaves the wait to the first such object. */
export const judgeDefinition: Judge = (definition) => {
  if (conditionOf(definition, "Established")?.status === "True") return ready;
  const refused = conditionOf(definition, "NamesAccepted");
  return waiting(
    refused?.status === "False" ? `its names are refused: ${String(refused.message)}` : "not established yet",
  );
};
