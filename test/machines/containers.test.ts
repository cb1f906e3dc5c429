import { expect, test } from "vitest";
import { renderRun, renderSeed } from "../../rehearsal/machines/containers";
import type { MachineSpec } from "../../rehearsal/machines/contract";
import { WORLD } from "../../rehearsal/machines/names";

const spec: MachineSpec = {
  id: "i-1",
  name: "oregon-a",
  cloud: "aws",
  segment: "west",
  privateAddress: "10.20.0.10",
  userData: "#!/bin/bash\r\necho ü\n",
  firewall: [],
  publicMode: "nat",
};

test("the seed holds the user data byte for byte, and id and name for cloud-init", () => {
  const seed = renderSeed(spec);
  expect(seed["user-data"]).toBe(spec.userData);
  expect(seed["meta-data"]).toBe('instance-id: "i-1"\nlocal-hostname: "oregon-a"\n');
});

test("a machine runs in its prepared namespace, with labels to find it by, and never with podman's systemd mode", () => {
  const args = renderRun(spec, "machine:1", "/state/machines/i-1", WORLD);
  expect(args.slice(-2)).toEqual(["machine:1", "/sbin/init"]);
  expect(args[args.indexOf("--network") + 1]).toBe("ns:/run/netns/archi-i-1");
  expect(args).toEqual(expect.arrayContaining(["archipelago=1", "archipelago.cloud=aws", "archipelago.name=oregon-a"]));
  expect(args).toContain("--systemd=false");
  expect(args).toContain("archi-i-1-etcd:/var/lib/etcd");
  expect(args).toContain("/state/machines/i-1/seed:/var/lib/cloud/seed/nocloud:ro");
});
