import { resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { renderBootScript } from "../../plan/bootScript";
import { CLOUD_FACTS } from "../../plan/clouds";
import { type FirewallInput, planFirewall } from "../../plan/firewall";
import { CLOUDS, type PortRule } from "../../plan/types";
import { planWith, replicatedRegion } from "../plan/fixtures";
import { runStack } from "../program/mocks";
import { pageTable } from "./pageTable";

const rows = (mark: string): string[][] => pageTable("docs/security.md", mark);

const PLACES: Record<string, string> = {
  "192.0.2.0/24": "the cluster's own nodes",
  "203.0.113.0/24": "`adminCidrs`",
  "0.0.0.0/0": "anywhere",
  "192.0.2.7/32": "the servers' planned addresses",
  [String(CLOUD_FACTS.linode.balancerSource)]: "the region's NodeBalancers",
};

function row({ protocol, from, to, on, sources, why }: PortRule): string[] {
  const port = protocol === "icmp" ? "ICMP" : `${protocol.toUpperCase()} ${from === to ? from : `${from}–${to}`}`;
  return [port, on, sources.map((source) => PLACES[source] ?? source).join(", "), why];
}

describe("the security page", () => {
  const before = process.env.ARCHIPELAGO_MANIFESTS;
  beforeAll(() => void (process.env.ARCHIPELAGO_MANIFESTS = resolve(__dirname, "../fixtures/manifests")));
  afterAll(() => {
    if (before === undefined) delete process.env.ARCHIPELAGO_MANIFESTS;
    else process.env.ARCHIPELAGO_MANIFESTS = before;
  });

  test.each(["broker", "region"] as const)(
    "lists for a %s the ports of the firewall plan, with the plan's reasons",
    (role) => {
      const plan = planFirewall({ role, nodeCidr: "192.0.2.0/24", adminCidrs: ["203.0.113.0/24"] });
      expect(rows(`ports: ${role}`)).toEqual(plan.map(row));
    },
  );

  test("lists for three servers what they open beside it, to each other alone", () => {
    const input: FirewallInput = { role: "region", nodeCidr: "192.0.2.0/24", adminCidrs: ["203.0.113.0/24"] };
    const one = planFirewall(input).map(({ name }) => name);
    const three = planFirewall({ ...input, serverAddresses: ["192.0.2.7"] });
    const more = three.filter(({ name }) => !one.includes(name));
    expect(three).toHaveLength(one.length + more.length);
    expect(rows("ports: three servers")).toEqual(more.map(row));
  });

  test("lists for three servers where the load balancer hides its clients what differs by that, on every such cloud", () => {
    const sources = CLOUDS.flatMap((cloud) => CLOUD_FACTS[cloud].balancerSource ?? []);
    expect(sources).toEqual([CLOUD_FACTS.linode.balancerSource]);
    const input: FirewallInput = { role: "region", nodeCidr: "192.0.2.0/24", adminCidrs: ["203.0.113.0/24"] };
    const three = { ...input, serverAddresses: ["192.0.2.7"] };
    const usual = planFirewall(three);
    const hiding = planFirewall({ ...three, balancerSource: sources[0] });
    const differing = hiding.filter((rule) => !usual.some((other) => isDeepStrictEqual(other, rule)));
    expect(rows("ports: three servers on Linode")).toEqual(differing.map(row));
    expect(
      usual.filter((rule) => !hiding.some((other) => isDeepStrictEqual(other, rule))).map(({ name }) => name),
    ).toEqual(["api"]);
  });

  test("lists every credential that the program makes, with its lifetime and renewal", async () => {
    const plan = planWith({ clusters: { oregon: replicatedRegion() } });
    const made = new Map<string, string>();
    for (const { name: stack } of [plan.broker, plan.primary]) {
      for (const { type, name, inputs } of (await runStack(plan, stack)).seen) {
        const isToken = inputs.type === "kubernetes.io/service-account-token";
        if (!isToken && !/^(tls:.*(PrivateKey|Cert)|random:.*)$/.test(type)) continue;
        const general = plan.regions
          .reduce((text, region) => text.replace(new RegExp(`^(.+)-${region.name}(-|$)`), "$1-<region>$2"), name)
          .replace(new RegExp(`^${stack}-`), "<cluster>-");
        const [valid, early] = [inputs.validityPeriodHours, inputs.earlyRenewalHours] as (number | undefined)[];
        const renewal = early ? `renewed by an \`up\` in the last ${early / 24}` : "not renewed";
        if (valid) made.set(general, `${valid / 24} days, ${renewal}`);
        else if (!made.has(general)) made.set(general, "until replaced");
      }
    }
    const listed = rows("credentials").map(([name = "", , , lifetime = ""]) => [name.replaceAll("`", ""), lifetime]);
    expect(new Map(listed as [string, string][])).toEqual(made);
    for (const cells of rows("credentials")) expect(cells.filter((cell) => cell === "")).toEqual([]);
  });

  test("says with right that the boot log holds no join token: kubeadm is told not to print it, and nothing else does", () => {
    const cluster = planWith().primary;
    const token = "abcdef.0123456789abcdef";
    const script = renderBootScript({
      ...{ cluster, node: cluster.nodes[0]!, role: "server", kubernetesVersion: "v1.37.2", bootstrapToken: token },
      ...{ caCert: "CERT", caKey: "KEY", publicAddresses: [] },
    });
    expect(script).toMatch(/VERB="init --skip-token-print"\n/);
    expect(script).toMatch(/kubeadm \$VERB --config /);
    const file =
      /write \/etc\/archipelago\/kubeadm\.yaml 600 <<'ARCHIPELAGO'\n[\s\S]*?\nARCHIPELAGO\n/.exec(script)?.[0] ?? "";
    expect(file).toContain(token);
    expect(script.replace(file, "")).not.toContain(token);
    expect(script).not.toMatch(/set -[a-z]*x/);
  });
});
