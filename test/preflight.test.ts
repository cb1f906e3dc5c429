import { assertRehearsable } from "../rehearsal/verbs";
import { describe, expect, test } from "vitest";
import {
  checkHost,
  NEEDED_DISK_BYTES,
  NEEDED_MEMORY_BYTES,
  renderFindings,
  type HostFacts,
} from "../rehearsal/preflight";

const FIT: HostFacts = {
  uid: 0,
  platform: "linux",
  nodeMajor: 20,
  availableMemoryBytes: NEEDED_MEMORY_BYTES,
  freeDiskBytes: NEEDED_DISK_BYTES.cold,
  hasGo: true,
  hasApt: true,
  warm: false,
};

describe("the check of the host before anything is changed", () => {
  test("finds nothing on a fit host", () => {
    expect(checkHost(FIT)).toEqual([]);
  });

  test.each<[string, Partial<HostFacts>, string]>([
    ["a user who is not root", { uid: 1000 }, "user"],
    ["too little memory", { availableMemoryBytes: NEEDED_MEMORY_BYTES - 1 }, "memory"],
    ["too little disk for a cold cache", { freeDiskBytes: NEEDED_DISK_BYTES.cold - 1 }, "disk"],
    ["too little disk even for a warm cache", { warm: true, freeDiskBytes: NEEDED_DISK_BYTES.warm - 1 }, "disk"],
    ["an old Node", { nodeMajor: 18 }, "node"],
    ["no Go where artifacts must be built", { hasGo: false }, "go"],
    ["no apt-get", { hasApt: false }, "apt-get"],
    ["another operating system", { platform: "darwin" }, "operating system"],
  ])("names %s with value, what is allowed and a remedy", (_, change, place) => {
    const findings = checkHost({ ...FIT, ...change });
    expect(findings).toHaveLength(1);
    expect(findings[0]?.place).toContain(place);
    for (const part of [findings[0]?.value, findings[0]?.allowed, findings[0]?.remedy]) expect(part).not.toBe("");
  });

  test("needs no Go and less disk once everything is in the cache", () => {
    expect(checkHost({ ...FIT, warm: true, hasGo: false, freeDiskBytes: NEEDED_DISK_BYTES.warm })).toEqual([]);
  });

  test("shows everything that is wrong at once", () => {
    const text = renderFindings(checkHost({ ...FIT, uid: 1, hasApt: false, availableMemoryBytes: 0 }));
    expect(text.split("→")).toHaveLength(4);
  });
});

describe("the check of the topology before anything is built", () => {
  test("lets the tree's own topology be rehearsed", () => {
    expect(() => assertRehearsable()).not.toThrow();
  });
});
