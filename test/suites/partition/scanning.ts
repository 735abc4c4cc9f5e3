import assert from "node:assert/strict";
import { describe } from "node:test";
import fc from "fast-check";
import { compareKeys } from "../../../src/key.ts";
import { tombstone } from "../../../src/record.ts";
import { bucketCount, keyBucket } from "../../../src/replicas/hash.ts";
import { assertRecord, type Bench, contentOf, now, rangeOf, seed, textOf, versionIn, writeOf } from "./bench.ts";

export function scanningClaims(bench: Bench): void {
  const { claim, key, write, writeOne, keysOfSpace } = bench;
  describe("scan", () => {
    const texts = ["", "A", "Z", "a", "a ", "aa", "b", "é", "\ud7ff", "\ue000", "\uffff", "\u{10000}", "😀"];

    claim("gives live keys in the order of their bytes", async () => {
      await bench.partition.write([...texts].reverse().map((text) => write(text)));
      await bench.partition.write([
        write("c", { content: tombstone }),
        write("d", { content: contentOf("x", { expires: now }) }),
        write("e", { content: contentOf("x", { expires: now + 1 }) }),
      ]);
      const expected = [...texts, "e"].sort(compareKeys);
      assert.deepEqual(await keysOfSpace(), expected);
    });

    claim("keeps to its bounds, both ways, page by page", async () => {
      await bench.partition.write(texts.map((text) => write(text)));
      const property = fc.asyncProperty(
        fc.constantFrom(...texts, "a!", "zz"),
        fc.option(fc.constantFrom(...texts, "a!"), { nil: undefined }),
        fc.boolean(),
        fc.boolean(),
        fc.integer({ min: 1, max: 20 }),
        async (start, end, isStartExclusive, isReverse, limit) => {
          const expected = texts
            .map(key)
            .filter((each) => compareKeys(each, key(start)) >= (isStartExclusive ? 1 : 0))
            .filter((each) => compareKeys(each, end === undefined ? bench.bounds.end : key(end)) < 0)
            .sort(compareKeys);
          if (isReverse) expected.reverse();
          const { records, hasMore } = await bench.partition.scan(
            rangeOf({
              start: key(start),
              end: end === undefined ? bench.bounds.end : key(end),
              isStartExclusive,
              isReverse,
              limit,
            }),
          );
          assert.deepEqual(
            records.map((record) => record.key),
            expected.slice(0, limit),
          );
          assert.equal(hasMore, expected.length > limit);
        },
      );
      await fc.assert(property, { numRuns: 80, seed });
    });

    claim("goes on to the end of all keys without an end", async () => {
      const last = "\u{10ffff}\u{10ffff}";
      await bench.partition.write([writeOf(last)]);
      const { records, hasMore } = await bench.partition.scan(rangeOf({ start: last }));
      assert.deepEqual([records.map((record) => record.key), hasMore], [[last], false]);
      await bench.partition.write([writeOf(last, { content: tombstone })]);
    });

    claim("tells the size without the value, and the value where asked", async () => {
      const content = contentOf("12345", { type: "text/x", metadata: '{"a":"b"}', expires: now + 99 });
      const outcome = await writeOne("sized", { content });
      const range = { start: key("sized"), end: key("sizee") };
      const { records: without } = await bench.partition.scan(rangeOf(range));
      const { size, ...bare } = without[0]!;
      assert.equal(size, 5);
      assertRecord(bare, { ...content, value: new Uint8Array(0), key: key("sized"), version: versionIn(outcome) });
      const { records: withValues } = await bench.partition.scan(rangeOf({ ...range, withValues: true }));
      assert.equal(withValues[0]?.size, 5);
      assert.equal(textOf(withValues[0]), "12345");
    });

    claim("ends a page by bytes, with at least one record, and misses none", async () => {
      const large = Array.from({ length: 8 }, (_, index) => `v${index}`);
      await bench.partition.write(large.map((text) => write(text, { content: contentOf("x".repeat(100)) })));
      const pages: string[][] = [];
      let start = key("");
      for (;;) {
        const isStartExclusive = pages.length > 0;
        const bounds = { start, end: bench.bounds.end, isStartExclusive, withValues: true, bytesMax: 250 };
        const { records, hasMore } = await bench.partition.scan(rangeOf(bounds));
        if (records.length > 0) pages.push(records.map((record) => record.key));
        if (!hasMore) break;
        start = records.at(-1)!.key;
      }
      assert.deepEqual(pages.flat(), large.map(key));
      assert.ok(pages.every((page) => page.length >= 1 && page.length <= 3));
      const { records } = await bench.partition.scan(rangeOf({ start: key(""), withValues: true, bytesMax: 0 }));
      assert.equal(records.length, 1);
    });

    claim("keeps to the buckets asked for", async () => {
      const many = Array.from({ length: 60 }, (_, index) => `k${index}`).sort();
      await bench.partition.write(many.map((text) => write(text)));
      const buckets = new Uint8Array(bucketCount);
      for (const text of many.filter((_, index) => index % 3 === 0)) buckets[keyBucket(key(text))] = 1;
      const expected = many.filter((text) => buckets[keyBucket(key(text))] === 1);
      const { bounds } = bench;
      const { records } = await bench.partition.scan(rangeOf({ ...bounds, buckets }));
      assert.deepEqual(
        records.map((record) => record.key),
        expected.map(key),
      );
      const none = await bench.partition.scan(rangeOf({ ...bounds, buckets: new Uint8Array(bucketCount) }));
      assert.deepEqual(none, { records: [], hasMore: false });
      const all = await bench.partition.scan(rangeOf({ ...bounds, buckets: new Uint8Array(bucketCount).fill(1) }));
      assert.equal(all.records.length, 60);
      const page = await bench.partition.scan(rangeOf({ ...bounds, buckets, limit: 5 }));
      assert.equal(page.hasMore, true);
      assert.equal(page.records.length, 5);
    });
  });
}
