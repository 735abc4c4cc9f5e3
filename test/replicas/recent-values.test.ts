import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Large } from "../../src/partition.ts";
import { MemoryPartition } from "../../src/partitions/memory.ts";
import { type Record, tombstone } from "../../src/record.ts";
import { batching } from "../../src/replicas/batching.ts";
import { RecentValues } from "../../src/replicas/recent-values.ts";
import { systemRuntime } from "../../src/runtime.ts";
import { recordOf } from "../suites/partition/bench.ts";

const version = { stamp: 1n, writer: 1 };

function largeOf(key: string, of = version): Record {
  return recordOf(key, of, "large");
}

/** With a clock that is set. What was added stays in memory as long as `held` does. */
function recentValues() {
  let now = 0;
  const values = new RecentValues(() => now);
  const held: Record[] = [];
  return {
    at(elapsed: number) {
      now = elapsed;
    },
    add(record: Record): Record {
      held.push(record);
      values.add(record);
      return record;
    },
    find: (key: string, of = version) => values.find(key, of),
  };
}

describe("recent values", () => {
  it("are found when they were read again soon, and not before", () => {
    const { at, add, find } = recentValues();
    add(largeOf("k"));
    assert.equal(find("k"), undefined);
    at(50);
    const again = add(largeOf("k"));
    assert.equal(find("k"), again);
    assert.equal(find("other"), undefined);

    add(largeOf("seldom"));
    at(101);
    add(largeOf("seldom"));
    assert.equal(find("seldom"), undefined);
  });

  it("are found with the version that was asked for only", () => {
    const { add, find } = recentValues();
    const newer = { stamp: 1n, writer: 2 };
    add(largeOf("k"));
    add(largeOf("k"));
    assert.equal(find("k", newer), undefined);
    const record = add(largeOf("k", newer));
    assert.equal(find("k", newer), record);
    assert.equal(find("k"), undefined);
  });

  it("are read again after a second", () => {
    const { at, add, find } = recentValues();
    add(largeOf("k"));
    const record = add(largeOf("k"));
    at(1000);
    assert.equal(find("k"), record);
    at(1001);
    assert.equal(find("k"), undefined);
  });

  it("are of the last thousand keys", () => {
    const { add, find } = recentValues();
    for (const key of ["first", "first", "second"]) add(largeOf(key));
    const second = add(largeOf("second"));
    for (let number = 0; number < 998; number++) add(largeOf(`k${number}`));
    assert.notEqual(find("first"), undefined);
    add(largeOf("one more"));
    assert.equal(find("first"), undefined);
    assert.equal(find("second"), second);
  });
});

describe("a popular large value, read in batches", () => {
  it("is read again only when it has changed", async () => {
    const memory = new MemoryPartition("p1");
    let reads = 0;
    const read = (keys: readonly string[]) => {
      reads++;
      return memory.read(keys);
    };
    const readSmall = async (keys: readonly string[]): Promise<(Large | undefined)[]> =>
      (await memory.read(keys)).map((record) => record && { isLarge: true, version: record.version });
    const options = { readLanes: 1, writeLanes: 1, waitMsMax: 2000 };
    const runtime = { ...systemRuntime, elapsed: () => 0 };
    const partition = batching(Object.assign(Object.create(memory), { read, readSmall }), runtime, options);
    const get = async () => (await partition.read(["k"]))[0]!;

    await memory.apply([largeOf("k")]);
    const held = [await get(), await get()];
    assert.equal(reads, 2);
    assert.equal(await get(), held[1]);
    assert.equal(await partition.readLarge!("k", { isLarge: true, version }), held[1]);
    assert.equal(reads, 2);

    const newer = { stamp: 2n, writer: 1 };
    await memory.apply([largeOf("k", newer)]);
    held.push(await get());
    assert.deepEqual(held.at(-1)!.version, newer);
    assert.equal(reads, 3);
    await memory.apply([{ ...tombstone, key: "k", version: { stamp: 3n, writer: 1 } }]);
    assert.equal((await get()).isTombstone, true);
  });
});
