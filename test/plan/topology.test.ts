import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { UserError } from "../../plan/errors";
import { loadTopology, PROJECT_FOLDER } from "../../stacks/topology";

describe("the topology of the tree", () => {
  let folder: string;
  const write = (file: string, text: string) => fs.writeFileSync(path.join(folder, file), text);
  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), "topology-"));
    const files = fs.readdirSync(PROJECT_FOLDER).filter((file) => /^Pulumi.*\.yaml$/.test(file));
    for (const file of files) fs.copyFileSync(path.join(PROJECT_FOLDER, file), path.join(folder, file));
    fs.appendFileSync(
      path.join(folder, "Pulumi.yaml"),
      "config:\n  archipelago:fleet:\n    value:\n      adminCidrs: [203.0.113.7/32]\n",
    );
    write("Pulumi.ashburn.yaml", "config:\n  archipelago:cluster:\n    account: ocid1.compartment.oc1..example\n");
  });
  afterEach(() => fs.rmSync(folder, { recursive: true }));
  const load = (overlay?: string) => loadTopology(folder, overlay);

  test("has Tokyo on Linode, because Equinix Metal is no more", () => {
    expect(load().clusters.tokyo).toMatchObject({ cloud: "linode", place: "jp-tyo-3" });
  });

  test("is laid over by the stack files, and those by the overlay", () => {
    write(
      "Pulumi.london.yaml",
      "config:\n  archipelago:cluster:\n    cloud: aws\n    place: eu-west-2\n    nodeCidr: 10.40.0.0/24\n    nodes: {server: {size: t3.xlarge}}\n",
    );
    write("overlay.json", JSON.stringify({ upstreamDns: [], clusters: { london: { place: "eu-west-1" } } }));
    const topology = load(path.join(folder, "overlay.json"));
    expect(topology.clusters.london).toMatchObject({ cloud: "aws", place: "eu-west-1", nodeCidr: "10.40.0.0/24" });
    expect(topology.upstreamDns).toEqual([]);
  });

  test("is adjusted by the overlay where there is such a cluster, and given none by that", () => {
    const adjust = { tokyo: { place: "jp-osa" }, nowhere: { place: "jp-osa" } };
    write("overlay.json", JSON.stringify({ adjust }));
    expect(load(path.join(folder, "overlay.json")).clusters.tokyo?.place).toBe("jp-osa");
    expect(Object.keys(load(path.join(folder, "overlay.json")).clusters)).not.toContain("nowhere");
    write("overlay.json", JSON.stringify({ adjust, clusters: { tokyo: { place: "jp-tyo-3" } } }));
    expect(load(path.join(folder, "overlay.json")).clusters.tokyo?.place).toBe("jp-tyo-3");
  });

  test("grows by a region with one stack file and no code", () => {
    write(
      "Pulumi.paris.yaml",
      "config:\n  archipelago:cluster: {cloud: vultr, place: cdg, role: region, nodeCidr: 10.60.0.0/24, podCidr: 10.140.0.0/16, serviceCidr: 10.204.0.0/16, nodes: {server: {role: server, gateway: true, size: vc2-4c-8gb}}}\n",
    );
    expect(Object.keys(load().clusters)).toContain("paris");
  });

  test("takes an encrypted kubeconfig, and refuses one in clear without a word of it", () => {
    write("Pulumi.london.yaml", "config:\n  archipelago:kubeconfig: {secure: v1:abc}\n");
    expect(Object.keys(load().clusters)).toContain("london");
    for (const clear of ["|\n    users: [{user: {token: t0p}}]", "{users: [{user: {token: t0p}}]}", '""']) {
      write("Pulumi.london.yaml", `config:\n  archipelago:kubeconfig: ${clear}\n`);
      let refusal: unknown;
      try {
        load();
      } catch (error) {
        refusal = error;
      }
      expect(refusal, clear).toBeInstanceOf(UserError);
      const { message, remedy } = refusal as UserError;
      expect(message).toMatch(/Pulumi\.london\.yaml: archipelago:kubeconfig stands there in clear/);
      expect(remedy).toContain("pulumi config set --secret archipelago:kubeconfig -s london");
      expect(message + remedy).not.toContain("t0p");
    }
  });

  test("ignores stack files that say nothing of a cluster", () => {
    write("Pulumi.dev.yaml", "encryptionsalt: v1:abc\n");
    expect(Object.keys(load().clusters)).not.toContain("dev");
  });

  test("without the user's own values says which are missing", () => {
    expect(() => loadTopology(PROJECT_FOLDER, undefined)).toThrow(/adminCidrs: empty/);
  });

  test.each([
    ["an overlay that is not there", "nowhere.json", /Cannot read .*nowhere\.json: ENOENT/],
    ["an overlay that is no JSON", "broken.json", /broken\.json: /],
    ["an overlay that is no object", "list.json", /not a JSON object/],
  ])("with %s gives a message and a remedy", (_, file, message) => {
    write("broken.json", "{");
    write("list.json", "[]");
    const act = () => load(path.join(folder, file));
    expect(act).toThrow(UserError);
    expect(act).toThrow(message);
  });
});
