import type { Package } from "../plugins/contract";
import { awsPackage } from "./aws";
import { civoPackage } from "./civo";
import type { CloudOptions } from "./cloud";
import { equinixMetalPackage } from "./equinixMetal";
import { linodePackage } from "./linode";
import { ociPackage } from "./oci";
import { vultrPackage } from "./vultr";

export type { CloudOptions } from "./cloud";
export { Store } from "./store";

/** Every emulated cloud, over one store and one world of machines. */
export const cloudPackages = (options: CloudOptions): Package[] => [
  awsPackage(options),
  ociPackage(options),
  vultrPackage(options),
  equinixMetalPackage(options),
  civoPackage(options),
  linodePackage(options),
];
