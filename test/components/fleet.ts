/** A fleet of two regions and a broker for the components' tests: small, with every kind of node. */
import { planFleet } from "../../plan/plan";
import type { Plan, Topology } from "../../plan/types";
import { parseManifest, type Manifests } from "../../components/manifests";
import type { Join } from "../../plan/join";

export const TOPOLOGY: Topology = {
  world: "rehearsal",
  domain: "fleet.test",
  adminCidrs: ["203.0.113.0/24"],
  upstreamDns: [],
  protectData: false,
  kubernetes: { version: "v1.37.2" },
  submariner: { version: "0.24.2", repository: "quay.io/submariner", cableDriver: "libreswan" },
  database: { image: "registry.test/database:v1", standIn: true, replicas: 3, storageGib: 7 },
  clusters: {
    hub: {
      cloud: "vultr",
      place: "ewr",
      role: "broker",
      podCidr: "10.1.0.0/16",
      serviceCidr: "10.101.0.0/16",
      nodeCidr: "10.201.0.0/24",
      nodes: { server: { role: "server" } },
    },
    east: {
      cloud: "oci",
      place: "us-ashburn-1",
      role: "region",
      podCidr: "10.2.0.0/16",
      serviceCidr: "10.102.0.0/16",
      nodeCidr: "10.202.0.0/24",
      nodes: { server: { role: "server", gateway: true } },
    },
    west: {
      cloud: "aws",
      place: "us-west-2",
      role: "region",
      primary: true,
      podCidr: "10.3.0.0/16",
      serviceCidr: "10.103.0.0/16",
      nodeCidr: "10.203.0.0/24",
      nodes: {
        server: { role: "server", gateway: true, replicas: [1] },
        "worker-1": { role: "worker", replicas: [0, 2] },
      },
    },
  },
};

/** The plan of the test fleet, with parts of the topology replaced. */
export const planWith = (changes: Partial<Topology> = {}): Plan => planFleet({ ...TOPOLOGY, ...changes });

export const JOIN: Join = {
  brokerApi: "198.51.100.7:6443",
  brokerCa: Buffer.from("broker ca").toString("base64"),
  brokerToken: "broker-token",
  psk: Buffer.from("pre-shared key").toString("base64"),
  database: {
    caCert: "ca pem",
    nodeCert: "node pem",
    nodeKey: "node key pem",
    rootCert: "root pem",
    rootKey: "root key pem",
  },
};

/** Shaped as upstream's, in an order that an empty cluster would refuse. */
export const MANIFESTS: Manifests = {
  flannel: [],
  submarinerBroker: parseManifest(
    `
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: submariner-k8s-broker-cluster, namespace: submariner-k8s-broker }
rules: [{ apiGroups: [submariner.io], resources: [endpoints], verbs: [get] }]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: submariner-k8s-broker-admin, namespace: submariner-k8s-broker }
rules: []
---
apiVersion: v1
kind: ServiceAccount
metadata: { name: submariner-k8s-broker-admin, namespace: submariner-k8s-broker }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: submariner-k8s-broker-admin, namespace: submariner-k8s-broker }
---
apiVersion: v1
kind: Namespace
metadata: { name: submariner-k8s-broker }
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: endpoints.submariner.io }
`,
    "submariner-broker.yaml",
  ),
  submarinerOperator: parseManifest(
    `
apiVersion: apps/v1
kind: Deployment
metadata: { name: submariner-operator, namespace: submariner-operator }
spec:
  template:
    spec:
      containers:
        - name: submariner-operator
          image: controller:0.0.0
          imagePullPolicy: Always
          env: [{ name: WATCH_NAMESPACE }, { name: RELATED_IMAGE_submariner-gateway, value: elsewhere.test/gateway }]
---
apiVersion: v1
kind: ServiceAccount
metadata: { name: submariner-operator, namespace: submariner-operator }
---
apiVersion: v1
kind: Namespace
metadata: { name: submariner-operator, labels: { "pod-security.kubernetes.io/enforce": privileged } }
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: submariners.submariner.io }
`,
    "submariner-operator.yaml",
  ),
};
