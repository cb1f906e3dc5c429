import { describe, expect, test } from "vitest";
import { planCostCeiling } from "../../policy/cost";
import { protectedData, retainedVolumes } from "../../policy/data";
import { priceStack } from "../../policy/prices";
import type { Properties } from "../../policy/properties";
import { isSafe, safeSubmariner } from "../../policy/submariner";
import { fleetOf, findingsOf, REHEARSED, resource } from "./subjects";

describe("volumes retained", () => {
  const retention = (when: string, value: string) => ({
    spec: { persistentVolumeClaimRetentionPolicy: { [when]: value } },
  });
  test.each<[string, Properties, Properties]>([
    [
      "kubernetes:core/v1:PersistentVolume",
      { spec: { persistentVolumeReclaimPolicy: "Retain" } },
      { spec: { persistentVolumeReclaimPolicy: "Delete" } },
    ],
    ["kubernetes:storage.k8s.io/v1:StorageClass", { reclaimPolicy: "Retain" }, {}],
    ["kubernetes:apps/v1:StatefulSet", {}, retention("whenDeleted", "Delete")],
    ["kubernetes:apps/v1:StatefulSet", retention("whenScaled", "Retain"), retention("whenScaled", "Delete")],
  ])("tells a %s that keeps data from one that does not", (type, right, wrong) => {
    expect(findingsOf(retainedVolumes, resource(type, right))).toEqual([]);
    expect(findingsOf(retainedVolumes, resource(type, wrong))).toHaveLength(1);
  });
});

describe("stateful resources protected", () => {
  const namespace = resource("kubernetes:core/v1:Namespace", { metadata: { name: "cockroachdb" } });
  const holder = resource("aws:ec2/instance:Instance", {}, { name: "oregon-worker-1" });

  const volume = resource("kubernetes:core/v1:PersistentVolume", { metadata: { name: "cockroachdb-0" } });

  test.each([namespace, volume, holder])("finds data without protection on live clouds", (subject) => {
    expect(findingsOf(protectedData, subject)).toHaveLength(1);
    expect(findingsOf(protectedData, { ...subject, isProtected: true })).toEqual([]);
    expect(findingsOf(protectedData, subject, fleetOf("oregon", REHEARSED))).toEqual([]);
  });

  test("asks nothing of what holds no data", () => {
    const other = resource("kubernetes:core/v1:Namespace", { metadata: { name: "submariner-operator" } });
    const broker = resource("vultr:index/instance:Instance", {}, { name: "broker-server" });
    expect(findingsOf(protectedData, other)).toEqual([]);
    expect(findingsOf(protectedData, broker, fleetOf("broker"))).toEqual([]);
  });
});

describe("Submariner's version", () => {
  const submariner = (version: string) =>
    resource("kubernetes:submariner.io/v1alpha1:Submariner", { spec: { version } });
  const operator = (image: string) =>
    resource("kubernetes:apps/v1:Deployment", { spec: { template: { spec: { containers: [{ image }] } } } });

  test.each(["0.24.2", "v0.24.3", "0.25.0", "1.0.0", "0.25.0-rc1"])("%s is safe", (version) => {
    expect(isSafe(version)).toBe(true);
    expect(findingsOf(safeSubmariner, submariner(version))).toEqual([]);
  });

  test.each(["0.24.1", "0.24.0", "0.24.2-rc1", "0.9.9", "devel", ""])("%j is not", (version) => {
    expect(isSafe(version)).toBe(false);
    expect(findingsOf(safeSubmariner, submariner(version))).toHaveLength(1);
  });

  test("is looked for in images, too, and no tag is no version", () => {
    expect(findingsOf(safeSubmariner, operator("quay.io/submariner/submariner-operator:0.24.2"))).toEqual([]);
    expect(findingsOf(safeSubmariner, operator("quay.io/submariner/submariner-operator:0.24.0"))).toHaveLength(1);
    expect(findingsOf(safeSubmariner, operator("host:5000/submariner-gateway"))).toHaveLength(1);
    expect(findingsOf(safeSubmariner, operator("registry.k8s.io/pause:3.10.2"))).toEqual([]);
  });

  test("is nobody's business in a rehearsal", () => {
    expect(findingsOf(safeSubmariner, submariner("0.24.0"), fleetOf("oregon", REHEARSED))).toEqual([]);
  });
});

describe("the cost ceiling", () => {
  const stack = [resource("pulumi:pulumi:Stack", {})];
  const ceiling = planCostCeiling((_plan, name) => (name === "oregon" ? 250 : undefined));

  test("stops a stack above it, and names both sums", () => {
    expect(ceiling.checkStack(stack, fleetOf("oregon"), { monthlyUsd: 200 })).toMatchObject([
      { place: "stack oregon", value: "about 250 USD a month", allowed: "200 USD" },
    ]);
    expect(ceiling.checkStack(stack, fleetOf("oregon"), { monthlyUsd: 250 })).toEqual([]);
    expect(ceiling.checkStack(stack, fleetOf("oregon"), {})).toEqual([]);
  });

  test("lets every one of the tree's own stacks pass by its price tables, and stops each at a dollar", () => {
    for (const name of Object.keys(fleetOf("oregon").plan.clusters)) {
      const own = [{ ...stack[0]!, urn: `urn:pulumi:${name}::archipelago::pulumi:pulumi:Stack::x` }];
      expect(planCostCeiling(priceStack).checkStack(own, fleetOf(name), {})).toEqual([]);
      expect(planCostCeiling(priceStack).checkStack(own, fleetOf(name), { monthlyUsd: 1 })).toHaveLength(1);
    }
  });

  test("says nothing where no price is known", () => {
    const unpriced = planCostCeiling(() => undefined);
    expect(unpriced.checkStack(stack, fleetOf("oregon"), { monthlyUsd: 0 })).toEqual([]);
  });
});
