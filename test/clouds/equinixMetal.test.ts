import { beforeEach, describe, expect, test } from "vitest";
import { Secret, type Props } from "../../rehearsal/plugins/contract";
import { Driver, type Made } from "./driver";

const SCRIPT = "#!/bin/bash\necho hello\n";
const PROJECT = "00000000-0000-4000-8000-00000000e341";
const DEVICE = "equinix-metal:index/device:Device";

let metal: Driver;
beforeEach(() => (metal = new Driver()));

const device = (more: Props = {}, name = "node"): Promise<Made> =>
  metal.make(DEVICE, name, {
    ...{ hostname: name, plan: "c3.small.x86", metro: "ty", operatingSystem: "ubuntu_24_04", billingCycle: "hourly" },
    ...{ projectId: PROJECT, userData: SCRIPT, ...more },
  });

describe("the emulated Equinix Metal", () => {
  test("gives every device a private address of the project's block and a public one on its interface", async () => {
    const [one, two] = [await device(), await device({}, "second")];
    expect(one.outputs).toMatchObject({ accessPrivateIpv4: "10.70.0.3", state: "active", networkType: "layer3" });
    expect(two.outputs.accessPrivateIpv4).toBe("10.70.0.5");
    expect(one.outputs.accessPublicIpv4).toMatch(/^198\.18\.5\./);
    expect((one.outputs.networks as Props[])[1]).toMatchObject({
      address: "10.70.0.3",
      gateway: "10.70.0.2",
      cidr: 31,
      public: false,
    });
    expect([one.outputs.userData, one.outputs.rootPassword].every((value) => value instanceof Secret)).toBe(true);
    expect(metal.machine("node")).toMatchObject({
      userData: SCRIPT,
      publicMode: "interface",
      firewall: undefined,
      segment: metal.machine("second").segment,
    });
    expect([...metal.machines.segments.values()].map(({ cidr }) => cidr)).toEqual(["10.70.0.0/25"]);
  });

  test("gives another project or metro a block of its own, and takes a block down with its last device", async () => {
    const one = await device();
    const other = await device({ metro: "sv" }, "second");
    expect(other.outputs.accessPrivateIpv4).toBe("10.70.0.131");
    await metal.remove(one);
    expect([...metal.machines.segments.values()].map(({ cidr }) => cidr)).toEqual(["10.70.0.128/25"]);
    await metal.remove(other);
    expect(metal.machines.segments.size).toBe(0);
    expect((await device()).outputs.accessPrivateIpv4).toBe("10.70.0.3");
  });

  test("uses a reserved address at deployment, or one attached later in the place of its own", async () => {
    const block = { projectId: PROJECT, quantity: 1, metro: "ty" };
    const [one, two] = [
      await metal.make("equinix-metal:index/reservedIpBlock:ReservedIpBlock", "a", block),
      await metal.make("equinix-metal:index/reservedIpBlock:ReservedIpBlock", "b", block),
    ];
    const node = await device({
      ipAddresses: [{ type: "public_ipv4", reservationIds: [one.id] }, { type: "private_ipv4" }],
    });
    expect(node.outputs.accessPublicIpv4).toBe(one.outputs.address);
    const attachment = await metal.make("equinix-metal:index/ipAttachment:IpAttachment", "at", {
      deviceId: node.id,
      cidrNotation: two.outputs.cidrNotation,
    });
    expect(metal.machine("node").publicAddress).toBe(two.outputs.address);
    await expect(metal.remove(two)).rejects.toThrow("IP reservation has assigned addresses");
    await metal.remove(attachment);
    expect(metal.machine("node").publicAddress).toBe(one.outputs.address);
    await metal.remove(node, one, two);
    expect(metal.store.list()).toEqual([]);
  });

  test("refuses unknown plans, systems, metros and projects", async () => {
    await expect(device({ plan: "tiny" })).rejects.toThrow("422 Plan tiny is not valid");
    await expect(device({ operatingSystem: "beos" })).rejects.toThrow("422 Operating system beos is not valid");
    await expect(device({ metro: "mars" })).rejects.toThrow("422 mars is not a valid metro");
    await expect(device({ projectId: "mine" })).rejects.toThrow("404 Not found");
    await expect(device({ metro: undefined })).rejects.toThrow("one of facilies and metro must be configured");
    expect(metal.check(DEVICE, { metro: "ty" }).map((one) => one.split(":")[0])).toEqual([
      "billingCycle",
      "hostname",
      "operatingSystem",
      "plan",
      "projectId",
    ]);
  });

  test("replaces for user data and plan, updates for hostname and tags", async () => {
    const node = await device();
    expect(metal.diff(node, { userData: "#!", plan: "m3.small.x86" }).replaces).toEqual(["plan", "userData"]);
    expect((await metal.update(node, { hostname: "other", tags: ["a"] })).outputs).toMatchObject({
      hostname: "other",
      tags: ["a"],
      accessPrivateIpv4: "10.70.0.3",
    });
  });

  test("tells the project's precreated private block and the slug of a system", async () => {
    const args = { projectId: PROJECT, metro: "ty", addressFamily: 4, public: false };
    expect(await metal.invoke("equinix-metal:index/getPrecreatedIpBlock:getPrecreatedIpBlock", args)).toMatchObject({
      cidrNotation: "10.70.0.0/25",
    });
    expect(
      await metal.invoke("equinix-metal:index/getOperatingSystem:getOperatingSystem", {
        distro: "ubuntu",
        version: "24.04",
      }),
    ).toMatchObject({ slug: "ubuntu_24_04" });
  });
});
