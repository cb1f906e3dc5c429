import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { renderBootScript } from "../../plan/bootScript";
import { ADDRESS_MARK } from "../../plan/kubeadm";
import { planWith } from "./fixtures";

const { primary, clusters } = planWith();
const common = { kubernetesVersion: "v1.37.2", bootstrapToken: "abcdef.0123456789abcdef" };
const scripts = {
  server: renderBootScript({
    ...{ ...common, cluster: clusters.ashburn!, node: clusters.ashburn!.nodes[0]!, role: "server" },
    ...{ caCert: "CERT", caKey: "KEY", publicAddresses: [] },
  }),
  worker: renderBootScript({
    ...{ ...common, cluster: primary, node: primary.nodes[1]!, role: "worker" },
    ...{ serverAddresses: ["10.20.0.10"], caHash: `sha256:${"0".repeat(64)}` },
  }),
};

/** As Oracle's Ubuntu images have it. */
const RULES = `*filter
:INPUT ACCEPT [0:0]
-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p tcp -m state --state NEW -m tcp --dport 22 -j ACCEPT
-A INPUT -j REJECT --reject-with icmp-host-prohibited
-A FORWARD -j REJECT --reject-with icmp-host-prohibited
-A OUTPUT -d 169.254.0.0/16 -j InstanceServices
COMMIT
`;

describe("what images and clouds do differently", () => {
  const folder = mkdtempSync(join(tmpdir(), "archipelago-boot-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** The part of the script that deals with the image's own packet filter, on a file of ours and a pretended iptables. */
  const unreject = (rules: string | undefined): { live: string[]; kept: string | undefined; status: number | null } => {
    const path = join(folder, "rules.v4");
    const log = join(folder, "live");
    rmSync(path, { force: true });
    if (rules !== undefined) writeFileSync(path, rules);
    writeFileSync(log, "");
    const begin = scripts.server.indexOf("if [ -e /etc/iptables/rules.v4 ]");
    const part = scripts.server.slice(begin, scripts.server.indexOf("\nfi\n", begin) + 4);
    expect(begin, "the step is in the script").toBeGreaterThan(-1);
    // Two rules in INPUT, one in FORWARD; then iptables says that there is none.
    const pretend = `left_INPUT=2; left_FORWARD=1
iptables() { local left=left_$2; echo "$*" >>${log}; [ "\${!left}" -gt 0 ] || return 1; printf -v "$left" %s $((\${!left} - 1)); }`;
    const { status } = spawnSync("bash", [], {
      input: `set -eu\n${pretend}\n${part.replaceAll("/etc/iptables/rules.v4", path)}`,
    });
    const live = readFileSync(log, "utf8").split("\n").filter(Boolean);
    return { live, kept: rules === undefined ? undefined : readFileSync(path, "utf8"), status };
  };

  test("Oracle's REJECT rules go from the running filter, all of them, and from the file that is loaded at every start", () => {
    const { live, kept, status } = unreject(RULES);
    expect(status).toBe(0);
    const removal = (chain: string) => `-D ${chain} -j REJECT --reject-with icmp-host-prohibited`;
    expect(live).toEqual([...Array<string>(3).fill(removal("INPUT")), ...Array<string>(2).fill(removal("FORWARD"))]);
    expect(kept).not.toContain("REJECT");
    expect(kept?.split("\n")).toHaveLength(RULES.split("\n").length - 2);
  });

  test("other images have no such file, and nothing is removed there", () => {
    expect(unreject(undefined)).toEqual({ live: [], kept: undefined, status: 0 });
  });

  test.each(Object.entries(scripts))(
    "a %s tells kubelet and API its private address, be the public one on its interface or translated",
    (_, script) => {
      const [, config = ""] =
        /write \/etc\/archipelago\/kubeadm\.yaml 600 <<'ARCHIPELAGO'\n([\s\S]*?)\nARCHIPELAGO\n/.exec(script)!;
      expect(config).toMatch(new RegExp(`name: node-ip\\n\\s+value: "?${ADDRESS_MARK}"?`));
      expect(script).toContain(`sed -i "s/${ADDRESS_MARK}/$ADDRESS/" /etc/archipelago/kubeadm.yaml`);
    },
  );

  test("a server listens where its nodes reach it", () => {
    expect(scripts.server).toMatch(new RegExp(`advertiseAddress: "?${ADDRESS_MARK}"?`));
  });
});
