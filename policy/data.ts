/** What holds data is not lost by a slip. */
import { DATABASE } from "../plan/names";
import type { Finding } from "../plan/types";
import { at, UNKNOWN } from "./properties";
import type { Fleet, Resource, ResourceRule } from "./rule";

export const retainedVolumes: ResourceRule = {
  name: "volumes-retained",
  description: "Kubernetes keeps volumes when their claims go.",
  level: "mandatory",
  severity: "critical",
  reason: "a deleted volume is a lost replica, and deleting a namespace would delete all of a region's",
  check: ({ type, name, properties }) => {
    const keep = (field: string[], wanted: string, isRight: (value: unknown) => boolean): Finding[] => {
      const value = at(properties, ...field);
      if (value === UNKNOWN || isRight(value)) return [];
      return [
        {
          place: `${name}.${field.join(".")}`,
          value: typeof value === "string" ? value : "not set",
          allowed: wanted,
          remedy: "set it; who wants the data gone deletes the volume by hand, after a backup",
        },
      ];
    };
    const retain = (value: unknown): boolean => value === "Retain";
    switch (type) {
      case "kubernetes:core/v1:PersistentVolume":
        return keep(["spec", "persistentVolumeReclaimPolicy"], "Retain", retain);
      case "kubernetes:storage.k8s.io/v1:StorageClass":
        // Left out it means Delete.
        return keep(["reclaimPolicy"], "Retain", retain);
      case "kubernetes:apps/v1:StatefulSet": {
        const policy = ["spec", "persistentVolumeClaimRetentionPolicy"];
        // Left out it means Retain.
        const notDelete = (value: unknown): boolean => value !== "Delete";
        return ["whenDeleted", "whenScaled"].flatMap((when) => keep([...policy, when], "Retain", notDelete));
      }
      default:
        return [];
    }
  },
};

export const protectedData: ResourceRule = {
  name: "stateful-resources-protected",
  description:
    "On live clouds the machines that hold database volumes, the volumes and the database's namespace are protected.",
  level: "mandatory",
  severity: "critical",
  reason: "a changed input can mean a replacement, and that deletes the machine with its disk",
  check: (resource, fleet) => {
    const what = dataIn(resource, fleet);
    // A rehearsal is taken down with all it holds.
    if (!what || fleet.plan.topology.world !== "clouds" || resource.isProtected) return [];
    return [
      {
        place: resource.name,
        value: `${what}, not protected`,
        allowed: "`protect`, on live clouds",
        remedy:
          "set protectData in the topology; to take it down on purpose, `pulumi state unprotect` it and preview without this pack",
      },
    ];
  },
};

function dataIn({ type, name, properties }: Resource, { cluster }: Fleet): string | undefined {
  if (type === "kubernetes:core/v1:Namespace" && at(properties, "metadata", "name") === DATABASE.namespace)
    return "the claims on the database's volumes";
  if (type === "kubernetes:core/v1:PersistentVolume") return "a volume of the database";
  const isMachine = /:(?:index|ec2|Core)\/(?:instance:Instance|device:Device)$/.test(type);
  const replicas = isMachine ? cluster?.nodes.find((node) => node.name === name)?.replicas : undefined;
  return replicas && replicas.length > 0 ? `database replica ${replicas.join(" and ")}` : undefined;
}
