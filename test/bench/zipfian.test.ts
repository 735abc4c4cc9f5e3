import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { chooseOperation, workloads } from "../../bench/ycsb/workloads.ts";
import { fnv64, ScrambledZipfian, Zipfian } from "../../bench/ycsb/zipfian.ts";
import { SeededRandom } from "../support/seeded-random.ts";

const draws = 200_000;

function count(next: () => number): Map<number, number> {
  const counts = new Map<number, number>();
  for (let draw = 0; draw < draws; draw++) {
    const number = next();
    counts.set(number, (counts.get(number) ?? 0) + 1);
  }
  return counts;
}

function seeded(seed: number): () => number {
  const random = new SeededRandom(seed);
  return () => random.next();
}

describe("the Zipfian ranks", () => {
  it("come as often as Zipf's law says", () => {
    const items = 1000;
    const zipfian = new Zipfian(seeded(1), items);
    const counts = count(() => zipfian.next());
    let zeta = 0;
    for (let rank = 1; rank <= items; rank++) zeta += rank ** -0.99;
    // The two most popular ranks are drawn exactly, the others by an approximation.
    for (const [rank, tolerance] of [
      [0, 0.05],
      [1, 0.05],
      [20, 0.4],
    ] as const) {
      const expected = (draws * (rank + 1) ** -0.99) / zeta;
      const found = counts.get(rank) ?? 0;
      assert.ok(Math.abs(found / expected - 1) < tolerance, `rank ${rank}: ${found}, expected ${expected}`);
    }
    assert.ok([...counts.keys()].every((rank) => rank >= 0 && rank < items));
  });

  it("reach ranks that are added, as if they had been there from the start", () => {
    const [grown, whole] = [new Zipfian(seeded(2), 10), new Zipfian(seeded(2), 500)];
    for (let draw = 0; draw < 1000; draw++) assert.equal(grown.next(500), whole.next());
  });
});

describe("the scrambled Zipfian numbers", () => {
  it("keep the skew and spread the popular ones", () => {
    const items = 10_000;
    const zipfian = new ScrambledZipfian(seeded(3), items);
    const counts = [...count(() => zipfian.next())].sort(([, a], [, b]) => b - a);
    const [first, second] = counts.map(([, times]) => times / draws);
    assert.ok(Math.abs(first! - 1 / 26.469) < 0.004, `the first has ${first}`);
    assert.ok(Math.abs(second! - first! / 2 ** 0.99) < 0.004, `the second has ${second}`);
    const popular = counts.slice(0, 100).map(([number]) => number);
    assert.ok(popular.every((number) => number >= 0 && number < items));
    const inUpperHalf = popular.filter((number) => number >= items / 2).length;
    assert.ok(inUpperHalf > 25 && inUpperHalf < 75, `${inUpperHalf} of 100 are in the upper half`);
  });

  it("are hashed with FNV-1a", () => {
    // FNV-1a of eight zero bytes is a known value, positive as a signed number.
    const expected = Array(8)
      .fill(0n)
      .reduce((hash) => BigInt.asUintN(64, hash * 0x100000001b3n), 0xcbf29ce484222325n);
    assert.equal(fnv64(0), expected < 2n ** 63n ? expected : 2n ** 64n - expected);
    assert.notEqual(fnv64(1), fnv64(256));
  });
});

describe("the workloads", () => {
  for (const workload of workloads) {
    it(`${workload.name} choose their operations by their shares, which add up to 1`, () => {
      const shares = Object.values(workload.mix).reduce((sum, share) => sum + share, 0);
      assert.ok(Math.abs(shares - 1) < 1e-9);
      const random = seeded(4);
      const chosen = Array.from({ length: 20_000 }, () => chooseOperation(workload, random));
      for (const [operation, share] of Object.entries(workload.mix)) {
        const found = chosen.filter((each) => each === operation).length / chosen.length;
        assert.ok(Math.abs(found - share) < 0.02, `${operation}: ${found}, expected ${share}`);
      }
    });
  }
});
