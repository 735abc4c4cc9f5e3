import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Partition, PartitionError, type Write } from "../../src/partition.ts";
import { MemoryPartition } from "../../src/partitions/memory.ts";
import { type BatchingOptions, batching } from "../../src/replicas/batching.ts";
import { systemRuntime } from "../../src/runtime.ts";

const oneLane: BatchingOptions = { readLanes: 1, writeLanes: 1, waitMsMax: 2000 };

/** A partition whose calls wait until they are released, and are counted; its queue's clock stands still. */
function gated(overrides: Partial<Partition> = {}, lanes = oneLane, runtime = { ...systemRuntime, elapsed: () => 0 }) {
  const memory = new MemoryPartition("p1");
  const lengths: number[] = [];
  let release = (): void => undefined;
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const partition: Partition = Object.assign(Object.create(memory), {
    read: async (keys: string[]) => {
      lengths.push(keys.length);
      await gate;
      return memory.read(keys);
    },
    write: async (writes: Write[]) => {
      lengths.push(writes.length);
      await gate;
      return memory.write(writes);
    },
    ...overrides,
  });
  return { partition: batching(partition, runtime, lanes), lengths, release: () => release() };
}

/** One lane of reads, each batch held until it is released, with a clock that is set. What became of reads, as counts. */
function heldReads() {
  let now = 0;
  let next = 0;
  const held: (() => void)[] = [];
  const memory = new MemoryPartition("p1");
  const read = async (keys: string[]) => {
    await new Promise<void>((resolve) => held.push(resolve));
    return memory.read(keys);
  };
  const runtime = { ...systemRuntime, elapsed: () => now };
  const partition = batching(Object.assign(Object.create(memory), { read }), runtime, oneLane);
  const outcome = async (key: string) => {
    try {
      await partition.read([key]);
      return "read";
    } catch (error) {
      assert.match((error as Error).message, /answers too slowly: .* more than 2000 ms/);
      return (error as PartitionError).kind;
    }
  };
  const begun = async () => {
    while (held.length === 0) await new Promise(setImmediate);
  };
  return {
    begun,
    async reads(count: number) {
      const outcomes = await Promise.all(Array.from({ length: count }, () => outcome(`k${next++}`)));
      const counts: { [kind: string]: number } = {};
      for (const kind of outcomes) counts[kind] = (counts[kind] ?? 0) + 1;
      return counts;
    },
    at(elapsed: number) {
      now = elapsed;
    },
    /** Lets the batch under way end, and what follows it begin. */
    async release() {
      await begun();
      held.shift()!();
      await new Promise(setImmediate);
      await new Promise(setImmediate);
    },
  };
}

/** When several turns of the event loop are over. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate);
}

function write(key: string, bytes = 1): Write {
  const content = { isTombstone: false, value: Buffer.alloc(bytes), type: "", metadata: "", expires: 0 };
  return { key, content, stamp: 1n, writer: 1, now: Date.now(), owed: [], standIn: false, epoch: 0 };
}

describe("batching", () => {
  it("sends what waits together as one batch while a lane is busy", async () => {
    const { partition, lengths, release } = gated();
    const first = partition.read(["a"]);
    await new Promise(setImmediate);
    const others = Array.from({ length: 10 }, (_, number) => partition.read([`k${number}`]));
    await new Promise(setImmediate);
    release();
    await Promise.all([first, ...others]);
    assert.deepEqual(lengths, [1, 10]);
  });

  it("reads a key once for all that wait for it, and again for whoever asks when that has begun", async () => {
    const { partition, lengths, release } = gated();
    const popular = (count: number) => Array.from({ length: count }, () => partition.read(["popular"]));
    const begun = popular(1);
    await settled();
    const waiting = [...popular(6000), partition.read(["other", "other"])];
    release();
    await Promise.all([...begun, ...waiting]);
    await Promise.all(popular(2));
    assert.deepEqual(lengths, [1, 2, 1]);
  });

  it("lets writes wait for the commit under way, until they are half as many", async () => {
    const { partition, lengths, release } = gated({}, { ...oneLane, writeLanes: 3 });
    const send = async (from: number, count: number) => {
      const sent = Array.from({ length: count }, (_, number) => partition.write([write(`k${from + number}`)]));
      await settled();
      return sent;
    };
    const all = [...(await send(0, 10)), ...(await send(10, 4))];
    assert.deepEqual(lengths, [10]);
    all.push(...(await send(14, 1)));
    assert.deepEqual(lengths, [10, 5]);
    all.push(...(await send(15, 7)));
    release();
    await Promise.all(all);
    assert.deepEqual(lengths, [10, 5, 7], "what waited left when those before it were done");
  });

  it("divides many writes into two batches, fewer than 32 not, and those that come between not again", async () => {
    const { partition, lengths, release } = gated({}, { ...oneLane, writeLanes: 2 });
    const few = Array.from({ length: 31 }, (_, number) => partition.write([write(`k${number}`)]));
    await settled();
    assert.deepEqual(lengths, [31]);
    release();
    await Promise.all(few);
    const many = Array.from({ length: 65 }, (_, number) => partition.write([write(`k${number}`)]));
    await Promise.all(many);
    assert.deepEqual(lengths, [31, 33, 32]);
  });

  it("divides them also where commits follow each other, but while each takes long", async () => {
    let now = 0;
    let commitMs = 1;
    const lengths: number[] = [];
    const commit = async (writes: Write[]) => {
      lengths.push(writes.length);
      now += commitMs;
      await settled();
      return writes.map(() => ({ kind: "applied" as const, version: { stamp: 1n, writer: 1 }, existed: false }));
    };
    const runtime = { ...systemRuntime, elapsed: () => now };
    const { partition } = gated({ write: commit }, { ...oneLane, writeLanes: 2, commitsInTurn: true }, runtime);
    const send = async () => {
      lengths.splice(0);
      await Promise.all(Array.from({ length: 64 }, (_, number) => partition.write([write(`k${number}`)])));
      return lengths;
    };
    assert.deepEqual(await send(), [32, 32]);
    commitMs = 20;
    for (let round = 0; round < 10; round++) await send();
    assert.deepEqual(await send(), [64]);
    commitMs = 1;
    for (let round = 0; round < 30; round++) await send();
    assert.deepEqual(await send(), [32, 32]);
  });

  it("lets nobody wait too long behind others: refuses at once where others do, begins nothing late, and recovers at once", async () => {
    const { reads, begun, release, at } = heldReads();
    const first = reads(1);
    await begun();
    const waiting = reads(600);
    for (const now of [1000, 1500]) {
      at(now);
      await release();
    }
    at(2001);
    assert.deepEqual(await reads(1), { overloaded: 1 });
    await release();
    const early = reads(1);
    await release();
    assert.deepEqual(await Promise.all([first, waiting, early]), [
      { read: 1 },
      { read: 512, overloaded: 88 },
      { read: 1 },
    ]);
  });

  it("does not send a write that waited while the process was stopped for more than half an hour", async () => {
    const turns: (() => void)[] = [];
    let now = Date.now();
    const runtime = { ...systemRuntime, now: () => now, soon: (run: () => void) => void turns.push(run) };
    const memory = new MemoryPartition("p1");
    const partition = batching(memory, runtime, oneLane);
    const before = partition.write([write("before")]);
    now += 31 * 60_000;
    const after = partition.write([{ ...write("after"), now }]);
    while (turns.length > 0) turns.shift()!();
    await assert.rejects(before, { kind: "overloaded", message: /stopped for so long/ });
    assert.equal((await after)[0]?.kind, "applied");
    assert.deepEqual(
      (await memory.read(["before", "after"])).map((record) => record?.key),
      [undefined, "after"],
    );
  });

  it("lets all wait for one that answers nothing, until it does or is lost", async () => {
    const { reads, begun, release, at } = heldReads();
    const first = reads(1);
    await begun();
    const waiting = reads(2);
    at(4000);
    const more = reads(1);
    await release();
    await release();
    assert.deepEqual(await Promise.all([first, waiting, more]), [{ read: 1 }, { read: 2 }, { read: 1 }]);
  });

  it("lets several writes wait while each turn brings more, eight turns at most, and a lone one not at all", async () => {
    const turns: (() => void)[] = [];
    const runtime = { ...systemRuntime, soon: (run: () => void) => void turns.push(run) };
    const lengths: number[] = [];
    const memory = new MemoryPartition("p1");
    const writeCounted = (writes: readonly Write[]) => {
      lengths.push(writes.length);
      return memory.write(writes);
    };
    const partition = batching(Object.assign(Object.create(memory), { write: writeCounted }), runtime, oneLane);
    const turn = () => {
      for (const run of turns.splice(0)) run();
    };

    const lone = partition.write([write("lone")]);
    turn();
    assert.deepEqual(lengths, [1]);
    await lone;

    const few = [partition.write([write("a")]), partition.write([write("b")])];
    turn();
    assert.deepEqual(lengths, [1], "two came in one turn, and the next may bring more");
    turn();
    assert.deepEqual(lengths, [1, 2]);
    await Promise.all(few);

    const many: Promise<unknown>[] = [];
    for (let number = 0; number < 9; number++) {
      many.push(partition.write([write(`k${number}`)]), partition.write([write(`l${number}`)]));
      turn();
    }
    assert.deepEqual(lengths, [1, 2, 16]);
    turn();
    await Promise.all(many.slice(0, 16));
    turn();
    turn();
    await Promise.all(many);
    assert.deepEqual(lengths, [1, 2, 16, 2]);
  });

  it("gives each caller the outcome of its own member", async () => {
    const { partition, release } = gated();
    release();
    const stored = await Promise.all([partition.write([write("a")]), partition.write([write("b"), write("a")])]);
    assert.deepEqual(
      stored.flat().map((outcome) => outcome.kind === "applied" && outcome.existed),
      [false, false, true],
    );
  });

  it("ends a batch before its values pass 4 MiB", async () => {
    const { partition, lengths, release } = gated();
    release();
    await partition.write(Array.from({ length: 5 }, (_, number) => write(`k${number}`, 1_500_000)));
    assert.deepEqual(lengths, [2, 2, 1]);
  });

  it("fails whatever waits as soon as the partition is found unreachable", async () => {
    const lost = new PartitionError("unreachable", "p1", "gone", {
      outcome: "unknown",
      attempted: [{ kind: "unknown" }],
    });
    const { partition, lengths } = gated({
      write: async (writes) => {
        lengths.push(writes.length);
        throw lost;
      },
    });
    const sent = partition.write([write("a")]);
    const waiting = Array.from({ length: 300 }, (_, number) => partition.write([write(`k${number}`)]));
    const outcomes = await Promise.allSettled([sent, ...waiting]);
    const errors = outcomes.map((outcome) =>
      outcome.status === "rejected" ? (outcome.reason as PartitionError) : undefined,
    );
    assert.equal(errors[0]?.outcome, "unknown");
    assert.equal(errors[0]?.attempted.length, 1);
    assert.equal(errors.at(-1)?.outcome, "not_applied", "what was not sent is certainly not applied");
    assert.equal(lengths.length, 1);
  });

  it("is overloaded when 5000 members wait, and serves again when they are gone", async () => {
    const { partition, release } = gated();
    const waiting = Array.from({ length: 5000 }, (_, number) => partition.read([`k${number}`]));
    await assert.rejects(partition.read(["one more"]), (error: PartitionError) => error.kind === "overloaded");
    release();
    await Promise.all(waiting);
    await partition.read(["one more"]);
  });

  it("is overloaded when 64 MiB of values wait", async () => {
    const { partition, release } = gated();
    const value = Buffer.alloc(2 ** 24);
    const big = (key: string): Write => ({ ...write(key), content: { ...write(key).content, value } });
    const waiting = Array.from({ length: 4 }, (_, number) => partition.write([big(`k${number}`)]));
    await assert.rejects(partition.write([big("one more")]), (error: PartitionError) => error.kind === "overloaded");
    release();
    await Promise.all(waiting);
  });
});
