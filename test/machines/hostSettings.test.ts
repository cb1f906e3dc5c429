import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { adoptHost, type HostPlaces, restoreHost } from "../../rehearsal/machines/hostSettings";

const INOTIFY = "fs/inotify/max_user_instances";

let root: string;
let places: HostPlaces & { settingsFolder: string };

const set = async (path: string, value: string): Promise<void> => {
  await mkdir(dirname(join(places.settingsFolder, path)), { recursive: true });
  await writeFile(join(places.settingsFolder, path), value);
};
const get = (path: string): Promise<string> => readFile(join(places.settingsFolder, path), "utf8");

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "settings-"));
  places = { stateFolder: join(root, "state"), settingsFolder: join(root, "sys"), copyFolder: join(root, "run") };
  await set(INOTIFY, "128\n");
  await set("kernel/panic", "0\n");
  await set("net/bridge/bridge-nf-call-iptables", "1\n");
});

afterEach(() => rm(root, { recursive: true, force: true }));

test("a limit too low is raised, said, and put back", async () => {
  expect(await adoptHost(places)).toEqual(["fs.inotify.max_user_instances raised from 128 to 1024 until the end"]);
  expect(await get(INOTIFY)).toBe("1024");
  expect(await restoreHost(places)).toEqual(["fs.inotify.max_user_instances is 128 again"]);
  expect(await restoreHost(places)).toEqual([]);
});

test("a second start does not take the raised limit for the host's own", async () => {
  await adoptHost(places);
  expect(await adoptHost(places)).toEqual([]);
  await restoreHost(places);
  expect(await get(INOTIFY)).toBe("128");
});

test("what a machine changed for the whole host is put back, even when the state folder is gone", async () => {
  await adoptHost(places);
  await set("kernel/panic", "10\n");
  await rm(places.stateFolder, { recursive: true });
  expect(await restoreHost(places)).toContain("kernel.panic is 0 again");
  expect(await get("kernel/panic")).toBe("0");
});

test("a limit high enough is left alone", async () => {
  await set(INOTIFY, "8192\n");
  expect(await adoptHost(places)).toEqual([]);
  expect(await restoreHost(places)).toEqual([]);
});
