import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { stateFolder } from "../../harness/folders";
import { loadTopology, planFleet } from "../../harness/topology";
import { contains, parseAddress, parseCidr } from "../../plan/cidr";
import { nodeRules } from "../../plan/firewall";
import type { ClusterPlan, NodePlan, Plan } from "../../plan/types";
import { OPERATOR } from "../../rehearsal/machines/addresses";
import { command } from "../../rehearsal/machines/command";
import type { Host, InternetState } from "../../rehearsal/machines/internetRules";
import { machineName, WORLD } from "../../rehearsal/machines/names";
import { overlayPath, projectPath } from "../../rehearsal/world";
import type { Answer, Scan } from "./portScan";

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, at) => from + at);

/** Every low port, and whatever Kubernetes, etcd, Submariner, flannel or the database are known to listen on. */
const TCP = [
  ...range(1, 1024),
  ...[2379, 2380, 2381, 4240, 4244, 5473, 6443, 6444, 8080, 8443, 9090, 9100, 9153, 9898, 26257, 26258, 32780, 32781],
  ...range(10244, 10260),
  ...range(30000, 30010),
];
const UDP = [
  53, 67, 68, 69, 111, 123, 137, 161, 500, 514, 1194, 4490, 4500, 4789, 4790, 4800, 8472, 51820, 51821,
].concat(range(30000, 30010));
const LIMITS = { silenceSeconds: 1.5, limitSeconds: 240 };

/** Asks from inside a network namespace of the emulated internet; undefined: from the operator's host. */
async function scan(addresses: string[], namespace: string | undefined): Promise<Answer[]> {
  const input = JSON.stringify({ addresses, tcp: TCP, udp: UDP, ...LIMITS } satisfies Scan);
  const program = ["--require", "tsx/cjs", join(__dirname, "portScan.ts")];
  const said = await command(process.execPath, program, {
    namespace,
    input,
    timeoutSeconds: LIMITS.limitSeconds + 30,
  });
  return JSON.parse(said) as Answer[];
}

interface Target {
  host: Host;
  node: NodePlan;
  cluster: ClusterPlan;
}

/** What the plan opens of the scanned TCP ports to a source. */
const plannedTcp = ({ cluster, node }: Target, source: string): number[] =>
  nodeRules(cluster.firewall, node)
    .filter(({ protocol, sources }) => protocol === "tcp" && sources.some((cidr) => isIn(cidr, source)))
    .flatMap(({ from, to }) => range(from, to))
    .filter((port) => TCP.includes(port))
    .sort((one, other) => one - other);

const plannedUdp = ({ cluster, node }: Target, source: string): number[] =>
  nodeRules(cluster.firewall, node)
    .filter(({ protocol, sources }) => protocol === "udp" && sources.some((cidr) => isIn(cidr, source)))
    .flatMap(({ from, to }) => range(from, to));

const isIn = (cidr: string, address: string): boolean => contains(parseCidr(cidr)!, parseAddress(address)!);

const ports = (answers: Answer[], address: string, protocol: Answer["protocol"], heard?: Answer["heard"]): number[] =>
  answers
    .filter((one) => one.address === address && one.protocol === protocol && (!heard || one.heard === heard))
    .map(({ port }) => port)
    .sort((one, other) => one - other);

/** The living rehearsal's machines as the plan and as the emulated internet know them. */
function readTargets(): { plan: Plan; targets: Target[] } {
  const plan = planFleet(loadTopology(projectPath(), overlayPath()));
  const { hosts } = JSON.parse(readFileSync(join(stateFolder(), "internet.json"), "utf8")) as InternetState;
  const targets = Object.values(plan.clusters).flatMap((cluster) =>
    cluster.nodes.map((node) => {
      const host = hosts.find(({ name }) => name === node.name);
      if (!host) throw new Error(`the plan has ${node.name}, the emulated internet has not`);
      return { host, node, cluster };
    }),
  );
  return { plan, targets };
}

describe("open ports of the living rehearsal, asked from inside the emulated internet", () => {
  let plan: Plan;
  let targets: Target[];
  const publicOf = ({ host }: Target): string => String(host.publicAddress);

  /** What was heard of each target is what the plan opens to the source, neither more nor less. */
  function expectAsPlanned(answers: Answer[], asked: Target[], source: string, addressOf: (target: Target) => string) {
    for (const target of asked) {
      const address = addressOf(target);
      const name = `${target.node.name} (${address}) from ${source}`;
      const planned = plannedTcp(target, source);
      // A refusal is as telling as an answer: the packet came through to the machine.
      expect([name, ports(answers, address, "tcp")]).toEqual([name, planned]);
      expect([name, ports(answers, address, "tcp", "open")]).toEqual([name, planned]);
      const allowed = plannedUdp(target, source);
      expect([name, ports(answers, address, "udp").filter((port) => !allowed.includes(port))]).toEqual([name, []]);
    }
  }

  beforeAll(() => {
    ({ plan, targets } = readTargets());
    expect(targets.length).toBeGreaterThanOrEqual(6);
  });

  test("the emulated internet has no machine that the plan does not have", () => {
    const { hosts } = JSON.parse(readFileSync(join(stateFolder(), "internet.json"), "utf8")) as InternetState;
    expect(hosts.map(({ name }) => name).sort()).toEqual(targets.map(({ node }) => node.name).sort());
    expect(hosts.filter(({ publicAddress }) => publicAddress === undefined)).toEqual([]);
  });

  test("to a stranger only the broker's API is open, and on no other machine any TCP port", async () => {
    // Two strangers, so that every machine is asked by one of another cluster.
    const strangers = [plan.regions[0]!, plan.regions[1]!].map((cluster) =>
      targets.find((target) => target.cluster === cluster && target.node.role === "server")!,
    );
    const [first, second] = strangers as [Target, Target];
    const rounds: [Target, Target[]][] = [
      [first, targets.filter(({ cluster }) => cluster !== first.cluster)],
      [second, targets.filter(({ cluster }) => cluster === first.cluster)],
    ];
    const open: string[] = [];
    for (const [stranger, asked] of rounds) {
      const answers = await scan(asked.map(publicOf), machineName(WORLD, stranger.host.id));
      expectAsPlanned(answers, asked, publicOf(stranger), publicOf);
      for (const target of asked)
        open.push(...ports(answers, publicOf(target), "tcp").map((port) => `${target.cluster.name} ${port}`));
    }
    expect(open).toEqual([`${plan.broker.name} 6443`]);
  });

  test("to the administrator the APIs are open, and nothing else", async () => {
    const answers = await scan(targets.map(publicOf), undefined);
    expectAsPlanned(answers, targets, OPERATOR.host, publicOf);
    const servers = targets.filter(({ node }) => node.role === "server");
    expect(servers.flatMap((target) => ports(answers, publicOf(target), "tcp"))).toEqual(servers.map(() => 6443));
  });

  test("to a node of the same cluster the API and the kubelet are open, and nothing else", async () => {
    const cluster = plan.regions.find(({ nodes }) => nodes.length > 1)!;
    const inside = targets.filter((target) => target.cluster === cluster);
    const asking = inside.find(({ node }) => node.role === "worker")!;
    const asked = inside.filter((target) => target !== asking);
    const privateOf = ({ host }: Target): string => host.privateAddress;
    const answers = await scan(asked.map(privateOf), machineName(WORLD, asking.host.id));
    expectAsPlanned(answers, asked, privateOf(asking), privateOf);
  });

  test("no private address answers a machine of another cluster", async () => {
    const [asking] = targets.filter(({ cluster }) => cluster === plan.regions[0]);
    const others = targets.filter(({ cluster }) => cluster !== asking!.cluster).map(({ host }) => host.privateAddress);
    expect(await scan(others, machineName(WORLD, asking!.host.id))).toEqual([]);
  });
});
