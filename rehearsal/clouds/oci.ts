import type { Package, Props } from "../plugins/contract";
import { Cloud, digest, type CloudOptions } from "./cloud";
import { ociPrivateIpKind, ociPublicIpKind, PUBLIC_IP } from "./ociAddresses";
import { ociBalancerKinds, ociBalancers } from "./ociBalancer";
import { availabilityDomains, ociInstanceKind, ociReach } from "./ociInstance";
import { INSTANCE, notFound, ociNetworkKinds, PRIVATE_IP } from "./ociNetwork";
import { ociSecurityKinds } from "./ociSecurity";
import { text } from "../plugins/text";

interface Image {
  operatingSystem: string;
  operatingSystemVersion: string;
  build: string;
}

/** Newest first, as the API sorts by creation time. */
const IMAGES: Image[] = [
  { operatingSystem: "Canonical Ubuntu", operatingSystemVersion: "26.04", build: "2026.10.21-0" },
  { operatingSystem: "Canonical Ubuntu", operatingSystemVersion: "24.04", build: "2026.10.21-0" },
  { operatingSystem: "Canonical Ubuntu", operatingSystemVersion: "24.04", build: "2026.09.15-0" },
  { operatingSystem: "Canonical Ubuntu", operatingSystemVersion: "22.04", build: "2026.09.15-0" },
  { operatingSystem: "Oracle Linux", operatingSystemVersion: "9", build: "2026.10.20-0" },
];

/** Oracle's cloud as far as the fleet uses it. */
export function ociPackage(options: CloudOptions): Package {
  const cloud: Cloud = new Cloud(
    "oci",
    options,
    { type: INSTANCE, reach: (object) => ociReach(cloud, object) },
    // The provider tries a 409 again for minutes.
    true,
    () => ociBalancers(cloud),
  );
  const kinds = {
    ...ociNetworkKinds(cloud),
    ...ociSecurityKinds(cloud),
    ...ociBalancerKinds(cloud),
    [INSTANCE]: ociInstanceKind(cloud),
    [PRIVATE_IP]: ociPrivateIpKind(cloud),
    [PUBLIC_IP]: ociPublicIpKind(cloud),
  };
  return cloud.package("4.20.0", kinds, {
    secretConfig: ["privateKey", "privateKeyPassword"],
    replaceConfig: (olds, news) => olds.region !== news.region || olds.tenancyOcid !== news.tenancyOcid,
    functions: {
      "oci:Identity/getAvailabilityDomains:getAvailabilityDomains": (args, config) => {
        const { compartmentId } = checked(args, "AvailabilityDomains");
        const all = availabilityDomains(config).map((name) => ({
          compartmentId,
          name,
          id: `ocid1.availabilitydomain.oc1..${digest(name).slice(0, 60)}`,
        }));
        return Promise.resolve({
          id: `AvailabilityDomains-${text(compartmentId)}`,
          ...args,
          availabilityDomains: all,
        });
      },
      "oci:Identity/getAvailabilityDomain:getAvailabilityDomain": (args, config) => {
        checked(args, "AvailabilityDomain");
        const adNumber = Number(args.adNumber ?? 1);
        const name = availabilityDomains(config)[adNumber - 1];
        if (!name) throw notFound("AvailabilityDomain");
        return Promise.resolve({
          ...args,
          adNumber,
          name,
          id: `ocid1.availabilitydomain.oc1..${digest(name).slice(0, 60)}`,
        });
      },
      "oci:Core/getImages:getImages": (args, config) => Promise.resolve(getImages(checked(args, "Images"), config)),
    },
  });
}

function checked(args: Props, resource: string): Props {
  if (!/^ocid1\.(compartment|tenancy)\./.test(text(args.compartmentId))) throw notFound(resource);
  return args;
}

function getImages(args: Props, config: Props): Props {
  const arm = text(args.shape ?? "").includes(".A1.") || text(args.shape ?? "").includes(".A2.");
  const images = IMAGES.map((image) => describe(image, arm, text(config.region ?? "us-ashburn-1"))).filter((image) =>
    (["operatingSystem", "operatingSystemVersion", "displayName"] as const).every(
      (key) => args[key] === undefined || args[key] === image[key],
    ),
  );
  if (args.sortOrder === "ASC") images.reverse();
  return { id: `Images-${text(args.compartmentId)}`, ...args, images };
}

function describe(image: Image, arm: boolean, region: string) {
  const { operatingSystem, operatingSystemVersion, build } = image;
  const displayName = [
    operatingSystem.replaceAll(" ", "-"),
    operatingSystemVersion,
    ...(arm ? ["aarch64"] : []),
    build,
  ].join("-");
  return {
    id: `ocid1.image.oc1.${region === "us-ashburn-1" ? "iad" : region}.${digest(displayName).slice(0, 60)}`,
    ...{
      displayName,
      operatingSystem,
      operatingSystemVersion,
      state: "AVAILABLE",
      sizeInMbs: "47694",
      compartmentId: "",
    },
    ...{ baseImageId: "", createImageAllowed: true, launchMode: "NATIVE", listingType: "", billableSizeInGbs: "2" },
    ...{
      definedTags: {},
      freeformTags: {},
      agentFeatures: [],
      launchOptions: [],
      imageSourceDetails: [],
      instanceId: "",
    },
    timeCreated: `${build.slice(0, 10).replaceAll(".", "-")} 12:00:00 +0000 UTC`,
  };
}
