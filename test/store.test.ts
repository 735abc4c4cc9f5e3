import assert from "node:assert/strict";
import { afterEach, describe, it, type TestContext } from "node:test";
import { StoreError } from "../src/errors.ts";
import { hashBucket, keyBucket, keyHash } from "../src/replicas/hash.ts";
import { Placement } from "../src/replicas/placement.ts";
import type { Store } from "../src/store.ts";
import type { NewContent, WriteOptions } from "../src/store-types.ts";
import { compareVersions, formatVersion, parseVersion } from "../src/version.ts";
import type { FaultyPartition } from "./support/faulty-partition.ts";
import { eventually, type MemoryStore, memoryStore } from "./support/memory-store.ts";

const open: Store[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((store) => store.close()));
});

async function start(options?: Parameters<typeof memoryStore>[0]): Promise<MemoryStore> {
  const started = await memoryStore(options);
  open.push(started.store);
  return started;
}

function text(value: string, expires = 0): NewContent {
  return { value: Buffer.from(value), type: "text/plain", metadata: "", expires };
}

async function textAt(store: Store, key: string, options = {}): Promise<string | undefined> {
  const record = await store.get(key, options);
  return record && Buffer.from(record.value).toString();
}

function fails(code: StoreError["code"]): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof StoreError, String(error));
    assert.equal(error.code, code, error.message);
    return true;
  };
}

/** A key whose home is `p1`, `p2` … of `count` partitions. */
function keyAtHome(home: string, count: number): string {
  const names = Array.from({ length: count }, (_, index) => ({ name: `p${index + 1}`, weight: 1 }));
  const placement = new Placement(names, "all");
  for (let number = 0; ; number++) {
    const key = `key-${number}`;
    if (names[placement.replica(keyBucket(key), 0)]?.name === home) return key;
  }
}

describe("store", () => {
  it("gives back what was put, and nothing once it is deleted", async () => {
    const { store } = await start();
    assert.equal(await store.get("a"), undefined);
    const put = await store.put("a", text("1"));
    assert.equal(put.existed, false);
    assert.equal(await textAt(store, "a"), "1");
    assert.equal((await store.delete("a")).existed, true);
    assert.equal(await store.get("a"), undefined);
    assert.equal((await store.delete("a")).existed, false);
  });

  it("gives each write of a key a greater version, also after a delete", async () => {
    const { store } = await start();
    const versions = [];
    for (let turn = 0; turn < 5; turn++) {
      versions.push((await store.put("a", text(String(turn)))).version);
      versions.push((await store.delete("a")).version);
    }
    for (const [index, version] of versions.slice(1).entries())
      assert.ok(compareVersions(version, versions[index]!) > 0);
  });

  it("treats an expired record as absent", async () => {
    const { store } = await start();
    await store.put("a", text("1", Date.now() - 1));
    assert.equal(await store.get("a"), undefined);
    assert.deepEqual((await store.list({ prefix: "", isReverse: false, limit: 10, withValues: false })).records, []);
    assert.equal((await store.put("a", text("2"))).existed, false);
  });

  it("stores under a condition only when it holds", async () => {
    const { store } = await start();
    const absent: WriteOptions = { condition: { ifNoneMatch: "*" } };
    const { version } = await store.put("a", text("1"), absent);
    await assert.rejects(store.put("a", text("2"), absent), fails("precondition_failed"));
    await store.put("a", text("3"), { condition: { ifMatch: [formatVersion(version)] } });
    await assert.rejects(
      store.put("a", text("4"), { condition: { ifMatch: [formatVersion(version)] } }),
      fails("precondition_failed"),
    );
    assert.equal(await textAt(store, "a"), "3");
  });

  it("applies a request id once, and refuses it for another payload", async () => {
    const { store } = await start();
    const request = { id: "r1", digest: "d1" };
    const first = await store.put("a", text("1"), { request });
    await store.put("a", text("2"));
    const again = await store.put("a", text("1"), { request });
    assert.ok(again.isReplay);
    assert.equal(compareVersions(again.version, first.version), 0);
    assert.equal(again.existed, false);
    assert.equal(await textAt(store, "a"), "2");
    await assert.rejects(store.put("a", text("9"), { request: { id: "r1", digest: "d2" } }), fails("request_reused"));
  });

  it("loses no update when many change one key at once", async () => {
    const { store } = await start();
    await store.put("n", text("0"));
    const increment = () =>
      store.update("n", (current) => ({
        ...current,
        value: Buffer.from(String(Number(Buffer.from(current.value)) + 1)),
      }));
    await Promise.all(Array.from({ length: 12 }, increment));
    assert.equal(await textAt(store, "n"), "12");
  });

  it("repeats the answer of an update with the same request id, even when the key is gone", async () => {
    const { store } = await start();
    await store.put("n", text("0"));
    const request = { id: "u", digest: "d" };
    const { version } = await store.update("n", (current) => current, { request });
    await store.delete("n");
    assert.equal(
      formatVersion((await store.update("n", (current) => current, { request })).version),
      formatVersion(version),
    );
    await assert.rejects(
      store.update("n", (current) => current),
      fails("not_found"),
    );
  });
});

describe("replication", () => {
  it("carries every write to all replicas and leaves no hint behind", async () => {
    const { store, partitions } = await start({ partitions: 3 });
    for (let number = 0; number < 50; number++) await store.put(`key-${number}`, text(String(number)));
    await store.delete("key-7");
    for (const { memory } of partitions) await eventually(async () => (await memory.owed()).length === 0);
    const copies = await Promise.all(partitions.map(({ memory }) => memory.read(["key-3", "key-7"])));
    assert.deepEqual(copies[0], copies[1]);
    assert.deepEqual(copies[1], copies[2]);
  });

  it("waits for as many replicas as the write concern says", async () => {
    const { store, partitions } = await start({ partitions: 3 });
    const result = await store.put("a", text("1"), { writeConcern: "all" });
    assert.equal(result.confirmed, 3);
    for (const { memory } of partitions) assert.ok((await memory.read(["a"]))[0]);
  });

  it("says that a write is stored when too few replicas confirm it", async () => {
    const { store, partitions } = await start({ partitions: 2 });
    const key = keyAtHome("p1", 2);
    partitions[1]!.faults.refusesDeliveries = true;
    await assert.rejects(store.put(key, text("1"), { writeConcern: 2 }), fails("write_concern_unmet"));
    assert.equal(await textAt(store, key), "1");
    await assert.rejects(store.put(key, text("1"), { writeConcern: 3 }), fails("invalid_query"));
  });

  it("waits for confirmations no longer than it is asked to", async () => {
    const { store, partitions } = await start({ partitions: 2, requestTimeoutMs: 600_000 });
    const key = keyAtHome("p1", 2);
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const other = partitions[1]!.memory;
    const apply = other.apply.bind(other);
    other.apply = async (...parameters) => {
      await released;
      return apply(...parameters);
    };
    await assert.rejects(store.put(key, text("1"), { writeConcern: 2, waitMs: 20 }), fails("write_concern_unmet"));
    release();
    await eventually(async () => (await other.read([key]))[0] !== undefined);
    assert.equal((await store.put(key, text("2"), { writeConcern: 2, waitMs: 60_000 })).confirmed, 2);
  });

  it("reads the greatest version of a quorum and repairs the others", async () => {
    const { store, partitions } = await start({ partitions: 3 });
    await store.put("a", text("old"), { writeConcern: "all" });
    const [present] = await partitions[0]!.memory.read(["a"]);
    const newer = {
      ...present!,
      value: Buffer.from("new"),
      version: { ...present!.version, stamp: present!.version.stamp + 5n },
    };
    await partitions[2]!.memory.apply([newer]);
    assert.equal(await textAt(store, "a", { readConcern: "all" }), "new");
    await eventually(async () => {
      const copies = await Promise.all(partitions.map(({ memory }) => memory.read(["a"])));
      return copies.every(([copy]) => copy?.version.stamp === newer.version.stamp);
    });
  });

  it("lists each key once, in the order of bytes, whichever partitions hold it", async () => {
    const { store } = await start({ partitions: 4, replicas: 2 });
    const keys = ["a", "a/b", "a/c/d", "b", "\u{1f600}", "\uffff", "é", "z"];
    for (const key of keys) await store.put(key, text(key));
    const expected = [...keys].sort((x, y) => Buffer.compare(Buffer.from(x), Buffer.from(y)));
    const range = { prefix: "", isReverse: false, limit: 3, withValues: true };
    for (const isReverse of [false, true]) {
      const found = [];
      for (let after: string | undefined; ; ) {
        const page = await store.list({ ...range, isReverse, after });
        found.push(...page.records.map((record) => record.key));
        for (const record of page.records) assert.equal(Buffer.from(record.value).toString(), record.key);
        if (page.next === undefined) break;
        after = page.next;
      }
      assert.deepEqual(found, isReverse ? expected.toReversed() : expected);
    }
  });

  it("rolls keys up to common prefixes, page by page and in both directions", async () => {
    const { store } = await start({ partitions: 3 });
    for (const folder of ["a", "b", "c"]) {
      for (let number = 0; number < 40; number++) await store.put(`x/${folder}/${number}`, text(""));
    }
    await store.put("x/a", text(""));
    await store.put("x/d", text(""));
    for (const isReverse of [false, true]) {
      const found = [];
      for (let after: string | undefined; ; ) {
        const page = await store.list({ prefix: "x/", delimiter: "/", isReverse, limit: 2, withValues: false, after });
        found.push(...[...page.prefixes, ...page.records.map((record) => record.key)].sort());
        if (page.next === undefined) break;
        after = page.next;
      }
      assert.deepEqual(found.sort(), ["x/a", "x/a/", "x/b/", "x/c/", "x/d"]);
    }
  });
});

describe("a partition that is away", () => {
  it("is stood in for, and gets the write when it is back", async () => {
    const { store, partitions } = await start({ partitions: 2 });
    const key = keyAtHome("p1", 2);
    await store.put(key, text("1"), { writeConcern: "all" });
    partitions[0]!.faults.isDown = true;
    const result = await store.put(key, text("2"));
    assert.equal(result.existed, undefined);
    assert.equal(await textAt(store, key), "2");
    partitions[0]!.faults.isDown = false;
    await eventually(async () => (await store.status()).partitions.every(({ state }) => state === "steady"));
    const [delivered] = await partitions[0]!.memory.read([key]);
    assert.equal(Buffer.from(delivered!.value).toString(), "2", "it was steady before it had caught up");
  });

  it("decides nothing while a write that was taken for it is out of reach, and serves the rest", async () => {
    const { store, partitions } = await start({ partitions: 2, catchUpMs: 50 });
    const key = keyAtHome("p1", 2);
    partitions[0]!.faults.isDown = true;
    await store.put(key, text("1"));
    partitions[1]!.faults.isDown = true;
    await assert.rejects(store.get(key), fails("no_replica"));
    partitions[0]!.faults.isDown = false;
    await eventually(async () => (await store.status()).partitions[0]!.state === "steady");
    assert.equal(await store.get(key), undefined, "it is served without what is out of reach");
    await assert.rejects(store.put(key, text("2"), { condition: { ifNoneMatch: "*" } }), fails("home_unavailable"));
    partitions[1]!.faults.isDown = false;
    await eventually(async () => (await textAt(store, key)) === "1");
    await eventually(async () => {
      const refused = await store.put(key, text("2"), { condition: { ifNoneMatch: "*" } }).catch((error) => error);
      return refused.code === "precondition_failed";
    });
  });

  it("leaves conditional writes of its keys to be tried again", async () => {
    const { store, partitions } = await start({ partitions: 2 });
    const key = keyAtHome("p1", 2);
    partitions[0]!.faults.isDown = true;
    await store.put(key, text("1"));
    await assert.rejects(store.put(key, text("2"), { condition: { ifMatch: "*" } }), fails("home_unavailable"));
    await assert.rejects(store.put(key, text("2"), { request: { id: "r", digest: "d" } }), fails("home_unavailable"));
    await assert.rejects(
      store.update(key, (current) => current),
      fails("home_unavailable"),
    );
  });

  it("lets plain writes wait as well when stand-ins are off", async () => {
    const { store, partitions } = await start({ partitions: 2, standIn: false });
    const key = keyAtHome("p1", 2);
    partitions[0]!.faults.isDown = true;
    await assert.rejects(store.put(key, text("1")), fails("home_unavailable"));
    await assert.rejects(store.put(key, text("1")), fails("home_unavailable"));
  });

  it("is noticed once, and not asked again by later requests", async () => {
    const { store, partitions } = await start({ partitions: 2 });
    const key = keyAtHome("p1", 2);
    partitions[0]!.faults.isDown = true;
    for (let turn = 0; turn < 20; turn++) await store.get(key);
    assert.equal(partitions[0]!.calls.get("read"), 1);
  });

  it("fails requests plainly when no replica is left, and recovers", async () => {
    const { store, partitions } = await start({ partitions: 2 });
    for (const { faults } of partitions) faults.isDown = true;
    await assert.rejects(store.get("a"), fails("no_replica"));
    await assert.rejects(store.put("a", text("1")), fails("no_replica"));
    await assert.rejects(
      store.list({ prefix: "", isReverse: false, limit: 1, withValues: false }),
      fails("no_replica"),
    );
    assert.equal(store.readiness().length, 1);
    for (const { faults } of partitions) faults.isDown = false;
    await eventually(() => store.readiness().length === 0);
    await store.put("a", text("1"));
  });

  it("never gives a client less than its clock token knows of", async () => {
    const { store, partitions } = await start({ partitions: 2 });
    const key = keyAtHome("p1", 2);
    await store.put(key, text("old"), { writeConcern: "all" });
    partitions[1]!.faults.refusesDeliveries = true;
    const { clock } = await store.put(key, text("new"));
    partitions[0]!.faults.isDown = true;
    await assert.rejects(store.get(key, { clock }), fails("not_fresh_enough"));
    partitions[0]!.faults.isDown = false;
    await eventually(async () => (await textAt(store, key, { clock }).catch(() => undefined)) === "new");
  });

  it("waits for the version that a clock token names, and not for ever", async () => {
    const { store, partitions } = await start({ partitions: 2 });
    const key = keyAtHome("p1", 2);
    await store.put(key, text("old"), { writeConcern: "all" });
    const [home, other] = partitions;
    other!.faults.refusesDeliveries = true;
    const { clock } = await store.put(key, text("new"));
    const [newer] = await home!.memory.read([key]);
    home!.faults.isDown = true;
    await assert.rejects(store.get(key, { clock, waitMs: 0 }), fails("not_fresh_enough"));
    const waiting = textAt(store, key, { clock, waitMs: 60_000 });
    const asked = other!.calls.get("read") ?? 0;
    await eventually(() => (other!.calls.get("read") ?? 0) > asked + 2);
    await other!.memory.apply([newer!]);
    assert.equal(await waiting, "new");
  });

  it("never lets a stand-in's write lose to one that the client's clock token knows of", async () => {
    const { store, partitions } = await start({ partitions: 2 });
    const key = keyAtHome("p1", 2);
    const { version } = await store.put(key, text("1"));
    const ahead = { stamp: version.stamp + (5000n << 16n), writes: [{ hash: keyHash(key), version }] };
    partitions[0]!.faults.isDown = true;
    const result = await store.put(key, text("2"), { clock: ahead });
    assert.ok(result.version.stamp > ahead.stamp);
  });
});

/** A put whose home gets it at once and deals with it an hour later, when `prepare` was called. */
async function heldUpForAnHour(context: TestContext, prepare: (faults: FaultyPartition["faults"]) => void) {
  context.mock.timers.enable({ apis: ["Date"], now: Date.now() });
  const { store, partitions } = await start({ partitions: 2 });
  const [home, other] = partitions as [FaultyPartition, FaultyPartition];
  const key = keyAtHome("p1", 2);
  const held = Promise.withResolvers<void>();
  home.faults.hold = held.promise;
  const outcome = store.put(key, text("1"));
  await eventually(() => home.calls.get("write") === 1);
  context.mock.timers.tick(3_600_000);
  prepare(home.faults);
  held.resolve();
  return { outcome, readOther: () => other.memory.read([key]) };
}

describe("a write that was held up for hours", () => {
  it("is not sent any more, because a partition that was restored meanwhile might take its stamp", async (context) => {
    const { outcome, readOther } = await heldUpForAnHour(context, (faults) => {
      faults.isDown = true;
    });
    await assert.rejects(outcome, fails("overloaded"));
    assert.deepEqual(await readOther(), [undefined]);
  });
});

describe("a write whose answer is lost", () => {
  for (const fate of ["applied", "not_applied"] as const) {
    it(`is applied exactly once when it was ${fate} at the home`, async () => {
      const { store, partitions } = await start({ partitions: 2 });
      const key = keyAtHome("p1", 2);
      partitions[0]!.faults.loseNextCommit = fate;
      const { version, existed } = await store.put(key, text("1"));
      assert.equal(existed, undefined, "a stand-in took it in the end, which cannot know");
      await eventually(async () => {
        const copies = await Promise.all(partitions.map(({ memory }) => memory.read([key])));
        return copies.every(([copy]) => copy !== undefined && compareVersions(copy.version, version) === 0);
      });
      assert.equal(await textAt(store, key), "1");
    });

    it(`is decided by the home alone when it was conditional and ${fate}`, async () => {
      const { store, partitions } = await start({ partitions: 2 });
      const key = keyAtHome("p1", 2);
      partitions[0]!.faults.loseNextCommit = fate;
      const { existed } = await store.put(key, text("1"), { condition: { ifNoneMatch: "*" } });
      assert.equal(existed, false);
      assert.equal(await textAt(store, key), "1");
    });

    for (const before of [undefined, "0"]) {
      it(`tells what it replaced, ${before ?? "nothing"}, when it was ${fate} and its home took it again`, async () => {
        const { store, partitions } = await start({ partitions: 2, standIn: false });
        const key = keyAtHome("p1", 2);
        if (before !== undefined) await store.put(key, text(before));
        partitions[0]!.faults.loseNextCommit = fate;
        const { existed } = await store.put(key, text("1"));
        assert.equal(existed, before !== undefined);
        assert.equal(await textAt(store, key), "1");
      });
    }
  }

  it("is unknown when a newer one is there and nobody can tell whether it was ever stored", async () => {
    const { store, partitions } = await start({ partitions: 1 });
    const { faults, memory } = partitions[0]!;
    await store.put("a", text("0"));
    const [record] = await memory.read(["a"]);
    const condition = { ifMatch: [formatVersion(record!.version)] };
    faults.loseNextCommit = "not_applied";
    const lost = store.put("a", text("1"));
    await eventually(() => faults.loseNextCommit === undefined);
    const version = { ...record!.version, stamp: record!.version.stamp + (9000n << 16n) };
    const write = { key: "a", content: record!, stamp: version.stamp, writer: version.writer, now: Date.now() };
    const [conditional] = await memory.write([{ ...write, condition, owed: [], standIn: false, epoch: 1 }]);
    assert.equal(conditional?.kind, "applied", "it was decided as if the lost one had never been");
    await assert.rejects(lost, fails("outcome_unknown"));
    assert.equal((await store.status()).sync.unknownOutcomes, 1);
  });

  it("does not refuse another one that was judged by it and was lost with it", async () => {
    const { store, partitions } = await start({ partitions: 1 });
    const { faults, memory } = partitions[0]!;
    await store.put("a", text("0"));
    const condition = { ifMatch: [formatVersion((await memory.read(["a"]))[0]!.version)] };
    faults.loseNextCommit = "not_applied";
    // They leave in one batch, and its transaction comes to nothing.
    const [first, second] = [store.put("a", text("1")), store.put("a", text("2"), { condition })];
    await assert.rejects(second, fails("home_unavailable"));
    await first;
  });

  it("is not repeated hours later, when what is newer may have been purged", async (context) => {
    const { outcome, readOther } = await heldUpForAnHour(context, (faults) => {
      faults.loseNextCommit = "not_applied";
    });
    await assert.rejects(outcome, fails("outcome_unknown"));
    assert.deepEqual(await readOther(), [undefined]);
  });

  it("is unknown when the home stays away", async () => {
    const { store, partitions } = await start({ partitions: 2, requestTimeoutMs: 100 });
    const key = keyAtHome("p1", 2);
    const { faults } = partitions[0]!;
    faults.loseNextCommit = "applied";
    const outcome = store.put(key, text("1"), { condition: { ifNoneMatch: "*" } });
    setImmediate(() => {
      faults.isDown = true;
    });
    await assert.rejects(outcome, fails("outcome_unknown"));
  });

  it("is unknown when another write replaced it meanwhile", async () => {
    const { store, partitions } = await start({ partitions: 1 });
    const { faults, memory } = partitions[0]!;
    faults.loseNextCommit = "applied";
    const outcome = store.put("a", text("1"), { condition: { ifNoneMatch: "*" } });
    await eventually(async () => (await memory.read(["a"]))[0] !== undefined);
    const [record] = await memory.read(["a"]);
    await memory.apply([{ ...record!, version: { ...record!.version, stamp: record!.version.stamp + 9n } }]);
    await assert.rejects(outcome, fails("outcome_unknown"));
  });
});

describe("a partition in trouble", () => {
  it("answers 507 when it is full and 503 when too much waits, without a stand-in", async () => {
    const { store, partitions } = await start({ partitions: 2 });
    const key = keyAtHome("p1", 2);
    partitions[0]!.faults.nextWriteError = "full";
    await assert.rejects(store.put(key, text("1")), fails("storage_full"));
    partitions[0]!.faults.nextWriteError = "overloaded";
    await assert.rejects(store.put(key, text("1")), fails("overloaded"));
    assert.equal(await store.get(key), undefined);
  });
});

describe("versions as text", () => {
  it("come back as they were", async () => {
    const { store } = await start();
    const { version } = await store.put("a", text("1"));
    assert.deepEqual(parseVersion(formatVersion(version)), version);
    assert.equal(hashBucket(keyHash("a")), keyBucket("a"));
  });
});
