// x509 needs the metadata API before it is loaded
import "reflect-metadata";
import { type ChildProcess, spawn } from "node:child_process";
import { webcrypto } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import * as x509 from "@peculiar/x509";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { OPERATOR } from "../../rehearsal/machines/addresses";
import type { FirewallRule } from "../../rehearsal/machines/contract";
import { cannotRun, machine, TestWorld } from "./machinesWorld";

if (cannotRun) console.log(`skipped: ${cannotRun}`);

const [ADDRESS, PORT] = ["198.18.1.99", 6443];
const NODES = "10.20.0.0/24";
/** Two rounds of the probe, its timeout, and room for a busy host. */
const DEADLINE_SECONDS = 15;

/** As a server's: administrators and its own network. */
const firewall: FirewallRule[] = [{ protocol: "tcp", from: PORT, to: PORT, sources: [OPERATOR.cidr, NODES] }];

/** Answers every HTTPS request with 200 and the caller's address, as "one 198.18.0.2". */
const SERVER = `
const [name, tls] = [process.argv[1], JSON.parse(process.argv[2])];
require("node:https")
  .createServer(tls, (request, response) => response.end(name + " " + request.socket.remoteAddress))
  .listen(${PORT}, "0.0.0.0", () => console.log("up"));`;

const CLIENT = `
const request = require("node:https").get({ host: "${ADDRESS}", port: ${PORT}, rejectUnauthorized: false, agent: false, timeout: 1500 }, (answer) => {
  let text = "";
  answer.on("data", (part) => (text += part)).on("end", () => { console.log(text); process.exit(0); });
});
request.on("timeout", () => { console.log("silence"); process.exit(0); }).on("error", (error) => { console.log(error.code); process.exit(0); });`;

async function selfSigned(): Promise<{ key: string; cert: string }> {
  x509.cryptoProvider.set(webcrypto);
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const cert = await x509.X509CertificateGenerator.createSelfSigned({
    name: "CN=server",
    keys,
    signingAlgorithm: algorithm,
  });
  const der = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey)).toString("base64");
  return { key: `-----BEGIN PRIVATE KEY-----\n${der}\n-----END PRIVATE KEY-----\n`, cert: cert.toString("pem") };
}

describe.skipIf(cannotRun)("a balancer of the one-machine world", () => {
  let world: TestWorld;
  const servers = new Map<string, ChildProcess>();

  const enter = (place: string, script: string, ...args: string[]): ChildProcess =>
    spawn("nsenter", [`--net=/run/netns/${world.namespace(place)}`, process.execPath, "-e", script, ...args], {
      stdio: ["ignore", "pipe", "inherit"],
    });
  const firstWords = (child: ChildProcess): Promise<string> =>
    new Promise((resolve, reject) => {
      child.stdout?.once("data", (data: Buffer) => resolve(data.toString().trim()));
      child.once("exit", (code) => reject(new Error(`ended with ${String(code)} and no word`)));
    });
  const ask = (place: string): Promise<string> => firstWords(enter(place, CLIENT));
  /** What several callers hear, each answer once. */
  const answers = async (place: string): Promise<string[]> => {
    const heard = new Set<string>();
    for (let call = 0; call < 6; call++) heard.add(await ask(place));
    return [...heard].sort();
  };
  const awaitAnswers = async (expected: string[]): Promise<void> => {
    const end = Date.now() + DEADLINE_SECONDS * 1000;
    let heard = await answers("host");
    while (heard.join() !== expected.join() && Date.now() < end) {
      await sleep(500);
      heard = await answers("host");
    }
    expect(heard).toEqual(expected);
  };
  const serve = async (name: string): Promise<void> => {
    const child = enter(name, SERVER, name, JSON.stringify(await selfSigned()));
    servers.set(name, child);
    expect(await firstWords(child)).toBe("up");
  };

  beforeAll(async () => {
    world = await TestWorld.create("archi4", [NODES]);
    await world.guard.install();
    await world.machines.start();
    await world.machines.ensureSegment({ name: "west", cidr: NODES });
    await world.machines.createMachine(machine("one", { privateAddress: "10.20.0.10", firewall }));
    await world.machines.createMachine(machine("two", { privateAddress: "10.20.0.11", firewall }));
    const stranger = { privateAddress: "10.20.0.12", publicAddress: "198.18.1.12" };
    await world.machines.createMachine(machine("stranger", stranger));
    await Promise.all(["one", "two"].map(serve));
    await world.machines.setBalancers("aws", [
      { id: "api", publicAddress: ADDRESS, port: PORT, targets: ["10.20.0.10", "10.20.0.11"] },
    ]);
  });

  afterAll(async () => {
    for (const child of servers.values()) child.kill("SIGKILL");
    await world.machines.setBalancers("aws", []);
    await world.remove();
  });

  test("hands connections on in turn, with the client's own address", async () => {
    await awaitAnswers([`one ${OPERATOR.host}`, `two ${OPERATOR.host}`]);
  });

  test("lets nobody in whom the machines' firewalls do not let in", async () => {
    expect(await answers("stranger")).toEqual(["silence"]);
  });

  test("leaves out who has ceased to answer, and takes it in again", async () => {
    servers.get("one")?.kill("SIGKILL");
    await awaitAnswers([`two ${OPERATOR.host}`]);
    await serve("one");
    await awaitAnswers([`one ${OPERATOR.host}`, `two ${OPERATOR.host}`]);
  });

  test("goes on after the process that owns the machines was started anew", async () => {
    await world.reopen();
    servers.get("two")?.kill("SIGKILL");
    await awaitAnswers([`one ${OPERATOR.host}`]);
  });

  test("is silent once its cloud has it no more", async () => {
    await world.machines.setBalancers("aws", []);
    expect(await answers("host")).not.toContain(`one ${OPERATOR.host}`);
  });
});

describe.skipIf(cannotRun)("a balancer of the one-machine world that hides its clients", () => {
  const [HIDING, SOURCE, RANGE] = ["198.18.6.99", "192.168.255.10", "192.168.255.0/24"];
  const SOUTH = "10.70.0.0/25";
  const behind: FirewallRule[] = [{ protocol: "tcp", from: PORT, to: PORT, sources: [SOUTH, RANGE] }];
  let world: TestWorld;

  const server = (id: string, at: number) =>
    machine(id, {
      ...{ cloud: "linode", segment: "south", publicMode: "interface", firewall: behind },
      ...{ privateAddress: `10.70.0.${at}`, publicAddress: `198.18.6.${at}` },
    });

  beforeAll(async () => {
    world = await TestWorld.create("archi5", [SOUTH]);
    await world.guard.install();
    await world.machines.start();
    await world.machines.ensureSegment({ name: "south", cidr: SOUTH });
    for (const spec of [server("one", 10), server("two", 11), server("stranger", 12)])
      await world.machines.createMachine(spec);
    // They answer no health check: then all of them are asked, as at the clouds.
    await Promise.all(["one", "two"].map((name) => world.listen(name, PORT)));
    const targets = ["10.70.0.10", "10.70.0.11"];
    await world.machines.setBalancers("linode", [
      { id: "api", publicAddress: HIDING, port: PORT, targets, source: SOURCE, clients: [OPERATOR.cidr] },
    ]);
  });

  afterAll(() => world.remove());

  test("shows the machines its own address, which their firewalls must let in", async () => {
    for (let call = 0; call < 4; call++) expect(await world.call("host", HIDING, PORT)).toBe(SOURCE);
    await world.machines.setFirewall("one", [{ ...behind[0]!, sources: [SOUTH] }]);
    await world.machines.setFirewall("two", [{ ...behind[0]!, sources: [SOUTH] }]);
    for (let call = 0; call < 4; call++) expect(await world.call("host", HIDING, PORT)).toBe("silence");
    for (const name of ["one", "two"]) await world.machines.setFirewall(name, behind);
  });

  test("takes no connection but its own clients', who reach no machine past it either", async () => {
    expect(await world.call("stranger", HIDING, PORT)).not.toBe(SOURCE);
    expect(await world.call("host", "198.18.6.10", PORT)).toBe("silence");
  });
});
