import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { type Hint, hintedBytesMax, type Partition, PartitionError } from "../../src/partition.ts";
import type { Record } from "../../src/record.ts";
import { stampAt } from "../../src/version.ts";
import { syncStore } from "../support/sync-store.ts";

type Started = Awaited<ReturnType<typeof syncStore>>;

/** Two partitions, the first of which owes the second a record under each key. */
async function owing(context: TestContext, records: { readonly [key: string]: number }, size = 1, standIn = false) {
  const store = await syncStore(2);
  context.after(store.close);
  const [source, target] = store.partitions;
  const hints = new Map<string, Hint>();
  source!.state.outbox.set("p2", hints);
  for (const [key, at] of Object.entries(records)) {
    const version = { stamp: stampAt(at), writer: 1 };
    const value = Buffer.alloc(size, key);
    const record: Record = { key, version, isTombstone: false, value, type: "", metadata: "", expires: 0 };
    source!.state.records.set(key, record);
    hints.set(key, { target: "p2", key, version, standIn });
  }
  return { ...store, hints, from: store.members[0]!, to: store.members[1]!, arrived: target!.state.records };
}

/** Has `change` wrap what a partition does from now on. */
function wrap(member: Started["members"][number], change: (partition: Partition) => Partial<Partition>): void {
  const { partition } = member;
  const plain = new Proxy(partition, { get: (_, name: keyof Partition) => partition[name] });
  Object.assign(member, {
    partition: new Proxy(plain, { get: (_, name: keyof Partition) => changed[name] ?? partition[name] }),
  });
  const changed = change(partition);
}

const numbered = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, 1e12]));

describe("handoff", () => {
  it("delivers what a stand-in took when its home is back, by whatever clock it was stamped", async (context) => {
    const now = Date.now();
    const { handoff, hints, arrived, from, to } = await owing(
      context,
      { past: now - 9000, ahead: now + 9000 },
      1,
      true,
    );
    handoff.noteStandIn(from, to);
    await handoff.catchUp(to);
    assert.deepEqual([...arrived.keys()].sort(), ["ahead", "past"]);
    assert.equal(hints.size, 0);
    assert.ok(handoff.hasAll(to));
  });

  it("asks a stand-in again that has too much to do to say what it owes", async (context) => {
    const { handoff, hints, arrived, from, to } = await owing(context, { early: Date.now() }, 1, true);
    let asked = 0;
    wrap(from, (partition) => ({
      owed: async () => {
        if (++asked <= 2) throw new PartitionError("overloaded", "p1", "lock wait timeout");
        return partition.owed();
      },
    }));
    await handoff.catchUp(to);
    assert.deepEqual([asked, [...arrived.keys()], hints.size], [3, ["early"], 0]);
  });

  it("does not forget what a stand-in takes while its home catches up", async (context) => {
    const { handoff, hints, arrived, from, to, partitions } = await owing(context, { early: Date.now() }, 1, true);
    handoff.noteStandIn(from, to);
    const late = { ...partitions[0]!.state.records.get("early")!, key: "late" };
    wrap(from, (partition) => ({
      hints: async (...parameters) => {
        const page = await partition.hints(...parameters);
        if (arrived.has("late") || hints.has("late")) return page;
        partitions[0]!.state.records.set("late", late);
        hints.set("late", { target: "p2", key: "late", version: late.version, standIn: true });
        handoff.noteStandIn(from, to);
        return page;
      },
    }));
    await handoff.catchUp(to);
    assert.deepEqual([...arrived.keys()], ["early"]);
    assert.equal(handoff.hasAll(to), false);
    await handoff.catchUpLate();
    assert.deepEqual([[...arrived.keys()], hints.size], [["early", "late"], 0]);
    assert.ok(handoff.hasAll(to));
  });

  it("leaves young hints to their pushes", async (context) => {
    const { handoff, clock, hints, arrived } = await owing(context, {
      old: Date.now() - 9000,
      young: Date.now() + 9000,
    });
    await handoff.round();
    assert.deepEqual([[...arrived.keys()], [...hints.keys()]], [["old"], ["young"]]);
    clock.now += 20_000;
    await handoff.round();
    assert.deepEqual([[...arrived.keys()].sort(), [...hints.keys()]], [["old", "young"], []]);
  });

  it("delivers any number, reading the next page while one is applied, and settles all of it", async (context) => {
    const { handoff, hints, arrived, from, to, partitions } = await owing(context, numbered(5000));
    let [applying, reading, settling, together] = [0, 0, 0, 0];
    let settlingMost = 0;
    const turn = () => new Promise((resolve) => setImmediate(resolve));
    wrap(from, (partition) => ({
      hints: async (...parameters) => {
        reading++;
        if (applying > 0) together++;
        await turn();
        reading--;
        return partition.hints(...parameters);
      },
      settle: async (settled) => {
        settlingMost = Math.max(settlingMost, ++settling);
        for (const { key } of settled) assert.ok(arrived.has(key), `${key} is settled and was not delivered`);
        for (let turns = 0; turns < 20; turns++) await turn();
        settling--;
        return partition.settle(settled);
      },
    }));
    wrap(to, (partition) => ({
      apply: async (records) => {
        applying++;
        if (reading > 0) together++;
        await turn();
        await turn();
        applying--;
        return partition.apply(records);
      },
    }));
    await handoff.deliver(from, to);
    assert.deepEqual([arrived.size, hints.size, handoff.delivered], [5000, 0, 5000]);
    assert.deepEqual(arrived, partitions[0]!.state.records);
    assert.ok(together > 0, "nothing was read while something was applied");
    assert.equal(settlingMost, 1);
  });

  it("reads large records by themselves, a few at once", async (context) => {
    const size = 2 ** 20;
    assert.ok(size > hintedBytesMax);
    const { handoff, hints, arrived, from, to } = await owing(context, numbered(9), size);
    const lengths: number[] = [];
    wrap(to, (partition) => ({
      apply: async (records) => {
        lengths.push(records.length);
        return partition.apply(records);
      },
    }));
    await handoff.deliver(from, to);
    assert.deepEqual([arrived.size, hints.size], [9, 0]);
    assert.deepEqual(lengths, [4, 4, 1]);
  });

  it("keeps every hint whose delivery failed, and delivers it the next time", async (context) => {
    const { handoff, hints, arrived, from, to } = await owing(context, numbered(3000));
    let calls = 0;
    wrap(to, (partition) => ({
      apply: async (records) => {
        if (++calls === 2) throw new PartitionError("full", "p2", "no room");
        return partition.apply(records);
      },
    }));
    await assert.rejects(handoff.deliver(from, to), PartitionError);
    assert.equal(arrived.size + hints.size, 3000);
    await handoff.deliver(from, to);
    assert.deepEqual([arrived.size, hints.size], [3000, 0]);
  });

  it("fails when a hint could not be settled, and does no harm the next time", async (context) => {
    const { handoff, hints, arrived, from, to } = await owing(context, numbered(3000));
    let calls = 0;
    wrap(from, (partition) => ({
      settle: async (settled) => {
        if (++calls <= 1) throw new PartitionError("overloaded", "p1", "busy");
        return partition.settle(settled);
      },
    }));
    await assert.rejects(handoff.deliver(from, to), PartitionError);
    assert.ok(hints.size > 0);
    await handoff.deliver(from, to);
    assert.deepEqual([arrived.size, hints.size], [3000, 0]);
  });

  it("sets a record aside that the target refuses, and delivers all others", async (context) => {
    const { handoff, hints, arrived, from, to } = await owing(context, numbered(100));
    let calls = 0;
    wrap(to, (partition) => ({
      apply: async (records) => {
        calls++;
        if (records.some(({ key }) => key === "k42")) throw new PartitionError("rejected", "p2", "too large");
        return partition.apply(records);
      },
    }));
    await handoff.deliver(from, to);
    assert.deepEqual([arrived.size, [...hints.keys()]], [99, ["k42"]]);
    assert.deepEqual(handoff.setAside, [{ source: "p1", target: "p2", key: "k42", reason: "too large" }]);
    assert.ok(calls < 20, `${calls} calls to find one record`);
  });
});
