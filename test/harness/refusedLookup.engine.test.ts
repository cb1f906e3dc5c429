import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { FleetReport } from "../../harness/report";
import { CLOUD_FACTS } from "../../plan/clouds";
import type { FaultKind } from "../../plan/faults";
import type { CloudName } from "../../plan/types";
import { FAULT_TEXTS } from "../../rehearsal/clouds/faults";
import type { Package } from "../../rehearsal/plugins/contract";
import { clusterOf, planScratch } from "../conformance/scratchFleet";
import type { Told } from "./refusedFleet";
import { RefusedStack, TRACE, withBroker } from "./refusedStack";

const IMAGES = "oci:Core/getImages:getImages";
const LOOKUPS: [cloud: CloudName, token: string][] = [
  ["aws", "aws:ec2/getAmi:getAmi"],
  ["oci", IMAGES],
  ["oci", "oci:Identity/getAvailabilityDomains:getAvailabilityDomains"],
  ["vultr", "vultr:index/getOs:getOs"],
  ["civo", "civo:index/getTemplate:getTemplate"],
];

/** What is asked of a cloud before a machine is made; clouds that are asked nothing are not in the list. */
describe("a look-up that a cloud refuses, by the real engine and the harness", () => {
  const stack = new RefusedStack();
  let hasImages = true;
  /** Oracle refuses nothing where it has nothing: it answers with an empty list. */
  const withoutImages = (pkg: Package): Package => {
    const ask = pkg.functions?.[IMAGES];
    if (!ask) return pkg;
    const answer: typeof ask = async (args, config) =>
      hasImages ? ask(args, config) : { ...(await ask(args, config)), images: [] };
    return { ...pkg, functions: { ...pkg.functions, [IMAGES]: answer } };
  };

  beforeAll(() => stack.open(withoutImages));
  beforeEach(() => {
    stack.said = "";
    hasImages = true;
  });
  afterAll(async () => {
    await stack.plain("destroy", "--yes", "--skip-preview");
    expect(stack.store.list()).toEqual([]);
    await stack.close();
  });

  const brokerAt = (cloud: CloudName): Told => {
    const { place, account, nodeCidr } = planScratch().topology.clusters[clusterOf(cloud)]!;
    const broker = { cloud, place, account, nodeCidr, nodes: { server: { role: "server" } } };
    return stack.tell({ topology: withBroker(broker), clusters: ["broker"] });
  };
  const refuse = (cloud: CloudName, token: string, message: string): void =>
    stack.store.failNext({ cloud, type: token, operation: "invoke", message });

  /** In the program's words and the cloud's, once, and with what to do. */
  const expectTold = ({ stacks }: FleetReport, cloud: CloudName, kind: FaultKind, words: string): void => {
    const [{ errors, outcome, remedy }] = stacks as [FleetReport["stacks"][0]];
    expect(outcome).toBe("failed");
    expect(errors).toEqual([expect.stringMatching(new RegExp(`^broker: ${kind}: .*; its words: (invocation|no )`))]);
    expect(errors[0]).toContain(shown(words));
    const label = `${CLOUD_FACTS[cloud].label}, ${kind}`;
    expect(remedy).toMatch(new RegExp(`^broker \\(${label}\\): [A-Z].* What was made stays; .*\\.$`));
    expect(stack.said).not.toMatch(TRACE);
  };

  describe.each(LOOKUPS)("%s, asked by %s", (cloud, token) => {
    test.each(["credentials", "permission", "rate limit"] as const)("%s: a preview tells it", async (kind) => {
      const told = brokerAt(cloud);
      refuse(cloud, token, FAULT_TEXTS[cloud][kind]);
      expectTold(await stack.preview(told), cloud, kind, FAULT_TEXTS[cloud][kind]);
    });

    test("an up tells it, and so does plain pulumi in the cloud's words", async () => {
      const told = brokerAt(cloud);
      const words = FAULT_TEXTS[cloud].credentials;
      refuse(cloud, token, words);
      expectTold(await stack.up(told), cloud, "credentials", words);
      refuse(cloud, token, words);
      const text = await stack.plain("preview");
      expect(text.replace(/\s+/g, " ")).toContain(`error: invocation of ${token} returned an error: `);
      expect(text.replace(/\s+/g, " ")).toContain(shown(words));
      expect(text).not.toMatch(TRACE);
    });
  });

  test.each([
    [
      "aws",
      "aws:ec2/getAmi:getAmi",
      "Your query returned no results. Please change your search criteria and try again.",
    ],
    ["vultr", "vultr:index/getOs:getOs", "no results were found"],
    ["oci", IMAGES, undefined],
  ] as const)("%s: an image that is not found is told by a preview", async (cloud, token, words) => {
    const told = brokerAt(cloud);
    if (words) refuse(cloud, token, words);
    else hasImages = false;
    const ours = "no image of Canonical Ubuntu 24.04 was found for VM.Standard.";
    expectTold(await stack.preview(told), cloud, "unknown image", words ?? ours);
  });

  test("words that were lost on the way are not told as if nothing had been said", async () => {
    refuse("aws", "aws:ec2/getAmi:getAmi", "ends in a space ");
    const { stacks } = await stack.preview(brokerAt("aws"));
    expect(stacks[0]?.errors).toEqual([expect.stringContaining("the cloud's words were lost")]);
  });
});

/** As much of a cloud's words as surely fits into one line. */
const shown = (words: string): string => words.replace(/\s+/g, " ").trim().slice(0, 90);
