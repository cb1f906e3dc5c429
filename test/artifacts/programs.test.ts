import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { planPackageClosure, readPackages } from "../../rehearsal/artifacts/debian";
import {
  EARLIER_PROGRAMS,
  ENGINE_PROGRAMS,
  MACHINE_PROGRAMS,
  goRecipe,
  withoutLines,
  type GoProgram,
} from "../../rehearsal/artifacts/goPrograms";
import { EARLIER, EARLIER_KUBERNETES, VERSIONS } from "../../rehearsal/artifacts/versions";

const ORDINARY: GoProgram[] = [...Object.values(ENGINE_PROGRAMS), ...Object.values(MACHINE_PROGRAMS)];
const PROGRAMS: GoProgram[] = [...ORDINARY, ...Object.values(EARLIER_PROGRAMS)];
const { minor, patch } = EARLIER_KUBERNETES;

describe("Go programs", () => {
  it.each([
    ["pulumi", "github.com/pulumi/pulumi/pkg/v3", VERSIONS.pulumi],
    ["pulumi-language-nodejs", "github.com/pulumi/pulumi/sdk/v3", VERSIONS.pulumiLanguageNodejs],
    ["kubernetes", "k8s.io/kubernetes", VERSIONS.kubernetes],
    ["etcd", "go.etcd.io/etcd/server/v3", VERSIONS.etcd],
    ["coredns", "github.com/coredns/coredns", VERSIONS.coredns],
    ["flannel", "github.com/flannel-io/flannel", VERSIONS.flannel],
    ["cni-plugins", "github.com/containernetworking/plugins", VERSIONS.cniPlugins],
    ["submariner", "github.com/submariner-io/submariner", VERSIONS.submariner],
    ["submariner-operator", "github.com/submariner-io/submariner-operator", VERSIONS.submariner],
    ["lighthouse", "github.com/submariner-io/lighthouse", VERSIONS.submariner],
    [`kubernetes-${minor.kubernetes}`, "k8s.io/kubernetes", minor.kubernetes],
    [`kubernetes-${patch.kubernetes}`, "k8s.io/kubernetes", patch.kubernetes],
    [`etcd-${minor.etcd}`, "go.etcd.io/etcd/server/v3", minor.etcd],
    [`coredns-${minor.coredns}`, "github.com/coredns/coredns", minor.coredns],
  ])("%s takes %s in the version named, pinned in its go.sum", (name, module, version) => {
    const folder = PROGRAMS.find((p) => p.name === name)?.folder ?? "";
    expect(readFileSync(join(folder, "go.mod"), "utf8")).toMatch(
      new RegExp(`^(require)?\\s*${module} v${version}$`, "m"),
    );
    expect(readFileSync(join(folder, "go.sum"), "utf8")).toMatch(new RegExp(`^${module} v${version} h1:`, "m"));
  });

  it("have names and output files of their own", () => {
    const outputs = ORDINARY.flatMap((p) => Object.keys(p.outputs));
    expect(new Set(outputs).size).toBe(outputs.length);
    expect(new Set(PROGRAMS.map((p) => p.name)).size).toBe(PROGRAMS.length);
  });

  it("are made anew when a source file or a setting changes, and only then", async () => {
    const program = MACHINE_PROGRAMS.metricsproxy;
    const [one, same, other] = await Promise.all([
      goRecipe(program),
      goRecipe({ ...program }),
      goRecipe({ ...program, variables: { "main.version": "v1" } }),
    ]);
    expect(one.inputs).toEqual(same.inputs);
    expect(one.inputs).not.toEqual(other.inputs);
    expect(Object.keys(one.inputs)).toContain("main.go");
  });
});

describe("earlier versions", () => {
  it("of a program take its main.go, and are made anew when that changes", async () => {
    const [now, before] = await Promise.all([
      goRecipe(MACHINE_PROGRAMS.kubernetes),
      goRecipe(EARLIER_PROGRAMS.kubernetesMinor),
    ]);
    expect(before.inputs["main.go"]).toBe(now.inputs["main.go"]);
    expect(before.inputs["go.mod"]).not.toBe(now.inputs["go.mod"]);
  });

  it("say their own number, not the current one", () => {
    const said = (program: GoProgram): string => Object.values(program.variables ?? {}).join(" ");
    expect(said(EARLIER_PROGRAMS.kubernetesMinor)).toContain(`v${minor.kubernetes} 1 36 `);
    expect(said(EARLIER_PROGRAMS.standin)).toBe(`stand-in for CockroachDB v${EARLIER.cockroachdb}`);
  });
});

describe("withoutLines", () => {
  const main = 'import (\n\t_ "a/udp"\n\t_ "a/vxlan"\n)\n';

  it("takes exactly the named imports out", () => {
    expect(withoutLines(main, ["a/udp"])).toBe('import (\n\t_ "a/vxlan"\n)\n');
  });

  it("fails when upstream no longer has the import", () => {
    expect(() => withoutLines(main, ["a/tencentvpc"])).toThrow("expected one import of a/tencentvpc, found 0");
  });
});

describe("Debian packages of an image", () => {
  const packages = readPackages(
    [
      "Package: tool\nStatus: install ok installed\nDepends: liba (>= 1:2.0), mail-agent | mailer, dpkg\nPre-Depends: libc6",
      "Package: liba\nDepends: libc6 (>= 2.34)",
      "Package: libc6",
      "Package: exim\nProvides: mail-agent, other (= 1)",
      "Package: dpkg\nDepends: perl",
      "Package: perl",
      "Package: circle\nDepends: round",
      "Package: round\nDepends: circle",
    ].join("\n\n"),
  );

  it("are all that the named ones need, without what only installs packages", () => {
    expect(planPackageClosure(packages, ["tool"])).toEqual(["exim", "liba", "libc6", "tool"]);
  });

  it("leave out what the layers below have", () => {
    expect(planPackageClosure(packages, ["tool"], ["libc6", "liba"])).toEqual(["exim", "tool"]);
  });

  it("may need each other", () => {
    expect(planPackageClosure(packages, ["circle"])).toEqual(["circle", "round"]);
  });
});
