import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import type { Partition, Progress } from "../../src/partition.ts";
import type { Record } from "../../src/record.ts";
import { isReceiving } from "../../src/sync/standing.ts";
import { stampAt } from "../../src/version.ts";
import { backupOf, syncStore } from "../support/sync-store.ts";

function live(key: string, at: number): Record {
  const version = { stamp: stampAt(at), writer: 1 };
  return { key, version, isTombstone: false, value: Buffer.from("x"), type: "", metadata: "", expires: 0 };
}

async function start(context: TestContext, count = 3) {
  const store = await syncStore(count);
  context.after(store.close);
  return { ...store, first: store.members[0]!, runtime: { ...store.runtime, after: atOnce } };
}

/** Waits take no time here. */
const atOnce = (_: number, run: () => void) => {
  const handle = setImmediate(run);
  return () => clearImmediate(handle);
};

describe("a partition's standing", () => {
  it("does not suffer from answers that come in another order than they were asked for", async (context) => {
    const { first, replicaSet, runtime } = await start(context);
    const answers: ((progress: Progress) => void)[] = [];
    const progress = await first.partition.progress();
    const slow = { progress: () => new Promise<Progress>((resolve) => answers.push(resolve)) } as Partition;
    first.use = (work) => work(slow);
    const earlier = isReceiving(first, replicaSet, runtime);
    const later = isReceiving(first, replicaSet, runtime);
    while (answers.length < 2) await new Promise((resolve) => setImmediate(resolve));
    answers[1]!({ ...progress, pass: 6 });
    assert.equal(await later, false);
    answers[0]!({ ...progress, pass: 5 });
    assert.equal(await earlier, false);
  });

  it("is lost when it lacks what it has confirmed to this process, and everybody is told", async (context) => {
    const { partitions, members, first, replicaSet, runtime, antiEntropy, clock } = await start(context);
    const backup = backupOf(partitions[0]!);
    const record = live("k", clock.now - 1000);
    for (const { partition } of partitions) await partition.apply([record]);
    first.noteWritten(record);
    assert.equal(await isReceiving(first, replicaSet, runtime), false);
    partitions[0]!.state = backup;
    assert.equal(await isReceiving(first, replicaSet, runtime), true);
    // Others, which have seen nothing, find it in the counters, and nobody counts over it.
    first.passSeen = 0;
    assert.equal(await isReceiving(first, replicaSet, runtime), true);
    await antiEntropy.mark([first]);
    assert.equal(await isReceiving(first, replicaSet, runtime), true);
    await first.reconsider();
    assert.ok(first.isReceiving);
    await antiEntropy.pass({ isRepair: true });
    assert.equal(await isReceiving(first, replicaSet, runtime), false);
    assert.deepEqual(await first.partition.read(["k"]), [record]);
    assert.ok(members.every((member) => member.isSteady));
  });

  it("is kept when what it has confirmed was replaced, purged, or is behind for a moment", async (context) => {
    const { partitions, first, replicaSet, runtime, clock } = await start(context);
    const [old, replaced] = [live("old", clock.now - 9000), live("replaced", clock.now - 5000)];
    await first.partition.apply([live("replaced", clock.now - 1000)]);
    await first.partition.raise({ writeFloor: stampAt(clock.now - 8000), floor: stampAt(clock.now - 8000) });
    first.noteWritten(old);
    first.noteWritten(replaced);
    assert.equal(await isReceiving(first, replicaSet, runtime), false);
    const late = live("late", clock.now);
    first.noteWritten(late);
    let reads = 0;
    const { partition } = first;
    const lagging = new Proxy(partition, {
      get: (_, name: keyof Partition) => {
        if (name === "read" && ++reads === 3) partitions[0]!.state.records.set("late", late);
        return partition[name];
      },
    });
    Object.assign(first, { partition: lagging });
    assert.equal(await isReceiving(first, replicaSet, runtime), false);
    assert.equal(reads, 3);
  });

  it("rests on the last few confirmed records", async (context) => {
    const { first, clock } = await start(context);
    for (let number = 0; number < 100; number++) first.noteWritten(live(`k${number}`, clock.now + number));
    assert.equal(first.witnesses.length, 8);
    assert.equal(first.witnesses.at(-1)?.key, "k99");
  });
});
