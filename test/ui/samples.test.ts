import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { figuresOf, quantile } from "../../src/ui/samples.js";

const sample = (reads: number, writes: number, counts: [number, number, number], batches: number, members: number) => ({
  writer: "w",
  requests: {
    reads,
    writes,
    failed: 0,
    durations: [{ upToMs: 1, count: counts[0] }, { upToMs: 5, count: counts[1] }, { count: counts[2] }],
  },
  partitions: [
    { name: "p1", owed: 3, batches: { reads: { batches, members }, writes: { batches: 0, members: 0 } } },
    { name: "p2" },
  ],
});

describe("the figures of two samples", () => {
  it("are what happened between them", () => {
    const figures = figuresOf(sample(10, 0, [10, 0, 0], 5, 5), sample(110, 20, [60, 60, 10], 15, 45), 2);
    assert.deepEqual(figures.rates, [50, 10, 0]);
    assert.deepEqual(figures.batches, [4, null]);
    assert.deepEqual(figures.owed, [3, null], "a partition that cannot be asked owes nobody knows what");
    assert.deepEqual(figures.latencies, [1 + 4 * (10 / 60), 5]);
  });

  it("are unknown, not 0, for times when nothing happened", () => {
    const same = sample(1, 1, [1, 1, 0], 1, 1);
    assert.deepEqual(figuresOf(same, same, 1).latencies, [null, null]);
    assert.deepEqual(figuresOf(same, same, 1).batches, [null, null]);
  });
});

describe("a quantile", () => {
  it("lies in the bucket that has it", () => {
    const counts = fc
      .array(fc.nat(50), { minLength: 4, maxLength: 4 })
      .filter((each) => each.some((count) => count > 0));
    fc.assert(
      fc.property(counts, fc.double({ min: 0.01, max: 1, noNaN: true }), (given, part) => {
        const bounds = [1, 2, 4, undefined];
        const found = quantile(given, bounds, part)!;
        const within = (bound: number) => given.filter((_, index) => (bounds[index] ?? 9) <= bound);
        const total = given.reduce((sum, count) => sum + count, 0);
        const below = [1, 2, 4].findLast((bound) => bound < found) ?? 0;
        const sum = within(below).reduce((all, count) => all + count, 0);
        assert.ok(found >= 0 && found <= 4);
        assert.ok(sum <= part * total + 1e-9, `${sum} of ${total} are at most ${below}, so ${found} is too large`);
      }),
    );
  });
});
