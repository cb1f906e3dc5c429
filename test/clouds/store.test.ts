import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { outOfCapacity, quotaExceeded } from "../../rehearsal/clouds/faults";
import { Store } from "../../rehearsal/clouds/store";
import type { Props } from "../../rehearsal/plugins/contract";
import { Driver, type Made } from "./driver";

const folder = mkdtempSync(join(tmpdir(), "archipelago-store-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let path: string;
let count = 0;
let cloud: Driver;
beforeEach(() => {
  path = join(folder, `clouds-${++count}.json`);
  cloud = new Driver({}, new Store(path));
});

const INSTANCE = "vultr:index/instance:Instance";
const make = (more: Props = {}): Promise<Made> =>
  cloud.make(INSTANCE, "node", {
    region: "ewr",
    plan: "vc2-2c-4gb",
    osId: 2284,
    label: "node",
    hostname: "node",
    userData: "#!",
    ...more,
  });
const machines = (): string[] => [...cloud.machines.machines.keys()];

describe("the store of the emulated clouds", () => {
  test("goes on where it was after a restart", async () => {
    const net = await cloud.make("vultr:index/vpc:Vpc", "vpc", {
      region: "ewr",
      v4Subnet: "10.10.0.0",
      v4SubnetMask: 24,
    });
    const first = await make({ vpcIds: [net.id] });
    cloud.restart(new Store(path));
    expect((await cloud.read(first))?.outputs.mainIp).toBe(first.outputs.mainIp);
    const second = await cloud.make(INSTANCE, "second", { ...first.inputs, label: "second", hostname: "second" });
    expect(second.outputs.internalIp).not.toBe(first.outputs.internalIp);
    expect(second.outputs.mainIp).not.toBe(first.outputs.mainIp);
    await expect(cloud.remove(net)).rejects.toThrow(first.id);
  });

  test("is written whole, for its owner alone", async () => {
    await make();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder).filter((name) => name.startsWith(`clouds-${count}.`))).toEqual([`clouds-${count}.json`]);
  });

  test("gives a create that is repeated after a kill the living object, with the new inputs", async () => {
    const lost = await make();
    cloud.restart(new Store(path));
    const again = await make({ label: "renamed" });
    expect(again.id).toBe(lost.id);
    expect(again.outputs).toMatchObject({ label: "renamed", mainIp: lost.outputs.mainIp });
    expect(machines()).toHaveLength(1);
  });

  test("replaces what a killed create left when the repeated one could not have updated it", async () => {
    const lost = await make();
    const again = await make({ userData: "#!/bin/sh" });
    expect(again.id).not.toBe(lost.id);
    expect(machines()).toHaveLength(1);
    expect(cloud.machine("node").userData).toBe("#!/bin/sh");
  });

  test("makes a second object where the engine knows of the first one: that is a replacement", async () => {
    const first = await make();
    cloud.acknowledge(first);
    const second = await make({ userData: "#!/bin/sh" });
    expect(second.id).not.toBe(first.id);
    expect(machines()).toHaveLength(2);
    // Killed again before the old one went: the new one is found, the old one kept.
    expect((await make({ userData: "#!/bin/sh" })).id).toBe(second.id);
    await cloud.remove(first);
    expect(machines()).toHaveLength(1);
  });

  test("lets a repeated create wait for the first one that is still running", async () => {
    const both = await Promise.all([make(), make()]);
    expect(both[0].id).toBe(both[1].id);
    expect(machines()).toHaveLength(1);
  });

  test("finishes what a killed server had begun, with the same id and addresses", async () => {
    const created = cloud.machines.createMachine.bind(cloud.machines);
    let hang = true;
    cloud.machines.createMachine = (spec) => (hang ? new Promise(() => undefined) : created(spec));
    void make();
    await new Promise((resolve) => setTimeout(resolve, 20));
    const store = new Store(path);
    const [begun] = store.list("vultr", INSTANCE);
    expect(begun).toMatchObject({ complete: false });
    hang = false;
    cloud.restart(store);
    const made = await make();
    expect(made.id).toBe(begun?.id);
    expect(made.outputs.mainIp).toBe(begun?.hidden.publicAddress);
  });

  test("leaves nothing of a machine that could not be made", async () => {
    cloud.machines.createMachine = () => Promise.reject(new Error("podman: no space left on device"));
    await expect(make()).rejects.toThrow("no space left on device");
    expect(cloud.store.list()).toEqual([]);
    expect(new Store(path).list()).toEqual([]);
  });

  test("shows what was changed behind the program's back, as inputs and outputs, and what is gone as gone", async () => {
    const made = await make();
    const object = cloud.store.get("vultr", INSTANCE, made.id);
    if (!object) throw new Error("not stored");
    cloud.store.drift(object, { plan: "vc2-1c-1gb" });
    expect(await cloud.read(made)).toMatchObject({ inputs: { plan: "vc2-1c-1gb" }, outputs: { plan: "vc2-1c-1gb" } });
    await cloud.update(made, { label: "same" });
    expect((await cloud.read(made))?.inputs.plan).toBe("vc2-2c-4gb");
    cloud.store.remove(object);
    expect(await cloud.read(made)).toBeUndefined();
    await expect(cloud.remove(made)).resolves.toBeUndefined();
  });

  test("hands a freed address out last", async () => {
    const first = await make();
    await cloud.remove(first);
    expect((await make()).outputs.mainIp).not.toBe(first.outputs.mainIp);
  });

  test("fails on demand, as often as asked, in the cloud's own words", async () => {
    cloud.store.failNext(outOfCapacity("vultr", 2));
    await expect(make()).rejects.toThrow("Plan is not available in the selected region");
    await expect(make()).rejects.toThrow("Plan is not available in the selected region");
    cloud.store.failNext(quotaExceeded("vultr"));
    await expect(make()).rejects.toThrow("maximum monthly fee limit");
    const made = await make();
    cloud.store.failNext({ cloud: "vultr", operation: "delete", message: "try again" });
    await expect(cloud.remove(made)).rejects.toThrow("try again");
    await cloud.remove(made);
  });
});
