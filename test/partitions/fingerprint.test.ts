import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fingerprinter } from "../../src/partitions/fingerprint.ts";

/** Partitions store them, so that they must be the same for ever. */
describe("the fingerprints of a record", () => {
  const known: [bytes: number, first: bigint, second: bigint][] = [
    [262143, 3168464477368094471n, 5773557584721068294n],
    [262144, 3933950260784120992n, 8359513154551469249n],
    [262145, 350585356089448104n, 2967879573333167239n],
    [700001, 4072082367082843348n, 4568989596675349107n],
  ];
  const head = { key: "k", type: "text/plain", metadata: "", expires: 0, isTombstone: false };
  const version = { stamp: 117n, writer: 5 };
  for (const [bytes, first, second] of known) {
    it(`are those of one hash over the whole of ${bytes} bytes`, () => {
      const value = Buffer.alloc(bytes, "abcdefg");
      assert.deepEqual(fingerprinter("c")({ ...head, version, value }), { first, second });
    });
  }
});
