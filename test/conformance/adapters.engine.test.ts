import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { contains, parseAddress, parseCidr } from "../../plan/cidr";
import { CLOUD_FACTS } from "../../plan/clouds";
import { nodeRules } from "../../plan/firewall";
import { renderHostFirewall } from "../../plan/hostFirewall";
import { type CloudName, CLOUDS } from "../../plan/types";
import type { CloudObject } from "../../rehearsal/clouds/store";
import { sealedIn, unfold, withoutSealed } from "../program/runSecrets";
import { ADAPTERS } from "./adapters";
import { openings } from "./openings";
import { BOOTSTRAP_TOKEN, type Built, clusterOf, planScratch, scratchProgram, type Told } from "./scratchFleet";
import { belongsTo, changesOf, errorsOf, type Run, ScratchStack } from "./scratchStack";

/** One contract, one suite: every adapter is asked the same, by the real engine, on its emulated cloud. */
describe("every cloud's adapter", () => {
  const stack = new ScratchStack();
  const told = new Map<string, Told>();
  const plan = planScratch();
  const clusterFor = (cloud: CloudName) => plan.clusters[clusterOf(cloud)]!;
  const program = scratchProgram(plan, told);

  beforeAll(() => stack.open());
  afterAll(() => stack.close());

  describe("brought up", () => {
    let first: Run;
    beforeAll(async () => (first = await stack.up(program)));

    test.each(CLOUDS)("%s: makes every node's machine once, servers first, under the node's name", (cloud) => {
      expect(errorsOf(first, clusterFor(cloud))).toEqual([]);
      const built = first.outputs[clusterOf(cloud)] as Built[];
      expect(built.map(({ node }) => node)).toEqual(clusterFor(cloud).nodes.map(({ name }) => name));
      for (const { node } of built)
        expect([...stack.machines.machines.values()].filter((m) => m.name === node)).toHaveLength(1);
    });

    test.each(CLOUDS)(
      "%s: puts them into one network with the planned range, each at an address of its own",
      (cloud) => {
        const { nodes, nodeCidr } = clusterFor(cloud);
        const machines = nodes.map(({ name }) => stack.machineOf(name));
        const segments = new Set(machines.map(({ segment }) => segment));
        expect([...segments].map((name) => stack.machines.segments.get(name)?.cidr)).toEqual([nodeCidr]);
        expect(new Set(machines.map(({ privateAddress }) => privateAddress)).size).toBe(nodes.length);
        for (const { name, privateAddress } of machines) {
          expect([name, contains(parseCidr(nodeCidr)!, parseAddress(privateAddress)!)]).toEqual([name, true]);
        }
        const built = first.outputs[clusterOf(cloud)] as Built[];
        expect(built.map((one) => [one.node, one.privateAddress])).toEqual(
          machines.map((m) => [m.name, m.privateAddress]),
        );
      },
    );

    test.each(CLOUDS)("%s: lets in on each machine what the plan says, and nothing else", (cloud) => {
      const { nodes, firewall, nodeCidr } = clusterFor(cloud);
      for (const node of nodes) {
        const { name, firewall: live } = stack.machineOf(node.name);
        const rules = nodeRules(firewall, node);
        if (CLOUD_FACTS[cloud].hostFirewall) {
          expect([name, live]).toEqual([name, undefined]);
          expect(stack.machineOf(name).userData).toContain(renderHostFirewall(rules));
          continue;
        }
        const open = [...openings(rules), ...(ADAPTERS[cloud].alwaysOpen?.(nodeCidr) ?? [])];
        expect([name, live && openings(live)]).toEqual([name, open.sort()]);
      }
    });

    test.each(CLOUDS)("%s: opens no port of a plain worker to the outside", (cloud) => {
      const { nodes, firewall, nodeCidr } = clusterFor(cloud);
      const plain = nodes.filter(({ role, gateway }) => role === "worker" && !gateway);
      expect(plain.length).toBeGreaterThanOrEqual(2);
      for (const node of plain) {
        const outside = nodeRules(firewall, node).filter(({ sources }) =>
          sources.some((source) => source !== nodeCidr),
        );
        expect(outside.map(({ protocol }) => protocol)).toEqual(["icmp"]);
      }
    });

    test.each(CLOUDS)("%s: gives each node of a pool its pool's size", (cloud) => {
      const [plain, other] = ["worker-1", "worker-2"].map((key) =>
        ADAPTERS[cloud].sizeOf(stack.machineObject(cloud, `${clusterOf(cloud)}-${key}`).inputs),
      );
      expect(other).toBe(ADAPTERS[cloud].otherSize);
      expect(plain).not.toBe(other);
    });

    test.each(
      CLOUDS.map((cloud) => [cloud, CLOUD_FACTS[cloud].addressBeforeBoot ? "known before boot" : "learnt"] as const),
    )(
      "%s: the static addresses of server and gateways are %s, and they are the ones the machines answer at",
      (cloud, how) => {
        const built = new Map((first.outputs[clusterOf(cloud)] as Built[]).map((one) => [one.node, one]));
        const { nodes } = clusterFor(cloud);
        expect(nodes.filter(({ gateway }) => gateway)).toHaveLength(2);
        for (const { name, staticAddress, role } of nodes) {
          const { publicAddress } = stack.machineOf(name);
          expect(publicAddress, `${name} has a way out`).toMatch(/^198\.18\./);
          if (!staticAddress) continue;
          expect([name, built.get(name)?.publicAddress]).toEqual([name, publicAddress]);
          const known = told.get(name)?.apiAddress;
          expect([name, known]).toEqual([name, how === "learnt" ? undefined : publicAddress]);
          if (role === "server")
            expect(stack.machineOf(name).userData.includes(String(publicAddress))).toBe(how !== "learnt");
        }
      },
    );

    test.each(CLOUDS)(
      "%s: hands every machine its boot script byte for byte, with the server's private address",
      (cloud) => {
        const { nodes } = clusterFor(cloud);
        const server = stack.machineOf(nodes[0]!.name).privateAddress;
        for (const { name, role } of nodes) {
          const script = Buffer.from(told.get(name)?.script ?? "");
          expect(script.length, name).toBeGreaterThan(5000);
          expect(Buffer.from(stack.machineOf(name).userData).equals(script), `${name}: ${script.length} bytes`).toBe(
            true,
          );
          expect([name, told.get(name)?.serverAddresses]).toEqual([name, role === "server" ? [] : [server]]);
        }
      },
    );

    test.each(CLOUDS)(
      "%s: keeps the boot script sealed in the state, and no piece of it beside that",
      async (cloud) => {
        const machines = await stack.resources(ADAPTERS[cloud].machineType);
        const own = machines.filter(({ urn }) => belongsTo(urn.split("::").at(-1) ?? "", clusterOf(cloud)));
        expect(own).toHaveLength(clusterFor(cloud).nodes.length);
        for (const { urn, inputs, outputs } of own) {
          const name = urn.split("::").at(-1)!;
          const script = told.get(name)!.script;
          const sealed = sealedIn(inputs).flatMap((text) => unfold(text));
          expect([name, sealed.some((text) => text === script)]).toEqual([name, true]);
          const open = unfold(JSON.stringify(withoutSealed({ inputs, outputs }))).join("\n");
          for (const piece of ["#!/bin/bash", "PRIVATE KEY", BOOTSTRAP_TOKEN])
            expect([name, open.includes(piece)]).toEqual([name, false]);
        }
      },
    );

    test.each(CLOUDS)("%s: names or tags with its cluster whatever has a name", (cloud) => {
      const cluster = clusterFor(cloud);
      const said = ({ inputs }: CloudObject) =>
        JSON.stringify(
          ["tags", "freeformTags", "label", "name", "displayName", "description"].map((key) => inputs[key]),
        );
      const own = stack.store.list(cloud).filter(({ stack: name }) => name === "scratch");
      const strangers = own.filter((object) => !RELATION.test(object.type) && !said(object).includes(cluster.name));
      expect(strangers.map(({ type, name }) => `${type} ${name}`)).toEqual([]);
      for (const { name } of cluster.nodes) {
        const { inputs } = stack.machineObject(cloud, name);
        const tags = JSON.stringify(inputs.tags ?? inputs.freeformTags);
        expect([name, tags.includes('"archipelago"'), tags.includes(`"${cluster.name}"`)]).toEqual([name, true, true]);
      }
    });
  });

  describe("looked at again", () => {
    let second: Run;
    let refreshed: Run;
    beforeAll(async () => {
      second = await stack.preview(program);
      refreshed = await stack.preview(program, true);
    });

    test.each(CLOUDS)("%s: a second preview is empty", (cloud) => {
      expect(errorsOf(second, clusterFor(cloud))).toEqual([]);
      expect(second.steps.filter(({ name }) => belongsTo(name, clusterOf(cloud))).length).toBeGreaterThanOrEqual(4);
      expect(changesOf(second, clusterFor(cloud))).toEqual([]);
    });

    test.each(CLOUDS)("%s: it is also empty when the cloud is asked how everything is now", (cloud) => {
      expect(errorsOf(refreshed, clusterFor(cloud))).toEqual([]);
      expect(changesOf(refreshed, clusterFor(cloud))).toEqual([]);
    });
  });

  describe("with a machine that reads back otherwise than it was given", () => {
    let read: Run;
    beforeAll(async () => {
      const drifted = CLOUDS.flatMap((cloud) => {
        const { readsBack } = ADAPTERS[cloud];
        if ("skip" in readsBack) return [];
        const object = stack.machineObject(cloud, `${clusterOf(cloud)}-worker-1`);
        const before = Object.fromEntries(Object.keys(readsBack.inputs).map((key) => [key, object.inputs[key]]));
        stack.store.drift(object, readsBack.inputs);
        return [{ object, before }];
      });
      read = await stack.preview(program, true);
      for (const { object, before } of drifted) stack.store.drift(object, before);
    });

    test.for(CLOUDS)("%s: neither replaces nor changes it", (cloud, { skip }) => {
      const { readsBack } = ADAPTERS[cloud];
      if ("skip" in readsBack) return skip(readsBack.skip);
      expect(errorsOf(read, clusterFor(cloud))).toEqual([]);
      expect(changesOf(read, clusterFor(cloud))).toEqual([]);
    });
  });
});

/** Types that only tie others together, or are part of one that has a name. */
const RELATION = /Association|Rule:|Rule$|Attachment/;
