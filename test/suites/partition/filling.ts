import assert from "node:assert/strict";
import { describe } from "node:test";
import { type Filling, fillingTurnMsMax } from "../../../src/partition.ts";
import type { Bench } from "./bench.ts";

const now = 1_767_323_045_000;
const turn = (by: string, more: Partial<Filling> = {}): Filling => {
  return { by, until: now + 30_000, progress: 0.5, keysPerSecond: 0, ...more };
};

export function fillingClaims(bench: Bench): void {
  const { claim, fresh } = bench;
  describe("the turn to fill", () => {
    claim("is had by one program until it is over or given back, and told to all", async () => {
      const { partition, another } = await fresh();
      const second = await another();
      assert.equal(await partition.filling(now), undefined);
      assert.deepEqual(await partition.filling(now, turn("a")), turn("a"));
      assert.deepEqual(await second.filling(now, turn("b")), turn("a"));
      assert.deepEqual(await second.filling(now), turn("a"));
      const prolonged = turn("a", { until: now + 50_000, progress: 0.7 });
      assert.deepEqual(await partition.filling(now + 20_000, prolonged), prolonged);
      assert.deepEqual(await second.filling(now + 49_999, turn("b")), prolonged);
      const next = turn("b", { until: now + 80_000 });
      assert.deepEqual(await second.filling(now + 50_000, next), next);
      const over = turn("b", { until: now + 60_000 });
      assert.deepEqual(await second.filling(now + 60_000, over), over);
      assert.deepEqual(await partition.filling(now + 60_001, turn("a", { until: now + 90_001 })), {
        ...turn("a"),
        until: now + 90_001,
      });
    });

    claim("keeps the rate that was known, and nobody out for long whose clock is right", async () => {
      const { partition } = await fresh();
      await partition.filling(now, turn("a", { until: now + fillingTurnMsMax + 1, keysPerSecond: 4000 }));
      assert.deepEqual(await partition.filling(now, turn("b")), turn("b", { keysPerSecond: 4000 }));
      const measured = turn("b", { keysPerSecond: 3000 });
      assert.deepEqual(await partition.filling(now, measured), measured);
    });

    claim("is had by one only of several that want it at the same time", async () => {
      const { partition, another } = await fresh();
      const second = await another();
      const answers = await Promise.all([
        partition.filling(now, turn("a")),
        second.filling(now, turn("b")),
        partition.filling(now, turn("c")),
        second.filling(now, turn("d")),
      ]);
      assert.equal(new Set(answers.map((each) => each?.by)).size, 1);
      assert.deepEqual(await second.filling(now), answers[0]);
    });
  });
}
