import { describe, expect, test } from "vitest";
import { encryptedDisks, metadataTokens, statedOwner, tags, unsettledDisks } from "../../policy/machines";
import { type Properties, UNKNOWN } from "../../policy/properties";
import { fleetOf, findingsOf, REHEARSED, resource } from "./subjects";

const AWS = "aws:ec2/instance:Instance";
const OCI = "oci:Core/instance:Instance";

describe("disks encrypted", () => {
  test.each<[string, Properties, Properties]>([
    [AWS, { rootBlockDevice: { encrypted: true } }, { rootBlockDevice: { encrypted: false } }],
    [AWS, { rootBlockDevice: { encrypted: UNKNOWN } }, {}],
    [
      AWS,
      { rootBlockDevice: { encrypted: true }, ebsBlockDevices: [{ encrypted: true }] },
      { rootBlockDevice: { encrypted: true }, ebsBlockDevices: [{ encrypted: true }, {}] },
    ],
    ["aws:ebs/volume:Volume", { encrypted: true }, {}],
    [OCI, { isPvEncryptionInTransitEnabled: true }, {}],
    ["linode:index/instance:Instance", {}, { diskEncryption: "disabled" }],
    ["linode:index/volume:Volume", { encryption: "enabled" }, {}],
  ])("tells an encrypted %s from one that is not", (type, right, wrong) => {
    expect(findingsOf(encryptedDisks, resource(type, right))).toEqual([]);
    expect(findingsOf(encryptedDisks, resource(type, wrong))).toHaveLength(1);
  });

  test("names the field and its value", () => {
    const wrong = { rootBlockDevice: { encrypted: true }, ebsBlockDevices: [{ encrypted: false }] };
    expect(findingsOf(encryptedDisks, resource(AWS, wrong))).toMatchObject([
      { place: "subject.ebsBlockDevices[0].encrypted", value: "false", allowed: "true" },
    ]);
  });

  test("warns of database volumes where no setting exists, on live clouds and on machines that hold some", () => {
    const machine = resource("civo:index/instance:Instance", {}, { name: "london-server" });
    expect(findingsOf(unsettledDisks, machine, fleetOf("london"))).toMatchObject([
      { place: "london-server", value: expect.stringContaining("3 database volumes on civo") as string },
    ]);
    expect(findingsOf(unsettledDisks, machine, fleetOf("london", REHEARSED))).toEqual([]);
    const broker = resource("vultr:index/instance:Instance", {}, { name: "broker-server" });
    expect(findingsOf(unsettledDisks, broker, fleetOf("broker"))).toEqual([]);
  });
});

describe("metadata service version 2", () => {
  test.each<[string, Properties, Properties]>([
    [AWS, { metadataOptions: { httpTokens: "required" } }, { metadataOptions: { httpTokens: "optional" } }],
    [AWS, { metadataOptions: { httpEndpoint: "disabled" } }, {}],
    [
      AWS,
      { metadataOptions: { httpTokens: "required", httpPutResponseHopLimit: 1 } },
      { metadataOptions: { httpTokens: "required", httpPutResponseHopLimit: 2 } },
    ],
    ["aws:ec2/launchTemplate:LaunchTemplate", { metadataOptions: { httpTokens: UNKNOWN } }, {}],
    [OCI, { instanceOptions: { areLegacyImdsEndpointsDisabled: true } }, { instanceOptions: {} }],
  ])("tells a %s that demands tokens from one that does not", (type, right, wrong) => {
    expect(findingsOf(metadataTokens, resource(type, right))).toEqual([]);
    expect(findingsOf(metadataTokens, resource(type, wrong))).toHaveLength(1);
  });
});

describe("tags present", () => {
  const map = { project: "archipelago", cluster: "oregon" };
  const list = ["archipelago", "oregon"];

  test.each<[string, Properties, Properties]>([
    [AWS, { tags: map }, { tags: { ...map, cluster: "london" } }],
    ["aws:ec2/eip:Eip", { tags: UNKNOWN }, {}],
    [OCI, { freeformTags: map }, { tags: map }],
    ["vultr:index/instance:Instance", { tags: list }, { tags: ["archipelago"] }],
    ["linode:index/nodeBalancer:NodeBalancer", { tags: list }, { tags: [] }],
    ["equinix-metal:index/device:Device", { tags: list }, {}],
  ])("tells a tagged %s from one that is not", (type, right, wrong) => {
    expect(findingsOf(tags, resource(type, right))).toEqual([]);
    expect(findingsOf(tags, resource(type, wrong))).toHaveLength(1);
  });

  test("asks for the settings' further tags, in maps and in lists", () => {
    const owner = { keys: ["owner"] };
    const fleet = fleetOf("oregon");
    const [mapped, listed] = [AWS, "civo:index/instance:Instance"];
    expect(findingsOf(tags, resource(mapped, { tags: map }), fleet, owner)).toMatchObject([{ value: "no owner" }]);
    expect(findingsOf(tags, resource(mapped, { tags: { ...map, owner: "platform" } }), fleet, owner)).toEqual([]);
    expect(findingsOf(tags, resource(listed, { tags: list }), fleet, owner)).toMatchObject([{ value: "no owner" }]);
    expect(findingsOf(tags, resource(listed, { tags: [...list, "owner:platform"] }), fleet, owner)).toEqual([]);
  });

  test("asks for the topology's owner, and for no other", () => {
    const fleet = fleetOf("oregon", { owner: "platform" });
    const [mapped, listed] = [AWS, "civo:index/instance:Instance"];
    for (const wrong of [map, { ...map, owner: "sales" }])
      expect(findingsOf(tags, resource(mapped, { tags: wrong }), fleet)).toMatchObject([
        { value: "no owner=platform" },
      ]);
    expect(findingsOf(tags, resource(mapped, { tags: { ...map, owner: "platform" } }), fleet)).toEqual([]);
    expect(findingsOf(tags, resource(listed, { tags: list }), fleet)).toMatchObject([{ value: "no owner:platform" }]);
    expect(findingsOf(tags, resource(listed, { tags: [...list, "owner:platform"] }), fleet)).toEqual([]);
  });

  test("warn once a stack of a live fleet that nobody owns", () => {
    const found = (over: object) => statedOwner.checkStack([], fleetOf("oregon", over), {});
    expect(found({})).toMatchObject([{ place: "owner", value: "missing" }]);
    expect(found({ owner: "platform" })).toEqual([]);
    expect(found(REHEARSED)).toEqual([]);
  });
});
