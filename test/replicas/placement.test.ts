import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { bucketCount, hashBucket, keyHash } from "../../src/replicas/hash.ts";
import { type PlacedPartition, Placement, sharesOf } from "../../src/replicas/placement.ts";

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

  it("gives 3 to 16 uneven partitions their share of the homes, and of all copies, by weight within 5 %", () => {
    const weights = fc.array(fc.constantFrom(1, 1, 2, 3, 4, 8), { minLength: 16, maxLength: 16 });
    fc.assert(
      fc.property(names, weights, fc.integer({ min: 1, max: 3 }), (partitionNames, drawn, replicas) => {
        const partitions = partitionNames.map((name, index) => ({ name, weight: drawn[index]! }));
        const homes = new Map<string, number>();
        const copies = new Map<string, number>();
        for (const holders of placed(partitions, replicas)) {
          homes.set(holders[0]!, (homes.get(holders[0]!) ?? 0) + 1);
          for (const name of holders) copies.set(name, (copies.get(name) ?? 0) + 1);
        }
        const total = partitions.map(({ weight }) => weight);
        for (const [counts, shares] of [
          [homes, sharesOf(total, 1)],
          [copies, sharesOf(total, Math.min(replicas, partitions.length))],
        ] as const) {
          for (const [index, { name }] of partitions.entries()) {
            const fair = shares[index]! * bucketCount;
            assert.ok(Math.abs(counts.get(name)! / fair - 1) <= 0.05, `${name} has ${counts.get(name)} of ${fair}`);
          }
        }
      }),
      { ...few, seed: 1 },
    );
  });

  it("lets nobody hold more than every bucket once, and shares what that leaves over", () => {
    assert.deepEqual(sharesOf([1, 1, 2], 1), [0.25, 0.25, 0.5]);
    assert.deepEqual(sharesOf([1, 1, 2], 2), [0.5, 0.5, 1]);
    assert.deepEqual(sharesOf([1, 1, 8], 2), [0.5, 0.5, 1]);
    assert.deepEqual(sharesOf([1, 3, 8, 8], 3), [0.25, 0.75, 1, 1]);
    assert.deepEqual(sharesOf([1, 2], 2), [1, 1]);
  });

  it("moves what a partition that comes wins, and hardly anything else", () => {
    fc.assert(
      fc.property(names, (partitionNames) => {
        const [comer] = partitionNames;
        const without = placed(equalWeights(partitionNames.slice(1)), 2);
        const together = placed(equalWeights(partitionNames), 2);
        let moved = 0;
        for (const [bucket, replicas] of together.entries()) {
          moved += replicas.filter((name) => name !== comer && !without[bucket]!.includes(name)).length;
        }
        assert.ok(moved <= 0.03 * 2 * bucketCount, `${moved} of ${2 * bucketCount} moved between others`);
      }),
      few,
    );
  });

  it("moves nothing else where chance alone is even enough", () => {
    const without = placed(equalWeights(["a", "b", "c"]), 2);
    for (const [bucket, replicas] of placed(equalWeights(["a", "b", "c", "d"]), 2).entries()) {
      const others = replicas.filter((name) => name !== "d");
      assert.deepEqual(others, without[bucket]!.slice(0, others.length));
    }
  });

  it("shares by weight", () => {
    const partitions = [
      { name: "small", weight: 1 },
      { name: "large", weight: 3 },
    ];
    const large = placed(partitions, 1).filter(([home]) => home === "large").length;
    assert.ok(Math.abs(large / bucketCount - 0.75) < 0.02);
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
