import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { mergeData } from "../plan/merge";
import { combineOverlays, readOwnOverlay } from "../rehearsal/overlay";

/**
 * Like a topology's, a field keeps its kind: objects stay objects, values stay values. An overlay cannot say "an object in the
 * place of this value" in one step, and none needs to.
 */
const { overlay } = fc.letrec<{ overlay: Record<string, unknown> }>((tie) => ({
  overlay: fc
    .tuple(
      fc.dictionary(fc.constantFrom("a", "b"), fc.constantFrom<unknown>(null, 1, 2, [1]), { maxKeys: 2 }),
      fc.dictionary(fc.constantFrom("x", "y"), fc.oneof({ depthSize: "small" }, fc.constant(null), tie("overlay")), {
        maxKeys: 2,
      }),
    )
    .map(([values, objects]) => ({ ...values, ...objects })),
}));
/** Without removals, as topologies are, and the rehearsal's own overlay. */
const plain = overlay.map((data) => mergeData({}, data) as object);

describe("an overlay of one's own", () => {
  const folder = mkdtempSync(join(tmpdir(), "archipelago-overlay-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  test("laid over the rehearsal's, does what the two do one after the other, removals too", () => {
    fc.assert(
      fc.property(plain, plain, overlay, (data, first, second) => {
        expect(mergeData(data, combineOverlays(first, second))).toEqual(mergeData(mergeData(data, first), second));
      }),
    );
  });

  test("that is no JSON object is refused with the file's name", () => {
    const path = join(folder, "list.json");
    writeFileSync(path, "[]");
    expect(() => readOwnOverlay(path)).toThrow(/list\.json: no JSON object/);
    expect(() => readOwnOverlay(join(folder, "missing.json"))).toThrow(/missing\.json: ENOENT/);
  });
});
