/**
 * A program of its own, run inside a network namespace: which ports of which addresses answer from here. Reads a `Scan` as
 * JSON from standard input, writes `Answer[]` to standard output. Bounded in connections and in time.
 */
import { createSocket } from "node:dgram";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

export interface Scan {
  addresses: string[];
  tcp: number[];
  udp: number[];
  /** How long one port may keep silent. */
  silenceSeconds: number;
  /** After this the scan fails, whatever is left of it. */
  limitSeconds: number;
}

export interface Answer {
  address: string;
  protocol: "tcp" | "udp";
  port: number;
  /** Somebody listens, or: nobody does, but the packet came through and was sent back. Silent ports are left out. */
  heard: "open" | "refused";
}

const AT_ONCE = 400;
const UDP_PAUSE_SECONDS = 1.1;

type Heard = Answer["heard"] | undefined;

function askTcp(address: string, port: number, silenceSeconds: number): Promise<Heard> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    const end = (heard: Heard): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(heard);
    };
    const timer = setTimeout(() => end(undefined), silenceSeconds * 1000);
    socket.once("connect", () => end("open"));
    // Unreachable is what a router says; refused can only come from the machine behind the firewall.
    socket.once("error", ({ code }: NodeJS.ErrnoException) => end(code === "ECONNREFUSED" ? "refused" : undefined));
  });
}

/** An open UDP port that does not know the question keeps as silent as a shut one: only "nobody listens" can be heard. */
function askUdp(address: string, port: number, silenceSeconds: number): Promise<Heard> {
  return new Promise((resolve) => {
    const socket = createSocket("udp4");
    const end = (heard: Heard): void => {
      clearTimeout(timer);
      socket.close();
      resolve(heard);
    };
    const timer = setTimeout(() => end(undefined), silenceSeconds * 1000);
    socket.once("message", () => end("open"));
    socket.once("error", (error: NodeJS.ErrnoException) => end(error.code === "ECONNREFUSED" ? "refused" : undefined));
    // Only a connected socket is told of the answer "port unreachable".
    socket.connect(port, address, () => socket.send(Buffer.from("?")));
  });
}

async function main(): Promise<void> {
  const { addresses, tcp, udp, silenceSeconds, limitSeconds } = JSON.parse(readFileSync(0, "utf8")) as Scan;
  const limit = setTimeout(() => {
    process.stderr.write(`the scan was not done after ${limitSeconds} s\n`);
    process.exit(1);
  }, limitSeconds * 1000);
  const answers: Answer[] = [];
  const note = (address: string, protocol: Answer["protocol"], port: number, heard: Heard): void => {
    if (heard) answers.push({ address, protocol, port, heard });
  };
  const questions = addresses.flatMap((address) => tcp.map((port) => ({ address, port })));
  let next = 0;
  const askNext = async (): Promise<void> => {
    for (let question = questions[next++]; question; question = questions[next++]) {
      const { address, port } = question;
      note(address, "tcp", port, await askTcp(address, port, silenceSeconds));
    }
  };
  // One after the other: Linux sends "port unreachable" to the same asker only once a second.
  const askSlowly = async (address: string): Promise<void> => {
    for (const port of udp) {
      const pause = sleep(UDP_PAUSE_SECONDS * 1000);
      note(address, "udp", port, await askUdp(address, port, silenceSeconds));
      await pause;
    }
  };
  await Promise.all([...Array.from({ length: AT_ONCE }, askNext), ...addresses.map(askSlowly)]);
  clearTimeout(limit);
  process.stdout.write(JSON.stringify(answers));
}

void main();
