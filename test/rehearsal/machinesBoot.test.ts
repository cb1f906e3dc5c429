import { spawnSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isEmpty, listLeftovers, removeEverything } from "../../rehearsal/machines/inventory";
import { machineName } from "../../rehearsal/machines/names";
import { podman, podmanEnvironment } from "../../rehearsal/podman";
import { cannotRun, machine, TestWorld } from "./machinesWorld";

const BOOT_DEADLINE_SECONDS = 180;

/** The machine image in the rehearsal's storage, the newest first; undefined when none was obtained yet. */
function machineImage(): string | undefined {
  const env = { ...process.env, ...podmanEnvironment() };
  const listed = spawnSync("podman", ["images", "--format", "{{.Repository}}:{{.Tag}}"], { env, encoding: "utf8" });
  return listed.stdout?.split("\n").find((name) => name.startsWith("localhost/archipelago-machine:"));
}

const image = cannotRun ? undefined : machineImage();
const reason = cannotRun ?? (image === undefined ? "no machine image: ./rehearse artifacts --only machine" : undefined);
if (reason) console.log(`skipped: ${reason}`);

const USER_DATA = `#!/bin/bash
echo "$(hostname) $(ip -4 -o addr show eth0 | sed -E 's/.*inet ([^ ]+).*/\\1/') ü" >> /root/told
`;

describe.skipIf(reason)("a machine of the image", () => {
  let world: TestWorld;

  const inside = (command: string): Promise<string> =>
    podman(["exec", machineName(world.names, "one"), "sh", "-c", command]);

  const awaitBoot = async (boots: number): Promise<void> => {
    const deadline = Date.now() + BOOT_DEADLINE_SECONDS * 1000;
    let seen = "";
    while (Date.now() < deadline) {
      seen = await inside("cloud-init status; systemctl is-system-running || true").catch(String);
      if (seen.includes("status: done") && /\n(running|degraded)\n/.test(seen)) return;
      await sleep(500);
    }
    throw new Error(`boot ${boots} did not end within ${BOOT_DEADLINE_SECONDS} s; last seen: ${seen}`);
  };

  beforeAll(async () => {
    world = await TestWorld.create("archi3", ["10.20.0.0/24"], image);
    await world.guard.install();
    await world.machines.start();
    await world.machines.ensureSegment({ name: "west", cidr: "10.20.0.0/24" });
    const spec = machine("one", { name: "oregon-a", userData: USER_DATA, publicAddress: "198.18.1.10" });
    // twice at once, as an engine that lost its answer asks again
    await world.machines.createMachine(spec);
    await world.machines.createMachine(spec);
    await awaitBoot(1);
  });

  afterAll(async () => {
    await world.remove();
  });

  test("runs the user data it was given, with its name and address in place", async () => {
    expect(await inside("cat /root/told")).toBe("oregon-a 10.20.0.10/24 ü\n");
    expect(await inside("grep -c nameserver /etc/resolv.conf || true")).toBe("0\n");
  });

  test("has no failed unit", async () => {
    expect(await inside("systemctl --failed --no-legend --plain")).toBe("");
  });

  test("is reached by its public address", async () => {
    expect(await world.call("host", "198.18.1.10", 80)).toBe("ECONNREFUSED");
    expect(await world.call("host", "198.18.1.10", 81)).toBe("silence");
  });

  test("boots again after a power cut with its disk, and does not run user data twice", async () => {
    await inside("touch /root/kept");
    await world.machines.restartMachine("one", false);
    await awaitBoot(2);
    expect(await inside("ls /root/kept; wc -l < /root/told")).toBe("/root/kept\n1\n");
    expect(await world.call("host", "198.18.1.10", 80)).toBe("ECONNREFUSED");
  });

  test("shuts down when asked", async () => {
    const begin = Date.now();
    await world.machines.restartMachine("one");
    expect((Date.now() - begin) / 1000).toBeLessThan(20);
    await awaitBoot(3);
  });

  test("leaves nothing: no container, volume, mount or control group", async () => {
    const options = { stateFolder: world.stateFolder, names: world.names };
    const { cgroups } = await listLeftovers(options);
    expect(cgroups.length).toBeGreaterThan(0);
    await removeEverything(options);
    expect(isEmpty(await listLeftovers(options))).toBe(true);
  });
});
