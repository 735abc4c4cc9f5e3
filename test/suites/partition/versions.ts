import assert from "node:assert/strict";
import { describe } from "node:test";
import { compareKeys } from "../../../src/key.ts";
import { MemoryPartition } from "../../../src/partitions/memory.ts";
import { type Record, tombstone } from "../../../src/record.ts";
import { bucketCount, keyBucket } from "../../../src/replicas/hash.ts";
import { type Bench, now, recordOf, suiteIdentity } from "./bench.ts";

export function versionClaims(bench: Bench): void {
  const { claim, fresh } = bench;
  describe("versions", () => {
    const buckets = [0, 1, 8191, bucketCount - 2, bucketCount - 1];

    claim(
      "are exactly those of the bucket, from the first to the last, tombstones and expired ones included",
      async () => {
        const { partition } = await fresh();
        const memory = new MemoryPartition("memory");
        await memory.initialise({ ...suiteIdentity, partition: memory.name });
        const keys = keysOf(buckets, 4);
        const records = keys.map((key, index): Record => {
          const version = { stamp: 2n ** 63n - 1n - BigInt(index), writer: 2 ** 48 - 1 - index };
          if (index % 4 === 1) return { ...tombstone, key, version };
          return recordOf(key, version, `${index}`, { expires: index % 4 === 2 ? now - 1 : 0 });
        });
        for (const each of [partition, memory]) await each.apply(records);
        for (const bucket of buckets) {
          const found = (await partition.versions(bucket)).sort((a, b) => compareKeys(a.key, b.key));
          const expected = (await memory.versions(bucket)).sort((a, b) => compareKeys(a.key, b.key));
          assert.equal(found.length, 4);
          assert.deepEqual(found, expected);
          for (const { key, version, isTombstone, expires } of found) {
            const record = records.find((each) => each.key === key);
            assert.deepEqual([version, isTombstone, expires], [record?.version, record?.isTombstone, record?.expires]);
          }
        }
        assert.deepEqual(await partition.versions(2), []);
      },
    );

    claim("have fingerprints that tell records of one version apart", async () => {
      const { partition } = await fresh();
      const [key = ""] = keysOf([7], 1);
      const fingerprints = new Set<bigint>();
      for (const text of ["a", "b", "a"]) {
        const record = recordOf(key, { stamp: 5n, writer: 1 }, text);
        await partition.apply([record]);
        const [found] = await partition.versions(7);
        assert.equal(typeof found?.fingerprint, "bigint");
        fingerprints.add(found!.fingerprint);
        await partition.remove([record]);
      }
      assert.equal(fingerprints.size, 2);
      assert.deepEqual(await partition.versions(7), []);
    });
  });
}

/** Keys of each of `buckets`, by search. */
function keysOf(buckets: readonly number[], each: number): string[] {
  const found = new Map(buckets.map((bucket): [number, string[]] => [bucket, []]));
  for (let index = 0; [...found.values()].some((keys) => keys.length < each); index++) {
    const keys = found.get(keyBucket(`key-${index}`));
    if (keys !== undefined && keys.length < each) keys.push(`key-${index}`);
  }
  return [...found.values()].flat();
}
