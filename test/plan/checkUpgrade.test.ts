import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkUpgrade, type LivingVersions } from "../../plan/checkUpgrade";

const COCKROACH = "docker.io/cockroachdb/cockroach";
const london: LivingVersions = {
  cluster: "london",
  apiServer: "v1.36.3",
  kubelets: { "london-server": "v1.36.3" },
  submariner: "0.24.0",
  databaseImage: `${COCKROACH}:v25.4.13`,
};

const check = (
  living: Partial<LivingVersions>,
  to: { kubernetes?: string; submariner?: string; image?: string } = {},
): string[] => {
  const { kubernetes = "v1.37.1", submariner = "0.24.2", image = `${COCKROACH}:v25.4.14` } = to;
  const target = {
    kubernetes: { version: kubernetes },
    submariner: { version: submariner, repository: "quay.io/submariner", cableDriver: "libreswan" as const },
    database: { image, standIn: false, replicas: 3, storageGib: 1 },
  };
  return checkUpgrade([{ ...london, ...living }], target).map(({ place, allowed }) => `${place}: ${allowed}`);
};

describe("the rules of an upgrade", () => {
  test("let one minor version, a newer Submariner and a patch of the database through", () => {
    expect(check({})).toEqual([]);
  });

  test("name everything that is wrong at once", () => {
    const to = { kubernetes: "v1.38.0", submariner: "0.23.1", image: `${COCKROACH}:v26.2.5` };
    expect(check({ databaseImage: `${COCKROACH}:v25.2.1` }, to)).toEqual([
      "london: Kubernetes: at most one minor version at a time",
      "london: Submariner: 0.24.0 or newer: an older one may not read what the newer one has announced",
      "london: database: the next major version; an innovation release between two others may be left out",
    ]);
  });

  test("take no Kubernetes back, not even by a patch", () => {
    expect(check({ apiServer: "v1.37.2" })).toEqual([
      "london: Kubernetes: v1.37.2 or newer: kubeadm takes no cluster back",
    ]);
  });

  test("refuse kubelets too old for the new API server, or newer than it", () => {
    const kubelets = { "london-server": "v1.36.3", "london-old": "v1.33.9", "london-new": "v1.37.2" };
    expect(check({ kubelets })).toEqual([
      "london: kubelet of london-old: at most 3 minor versions older than v1.37.1",
      "london: kubelet of london-new: at most v1.37.1: no kubelet is newer than its API server",
    ]);
  });

  test("leave a Kubernetes alone that is not ours", () => {
    expect(check({ apiServer: undefined, kubelets: { managed: "v1.30.0" } })).toEqual([]);
  });

  test.each([
    ["v25.2.9", "v25.4.0", true],
    ["v25.2.9", "v25.3.1", true],
    ["v25.3.1", "v25.4.0", true],
    ["v25.4.14", "v26.2.5", true],
    ["v25.1.1", "v25.3.0", false],
    ["v25.2.9", "v26.2.0", false],
    ["v24.1.3", "v24.3.0", true],
    ["v24.3.8", "v25.2.0", true],
    ["v24.3.8", "v25.3.0", false],
    ["v24.2.8", "v25.1.0", false],
    ["v23.2.8", "v24.1.0", true],
    ["v22.2.8", "v23.1.0", true],
    ["v23.1.8", "v24.1.0", false],
    ["v25.4.14", "v25.4.13", false],
    ["v26.2.5", "v25.4.14", false],
  ])("judge the database's step from %s to %s: %s", (from, to, allowed) => {
    const found = check({ databaseImage: `${COCKROACH}:${from}` }, { image: `${COCKROACH}:${to}` });
    expect(found.length === 0).toBe(allowed);
  });

  test("never take another image for a newer version of the database", () => {
    expect(check({ databaseImage: "archipelago.internal/cockroachdb-stand-in:v25.4.13" })).toEqual([
      "london: database: another tag of the same image: another image is another database",
    ]);
  });

  test("find nothing in a cluster that is what the topology says, whatever that is", () => {
    const version = fc.tuple(fc.nat(3), fc.nat(60), fc.nat(30)).map((parts) => parts.join("."));
    fc.assert(
      fc.property(version, version, version, (kubernetes, submariner, database) => {
        const image = `host:5000/cockroach:v${database}`;
        const kubelets = { a: `v${kubernetes}` };
        const living = { apiServer: `v${kubernetes}`, kubelets, submariner, databaseImage: image };
        expect(check(living, { kubernetes: `v${kubernetes}`, submariner, image })).toEqual([]);
      }),
    );
  });
});
