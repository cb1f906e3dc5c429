import type { CloudName } from "./types";

/** By which type the engine and its state know a machine, by cloud. A cluster whose machines are not ours has none. */
export const MACHINE_TYPES: Readonly<Record<CloudName, string>> = {
  aws: "aws:ec2/instance:Instance",
  oci: "oci:Core/instance:Instance",
  vultr: "vultr:index/instance:Instance",
  civo: "civo:index/instance:Instance",
  linode: "linode:index/instance:Instance",
  "equinix-metal": "equinix-metal:index/device:Device",
};
