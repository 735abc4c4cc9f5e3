import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { differingLines } from "../../src/ui/lines.js";

type Lines = ReturnType<typeof differingLines>[0];

const text = (lines: Lines) => lines.map(([line]) => line).join("\n");
const common = (lines: Lines) => lines.filter(([, differs]) => !differs).map(([line]) => line);
const texts = fc.array(fc.constantFrom("a", "b", "c", ""), { maxLength: 12 }).map((lines) => lines.join("\n"));

describe("lines that differ", () => {
  it("are those that the other text lacks", () => {
    const [mine, theirs] = differingLines("one\ntwo\nthree", "zero\none\n2\nthree");
    assert.deepEqual(mine, [
      ["one", false],
      ["two", true],
      ["three", false],
    ]);
    assert.deepEqual(theirs, [
      ["zero", true],
      ["one", false],
      ["2", true],
      ["three", false],
    ]);
  });

  it("leave the same lines in the same order on both sides", () => {
    fc.assert(
      fc.property(texts, texts, (mine, theirs) => {
        const [left, right] = differingLines(mine, theirs);
        assert.deepEqual([text(left), text(right)], [mine, theirs]);
        assert.deepEqual(common(left), common(right));
      }),
    );
  });

  it("are none between a text and itself, and never more than need be", () => {
    fc.assert(
      fc.property(texts, fc.constantFrom("x", "y"), (mine, added) => {
        assert.ok(
          differingLines(mine, mine)
            .flat()
            .every(([, differs]) => !differs),
        );
        const [left, right] = differingLines(mine, `${mine}\n${added}`);
        assert.equal(left.filter(([, differs]) => differs).length, 0);
        assert.equal(right.filter(([, differs]) => differs).length, 1);
      }),
    );
  });

  it("are found at once in long texts, by their places", () => {
    const long = Array.from({ length: 5000 }, (_, index) => `line ${index}`);
    const [left] = differingLines(long.join("\n"), long.with(7, "other").join("\n"));
    assert.deepEqual(
      left.filter(([, differs]) => differs),
      [["line 7", true]],
    );
  });
});
