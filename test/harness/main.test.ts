import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { UserError } from "../../plan/errors";
import { errorLines, NotReadyError, remedyFor } from "../../harness/failure";
import { main, reportError } from "../../harness/main";
import { EXIT, exitCodeOf, renderNext, renderReport, type FleetReport, type StackResult } from "../../harness/report";
import { maskOutputs } from "../../harness/status";

const result = (
  name: string,
  outcome: StackResult["outcome"],
  errors: string[] = [],
  remedy?: string,
): StackResult => ({
  name,
  part: "region",
  outcome,
  seconds: 3,
  changes: { same: 4, create: outcome === "changed" ? 2 : 0 },
  errors,
  remedy,
});
const report = (verb: FleetReport["verb"], ...stacks: StackResult[]): FleetReport => ({
  verb,
  world: "rehearsal",
  engine: { version: "3.250.0", source: "path", path: "/x/pulumi" },
  stacks,
  seconds: 5,
  exitCode: exitCodeOf(stacks),
});

let written: string;
beforeEach(() => {
  written = "";
  for (const stream of [process.stdout, process.stderr]) {
    vi.spyOn(stream, "write").mockImplementation((text) => {
      written += String(text);
      return true;
    });
  }
});
afterEach(() => vi.restoreAllMocks());

describe("command line", () => {
  it("explains itself with examples and exit codes", async () => {
    expect(await main(["--help"])).toBe(EXIT.ok);
    expect(written).toContain("./archipelago up --stack broker --stack oregon");
    expect(written).toContain(
      "Exit codes: 0 done, 1 an operation failed, 2 wrong usage or input, 3 something is not ready.",
    );
  });

  it.each([[["dance"]], [["up", "--colour"]], [["up", "--parallel", "many"]], [["up", "--deadline", "0"]]])(
    "answers wrong usage %j with exit code 2",
    async (words) => {
      expect(await main(words)).toBe(EXIT.usage);
      expect(written).not.toMatch(/at .*\.ts:/);
    },
  );

  it("asks for a comment where stacks are chosen by what a change touches", async () => {
    expect(await main(["preview", "--touched", "main"])).toBe(EXIT.usage);
    expect(written).toContain("--touched goes with --markdown.");
  });

  it("shows an error as message and remedy, with the exit code of its kind", () => {
    expect(reportError(new UserError("It is wrong.", "Mend it."))).toBe(EXIT.usage);
    expect(reportError(new NotReadyError("Too early.", "Wait."))).toBe(EXIT.notReady);
    expect(reportError(new Error("surprise\n    at x (/y.js:1:1)"))).toBe(EXIT.failed);
    expect(written).toBe(
      "error: It is wrong.\n  → Mend it.\nerror: Too early.\n  → Wait.\n" +
        "error: surprise\n  → this was not foreseen; run it again with ARCHIPELAGO_DEBUG=1 for the details\n",
    );
  });
});

describe("report", () => {
  it.each([
    [["changed", "unchanged"], 0],
    [["changed", "failed", "stopped"], 1],
    [["cancelled"], 1],
    [["changed", "stopped"], 3],
  ] as const)("of %j has exit code %d", (outcomes, expected) => {
    expect(exitCodeOf(outcomes.map((outcome) => ({ outcome })))).toBe(expected);
  });

  it("shows a line a stack, names troubles once, and says what to do next", () => {
    const lines = renderReport(
      report(
        "up",
        result("broker", "changed"),
        result("oregon", "failed", ["oregon-server: quota exceeded"], "Ask for more quota."),
        result("london", "stopped", ["not begun, because oregon did not succeed"]),
        result("tokyo", "stopped", ["not begun, because oregon did not succeed"]),
      ),
    ).join("\n");
    expect(lines).toMatch(/broker\s+changed\s+3 s\s+2 created, 4 unchanged/);
    expect(lines).toContain("oregon failed:\n  oregon-server: quota exceeded");
    expect(lines).toContain("london, tokyo stopped:\n  not begun");
    expect(lines).toContain("- Ask for more quota.");
    expect(lines).toContain("- then ./archipelago up --stack oregon --stack london --stack tokyo");
  });

  it("does not call planned changes done", () => {
    expect(renderReport(report("preview", result("broker", "changed"))).join("\n")).toMatch(
      /broker\s+to change\s+3 s\s+2 to create/,
    );
    expect(renderNext(report("preview", result("broker", "unchanged"))).join("\n")).toContain("Nothing was changed");
  });

  it("is a JSON document with the fields that scripts read", () => {
    const document = JSON.parse(JSON.stringify(report("up", result("broker", "failed", ["no"], "Mend it.")))) as object;
    expect(document).toEqual({
      verb: "up",
      world: "rehearsal",
      engine: { version: "3.250.0", source: "path", path: "/x/pulumi" },
      stacks: [
        {
          name: "broker",
          part: "region",
          outcome: "failed",
          seconds: 3,
          changes: { same: 4, create: 0 },
          errors: ["no"],
          remedy: "Mend it.",
        },
      ],
      seconds: 5,
      exitCode: 1,
    });
  });
});

describe("failures", () => {
  const transcript =
    "code: -2\n stdout: \n stderr: Command failed with exit code 255: pulumi up\nerror: incorrect passphrase, please set it\nerror: update failed\n err?: x";

  it("of the Automation API are cut down to what the engine said", () => {
    expect(errorLines(new Error(transcript))).toEqual(["incorrect passphrase, please set it"]);
    expect(errorLines(new Error("stderr: Command was killed with SIGKILL (Forced termination): pulumi up"))).toEqual([
      "the engine was ended by SIGKILL before it was done",
    ]);
    expect(errorLines(new UserError("Wrong.", "Mend."))).toEqual(["Wrong."]);
  });

  it("that are known have a remedy of their own", () => {
    expect(remedyFor(errorLines(new Error(transcript)), "london")).toContain("PULUMI_CONFIG_PASSPHRASE");
    expect(remedyFor(["resource cannot be deleted because it is protected"], "london")).toContain(
      "pulumi state unprotect --all -s london",
    );
    expect(remedyFor(["something new"], "london")).toContain("london");
  });
});

describe("outputs", () => {
  it("are shown without secrets", () => {
    const shown = maskOutputs({
      suffix: { value: "london.x", secret: false },
      kubeconfig: { value: "KEY", secret: true },
    });
    expect(shown).toEqual({ suffix: "london.x", kubeconfig: "[secret]" });
  });
});
