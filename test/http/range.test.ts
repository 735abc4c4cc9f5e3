import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { StoreError } from "../../src/errors.ts";
import { entityTag } from "../../src/http/conditions.ts";
import { contentRange, selectRange } from "../../src/http/range.ts";
import { stampAt } from "../../src/version.ts";

const time = Date.UTC(2026, 10, 23, 12, 0, 0, 500);
const version = { stamp: stampAt(time), writer: 7 };

describe("selectRange", () => {
  const cases: [range: string | undefined, first: number | undefined, last?: number][] = [
    [undefined, undefined],
    ["bytes=0-0", 0, 0],
    ["bytes=2-4", 2, 4],
    ["bytes=2-", 2, 9],
    ["bytes=2-999999999999999999999", 2, 9],
    ["bytes=-3", 7, 9],
    ["bytes=-99", 0, 9],
    ["BYTES= 2-4 ", 2, 4],
    ["bytes=4-2", undefined],
    ["bytes=0-1,3-4", undefined],
    ["bytes=-", undefined],
    ["bytes=a-b", undefined],
    ["bytes=+1-2", undefined],
    ["bytes", undefined],
    ["lines=1-2", undefined],
    ["", undefined],
  ];
  for (const [range, first, last] of cases) {
    it(`takes ${range} of ten bytes as ${first === undefined ? "all" : `${first} to ${last}`}`, () => {
      assert.deepEqual(selectRange(range, undefined, version, 10), first === undefined ? undefined : { first, last });
    });
  }

  for (const range of ["bytes=10-", "bytes=10-20", "bytes=-0", "bytes=999999999999999999999-"]) {
    it(`cannot satisfy ${range} of ten bytes`, () => {
      assert.throws(() => selectRange(range, undefined, version, 10), {
        code: "range_not_satisfiable",
        details: { size: 10 },
      });
    });
  }

  it("sends an empty value whole for a suffix, and has no first byte of it", () => {
    assert.equal(selectRange("bytes=-5", undefined, version, 0), undefined);
    assert.throws(() => selectRange("bytes=0-", undefined, version, 0), { code: "range_not_satisfiable" });
  });

  it("gives the part only of the version that If-Range names", () => {
    const part = { first: 1, last: 2 };
    const select = (ifRange: string) => selectRange("bytes=1-2", ifRange, version, 10);
    assert.deepEqual(select(entityTag(version, "raw")), part);
    assert.equal(select(entityTag(version, "json")), undefined);
    assert.equal(select(`W/${entityTag(version, "raw")}`), undefined);
    assert.equal(select('"other"'), undefined);
    assert.equal(select("nonsense"), undefined);
    assert.deepEqual(select(new Date(time).toUTCString()), part);
    assert.equal(select(new Date(time + 1000).toUTCString()), undefined);
  });

  it("does not complain about a range when If-Range fails", () => {
    assert.equal(selectRange("bytes=99-", '"other"', version, 10), undefined);
  });

  it("never goes out of bounds", () => {
    const ends = fc.oneof(fc.constant(""), fc.nat(40).map(String), fc.string());
    fc.assert(
      fc.property(ends, ends, fc.nat(30), (first, last, size) => {
        try {
          const range = selectRange(`bytes=${first}-${last}`, undefined, version, size);
          if (range !== undefined) assert.ok(0 <= range.first && range.first <= range.last && range.last < size);
        } catch (error) {
          assert.ok(error instanceof StoreError);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe("contentRange", () => {
  it("describes the part of a 206 and the size in a 416", () => {
    assert.equal(contentRange({ first: 2, last: 4 }, 10), "bytes 2-4/10");
    assert.equal(contentRange(undefined, 10), "bytes */10");
  });
});
