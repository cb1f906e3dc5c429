import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Balancer } from "./contract";
import { renderSource } from "./firewall";

const EVERYBODY = "0.0.0.0/0";

/** One balancer's rules in the router: where a new connection goes. */
export interface Balancing {
  balancer: Balancer;
  /** Private addresses that answer; all of them where none does, as clouds have it. */
  well: string[];
}

/** Statements that send a balancer's connections to its targets in turn, as far as it takes them. */
export function renderBalancing({
  balancer: { publicAddress, port, clients = [EVERYBODY] },
  well,
}: Balancing): string[] {
  if (well.length === 0) return [];
  const targets = well.map((address, at) => `${at} : ${address}`).join(", ");
  const turn = `ip daddr ${publicAddress} tcp dport ${port} dnat to numgen inc mod ${well.length} map { ${targets} }`;
  return clients.map((client) => [renderSource(client), turn].filter(Boolean).join(" "));
}

/** Statements that put a balancer's own address in the place of its clients'; none where these stay, as at most clouds. */
export const renderHiding = ({ balancer: { publicAddress, source } }: Balancing): string[] =>
  source === undefined ? [] : [`ct status dnat ct original ip daddr ${publicAddress} snat to ${source}`];

const targetsOf = ({ targets, port }: Balancer): string[] => targets.map((address) => `${address}:${port}`);

/** Which targets are well, by a process inside the router's namespace that asks them for as long as this one lives. */
export class HealthChecks {
  private child: ChildProcess | undefined;
  /** undefined until the first answers: then nobody is left out. */
  private well: Set<string> | undefined;

  /** @param onChange called when targets have become well or ceased to be. */
  constructor(
    private readonly namespace: string,
    private readonly onChange: () => void,
  ) {}

  /** From now on these are asked; the process runs only while there are any. */
  watch(balancers: Balancer[]): void {
    const targets = balancers.flatMap(targetsOf);
    if (targets.length === 0) return this.end();
    this.child ??= this.start();
    this.child.stdin?.write(`${JSON.stringify(targets)}\n`);
  }

  balance(balancer: Balancer): Balancing {
    const answering = balancer.targets.filter((address) => this.well?.has(`${address}:${balancer.port}`) ?? true);
    return { balancer, well: answering.length > 0 ? answering : balancer.targets };
  }

  end(): void {
    this.child?.stdin?.end();
    this.child = undefined;
    this.well = undefined;
  }

  private start(): ChildProcess {
    const enter = [`--net=/run/netns/${this.namespace}`, process.execPath, join(__dirname, "healthProbe.cjs")];
    const child = spawn("nsenter", enter, { stdio: ["pipe", "pipe", "inherit"] });
    // What is said into a process that has just ended is said again to the next one.
    child.stdin.on("error", () => undefined);
    child.once("exit", () => {
      if (this.child === child) this.end();
    });
    createInterface({ input: child.stdout }).on("line", (line) => {
      if (this.child !== child) return;
      this.well = new Set(JSON.parse(line) as string[]);
      this.onChange();
    });
    return child;
  }
}
