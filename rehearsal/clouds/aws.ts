import type { Package, Props } from "../plugins/contract";
import { awsAddressKinds } from "./awsAddresses";
import { awsBalancerKinds, awsBalancers } from "./awsBalancer";
import { awsInstanceKind, awsReach } from "./awsInstance";
import { arnOf, awsNetworkKinds, INSTANCE } from "./awsNetwork";
import { awsSecurityKinds } from "./awsSecurity";
import { Cloud, digest, type CloudOptions } from "./cloud";
import { text } from "../plugins/text";

interface Image {
  owner: string;
  name: string;
  created: string;
}

const CANONICAL = "099720109477";
const DEBIAN = "136693071363";

/** Newest last. */
const IMAGES: Image[] = [
  ["ubuntu-jammy-22.04", "hvm-ssd", "20260914"],
  ["ubuntu-noble-24.04", "hvm-ssd-gp3", "20260914"],
  ["ubuntu-noble-24.04", "hvm-ssd-gp3", "20261020"],
  ["ubuntu-resolute-26.04", "hvm-ssd-gp3", "20261020"],
]
  .flatMap(([release, disk, date]) =>
    ["amd64", "arm64"].map((machine) => ({
      owner: CANONICAL,
      name: `ubuntu/images/${disk}/${release}-${machine}-server-${date}`,
      created: text(date),
    })),
  )
  .concat({ owner: DEBIAN, name: "debian-12-amd64-20261011-2263", created: "20261011" });

/** AWS as far as the fleet uses it. */
export function awsPackage(options: CloudOptions): Package {
  const cloud: Cloud = new Cloud(
    "aws",
    options,
    { type: INSTANCE, reach: (object) => awsReach(cloud, object) },
    // The provider tries a DependencyViolation again for minutes.
    true,
    () => awsBalancers(cloud),
  );
  const kinds = {
    ...awsNetworkKinds(cloud),
    ...awsSecurityKinds(cloud),
    [INSTANCE]: awsInstanceKind(cloud),
    ...awsAddressKinds(cloud),
    ...awsBalancerKinds(cloud),
  };
  return cloud.package("7.48.0", kinds, {
    secretConfig: ["accessKey", "secretKey", "token"],
    replaceConfig: (olds, news) => olds.region !== news.region,
    functions: {
      "aws:ec2/getAmi:getAmi": (args, config) => Promise.resolve(getAmi(args, config)),
      "aws:index/getAvailabilityZones:getAvailabilityZones": (_args, config) => {
        const region = regionOf(config);
        const names = ["a", "b", "c", "d"].map((letter) => region + letter);
        return Promise.resolve({
          id: region,
          names,
          zoneIds: names.map((_name, at) => `${region}-az${at + 1}`),
          groupNames: [region],
        });
      },
    },
  });
}

const regionOf = (...from: Props[]): string =>
  text(from.find((one) => one.region !== undefined)?.region ?? "us-west-2");

function getAmi(args: Props, config: Props): Props {
  const region = regionOf(args, config);
  const owners = (args.owners ?? []) as string[];
  const filters = (args.filters ?? []) as { name: string; values: string[] }[];
  const found = IMAGES.map((image) => describe(image, region)).filter(
    (image) =>
      (owners.length === 0 || owners.includes(text(image.ownerId))) &&
      filters.every(({ name, values }) => values.some((value) => glob(value).test(filterable(image, name)))) &&
      (args.nameRegex === undefined || new RegExp(text(args.nameRegex)).test(text(image.name))),
  );
  const newest = found.at(-1);
  if (!newest) throw new Error("Your query returned no results. Please change your search criteria and try again.");
  if (found.length > 1 && args.mostRecent !== true)
    throw new Error(
      "Your query returned more than one result. Please try a more specific search criteria, or set `most_recent` attribute to true.",
    );
  return { ...args, ...newest, mostRecent: args.mostRecent ?? false };
}

/** A filter's pattern: `*` and `?` as AWS reads them. */
function glob(pattern: string): RegExp {
  const escaped = pattern
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${escaped}$`);
}

const filterable = (image: Props, filter: string): string =>
  text(image[filter.replace(/-(\w)/g, (_match, letter: string) => letter.toUpperCase())]);

function describe(image: Image, region: string): Props {
  const id = `ami-0${digest(`${region} ${image.name}`).slice(0, 16)}`;
  const date = image.created.replace(/(....)(..)(..)/, "$1-$2-$3");
  return {
    ...{ id, imageId: id, arn: arnOf(region, "image", id), region, name: image.name, ownerId: image.owner },
    ...{
      architecture: image.name.includes("arm64") ? "arm64" : "x86_64",
      virtualizationType: "hvm",
      hypervisor: "xen",
    },
    ...{
      rootDeviceType: "ebs",
      rootDeviceName: "/dev/sda1",
      rootSnapshotId: `snap-${id.slice(4)}`,
      state: "available",
    },
    ...{ imageType: "machine", bootMode: "uefi-preferred", enaSupport: true, sriovNetSupport: "simple", public: true },
    ...{ creationDate: `${date}T06:00:00.000Z`, deprecationTime: "", description: image.name, imageOwnerAlias: "" },
    ...{
      imageLocation: `${image.owner}/${image.name}`,
      platform: "",
      platformDetails: "Linux/UNIX",
      usageOperation: "RunInstances",
    },
    ...{ blockDeviceMappings: [], productCodes: [], stateReason: { code: "UNSET", message: "UNSET" }, tags: {} },
    ...{ kernelId: "", ramdiskId: "", tpmSupport: "", imdsSupport: "v2.0", lastLaunchedTime: "" },
  };
}
