import assert from "node:assert/strict";
import { it } from "node:test";
import { Loads } from "../../src/replicas/load.ts";
import type { Replica } from "../../src/replicas/replica.ts";
import { systemRuntime } from "../../src/runtime.ts";

it("load is what reached a partition a second, over the last ten seconds", () => {
  let at = 0;
  const count = { reads: { batches: 0, members: 0 }, writes: { batches: 0, members: 0 } };
  const replica = { partition: { batches: () => structuredClone(count) } } as unknown as Replica;
  const unbatched = { partition: {} } as Replica;
  const loads = new Loads({ ...systemRuntime, elapsed: () => at });
  loads.sample([replica, unbatched]);
  assert.equal(loads.of(replica), undefined);
  const go = (seconds: number, reads: number, writes: number) => {
    for (let second = 0; second < seconds; second++) {
      at += 1000;
      count.reads.members += reads;
      count.reads.batches += 1;
      count.writes.members += writes;
      loads.sample([replica, unbatched]);
    }
  };
  go(4, 100, 8);
  assert.deepEqual(loads.of(replica), { reads: 100, writes: 8, batches: 1 });
  go(10, 10, 0);
  assert.deepEqual(loads.of(replica), { reads: 10, writes: 0, batches: 1 });
  assert.equal(loads.of(unbatched), undefined);
});
