import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as vultr from "@ediri/vultr";
import * as pulumi from "@pulumi/pulumi";
import { LocalWorkspace, type Stack } from "@pulumi/pulumi/automation";
import { RandomPassword } from "@pulumi/random";
import { PrivateKey } from "@pulumi/tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { chooseEngine } from "../../harness/engine";
import { obtainArtifacts } from "../../rehearsal/artifacts";
import { cloudPackages, Store } from "../../rehearsal/clouds";
import { outOfCapacity } from "../../rehearsal/clouds/faults";
import { makeEngineFolders, planEngineEnvironment } from "../../rehearsal/engineFolder";
import { RecordedMachines } from "../../rehearsal/machines/recordedMachines";
import { randomPackage } from "../../rehearsal/plugins/random";
import { serve, type Served } from "../../rehearsal/plugins/server";
import { tlsPackage } from "../../rehearsal/plugins/tls";

const INSTANCE = "vultr:index/instance:Instance";

interface Choices {
  label?: string;
  script?: string;
  /** A second machine. */
  spare?: boolean;
}

describe("the provider server under the real engine", () => {
  const folder = mkdtempSync(join(tmpdir(), "archipelago-providers-"));
  const machines = new RecordedMachines();
  const store = new Store(join(folder, "clouds.json"));
  let served: Served;
  let stack: Stack;

  const program = (choices: Choices) => (): Promise<Record<string, unknown>> => {
    const password = new RandomPassword("password", { length: 24, special: false });
    const key = new PrivateKey("key", { algorithm: "ECDSA", ecdsaCurve: "P256" });
    const vpc = new vultr.Vpc("vpc", { region: "ewr", v4Subnet: "10.10.0.0", v4SubnetMask: 24 });
    const group = new vultr.FirewallGroup("fw", {});
    new vultr.FirewallRule("api", {
      ...{
        firewallGroupId: group.id,
        ipType: "v4",
        protocol: "tcp",
        port: "6443",
        subnet: "198.18.0.0",
        subnetSize: 16,
      },
    });
    const osId = vultr.getOsOutput({ filters: [{ name: "name", values: ["Ubuntu 24.04 LTS x64"] }] }).id.apply(Number);
    const common = { region: "ewr", plan: "vc2-2c-4gb", osId, vpcIds: [vpc.id], firewallGroupId: group.id };
    const userData = pulumi.interpolate`#!/bin/bash\n# ${choices.script ?? "one"}\nTOKEN=${password.result}\n`;
    const node = new vultr.Instance("node", { ...common, label: choices.label ?? "node", userData });
    if (choices.spare) new vultr.Instance("spare", { ...common, label: "spare", userData });
    return Promise.resolve({
      address: node.mainIp,
      inside: node.internalIp,
      token: password.result,
      key: key.publicKeyPem,
    });
  };

  /** The program's changes by their kind, without those that are none. */
  const up = async (choices: Choices = {}): Promise<Record<string, number>> => {
    stack.workspace.program = program(choices);
    const { same: _same, ...changes } = (await stack.up()).summary.resourceChanges ?? {};
    return changes;
  };
  const instances = () => store.list("vultr", INSTANCE);

  beforeAll(async () => {
    const artifacts = await obtainArtifacts({ only: ["engine"], onProgress: (line) => console.error(line) });
    served = await serve([...cloudPackages({ store, machines }), randomPackage(), tlsPackage()]);
    makeEngineFolders(folder);
    mkdirSync(join(folder, "work"));
    process.env.PATH = `${artifacts.binFolder}:${process.env.PATH}`;
    Object.assign(process.env, planEngineEnvironment(folder, "for this test alone", served.debugProviders));
    const { command } = await chooseEngine();
    stack = await LocalWorkspace.createOrSelectStack(
      { stackName: "probe", projectName: "providers", program: program({}) },
      { workDir: join(folder, "work"), pulumiCommand: command },
    );
  });

  afterAll(async () => {
    await served?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test("previews with unknown values and creates nothing", async () => {
    expect((await stack.preview()).changeSummary).toEqual({ create: 7 });
    expect(store.list()).toEqual([]);
  });

  test("creates, and hands the machine its decoded user data with the secret in it", async () => {
    expect(await up()).toEqual({ create: 7 });
    const outputs = await stack.outputs();
    expect(outputs.inside?.value).toBe("10.10.0.3");
    expect(outputs.token?.secret).toBe(true);
    const [machine] = machines.machines.values();
    expect(machine).toMatchObject({
      publicAddress: String(outputs.address?.value),
      userData: `#!/bin/bash\n# one\nTOKEN=${outputs.token?.value}\n`,
    });
    expect(machine?.firewall?.[0]).toMatchObject({ from: 6443, to: 6443 });
  });

  test("changes nothing at the second preview and at the second up", async () => {
    expect((await stack.preview()).changeSummary).toEqual({ same: 7 });
    expect(await up()).toEqual({});
  });

  test("keeps every secret encrypted in the exported state", async () => {
    const state = JSON.stringify(await stack.exportStack());
    const token = String((await stack.outputs()).token?.value);
    const raw = readFileSync(join(folder, "backend", ".pulumi", "stacks", "providers", "probe.json"), "utf8");
    expect(raw).toContain("v1:");
    for (const hidden of [token, "PRIVATE KEY", "TOKEN="]) expect(raw.includes(hidden), hidden).toBe(false);
    // The exported one is for a person with the passphrase; secrets stand in it only inside the engine's marks.
    expect(state.split("TOKEN=").length - 1).toBe(state.split('plaintext":"\\"#!/bin/bash').length - 1);
  });

  test("updates in place what the cloud can change", async () => {
    const [before] = instances();
    expect(await up({ label: "renamed" })).toEqual({ update: 1 });
    expect(instances()).toEqual([
      expect.objectContaining({ id: before?.id, inputs: expect.objectContaining({ label: "renamed" }) as unknown }),
    ]);
  });

  test("replaces for user data: the new machine first, then the old one goes", async () => {
    const [before] = instances();
    const calls = machines.calls.length;
    expect(await up({ label: "renamed", script: "two" })).toEqual({ replace: 1 });
    expect(instances()).toHaveLength(1);
    expect(instances()[0]?.id).not.toBe(before?.id);
    const order = machines.calls.slice(calls).filter((call) => /Machine /.test(call));
    expect(order.map((call) => call.split(" ")[0])).toEqual(["createMachine", "removeMachine"]);
  });

  test("sees drift at a refresh and repairs it at the next up", async () => {
    const [node] = instances();
    if (!node) throw new Error("no instance");
    store.drift(node, { plan: "vc2-1c-1gb" });
    expect((await stack.refresh()).summary.resourceChanges).toMatchObject({ update: 1 });
    expect(await up({ label: "renamed", script: "two" })).toEqual({ update: 1 });
    expect(instances()[0]?.inputs.plan).toBe("vc2-2c-4gb");
  });

  test("makes again what was deleted behind the program's back", async () => {
    const [node] = instances();
    if (!node) throw new Error("no instance");
    await machines.removeMachine(String(node.hidden.machine));
    store.remove(node);
    await stack.refresh();
    expect(await up({ label: "renamed", script: "two" })).toEqual({ create: 1 });
    expect(machines.machines.size).toBe(1);
  });

  test("fails with the cloud's own words, keeps what was made, and goes on at the next up", async () => {
    store.failNext(outOfCapacity("vultr"));
    await expect(up({ label: "renamed", script: "two", spare: true })).rejects.toThrow(
      "Plan is not available in the selected region",
    );
    expect(instances()).toHaveLength(1);
    expect(await up({ label: "renamed", script: "two", spare: true })).toEqual({ create: 1 });
    expect(await up({ label: "renamed", script: "two" })).toEqual({ delete: 1 });
  });

  test("finds the machine again that a killed engine had begun", async () => {
    const create = machines.createMachine.bind(machines);
    let release = (): void => undefined;
    const begun = new Promise<void>((resolve) => {
      machines.createMachine = async (spec) => {
        resolve();
        await new Promise<void>((open) => (release = open));
        return create(spec);
      };
    });
    const killed = expect(up({ label: "renamed", script: "two", spare: true })).rejects.toThrow();
    await begun;
    for (const pid of enginesOfThisProcess()) process.kill(pid, "SIGKILL");
    await killed;
    release();
    machines.createMachine = create;
    await stack.cancel();
    await stack.refresh({ clearPendingCreates: true });
    expect(await up({ label: "renamed", script: "two", spare: true })).toEqual({ create: 1 });
    expect(instances()).toHaveLength(2);
    expect(machines.machines.size).toBe(2);
    expect((await stack.preview()).changeSummary).toEqual({ same: 8 });
  });

  test("destroys everything", async () => {
    await stack.destroy();
    expect(store.list()).toEqual([]);
    expect([machines.machines.size, machines.segments.size]).toEqual([0, 0]);
  });
});

/** Engine processes that this test has started, and no others. */
function enginesOfThisProcess(): number[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .filter((pid) => {
      try {
        const [, command, parent] = /^\d+ \((.*)\) \S (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8")) ?? [];
        return command === "pulumi" && Number(parent) === process.pid;
      } catch {
        return false;
      }
    })
    .map(Number);
}
