import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type UpgradeInput, renderUpgradeScript } from "../../plan/upgradeScript";

const first: UpgradeInput = {
  node: { name: "oregon-server" },
  part: "first server",
  kubernetesVersion: "v1.37.1",
};
const worker: UpgradeInput = { ...first, node: { name: "oregon-worker-1" }, part: "other" };

let root: string;
beforeEach(() => (root = mkdtempSync(join(tmpdir(), "upgrade-"))));
afterEach(() => rmSync(root, { recursive: true }));

/** A program of the pretended machine: notes how it was called, then does what the text says. */
function program(name: string, body = ""): void {
  mkdirSync(join(root, "bin"), { recursive: true });
  const path = join(root, "bin", name);
  writeFileSync(path, `#!/bin/bash\necho "${name} $*" >>${root}/calls\n${body}\n`);
  chmodSync(path, 0o755);
}

/** Runs the script with the machine's folders moved below a folder of our own. */
function run(input: UpgradeInput): { status: number | null; stdout: string; calls: string[] } {
  mkdirSync(join(root, "var/log"), { recursive: true });
  mkdirSync(join(root, "usr/bin"), { recursive: true });
  const moved = renderUpgradeScript(input)
    .replaceAll(/\/(etc|opt|var|run)\/(archipelago|apt|log|kubernetes)/g, `${root}/$1/$2`)
    .replaceAll('"/usr/bin/', `"${root}/usr/bin/`);
  const env = { PATH: `${root}/bin:${process.env.PATH}` };
  const { status, stdout } = spawnSync("bash", ["-c", moved], { env, encoding: "utf8" });
  let calls: string[] = [];
  try {
    calls = readFileSync(join(root, "calls"), "utf8").trim().split("\n");
  } catch {
    // Nothing was called.
  }
  return { status, stdout, calls };
}

function bringVersion(version: string): void {
  mkdirSync(join(root, "opt/archipelago/kubernetes", version), { recursive: true });
}

describe("the upgrade script", () => {
  test.each([first, worker])("of the $part is valid bash", (input) => {
    const { status, stderr } = spawnSync("bash", ["-n"], { input: renderUpgradeScript(input), encoding: "utf8" });
    expect([status, stderr]).toEqual([0, ""]);
  });

  test("takes the programs a machine image brings, kubeadm before the upgrade and the kubelet after it", () => {
    bringVersion("v1.37.1");
    mkdirSync(join(root, "etc/archipelago/patches"), { recursive: true });
    writeFileSync(join(root, "etc/archipelago/image.env"), 'KUBEADM_FLAGS="--ignore-preflight-errors=Mem"\n');
    program("kubeadm", `readlink ${root}/usr/bin/kubelet >>${root}/calls || echo "no kubelet yet" >>${root}/calls`);
    program("systemctl");
    const { status, calls, stdout } = run(first);
    expect(stdout).toContain("oregon-server: done");
    expect(status).toBe(0);
    expect(calls).toEqual([
      `kubeadm upgrade apply v1.37.1 --yes --patches ${root}/etc/archipelago/patches --ignore-preflight-errors=Mem`,
      "no kubelet yet",
      "systemctl daemon-reload",
      "systemctl restart kubelet",
      "systemctl is-active --quiet kubelet",
    ]);
    for (const name of ["kubeadm", "kubelet", "kubectl"]) {
      expect(readlinkSync(join(root, "usr/bin", name))).toBe(`${root}/opt/archipelago/kubernetes/v1.37.1/${name}`);
    }
    expect(readFileSync(join(root, "var/log/archipelago-upgrade.log"), "utf8")).toBe(stdout);
  });

  test("installs what is missing from the repository of the new minor version, and nothing that is there", () => {
    program("kubeadm", 'if [ "$1" = version ]; then echo v1.37.1; fi');
    program("kubelet", "echo Kubernetes v1.36.3");
    program("kubectl", "echo Client Version: v1.37.10");
    for (const name of ["systemctl", "curl", "gpg", "apt-get", "apt-mark"]) program(name);
    mkdirSync(join(root, "etc/apt/sources.list.d"), { recursive: true });
    const { status, calls } = run(worker);
    expect(status).toBe(0);
    expect(calls.filter((call) => /^(kubeadm upgrade|apt-get .*install|apt-mark)/.test(call))).toEqual([
      "kubeadm upgrade node",
      "apt-get -qy --allow-change-held-packages -o DPkg::Lock::Timeout=300 install kubelet=1.37.1-* kubectl=1.37.1-*",
      "apt-mark hold kubelet kubectl",
    ]);
    expect(readFileSync(join(root, "etc/apt/sources.list.d/kubernetes.list"), "utf8")).toContain(
      "https://pkgs.k8s.io/core:/stable:/v1.37/deb/",
    );
  });

  test("sees what is there although the program says more than its version", () => {
    program("kubeadm", 'if [ "$1" = version ]; then echo v1.37.1; fi');
    for (const [name, said] of [
      ["kubelet", "Kubernetes v1.37.1"],
      ["kubectl", "Client Version: v1.37.1"],
    ] as const) {
      // Said in two writes with a pause between: whoever stops listening after the first kills it
      program(name, `echo "${said}"; sleep 0.2; echo "and more" || exit 141; sleep 0.1; echo "and more"`);
    }
    for (const name of ["systemctl", "curl", "gpg", "apt-get", "apt-mark"]) program(name);
    mkdirSync(join(root, "etc/apt/sources.list.d"), { recursive: true });
    const { status, calls } = run(worker);
    expect(status).toBe(0);
    expect(calls.filter((call) => call.startsWith("apt-get"))).toEqual([]);
  });

  test("ends with the step that failed, and leaves the kubelet as it was", () => {
    bringVersion("v1.37.1");
    program("kubeadm", "echo it went wrong; exit 4");
    program("systemctl");
    const { status, stdout, calls } = run(worker);
    expect(status).toBe(1);
    expect(stdout).toContain("it went wrong");
    expect(stdout.trim().split("\n").at(-1)).toMatch(
      /oregon-worker-1: kubeadm upgrade node: line \d+: kubeadm upgrade/,
    );
    expect(calls).toEqual(["kubeadm upgrade node"]);
  });
});
