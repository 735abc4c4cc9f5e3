import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { chunks, paddedChunks } from "../../src/partitions/sql/chunks.ts";

const isPowerOfTwo = (number: number) => Number.isInteger(Math.log2(number));

describe("chunks", () => {
  it("hold every item once, in order, in few lengths", () => {
    fc.assert(
      fc.property(fc.array(fc.integer(), { maxLength: 600 }), (items) => {
        const found = chunks(items, 128);
        assert.deepEqual(found.flat(), items);
        for (const chunk of found) assert.ok(isPowerOfTwo(chunk.length) && chunk.length <= 128);
      }),
    );
  });

  it("stay below 256 KiB, but for a single larger item", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 600_000 }), { maxLength: 50 }), (sizes) => {
        for (const chunk of chunks(sizes, 128, (size) => size)) {
          assert.ok(chunk.length === 1 || chunk.reduce((sum, size) => sum + size, 0) <= 2 ** 18);
        }
      }),
    );
  });

  it("are filled up with their last key for IN lists", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string({ minLength: 1 }), { maxLength: 300 }), (keys) => {
        const found = paddedChunks(keys);
        assert.deepEqual([...new Set(found.flat())], keys);
        for (const chunk of found) assert.ok(isPowerOfTwo(chunk.length) && chunk.length <= 128);
      }),
    );
  });
});
