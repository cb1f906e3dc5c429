import { beforeEach, describe, expect, test, vi } from "vitest";
import { NotReadyError } from "../../harness/failure";
import { openLivingFleet, type LivingFleet } from "../../harness/livingFleet";
import { runUpgrade } from "../../harness/upgrade";
import type { LivingCluster } from "../../harness/upgradeLook";
import { planWith } from "../plan/fixtures";

vi.mock("../../harness/livingFleet");

const NEW = "v1.37.2";
const plan = planWith({ kubernetes: { version: NEW } });

/** The broker, one of whose nodes an upgrade has left cordoned. */
const BROKER: LivingCluster = {
  cluster: "broker",
  nodes: [{ name: "broker-server", kubelet: NEW, apiServer: NEW, leftCordoned: true }],
  kubelets: { "broker-server": NEW },
  kubeadm: NEW,
  apiServer: NEW,
};

describe("an upgrade after one that was broken off", () => {
  let events: string[];
  const upgrade = (over: Parameters<typeof runUpgrade>[0]) =>
    runUpgrade({ topology: plan.topology, stacks: ["broker"], screen: { write: () => true }, ...over });

  beforeEach(() => {
    events = [];
    const note = (event: string) => Promise.resolve(void events.push(event));
    const patch = (path: string, body: { spec?: object }) =>
      note(`${body.spec ? "uncordon" : "unmark"} ${path.split("/").at(-1)}`);
    const fleet = {
      plan,
      versions: () => Promise.resolve([BROKER]),
      api: () => ({ patch }),
      gate: () =>
        note("gate").then(() => {
          throw new NotReadyError("not ready", "Look.");
        }),
      close: () => {},
    };
    vi.mocked(openLivingFleet).mockResolvedValue(fleet as unknown as LivingFleet);
  });

  test("opens the node before it waits for the fleet: what lies there could not come back otherwise", async () => {
    await expect(upgrade({ yes: true })).rejects.toThrow("not ready");
    expect(events).toEqual(["uncordon broker-server", "unmark broker-server", "gate"]);
  });

  test("touches nothing before a yes, and nothing in a dry run", async () => {
    await expect(upgrade({ ask: () => Promise.resolve(false) })).rejects.toThrow("Nothing was touched.");
    expect((await upgrade({ dryRun: true })).clusters).toMatchObject([{ cluster: "broker", outcome: "planned" }]);
    expect(events).toEqual([]);
  });
});
