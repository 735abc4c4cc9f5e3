import assert from "node:assert/strict";
import { describe } from "node:test";
import fc from "fast-check";
import { type Record, tombstone } from "../../../src/record.ts";
import { compareVersions, stampAt, type Version } from "../../../src/version.ts";
import { assertRecord, type Bench, contentByVersion, contentOf, now, recordOf, seed, textOf, writer } from "./bench.ts";

export function applyingClaims(bench: Bench): void {
  const { claim, key, readOne, keysOfSpace, hintsOf } = bench;
  describe("apply", () => {
    claim("stores whole records that were decided elsewhere, and owes nothing", async () => {
      const record = recordOf(key("given"), { stamp: stampAt(now), writer: 3 }, "text", { expires: now + 1 });
      await bench.partition.apply([record]);
      assertRecord(await readOne("given"), record);
      await bench.partition.apply([]);
      assert.deepEqual(await hintsOf("west"), []);
    });

    claim("lets the greater version win, the writer settling equal stamps", async () => {
      const stamp = stampAt(now);
      const of = (version: Version, text: string) => recordOf(key("won"), version, text);
      await bench.partition.apply([of({ stamp, writer: 5 }, "first")]);
      await bench.partition.apply([of({ stamp: stamp - 1n, writer: 9 }, "older")]);
      await bench.partition.apply([of({ stamp, writer: 4 }, "lesser writer")]);
      assert.equal(textOf(await readOne("won")), "first");
      await bench.partition.apply([of({ stamp, writer: 6 }, "greater writer")]);
      assert.equal(textOf(await readOne("won")), "greater writer");
      await bench.partition.apply([of({ stamp: stamp + 1n, writer: 1 }, "newer")]);
      assert.equal(textOf(await readOne("won")), "newer");
    });

    claim("keeps stamps exact to the last bit, and writers of 48 bits", async () => {
      const versions = [2n ** 53n + 1n, 2n ** 63n - 2n, 2n ** 63n - 1n].map((stamp, index) => ({
        stamp,
        writer: 2 ** 48 - 1 - index,
      }));
      for (const version of versions) {
        await bench.partition.apply([recordOf(key("exact"), version, "x")]);
        assert.deepEqual((await readOne("exact"))?.version, version);
      }
    });

    claim("goes from a value to a tombstone and back", async () => {
      const at = (offset: bigint): Version => ({ stamp: stampAt(now) + offset, writer });
      const value = contentOf("x", { metadata: '{"a":"b"}', expires: now + 1 });
      await bench.partition.apply([{ ...value, key: key("back"), version: at(0n) }]);
      await bench.partition.apply([{ ...tombstone, key: key("back"), version: at(1n) }]);
      assertRecord(await readOne("back"), { ...tombstone, key: key("back"), version: at(1n) });
      assert.deepEqual(await keysOfSpace(), []);
      await bench.partition.apply([recordOf(key("back"), at(2n), "y")]);
      assert.deepEqual(await keysOfSpace(), ["back"]);
    });

    claim("takes a large batch", async () => {
      const version = { stamp: stampAt(now), writer };
      const records = Array.from({ length: 1000 }, (_, index) => recordOf(key(`${index}`), version, "x".repeat(5000)));
      await bench.partition.apply(records);
      const found = await bench.partition.read(records.map((record) => record.key));
      assert.ok(found.every((record) => record?.value.length === 5000));
    });

    claim("comes to the same from any order, repetition and splitting", async () => {
      const alphabet = ["a", "A", "b", "\u{10000}"];
      const member = fc.record({
        text: fc.constantFrom(...alphabet),
        stamp: fc.bigInt({ min: 1n, max: 6n }),
        writer: fc.integer({ min: 1, max: 3 }),
      });
      const property = fc.asyncProperty(
        fc.array(fc.array(member, { maxLength: 6 }), { maxLength: 6 }),
        async (batches) => {
          bench.nextSpace();
          const model = new Map<string, Record>();
          for (const batch of batches) {
            const records = batch.map(({ text, stamp, writer }) => contentByVersion(key(text), { stamp, writer }));
            await bench.partition.apply(records);
            for (const record of records) {
              const present = model.get(record.key);
              if (present === undefined || compareVersions(record.version, present.version) > 0) {
                model.set(record.key, record);
              }
            }
          }
          const found = await bench.partition.read(alphabet.map(key));
          for (const [index, text] of alphabet.entries()) assertRecord(found[index], model.get(key(text)));
        },
      );
      await fc.assert(property, { numRuns: 60, seed });
    });
  });
}
