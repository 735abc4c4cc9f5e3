import assert from "node:assert/strict";
import { describe } from "node:test";
import { tombstone } from "../../../src/record.ts";
import { type Bench, contentOf, rangeOf, textOf, writeOf } from "./bench.ts";

/** Keys on which databases trip: collations, padding, quoting, encodings, length. */
const oddKeys = [
  ..."a A aa ä Ä å e é ss ß i İ ı".split(" "),
  "e\u0301", // decomposed: other bytes than é
  "a ",
  "a  ",
  " a",
  "a\t",
  "a\n",
  "'",
  "''",
  '"',
  "`",
  "\\",
  "\\'",
  "%",
  "_",
  "?",
  "--",
  "; DROP TABLE records",
  "/",
  "//",
  "..",
  "\u0001",
  "\u007f",
  "\u2028",
  "\ud7ff",
  "\ue000",
  "\ufeff",
  "\uffff",
  "\u{10000}",
  "😀",
  "\u{10ffff}",
  "null",
  "0",
  "00",
  "1e3",
  "x".repeat(1024),
  "é".repeat(512),
  "😀".repeat(256),
];

export function byteClaims(bench: Bench): void {
  const { claim, key, write, writeOne, readOne } = bench;
  describe("keys and values", () => {
    claim("are kept byte for byte, and keys that only look alike apart", async () => {
      const outcomes = await bench.partition.write(
        oddKeys.map((odd) => writeOf(odd, { content: contentOf(`<${odd}>`) })),
      );
      assert.ok(outcomes.every(({ kind }) => kind === "applied"));
      const records = await bench.partition.read(oddKeys);
      assert.deepEqual(
        records.map((record) => [record?.key, textOf(record)]),
        oddKeys.map((odd) => [odd, `<${odd}>`]),
      );
      for (const odd of oddKeys) {
        const { records: found } = await bench.partition.scan(rangeOf({ start: odd, limit: 1 }));
        assert.deepEqual(
          found.map((record) => record.key),
          [odd],
        );
      }
      await bench.partition.write(oddKeys.map((odd) => writeOf(odd, { content: tombstone })));
    });

    const values: { [name: string]: Uint8Array } = {
      "an empty one": new Uint8Array(0),
      "one zero byte": new Uint8Array(1),
      "every byte": Uint8Array.from({ length: 256 }, (_, byte) => byte),
      "invalid UTF-8": Uint8Array.of(0xc3, 0x28, 0xed, 0xa0, 0x80, 0xff),
      "quotes and backslashes": Buffer.from(`'"\\\\' OR 1=1 -- \u0000`),
      "16 KiB less one": Buffer.alloc(2 ** 14 - 1, "q"),
      "16 KiB": Buffer.alloc(2 ** 14, "r"),
      "900 KiB": Buffer.alloc(900 * 1024, "0123456789abcde"),
    };
    for (const [what, value] of Object.entries(values)) {
      claim(`take ${what} as a value`, async () => {
        const [outcome] = await bench.partition.write([write("value", { content: { ...contentOf(""), value } })]);
        assert.equal(outcome?.kind, "applied");
        const record = await readOne("value");
        assert.ok(record !== undefined && Buffer.from(value).equals(record.value));
      });
    }

    claim("take large values, many in one batch", async () => {
      const { valueBytesMax } = await bench.partition.open();
      const size = Math.min(valueBytesMax, 3 * 2 ** 20 + 1);
      const texts = ["l1", "l2", "l3"];
      const value = Buffer.alloc(size, "large ");
      const outcomes = await bench.partition.write(
        texts.map((text) => write(text, { content: { ...contentOf(""), value } })),
      );
      assert.deepEqual(
        outcomes.map(({ kind }) => kind),
        ["applied", "applied", "applied"],
      );
      for (const record of await bench.partition.read(texts.map(key))) assert.ok(value.equals(record!.value));
    });

    claim("give values that nothing else writes to", async () => {
      await writeOne("mine", { content: contentOf("mine") });
      const record = await readOne("mine");
      await writeOne("mine", { content: contentOf("theirs") });
      assert.equal(textOf(record), "mine");
    });
  });
}
