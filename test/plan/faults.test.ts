import { describe, expect, test } from "vitest";
import { CLOUD_FACTS } from "../../plan/clouds";
import { cloudOfType, FAULT_KINDS, faultKindOf, renderRefusal, renderRefusalRemedy } from "../../plan/faults";
import { CLOUDS } from "../../plan/types";
import { FAULT_TEXTS } from "../../rehearsal/clouds/faults";

const EACH = CLOUDS.flatMap((cloud) => FAULT_KINDS.map((kind) => [cloud, kind] as const));

describe("a cloud's refusal", () => {
  test.each(EACH)("of %s is recognised by its own words: %s", (cloud, kind) => {
    expect(faultKindOf(cloud, FAULT_TEXTS[cloud][kind])).toBe(kind);
  });

  test.each([
    ["aws", "credentials", "api error ExpiredToken: The security token included in the request is expired"],
    ["aws", "credentials", "No valid credential sources found."],
    ["aws", "credentials", "api error RequestExpired: Request has expired."],
    ["aws", "quota", "api error AddressLimitExceeded: The maximum number of addresses has been reached."],
    ["aws", "quota", "api error VpcLimitExceeded: The maximum number of VPCs has been reached."],
    ["oci", "capacity", "Out of capacity for shape VM.Standard.A1.Flex in availability domain AD-1."],
    ["oci", "quota", "You have reached your service limit of 1 in this Availability Domain for VM.Standard2.1."],
    ["equinix-metal", "capacity", "422 No available servers with plan m3.small.x86 in facility am2"],
  ] as const)("of %s is recognised in other forms, too: %s", (cloud, kind, words) => {
    expect(faultKindOf(cloud, words)).toBe(kind);
  });

  test.each(CLOUDS)("of %s that nobody has foreseen is not taken for another", (cloud) => {
    for (const words of ["something new", "400-InvalidParameter, no", "[400] [label] Label must be unique"])
      expect(faultKindOf(cloud, words)).toBeUndefined();
  });

  test.each(EACH)("of %s is told as what it is and what to do, with stack and machine: %s", (cloud, kind) => {
    const refusal = { kind, cloud, stack: "london", place: "somewhere", name: "london-server" };
    const { label } = CLOUD_FACTS[cloud];
    expect(renderRefusal(refusal)).toMatch(new RegExp(`^london-server: ${kind}: .*`));
    const remedy = renderRefusalRemedy(refusal);
    expect(remedy.startsWith(`london-server (${label}, ${kind}): `)).toBe(true);
    expect(remedy).toMatch(/What was made stays; (then up goes on|the next up may already succeed)\.$/);
    expect(remedy).not.toMatch(/undefined|\.\.|<stack>/);
    expect(renderRefusal({ kind, cloud, stack: "london" })).toMatch(/^london: /);
  });

  test("names the other availability domains where Oracle has any, and says so where it has none", () => {
    const remedy = (place: string) =>
      renderRefusalRemedy({ kind: "capacity", cloud: "oci", stack: "ashburn", place, name: "ashburn-server" });
    expect(remedy("us-ashburn-1")).toContain("us-ashburn-1 has 3 availability domains");
    expect(remedy("ap-tokyo-1")).toContain("ap-tokyo-1 has one availability domain only");
  });

  test("belongs to the cloud of the resource, or of its provider", () => {
    expect(cloudOfType("equinix-metal:index/device:Device")).toBe("equinix-metal");
    expect(cloudOfType("pulumi:providers:aws")).toBe("aws");
    expect(cloudOfType("kubernetes:core/v1:Service")).toBeUndefined();
    expect(cloudOfType("")).toBeUndefined();
  });
});
