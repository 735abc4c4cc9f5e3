import assert from "node:assert/strict";
import { describe } from "node:test";
import fc from "fast-check";
import { compareKeys } from "../../../src/key.ts";
import type { DigestRange, Partition } from "../../../src/partition.ts";
import { MemoryPartition } from "../../../src/partitions/memory.ts";
import { type Record, tombstone } from "../../../src/record.ts";
import { keyBucket } from "../../../src/replicas/hash.ts";
import { stampAt } from "../../../src/version.ts";
import {
  type Bench,
  contentByVersion,
  contentOf,
  mulberry32,
  now,
  recordOf,
  seed,
  suiteIdentity,
  writeOf,
  writer,
} from "./bench.ts";

const stampMax = 2n ** 63n - 1n;
const everything: DigestRange = { after: "", rowsMax: 1000, cutoff: stampMax, floor: 0n, now: 0 };

export function digestClaims(bench: Bench): void {
  const { claim, key, fresh } = bench;
  describe("digest", () => {
    claim("is empty for an empty partition", async () => {
      const { partition } = await fresh();
      assert.deepEqual(await partition.digest(everything), { buckets: [], last: undefined });
    });

    claim("is the same for equal records, whatever order, batches and engine they came by", async () => {
      const { partition } = await fresh();
      const version = fc.record({
        stamp: fc.oneof(fc.bigInt({ min: 1n, max: 9n }), fc.bigInt({ min: stampMax - 9n, max: stampMax })),
        writer: fc.oneof(fc.integer({ min: 1, max: 3 }), fc.constant(2 ** 48 - 1)),
      });
      const text = fc.constantFrom("a", "A", "b", "\uffff", "\u{10000}", "é", "x".repeat(1000));
      const property = fc.asyncProperty(
        fc.array(fc.record({ text, version }), { maxLength: 24 }),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 9 }),
        fc.nat(),
        async (members, batchLength, rowsMax, order) => {
          const records = members.map((member) => contentByVersion(key(member.text), member.version));
          const random = mulberry32(order);
          const shuffled = records.map((record) => ({ record, place: random() })).sort((a, b) => a.place - b.place);
          for (let start = 0; start < shuffled.length; start += batchLength)
            await partition.apply(shuffled.slice(start, start + batchLength).map(({ record }) => record));
          assert.deepEqual(
            await digestOf(partition, { ...everything, rowsMax }),
            await digestOf(await memoryOf(records)),
          );
          await clear(partition, records);
        },
      );
      await fc.assert(property, { numRuns: 60, seed });
    });

    claim("is the same for a record that was written and one that was delivered", async () => {
      const { partition } = await fresh();
      await partition.write([
        writeOf(key("a"), { content: recordOf("", { stamp: 1n, writer }, "text", { metadata: '{"a":"b"}' }) }),
        writeOf(key("b"), { content: tombstone, owed: ["west"] }),
        writeOf(key("c"), { condition: { ifMatch: "*" } }),
      ]);
      const records = await partition.read(["a", "b"].map(key));
      assert.deepEqual(await digestOf(partition), await digestOf(await memoryOf(records as Record[])));
    });

    claim("counts the keys that are live, and the bytes of their values", async () => {
      const { partition } = await fresh();
      const value = new Uint8Array(70_000);
      await partition.write([
        writeOf(key("a"), { content: contentOf("12345") }),
        writeOf(key("b"), { content: { ...contentOf(""), value } }),
        writeOf(key("c"), { content: tombstone }),
        writeOf(key("d"), { content: contentOf("expired", { expires: now - 1 }) }),
      ]);
      const totals = [0, 0, 0];
      for (const [records, , , , , keys, bytes] of (await digestOf(partition, { ...everything, now })).values()) {
        for (const [index, sum] of [records!, keys!, bytes!].entries()) totals[index]! += sum;
      }
      assert.deepEqual(totals, [3, 2, 70_005]);
    });

    claim("differs after any single change", async () => {
      const { partition } = await fresh();
      const neighbours = ["n1", "n2", "n3"].map((text) => contentByVersion(key(text), { stamp: 7n, writer: 1 }));
      await partition.apply(neighbours);
      const record = fc.record({
        key: fc.constantFrom("a", "b", "é").map((text) => text),
        value: fc.uint8Array({ maxLength: 40 }),
        type: fc.constantFrom("", "text/plain", "text/plain "),
        metadata: fc.constantFrom("", '{"a":"b"}'),
        expires: fc.integer({ min: 0, max: 2 ** 45 }),
        stamp: fc.bigInt({ min: 1n, max: stampMax - 1n }),
        writer: fc.integer({ min: 1, max: 2 ** 48 - 2 }),
      });
      const bytesFlipped = (value: Uint8Array, bit: number) => {
        const flipped = Uint8Array.from(value.length === 0 ? [0] : value);
        flipped[(bit >> 3) % flipped.length]! ^= 1 << (bit & 7);
        return flipped;
      };
      const changes: ((record: Record, bit: number) => Partial<Record>)[] = [
        ({ value }, bit) => ({ value: bytesFlipped(value, bit) }),
        ({ value }) => ({ value: Uint8Array.of(...value, 0) }),
        ({ type }) => ({ type: `${type}x` }),
        ({ type, metadata }) => ({ type: metadata, metadata: type === metadata ? "{}" : type }),
        ({ metadata }) => ({ metadata: `${metadata} ` }),
        ({ expires }) => ({ expires: expires + 1 }),
        ({ version: { stamp, writer } }) => ({ version: { stamp: stamp + 1n, writer } }),
        ({ version: { stamp, writer } }) => ({ version: { stamp, writer: writer + 1 } }),
        ({ version: { stamp } }, bit) => ({ version: { stamp, writer: 1 + (bit % 2 ** 40) } }),
        () => tombstone,
        (record) => ({ key: `${record.key}.` }),
      ];
      const property = fc.asyncProperty(record, fc.nat(), fc.constantFrom(...changes), async (given, bit, change) => {
        const { stamp, writer, ...content } = given;
        const before: Record = { ...content, key: key(given.key), isTombstone: false, version: { stamp, writer } };
        const after: Record = { ...before, ...change(before, bit) };
        fc.pre(after.version.writer !== writer || change !== changes[8]);
        const digests = [];
        for (const each of [before, after, before]) {
          await partition.apply([each]);
          digests.push(await digestOf(partition));
          await clear(partition, [each]);
        }
        assert.notDeepEqual(digests[0], digests[1]);
        assert.deepEqual(digests[0], digests[2]);
      });
      await fc.assert(property, { numRuns: 120, seed });
    });

    claim("differs when two records have exchanged their values", async () => {
      const { partition } = await fresh();
      const of = (text: string, value: string) => recordOf(key(text), { stamp: 5n, writer }, value);
      await partition.apply([of("a", "1"), of("b", "2")]);
      const before = await digestOf(partition);
      await clear(partition, [of("a", "1"), of("b", "2")]);
      await partition.apply([of("a", "2"), of("b", "1")]);
      assert.notDeepEqual(await digestOf(partition), before);
    });

    claim("adds up to the same from slices of any size, in key order", async () => {
      const { partition } = await fresh();
      const records = Array.from({ length: 280 }, (_, index) =>
        contentByVersion(key(`${index % 3 === 0 ? "é" : ""}${index}`), { stamp: BigInt(index + 1), writer }),
      );
      await partition.apply(records);
      const expected = await digestOf(await memoryOf(records));
      assert.equal(
        [...expected.values()].reduce((sum, [count]) => sum + count!, 0),
        280,
      );
      for (const rowsMax of [1, 2, 7, 279, 280, 281, 1000]) {
        assert.deepEqual(await digestOf(partition, { ...everything, rowsMax }), expected, `slices of ${rowsMax}`);
      }
      const keys = records.map((record) => record.key).sort(compareKeys);
      const { last } = await partition.digest({ ...everything, rowsMax: 100 });
      assert.equal(last, keys[99]);
      const behind = await digestOf(partition, { ...everything, after: last! });
      const rest = records.filter((record) => compareKeys(record.key, last!) > 0);
      assert.deepEqual(behind, await digestOf(await memoryOf(rest)));
    });

    claim("leaves out newer stamps than the cutoff, tombstones up to the floor, and what has expired", async () => {
      const { partition } = await fresh();
      const cutoff = stampAt(now);
      const floor = cutoff - 100n;
      const at = (text: string, stamp: bigint, expires = 0) => recordOf(key(text), { stamp, writer }, "x", { expires });
      const dead = (text: string, stamp: bigint) => ({ ...tombstone, key: key(text), version: { stamp, writer } });
      const counted = [
        at("at the cutoff", cutoff),
        at("far below the floor", 1n),
        at("at the floor", floor),
        at("expires later", floor, now + 1),
        dead("dead above the floor", floor + 1n),
        dead("dead at the cutoff", cutoff),
      ];
      const leftOut = [
        at("above the cutoff", cutoff + 1n),
        dead("dead above the cutoff", cutoff + 1n),
        dead("dead at the floor", floor),
        dead("dead below the floor", 1n),
        at("expires now", cutoff, now),
        at("expired", 5n, 1),
      ];
      await partition.apply([...counted, ...leftOut]);
      const expected = await digestOf(await memoryOf(counted));
      for (const rowsMax of [1, 2, 7, 1000]) {
        const range = { after: "", rowsMax, cutoff, floor, now };
        assert.deepEqual(await digestOf(partition, range), expected, `slices of ${rowsMax}`);
      }
      assert.deepEqual(await digestOf(partition), await digestOf(await memoryOf([...counted, ...leftOut])));
    });

    claim("sums exactly, with many records of one bucket", async () => {
      const { partition } = await fresh();
      const bucket = keyBucket(key("0"));
      const keys: string[] = [];
      for (let index = 0; keys.length < 60; index++) {
        if (keyBucket(key(`${index}`)) === bucket) keys.push(key(`${index}`));
      }
      const records = keys.map((each) => recordOf(each, { stamp: stampMax, writer: 2 ** 48 - 1 }, each));
      await partition.apply(records);
      const digest = await digestOf(partition);
      assert.deepEqual([digest.size, digest.get(bucket)?.[0]], [1, 60]);
      assert.deepEqual(digest, await digestOf(await memoryOf(records)));
    });
  });
}

/** The sums of all slices by bucket. */
async function digestOf(partition: Partition, range: DigestRange = everything): Promise<Map<number, number[]>> {
  const found = new Map<number, number[]>();
  for (let after = range.after; ; ) {
    const { buckets, last } = await partition.digest({ ...range, after });
    assert.equal(new Set(buckets.map(({ bucket }) => bucket)).size, buckets.length);
    assert.ok(buckets.reduce((sum, { sums: [count] }) => sum + count, 0) <= range.rowsMax);
    for (const { bucket, sums } of buckets) {
      const present = found.get(bucket) ?? [0, 0, 0, 0, 0, 0, 0];
      found.set(
        bucket,
        sums.map((sum, index) => sum + present[index]!),
      );
    }
    if (last === undefined) break;
    assert.ok(compareKeys(last, after) > 0);
    after = last;
  }
  return new Map([...found].sort(([a], [b]) => a - b));
}

/** Another partition of the same store, that has received `records`. */
async function memoryOf(records: readonly Record[]): Promise<MemoryPartition> {
  const memory = new MemoryPartition("memory");
  await memory.initialise({ ...suiteIdentity, partition: memory.name });
  await memory.apply(records);
  return memory;
}

async function clear(partition: Partition, records: readonly Record[]): Promise<void> {
  const present = await partition.read(records.map((record) => record.key));
  await partition.remove(present.filter((record) => record !== undefined));
}
