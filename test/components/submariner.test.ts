import * as pulumi from "@pulumi/pulumi";
import { describe, expect, test } from "vitest";
import { selectBrokerObjects, SubmarinerBroker } from "../../components/submariner/broker";
import { pinOperator, SubmarinerGateway } from "../../components/submariner/gateway";
import { planSubmarinerSpec } from "../../components/submariner/spec";
import { UserError } from "../../plan/errors";
import { isSealed, object, one, opened, run, struckOut, valueOf, type EngineOptions } from "./engine";
import { JOIN, MANIFESTS, planWith, TOPOLOGY } from "./fleet";

const plan = planWith();
const west = plan.primary;
const encode = (text: string): string => Buffer.from(text).toString("base64");

describe("SubmarinerBroker", () => {
  const tokens: EngineOptions = {
    outputs: (type, name) => {
      if (type.endsWith(":RandomBytes")) return { base64: encode("48 random bytes") };
      if (!type.endsWith(":Secret")) return {};
      return { data: { token: encode(`token in ${name}`), "ca.crt": encode("broker ca") } };
    },
  };
  const createBroker = (options: EngineOptions = tokens) =>
    run(() => new SubmarinerBroker("hub", { plan, manifests: MANIFESTS }), options);

  test("every region gets a token of its own, the broker's CA and the one pre-shared key, all secret", async () => {
    const { value } = await createBroker();
    expect(Object.keys(value.access)).toEqual(["west", "east"]);
    for (const [cluster, access] of Object.entries(value.access)) {
      expect(await valueOf(access.token)).toBe(`token in hub-cluster-${cluster}-token`);
      expect(await valueOf(access.ca)).toBe(encode("broker ca"));
      expect(await valueOf(access.psk)).toBe(encode("48 random bytes"));
      for (const output of [access.token, access.ca, access.psk]) expect(await pulumi.isSecret(output)).toBe(true);
    }
  });

  test("accounts and tokens lie outside the namespace whose Secrets every region may read", async () => {
    const { all } = await createBroker();
    const held = all.filter(({ type }) => type.endsWith(":Secret") || type.endsWith(":ServiceAccount"));
    expect(held).toHaveLength(4);
    for (const each of held) expect(object(each).metadata.namespace).toBe("submariner-k8s-broker-access");
  });

  test("an account is bound across the border to upstream's Role, and to nothing else", async () => {
    const { all } = await createBroker();
    expect(one(all, ":RoleBinding", "cluster-east").inputs).toMatchObject({
      metadata: { name: "cluster-east", namespace: "submariner-k8s-broker" },
      roleRef: { kind: "Role", name: "submariner-k8s-broker-cluster" },
      subjects: [{ kind: "ServiceAccount", name: "cluster-east", namespace: "submariner-k8s-broker-access" }],
    });
    expect(all.filter(({ type }) => type.endsWith(":RoleBinding"))).toHaveLength(plan.regions.length);
  });

  test("of upstream's broker only the namespace, the CRDs and the Role of a joined cluster are used", () => {
    const kept = selectBrokerObjects(MANIFESTS.submarinerBroker).map(
      ({ kind, metadata }) => `${kind} ${metadata.name}`,
    );
    expect(kept).toEqual([
      "Role submariner-k8s-broker-cluster",
      "Namespace submariner-k8s-broker",
      "CustomResourceDefinition endpoints.submariner.io",
    ]);
  });

  test("a manifest without that Role is refused before anything is made", () => {
    expect(() => selectBrokerObjects(MANIFESTS.submarinerOperator)).toThrow(UserError);
  });

  test("the first preview knows no token and says so instead of failing", async () => {
    const { value } = await createBroker({ preview: true });
    const { token } = value.access.west!;
    expect(await (token as unknown as { isKnown: Promise<boolean> }).isKnown).toBe(false);
  });

  test("a token is asked for only when its account is bound", async () => {
    const { all } = await createBroker({ ...tokens, slow: (type) => type.endsWith(":RoleBinding") });
    const token = one(all, ":Secret", "cluster-east-token");
    expect(token.begun).toBeGreaterThan(one(all, ":RoleBinding", "cluster-east").done);
  });
});

describe("planSubmarinerSpec", () => {
  const facts = { api: "198.51.100.7:6443", ca: "Y2E=", psk: "cHNr" };

  test("says everything that the operator would otherwise guess", () => {
    expect(planSubmarinerSpec(plan, west, facts, false)).toEqual({
      broker: "k8s",
      brokerK8sApiServer: "198.51.100.7:6443",
      brokerK8sCA: "Y2E=",
      brokerK8sRemoteNamespace: "submariner-k8s-broker",
      brokerK8sSecret: "submariner-broker-secret",
      clusterID: "west",
      clusterCIDR: "10.3.0.0/16",
      serviceCIDR: "10.103.0.0/16",
      namespace: "submariner-operator",
      cableDriver: "libreswan",
      ceIPSecPSKSecret: "submariner-psk",
      ceIPSecNATTPort: 4500,
      ceIPSecForceUDPEncaps: true,
      ceIPSecDebug: false,
      natEnabled: true,
      airGappedDeployment: true,
      connectionHealthCheck: { enabled: true, intervalSeconds: 1, maxPacketLossCount: 5 },
      repository: "quay.io/submariner",
      version: "0.24.2",
      serviceDiscoveryEnabled: false,
      debug: false,
    });
  });

  test.each([
    ["libreswan", undefined],
    ["vxlan", undefined],
    ["wireguard", "cHNr"],
  ] as const)("with %s the key in the resource itself is %s", (cableDriver, psk) => {
    const driven = planWith({ submariner: { ...TOPOLOGY.submariner, cableDriver } });
    expect(planSubmarinerSpec(driven, driven.primary, facts, false).ceIPSecPSK).toBe(psk);
  });

  test("the cable's port is the one the firewall opens", () => {
    for (const cablePort of [undefined, 4501]) {
      const chosen = planWith({ submariner: { ...TOPOLOGY.submariner, cablePort } });
      const opened = chosen.primary.firewall.find(({ name }) => name === "cable");
      const { ceIPSecNATTPort } = planSubmarinerSpec(chosen, chosen.primary, facts, false);
      expect([ceIPSecNATTPort, opened?.from, opened?.to]).toEqual(Array(3).fill(cablePort ?? 4500));
    }
  });

  test("Lighthouse is an option", () => {
    expect(planSubmarinerSpec(plan, west, facts, true).serviceDiscoveryEnabled).toBe(true);
  });
});

describe("pinOperator", () => {
  const deployment = () => structuredClone(MANIFESTS.submarinerOperator.find(({ kind }) => kind === "Deployment")!);

  test("the operator runs from the topology's repository and version, and needs no registry once it is there", () => {
    expect(pinOperator(deployment(), plan.topology)).toMatchObject({
      spec: {
        template: {
          spec: {
            containers: [{ image: "quay.io/submariner/submariner-operator:0.24.2", imagePullPolicy: "IfNotPresent" }],
          },
        },
      },
    });
  });

  test("no variable is left that would name an image in place of the topology", () => {
    const text = JSON.stringify(pinOperator(deployment(), plan.topology));
    expect(text).not.toContain("RELATED_IMAGE_");
    expect(text).toContain("WATCH_NAMESPACE");
  });

  test("other objects are left as they are", () => {
    const others = MANIFESTS.submarinerOperator.filter(({ kind }) => kind !== "Deployment");
    expect(others.map((each) => pinOperator(structuredClone(each), plan.topology))).toEqual(others);
  });
});

describe("SubmarinerGateway", () => {
  const createGateway = (options?: EngineOptions, fleet = plan, machineId = "machine-1") =>
    run(
      () =>
        new SubmarinerGateway("mesh", {
          plan: fleet,
          cluster: west,
          manifests: MANIFESTS,
          join: pulumi.secret(JOIN),
          gateways: west.nodes
            .filter(({ gateway }) => gateway)
            .map((node) => ({ node, publicAddress: pulumi.output("203.0.113.9") })),
          machineIds: Object.fromEntries(west.nodes.map(({ name }) => [name, pulumi.output(machineId)])),
        }),
      options,
    );

  test("a gateway's node is labelled and annotated before the operator may start anything on it", async () => {
    const { all } = await createGateway({ slow: (type) => type.endsWith(":NodePatch") });
    const patch = one(all, ":NodePatch", "server");
    expect(patch.inputs).toMatchObject({
      metadata: {
        name: "west-server",
        labels: { "submariner.io/gateway": "true" },
        annotations: {
          "gateway.submariner.io/public-ip": "ipv4:203.0.113.9",
          "submariner.io/tcp-clamp-mss": "1320",
        },
      },
    });
    expect(one(all, ":Submariner").begun).toBeGreaterThan(patch.done);
  });

  test("a node's patch says which machine it was made for, so that a new machine gets it anew", async () => {
    const annotations = async (machineId: string) => {
      const { all } = await createGateway({}, plan, machineId);
      return object(one(all, ":NodePatch", "worker-1")).metadata.annotations;
    };
    const [before, after] = [await annotations("machine-1"), await annotations("machine-2")];
    expect(before).toMatchObject({ "archipelago.internal/machine": "machine-1" });
    expect(after).toEqual({ ...before, "archipelago.internal/machine": "machine-2" });
  });

  test("segments are clamped to what the topology says", async () => {
    const narrow = planWith({ submariner: { ...TOPOLOGY.submariner, mssOctets: 1200 } });
    const { metadata } = object(one((await createGateway({}, narrow)).all, ":NodePatch", "worker-1"));
    expect(metadata.annotations).toMatchObject({ "submariner.io/tcp-clamp-mss": "1200" });
  });

  test("a node that is no gateway clamps TCP like the others and is not labelled", async () => {
    const { metadata } = object(one((await createGateway()).all, ":NodePatch", "worker-1"));
    expect(metadata.labels).toBeUndefined();
    expect(metadata.annotations).toEqual({
      "pulumi.com/patchForce": "true",
      "submariner.io/tcp-clamp-mss": "1320",
      "archipelago.internal/machine": "machine-1",
    });
  });

  test.each([
    [":CustomResourceDefinition", ":ServiceAccount"],
    [":Namespace", ":ServiceAccount"],
    [":ServiceAccount", ":Deployment"],
    [":Deployment", ":Submariner"],
    [":Secret", ":Submariner"],
    [":Namespace", ":Secret"],
  ])("%s comes before %s, whatever the manifest's order", async (earlier, later) => {
    const { all } = await createGateway({ slow: (type) => type.endsWith(earlier) });
    const first = all.filter(({ type }) => type.endsWith(earlier));
    const second = all.filter(({ type }) => type.endsWith(later));
    expect(first.length * second.length).toBeGreaterThan(0);
    expect(Math.min(...second.map(({ begun }) => begun))).toBeGreaterThan(Math.max(...first.map(({ done }) => done)));
  });

  test("token and key reach the cluster in sealed Secrets and stand nowhere else", async () => {
    const { all } = await createGateway();
    const broker = one(all, ":Secret", "-broker");
    const psk = one(all, ":Secret", "-psk");
    expect([broker, psk].map(({ inputs }) => isSealed(inputs.data))).toEqual([true, true]);
    expect(object(broker).data).toEqual({
      token: encode("broker-token"),
      "ca.crt": JOIN.brokerCa,
      namespace: encode("submariner-k8s-broker"),
    });
    expect(object(psk).data).toEqual({ psk: JOIN.psk });
    const elsewhere = JSON.stringify(
      all.filter((each) => each !== broker && each !== psk).map(({ inputs }) => opened(inputs)),
    );
    for (const secret of [JOIN.brokerToken, encode(JOIN.brokerToken), JOIN.psk])
      expect(elsewhere).not.toContain(secret);
  });

  test("nothing from the broker's entry stands open in the state", async () => {
    const { all } = await createGateway();
    const open = JSON.stringify(all.map(({ inputs }) => struckOut(inputs)));
    for (const text of [JOIN.brokerApi, JOIN.brokerCa, JOIN.psk, JOIN.brokerToken]) expect(open).not.toContain(text);
  });

  test("what comes after the mesh depends on the Submariner resource", async () => {
    const { value } = await createGateway();
    const urns = await Promise.all(value.ready.map(({ urn }) => valueOf(urn)));
    expect(urns).toEqual([expect.stringMatching(/submariner\.io\/v1alpha1:Submariner::mesh-submariner$/)]);
  });
});
