/**
 * Names in an existing cluster. Its own DNS serves cluster.local, as many others do, and belongs to its owner or to the
 * add-on that rewrites it. So a CoreDNS of the fleet stands beside it: it serves the same Services under the fleet's
 * suffix, asks the peers for theirs and that cluster's DNS for the rest. Peers ask it by its fixed address.
 */
import { Deployment } from "@pulumi/kubernetes/apps/v1/deployment";
import { ConfigMap } from "@pulumi/kubernetes/core/v1/configMap";
import { Namespace } from "@pulumi/kubernetes/core/v1/namespace";
import { Service } from "@pulumi/kubernetes/core/v1/service";
import { ServiceAccount } from "@pulumi/kubernetes/core/v1/serviceAccount";
import { ClusterRole } from "@pulumi/kubernetes/rbac/v1/clusterRole";
import { ClusterRoleBinding } from "@pulumi/kubernetes/rbac/v1/clusterRoleBinding";
import type { input } from "@pulumi/kubernetes/types";
import type * as pulumi from "@pulumi/pulumi";
import { renderResolverCorefile } from "../../plan/corefile";
import { PART_OF, RESOLVER } from "../../plan/existing";
import type { ClusterPlan } from "../../plan/types";

const { namespace, name, port } = RESOLVER;
/** Of its ClusterRole and binding, which lie in no namespace. */
const GLOBAL_NAME = "archipelago-resolver";
const SELECTOR = { "app.kubernetes.io/name": name };
const LABELS = { ...SELECTOR, ...PART_OF };
const USER_ID = 65532;

export function createResolver(cluster: ClusterPlan, opts: pulumi.CustomResourceOptions): pulumi.Resource[] {
  const home = new Namespace(
    "resolver",
    {
      metadata: { name: namespace, labels: { ...PART_OF, "pod-security.kubernetes.io/enforce": "restricted" } },
    },
    opts,
  );
  const inside = { ...opts, dependsOn: [home] };
  const metadata = { name, namespace, labels: LABELS };
  const account = new ServiceAccount("resolver", { metadata }, inside);
  const role = new ClusterRole(
    "resolver",
    {
      metadata: { name: GLOBAL_NAME, labels: LABELS },
      // What CoreDNS's plugin reads where it does not verify pods.
      rules: [
        { apiGroups: [""], resources: ["services", "namespaces"], verbs: ["list", "watch"] },
        { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["list", "watch"] },
      ],
    },
    opts,
  );
  const binding = new ClusterRoleBinding(
    "resolver",
    {
      metadata: { name: GLOBAL_NAME, labels: LABELS },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: GLOBAL_NAME },
      subjects: [{ kind: "ServiceAccount", name, namespace }],
    },
    { ...opts, dependsOn: [role, account] },
  );
  const config = new ConfigMap(
    "resolver",
    { metadata, data: { Corefile: renderResolverCorefile(cluster, port) } },
    inside,
  );
  const deployment = new Deployment(
    "resolver",
    { metadata, spec: { replicas: 2, selector: { matchLabels: SELECTOR }, template: planTemplate() } },
    { ...opts, dependsOn: [binding, config] },
  );
  const service = new Service(
    "resolver",
    {
      metadata,
      spec: {
        // Stated, for the peers' CoreDNS names it before this cluster is asked.
        clusterIP: cluster.dnsAddress,
        selector: SELECTOR,
        ports: [
          { name: "dns", protocol: "UDP", port: 53, targetPort: "dns" },
          { name: "dns-tcp", protocol: "TCP", port: 53, targetPort: "dns-tcp" },
        ],
      },
    },
    { ...opts, dependsOn: [deployment] },
  );
  return [service];
}

const planTemplate = (): input.core.v1.PodTemplateSpec => ({
  metadata: { labels: LABELS },
  spec: {
    serviceAccountName: name,
    // Each on a node of its own where there are two.
    affinity: {
      podAntiAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [
          {
            weight: 100,
            podAffinityTerm: { topologyKey: "kubernetes.io/hostname", labelSelector: { matchLabels: SELECTOR } },
          },
        ],
      },
    },
    securityContext: { runAsNonRoot: true, runAsUser: USER_ID, seccompProfile: { type: "RuntimeDefault" } },
    containers: [
      {
        name,
        image: RESOLVER.image,
        imagePullPolicy: "IfNotPresent",
        args: ["-conf", "/etc/coredns/Corefile"],
        ports: [
          { name: "dns", containerPort: port, protocol: "UDP" },
          { name: "dns-tcp", containerPort: port, protocol: "TCP" },
        ],
        readinessProbe: { httpGet: { path: "/ready", port: 8181 }, periodSeconds: 5 },
        livenessProbe: { httpGet: { path: "/health", port: 8080 }, initialDelaySeconds: 60, failureThreshold: 5 },
        resources: { requests: { cpu: "25m", memory: "40Mi" }, limits: { memory: "170Mi" } },
        securityContext: {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          // The image's program carries this capability in its file: without it the kernel refuses to start it.
          capabilities: { drop: ["ALL"], add: ["NET_BIND_SERVICE"] },
        },
        volumeMounts: [{ name: "config", mountPath: "/etc/coredns", readOnly: true }],
      },
    ],
    volumes: [{ name: "config", configMap: { name } }],
  },
});
