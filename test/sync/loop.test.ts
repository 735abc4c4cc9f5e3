import assert from "node:assert/strict";
import { it } from "node:test";
import { PartitionError } from "../../src/partition.ts";
import type { ClockFence } from "../../src/replicas/clock-fence.ts";
import type { Runtime } from "../../src/runtime.ts";
import { SyncLoop } from "../../src/sync/loop.ts";
import type { Driver } from "../../src/topology/driver.ts";
import type { FillingTurn } from "../../src/topology/filling-turn.ts";
import type { Sweep } from "../../src/topology/sweep.ts";
import type { Topologies } from "../../src/topology/topologies.ts";
import { silentLog } from "../support/memory-store.ts";
import { syncStore } from "../support/sync-store.ts";

const nothing = async () => undefined;

/** The loop of a store whose topology does not change and whose clocks agree. */
function loopOf(store: Awaited<ReturnType<typeof syncStore>>, runtime: Runtime): SyncLoop {
  return new SyncLoop({
    replicas: store.replicaSet,
    handoff: store.handoff,
    antiEntropy: store.antiEntropy,
    purge: store.purge,
    topologies: { refresh: nothing, found: nothing } as unknown as Topologies,
    driver: { step: async () => false } as unknown as Driver,
    turn: { isTaken: false } as FillingTurn,
    sweep: { step: nothing } as unknown as Sweep,
    fence: { measure: nothing } as unknown as ClockFence,
    runtime,
    log: silentLog,
    passIntervalMs: 1e9,
    purgeIntervalMs: 1e9,
  });
}

it("the first write after a quiet time is marked by the next tick, and further ones every ten seconds", async (context) => {
  const store = await syncStore(2);
  const { members, handoff, antiEntropy, runtime, close } = store;
  context.after(close);
  let elapsed = 0;
  let tick: (() => void) | undefined;
  const marked: number[] = [];
  antiEntropy.mark = async (written) => {
    if ([...written].length > 0) marked.push(elapsed / 1000);
  };
  const loop = loopOf(store, {
    ...runtime,
    elapsed: () => elapsed,
    after: (_, run) => {
      tick = run;
      return () => undefined;
    },
  });
  loop.start();
  const record = { key: "k", version: { stamp: 1n, writer: 1 }, isTombstone: true, type: "", metadata: "", expires: 0 };
  for (let second = 1; second <= 60; second++) {
    elapsed = second * 1000;
    const isBusy = second === 7 || (second >= 30 && second < 50);
    if (isBusy) handoff.pushLater(members[0]!, members[1]!, { ...record, value: new Uint8Array() });
    const run = tick;
    run?.();
    while (tick === run) await new Promise((resolve) => setImmediate(resolve));
  }
  assert.deepEqual(marked, [7, 30, 40, 50]);
  await loop.stop();
});

it("a run names a partition that was lost on the way also when it is back before its end", async (context) => {
  const store = await syncStore(2);
  const { members, handoff, runtime, close } = store;
  context.after(close);
  const [first] = members;
  const loop = loopOf(store, runtime);
  assert.deepEqual((await loop.once({})).lost, []);
  handoff.deliverAll = async () => {
    const denied = new PartitionError("refused", "p1", "DELETE command denied");
    await assert.rejects(first!.use(() => Promise.reject(denied)));
    await first!.connect();
  };
  const { lost, away } = await loop.once({});
  assert.deepEqual([lost, away], [["p1: DELETE command denied"], []]);
  handoff.deliverAll = nothing;
  assert.deepEqual((await loop.once({})).lost, []);
});
