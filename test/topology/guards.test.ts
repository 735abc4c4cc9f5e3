import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { assembleStore } from "../../src/assemble-store.ts";
import type { StoreError } from "../../src/errors.ts";
import { type Partition, PartitionError } from "../../src/partition.ts";
import { keyBucket } from "../../src/replicas/hash.ts";
import { Placement } from "../../src/replicas/placement.ts";
import { type Runtime, systemRuntime } from "../../src/runtime.ts";
import type { Store } from "../../src/store.ts";
import { begun, finished, switched, type Topology } from "../../src/topology/topology.ts";
import { formatVersion, stampAt } from "../../src/version.ts";
import { type FaultyPartition, faultyPartition } from "../support/faulty-partition.ts";
import { eventually, silentLog } from "../support/memory-store.ts";

/** Everything waits a fiftieth of its time. */
const fast: Runtime = {
  ...systemRuntime,
  elapsed: () => performance.now() * 50,
  after: (delayMs, run) => systemRuntime.after(delayMs / 50, run),
};

let store: Store | undefined;
afterEach(() => store?.close());

const first: Topology = {
  epoch: 1,
  members: ["p1", "p2", "p3"].map((name) => ({ name, weight: 1 })),
  replicas: 1,
  gone: [],
};
const filling = begun(first, { kind: "drain", name: "p1" }, "id");
const switching = switched(filling, Date.now());
const content = (text: string) => ({ value: Buffer.from(text), type: "", metadata: "", expires: 0 });

/** A key with these homes, before and after `p1` is drained. */
function keyOf(before: string, after: string): string {
  const homeBy = (members: Topology["members"], key: string) =>
    members[new Placement(members, 1).replica(keyBucket(key), 0)]!.name;
  const next = finished(switching).members;
  for (let number = 0; ; number++) {
    const key = `key-${number}`;
    if (homeBy(first.members, key) === before && homeBy(next, key) === after) return key;
  }
}

/** A key whose replicas are these, home first. */
function keyOn(members: Topology["members"], names: readonly string[]): string {
  const placement = new Placement(members, names.length);
  for (let number = 0; ; number++) {
    const key = `key-${number}`;
    const held = Array.from(placement.replicasOf(keyBucket(key)), (index) => members[index]!.name);
    if (held.join() === names.join()) return key;
  }
}

async function partitionsWith(topology: Topology): Promise<Map<string, FaultyPartition>> {
  const partitions = ["p1", "p2", "p3"].map(faultyPartition);
  for (const { memory } of partitions) {
    await memory.initialise({ cluster: "test", partition: memory.name });
    await memory.adopt(topology);
  }
  return new Map(partitions.map((each) => [each.memory.name, each]));
}

function open(partitions: ReadonlyMap<string, FaultyPartition>, catchUpMs: number, replicas = 1): Promise<Store> {
  return assembleStore(
    [...partitions].map(([name, { partition }]) => ({ name, weight: 1, displayUrl: name, partition })),
    {
      cluster: "test",
      replicas,
      standIn: true,
      requestTimeoutMs: 5000,
      catchUpMs,
      purgeAfterMs: 24 * 3_600_000,
      passIntervalMs: 10_000_000,
      purgeIntervalMs: 10_000_000,
      isSyncing: false,
      runtime: fast,
      log: silentLog,
    },
  );
}

describe("a new home", () => {
  it("decides only when it has what the old one decided, and its request ids", async () => {
    const partitions = await partitionsWith(filling);
    const key = keyOf("p1", "p2");
    const old = partitions.get("p1")!;
    const now = Date.now();
    const request = { id: "r1", digest: "d1" };
    const write = { key, content: { ...content("old"), isTombstone: false }, stamp: stampAt(now), writer: 1, now };
    const [outcome] = await old.memory.write([{ ...write, request, owed: ["p2"], standIn: false, epoch: 2 }]);
    assert.ok(outcome?.kind === "applied");
    for (const name of ["p2", "p3"]) await partitions.get(name)!.memory.adopt(switching);
    old.faults.isDown = true;
    store = await open(partitions, 1e9);
    const condition = { ifMatch: [formatVersion(outcome.version)] };
    await assert.rejects(store.put(key, content("new"), { condition }), { code: "home_unavailable" });
    await assert.rejects(store.put(key, content("new"), { condition: { ifNoneMatch: "*" } }), {
      code: "home_unavailable",
    });
    old.faults.isDown = false;
    await eventually(async () => (await partitions.get("p2")!.memory.read([key]))[0] !== undefined);
    await eventually(() => store!.topology.current().epoch === 3 && !old.faults.isDown);
    const again = await eventual(() => store!.put(key, content("old"), { request }));
    assert.deepEqual([again.isReplay, again.version], [true, outcome.version]);
    const { version } = await store.put(key, content("new"), { condition });
    assert.ok(version.stamp > outcome.version.stamp);
    assert.equal((await old.memory.topology()).topology?.epoch, 3, "it takes no write by the epoch before");
  });

  it("serves plain operations without an old member that stays away", async () => {
    const partitions = await partitionsWith(switching);
    const key = keyOf("p1", "p2");
    partitions.get("p1")!.faults.isDown = true;
    store = await open(partitions, 100);
    await eventually(async () => {
      const written = await store!.put(key, content("plain")).catch(() => undefined);
      return written !== undefined;
    });
    assert.equal((await store.get(key))?.value.toString(), "plain");
    await assert.rejects(store.put(key, content("x"), { condition: { ifMatch: "*" } }), { code: "home_unavailable" });
  });
});

describe("a former home", () => {
  for (const isLearned of [false, true]) {
    it(`is not believed that there is nothing to change${isLearned ? ", also when its answer is late" : ""}`, async () => {
      const partitions = await partitionsWith(first);
      const key = keyOf("p1", "p2");
      store = await open(partitions, 100);
      const { faults, calls } = partitions.get("p1")!;
      const held = Promise.withResolvers<void>();
      if (isLearned) faults.hold = held.promise;
      const change = () => store!.update(key, ({ value }) => content(`${Buffer.from(value)}, two`));
      const early = isLearned ? change() : undefined;
      if (isLearned) await eventually(() => calls.get("read") === 1);
      for (const { memory } of partitions.values()) {
        for (const topology of [filling, switching, finished(switching)]) await memory.adopt(topology);
      }
      const { memory } = partitions.get("p2")!;
      const write = { key, content: { ...content("one"), isTombstone: false }, writer: 1, now: Date.now() };
      const [outcome] = await memory.write([{ ...write, stamp: 1n, owed: [], standIn: false, epoch: 4 }]);
      assert.equal(outcome?.kind, "applied");
      if (isLearned) await store.topology.refresh();
      held.resolve();
      const { existed } = await (early ?? change());
      assert.equal(existed, true);
      assert.equal((await memory.read([key]))[0]?.value.toString(), "one, two");
    });
  }
});

describe("a home that is given up as lost", () => {
  const conditional = { condition: { ifMatch: "*" } } as const;

  it("leaves its decisions to the one other replica as soon as the change has begun", async () => {
    const before: Topology = { ...first, replicas: 2 };
    const partitions = await partitionsWith(before);
    const key = keyOn(before.members, ["p1", "p2"]);
    store = await open(partitions, 100, 2);
    await store.put(key, content("one"), { writeConcern: 2 });
    const lost = partitions.get("p1")!;
    lost.faults.isDown = true;
    const decided = () => store!.put(key, content("two"), conditional);
    const isRefused = (error: StoreError) => error.code === "home_unavailable";
    await eventually(() => decided().then(() => false, isRefused));
    await store.topology.begin({ kind: "drain", name: "p1", isLost: true });
    assert.equal((await decided()).existed, true);

    // And keeps them when the change is given up, whether the lost one comes back or not.
    await store.topology.cancel();
    assert.equal((await decided()).existed, true);
    lost.faults.isDown = false;
    await eventually(async () => (await store!.status()).partitions.every(({ state }) => state === "steady"));
    const { version } = await decided();
    assert.deepEqual((await partitions.get("p2")!.memory.read([key]))[0]?.version, version);
    assert.deepEqual((await store.get(key))?.version, version);
    await eventually(async () => (await lost.memory.read([key]))[0]?.version.stamp === version.stamp);

    // Until a change is done, which moves homes as any does.
    await store.topology.begin({ kind: "weight", name: "p3", weight: 1.01 });
    await eventually(async () => {
      await store!.sync.changeTopology();
      return store!.topology.current().change === undefined;
    });
    assert.equal(store.topology.current().givenUp, undefined);
    const last = await eventual(() => store!.put(key, content("three"), conditional));
    assert.deepEqual((await lost.memory.read([key]))[0]?.version, last.version);
  });

  it("keeps them where several others hold the key, each of which may have what the rest lacks", async () => {
    const before: Topology = { ...first, replicas: 3 };
    const partitions = await partitionsWith(before);
    const key = keyOn(before.members, ["p1", "p2", "p3"]);
    store = await open(partitions, 100, 3);
    await store.put(key, content("one"), { writeConcern: 3 });
    partitions.get("p1")!.faults.isDown = true;
    await eventually(async () => (await store!.status()).partitions.some(({ state }) => state === "away"));
    // No command does both at once, but so it needs no fourth partition.
    const topology = begun(before, { kind: "replicas", replicas: 2 }, "id");
    const lost = { ...topology, change: { ...topology.change!, lost: "p1" } };
    store.topology.adopt(lost);
    for (const name of ["p2", "p3"]) await partitions.get(name)!.memory.adopt(lost);
    await assert.rejects(store.put(key, content("two"), conditional), { code: "home_unavailable" });
    assert.equal((await store.put(key, content("two"))).existed, undefined);
  });
});

describe("what moved away", () => {
  it("is removed only when those who hold it have it, and is given on to them before", async () => {
    const partitions = await partitionsWith({ ...first, epoch: 2 });
    const key = keyOf("p2", "p2");
    const version = { stamp: stampAt(Date.now()), writer: 7 };
    const orphan = partitions.get("p3")!.memory;
    const owner = partitions.get("p2")!.memory;
    await orphan.apply([{ ...content("only here"), isTombstone: false, key, version }]);
    store = await open(partitions, 100);
    const isOn = async (memory: typeof owner) => (await memory.read([key]))[0] !== undefined;
    await store.sync.changeTopology();
    assert.ok(await isOn(orphan), "not before a minute is over: others may still read it there");
    while (!(await isOn(owner))) {
      assert.ok(await isOn(orphan), "it is gone for good");
      await store.sync.changeTopology();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.ok(await isOn(orphan));
    assert.equal((await owner.read([key]))[0]?.value.toString(), "only here");
  });

  it("is owed to nobody who has left, also where that could not be said at first", async () => {
    const partitions = await partitionsWith({ ...first, epoch: 2, gone: ["p9"] });
    const { partition, memory, ...rest } = partitions.get("p1")!;
    const write = { key: "a", content: { ...content("x"), isTombstone: false }, stamp: 1n, writer: 1, now: 1 };
    await memory.write([{ ...write, owed: ["p9"], standIn: false, epoch: 2 }]);
    let failures = 0;
    const busy = new Proxy(partition, {
      get: (target, property: keyof Partition) => {
        if (property !== "owed" || failures > 0) return target[property];
        return async () => {
          failures++;
          throw new PartitionError("overloaded", "p1", "the test says so");
        };
      },
    });
    store = await open(partitions.set("p1", { partition: busy, memory, ...rest }), 100);
    await eventually(async () => {
      await store!.sync.changeTopology();
      return (await memory.owed()).length === 0;
    });
    assert.equal(failures, 1);
  });
});

async function eventual<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    const result = await work().catch(() => undefined);
    if (result !== undefined) return result;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
