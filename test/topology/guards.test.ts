import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { assembleStore } from "../../src/assemble-store.ts";
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

async function partitionsWith(topology: Topology): Promise<Map<string, FaultyPartition>> {
  const partitions = ["p1", "p2", "p3"].map(faultyPartition);
  for (const { memory } of partitions) {
    await memory.initialise({ cluster: "test", partition: memory.name });
    await memory.adopt(topology);
  }
  return new Map(partitions.map((each) => [each.memory.name, each]));
}

function open(partitions: ReadonlyMap<string, FaultyPartition>, catchUpMs: number): Promise<Store> {
  return assembleStore(
    [...partitions].map(([name, { partition }]) => ({ name, weight: 1, displayUrl: name, partition })),
    {
      cluster: "test",
      replicas: 1,
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
});

async function eventual<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    const result = await work().catch(() => undefined);
    if (result !== undefined) return result;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
