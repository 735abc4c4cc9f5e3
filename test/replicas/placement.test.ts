import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { bucketCount, hashBucket, keyHash } from "../../src/replicas/hash.ts";
import { type PlacedPartition, Placement } from "../../src/replicas/placement.ts";

const names = fc.uniqueArray(fc.stringMatching(/^[a-z][a-z0-9-]{0,15}$/), { minLength: 3, maxLength: 16 });
const few = { numRuns: 15 };

function equalWeights(partitionNames: readonly string[]): PlacedPartition[] {
  return partitionNames.map((name) => ({ name, weight: 1 }));
}

/** For each bucket, the names of its replicas. */
function placed(partitions: readonly PlacedPartition[], replicas: "all" | number): string[][] {
  const placement = new Placement(partitions, replicas);
  return Array.from({ length: bucketCount }, (_, bucket) =>
    Array.from(placement.replicasOf(bucket), (index) => partitions[index]!.name),
  );
}

function homeCounts(partitions: readonly PlacedPartition[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const [home] of placed(partitions, 1)) counts.set(home!, (counts.get(home!) ?? 0) + 1);
  return counts;
}

describe("placement", () => {
  it("is the same for any order of the configuration", () => {
    fc.assert(
      fc.property(names, fc.integer({ min: 1, max: 3 }), (partitionNames, replicas) => {
        const shuffled = [...partitionNames].reverse();
        assert.deepEqual(placed(equalWeights(partitionNames), replicas), placed(equalWeights(shuffled), replicas));
      }),
      few,
    );
  });

  it("gives every one of 3 to 16 partitions its share of the keys within 10 %", () => {
    fc.assert(
      fc.property(names, (partitionNames) => {
        const fair = bucketCount / partitionNames.length;
        for (const [name, count] of homeCounts(equalWeights(partitionNames))) {
          assert.ok(Math.abs(count / fair - 1) < 0.1, `${name} has ${count} of ${fair}`);
        }
      }),
      { ...few, seed: 1 },
    );
  });

  it("moves only what a partition that comes wins, and only what one that goes held", () => {
    fc.assert(
      fc.property(names, (partitionNames) => {
        const [comer] = partitionNames;
        const without = placed(equalWeights(partitionNames.slice(1)), 2);
        const together = placed(equalWeights(partitionNames), 2);
        for (const [bucket, replicas] of together.entries()) {
          const others = replicas.filter((name) => name !== comer);
          assert.deepEqual(others, without[bucket]!.slice(0, others.length));
        }
      }),
      few,
    );
  });

  it("shares by weight", () => {
    const counts = homeCounts([
      { name: "small", weight: 1 },
      { name: "large", weight: 3 },
    ]);
    assert.ok(Math.abs(counts.get("large")! / bucketCount - 0.75) < 0.02);
  });

  it("never has more replicas than partitions, and none twice", () => {
    for (const replicas of placed(equalWeights(["a", "b", "c"]), 5)) {
      assert.deepEqual([...replicas].sort(), ["a", "b", "c"]);
    }
  });

  it("keeps this placement for ever: another one would lose every key", () => {
    assert.equal(keyHash("debian/pool/nginx"), 9101136109315890487n);
    assert.equal(hashBucket(keyHash("debian/pool/nginx")), 16166);
    const homes = placed(equalWeights(["partition-1", "partition-2", "partition-3"]), "all").slice(0, 8);
    assert.deepEqual(
      homes.map((replicas) => replicas.map((name) => name.at(-1)).join("")),
      ["123", "123", "312", "321", "213", "312", "321", "321"],
    );
  });
});
