import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { assembleStore } from "../../src/assemble-store.ts";
import { StoreError } from "../../src/errors.ts";
import { MemoryPartition, MemoryState } from "../../src/partitions/memory.ts";
import { batching } from "../../src/replicas/batching.ts";
import { keyBucket } from "../../src/replicas/hash.ts";
import { Placement } from "../../src/replicas/placement.ts";
import { type Runtime, systemRuntime } from "../../src/runtime.ts";
import type { Store } from "../../src/store.ts";
import type { ChangeRequest, Topology } from "../../src/topology/topology.ts";
import { eventually, silentLog } from "../support/memory-store.ts";

/** Everything waits a fiftieth of its time. */
const fast: Runtime = {
  ...systemRuntime,
  elapsed: () => performance.now() * 50,
  after: (delayMs, run) => systemRuntime.after(delayMs / 50, run),
};

const stores: Store[] = [];
afterEach(async () => {
  for (const store of stores.splice(0)) await store.close();
});

class Disks {
  readonly states = new Map<string, MemoryState>();

  async create(...names: string[]): Promise<void> {
    for (const name of names) {
      this.states.set(name, new MemoryState());
      await new MemoryPartition(name, this.states.get(name)).initialise({ cluster: "test", partition: name });
    }
  }

  /** Another front end, whose configuration has the partitions of these names, and finds others when it looks again. */
  async open(names: readonly string[], replicas: "all" | number, isSyncing = true): Promise<Store> {
    const configured = (name: string) => {
      const state = this.states.get(name) ?? new MemoryState();
      this.states.set(name, state);
      const partition = batching(new MemoryPartition(name, state), fast, {
        readLanes: 2,
        writeLanes: 2,
        waitMsMax: 60_000,
      });
      return { name, weight: 1, displayUrl: name, partition };
    };
    const store = await assembleStore(names.map(configured), {
      cluster: "test",
      replicas,
      standIn: true,
      requestTimeoutMs: 60_000,
      catchUpMs: 30_000,
      purgeAfterMs: 24 * 3_600_000,
      passIntervalMs: 60_000,
      purgeIntervalMs: 3_600_000,
      isSyncing,
      reload: async (name) => configured(name),
      runtime: fast,
      log: silentLog,
    });
    stores.push(store);
    return store;
  }

  /** Which of `keys` are not exactly on the replicas that `topology` gives them, and alike there. */
  misplaced(topology: Topology, keys: readonly string[]): string[] {
    const placement = new Placement(topology.members, topology.replicas);
    return keys.filter((key) => {
      const names = Array.from(placement.replicasOf(keyBucket(key)), (index) => topology.members[index]!.name);
      const members = topology.members.map(({ name }) => name);
      const holders = members.filter((name) => this.states.get(name)!.records.has(key));
      const versions = new Set(names.map((name) => this.states.get(name)!.records.get(key)?.version.stamp));
      return holders.sort().join() !== [...names].sort().join() || versions.size !== 1;
    });
  }
}

const content = (text: string) => ({ value: Buffer.from(text), type: "text/plain", metadata: "", expires: 0 });
const keysOf = (count: number) => Array.from({ length: count }, (_, index) => `key-${index}`);

/** A second is 20 ms here, so that what waits for a second may be refused. */
async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof StoreError) || !["home_unavailable", "no_replica"].includes(error.code)) throw error;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

/** Writes and reads through both front ends until it is told to end; gives what each key is to be. */
function load(front: readonly Store[], keys: readonly string[]) {
  let isOver = false;
  const expected = new Map<string, string>();
  const worker = async (number: number) => {
    for (let round = 0; !isOver; round++) {
      const key = keys[(round * 7 + number) % keys.length]!;
      // Each key has one writer, so that it is known what it must be.
      if (keys.indexOf(key) % 4 !== number) continue;
      const store = front[round % front.length]!;
      const value = `${number}-${round}`;
      const request = { id: `${number}-${round}`, digest: "d" };
      const result = await patiently(() => store.put(key, content(value), round % 5 === 0 ? { request } : {}));
      expected.set(key, value);
      const record = await front[(round + 1) % front.length]!.get(key, { clock: result.clock });
      assert.equal(record && Buffer.from(record.value).toString(), value);
      if (round % 5 === 0) {
        const again = await patiently(() => front[(round + 1) % front.length]!.put(key, content(value), { request }));
        assert.deepEqual([again.isReplay, again.version], [true, result.version]);
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  };
  const workers = Promise.all([0, 1, 2, 3].map(worker));
  return async () => {
    isOver = true;
    await workers;
    return expected;
  };
}

describe("changing the topology under load", () => {
  const changes: [ChangeRequest, "all" | number, string[]][] = [
    [{ kind: "add", name: "p4", weight: 1 }, 2, ["p1", "p2", "p3", "p4"]],
    [{ kind: "add", name: "p4", weight: 1 }, 1, ["p1", "p2", "p3", "p4"]],
    [{ kind: "drain", name: "p2" }, 2, ["p1", "p3"]],
    [{ kind: "drain", name: "p1" }, "all", ["p2", "p3"]],
    [{ kind: "replace", name: "p3", by: "p4" }, 2, ["p1", "p2", "p4"]],
    [{ kind: "weight", name: "p1", weight: 4 }, 2, ["p1", "p2", "p3"]],
    [{ kind: "replicas", replicas: 3 }, 2, ["p1", "p2", "p3"]],
    [{ kind: "replicas", replicas: 1 }, 2, ["p1", "p2", "p3"]],
  ];
  for (const [request, replicas, members] of changes) {
    it(`loses nothing, and applies every request once: ${JSON.stringify(request)} with replicas = ${replicas}`, async () => {
      const disks = new Disks();
      await disks.create("p1", "p2", "p3");
      const front = [await disks.open(["p1", "p2", "p3"], replicas), await disks.open(["p1", "p2", "p3"], replicas)];
      const keys = keysOf(200);
      for (const key of keys) await front[0]!.put(key, content("first"));
      const stop = load(front, keys);
      const begun = await front[0]!.topology.begin(request);
      assert.equal(begun.epoch, 2);
      await eventually(() => front.every((store) => store.topology.current().epoch === 4));
      const expected = await stop();
      const topology = front[0]!.topology.current();
      assert.deepEqual(topology.members.map(({ name }) => name).sort(), members);
      for (const key of keys) {
        const record = await front[1]!.get(key, { readConcern: "all" });
        assert.equal(record && Buffer.from(record.value).toString(), expected.get(key) ?? "first");
      }
      await eventually(() => disks.misplaced(topology, keys).length === 0);
    });
  }
});

describe("a store that only kvasir sync looks after", () => {
  it("changes its topology, and has what moved away removed, in single runs", async () => {
    const disks = new Disks();
    await disks.create("p1", "p2", "p3");
    const run = async () => {
      const store = await disks.open(["p1", "p2", "p3"], 2, false);
      const report = await store.sync.once({ isLast: true });
      return { ...report, topology: store.topology.current() };
    };
    await run();
    const writer = await disks.open(["p1", "p2", "p3"], 2, false);
    const keys = keysOf(200);
    for (const key of keys) await writer.put(key, content("value"));
    await writer.topology.begin({ kind: "weight", name: "p1", weight: 4 });
    const { topology, removed } = await run();
    assert.deepEqual([topology.epoch, topology.change], [4, undefined]);
    assert.ok(removed > 0);
    assert.deepEqual(disks.misplaced(topology, keys), []);
    assert.equal((await run()).removed, 0);
  });

  it("does not wait when it is told to end, and leaves it to the next run", async () => {
    const disks = new Disks();
    await disks.create("p1", "p2", "p3");
    const store = await disks.open(["p1", "p2", "p3"], 2, false);
    const keys = keysOf(200);
    await store.sync.once({});
    for (const key of keys) await store.put(key, content("value"));
    await store.topology.begin({ kind: "drain", name: "p3" });
    await store.topology.cancel();
    await store.topology.begin({ kind: "replicas", replicas: 1 });
    const { removed, pass } = await store.sync.once({ isLast: true, isStopped: () => true });
    assert.deepEqual([removed, pass?.misplaced], [0, 200]);
    assert.equal((await store.sync.once({ isLast: true })).removed, 200);
    assert.deepEqual(disks.misplaced(store.topology.current(), keys), []);
  });
});
