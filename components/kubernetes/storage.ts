/** Storage for the database: one static local volume for each replica, kept for that replica's claim. */
import { PersistentVolume } from "@pulumi/kubernetes/core/v1/persistentVolume";
import { StorageClass } from "@pulumi/kubernetes/storage/v1/storageClass";
import type * as pulumi from "@pulumi/pulumi";
import { DATABASE, volumeClaim, volumeFolder } from "../../plan/names";
import type { ClusterPlan, Topology } from "../../plan/types";

export function createStorage(
  cluster: ClusterPlan,
  { database, protectData }: Topology,
  opts: pulumi.CustomResourceOptions,
): pulumi.Resource[] {
  const storageClass = new StorageClass(
    "storage-class",
    {
      metadata: { name: DATABASE.storageClass },
      provisioner: "kubernetes.io/no-provisioner",
      volumeBindingMode: "WaitForFirstConsumer",
      reclaimPolicy: "Retain",
    },
    opts,
  );
  const volumes = cluster.nodes.flatMap((node) =>
    node.replicas.map(
      (ordinal) =>
        new PersistentVolume(
          `volume-${ordinal}`,
          {
            metadata: { name: `${DATABASE.statefulSet}-${ordinal}` },
            spec: {
              capacity: { storage: `${database.storageGib}Gi` },
              accessModes: ["ReadWriteOnce"],
              storageClassName: DATABASE.storageClass,
              // The data outlives claim, StatefulSet and namespace.
              persistentVolumeReclaimPolicy: "Retain",
              // By name, so that replica 1 can never start on replica 2's data.
              claimRef: {
                apiVersion: "v1",
                kind: "PersistentVolumeClaim",
                namespace: DATABASE.namespace,
                name: volumeClaim(ordinal),
              },
              local: { path: volumeFolder(ordinal) },
              nodeAffinity: {
                required: {
                  nodeSelectorTerms: [
                    { matchExpressions: [{ key: "kubernetes.io/hostname", operator: "In", values: [node.name] }] },
                  ],
                },
              },
            },
          },
          // A replica that is placed on another node is a new volume there: nobody shall move one without meaning it.
          { ...opts, protect: protectData },
        ),
    ),
  );
  return [storageClass, ...volumes];
}
