import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { MemoryState } from "../../src/partitions/memory.ts";
import { type Record, tombstone } from "../../src/record.ts";
import { stampAt } from "../../src/version.ts";
import { backupOf, type SyncPartition, syncStore } from "../support/sync-store.ts";

type Started = Awaited<ReturnType<typeof syncStore>>;
const open: Started[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((store) => store.close()));
});

async function start(...parameters: Parameters<typeof syncStore>): Promise<Started> {
  const store = await syncStore(...parameters);
  open.push(store);
  return store;
}

const hourMs = 3_600_000;

function live(key: string, at: number, text = "x", expires = 0): Record {
  const version = { stamp: stampAt(at), writer: 1 };
  return { key, version, isTombstone: false, value: Buffer.from(text), type: "", metadata: "", expires };
}

function deleted(key: string, at: number): Record {
  return { ...tombstone, key, version: { stamp: stampAt(at), writer: 1 } };
}

function owe(partition: SyncPartition, target: string, record: Record): void {
  const hints = partition.state.outbox.get(target) ?? new Map();
  partition.state.outbox.set(target, hints.set(record.key, { ...record, target, standIn: false }));
}

function contents({ state }: SyncPartition): Record[] {
  return [...state.records.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
}

function assertEqual(partitions: readonly SyncPartition[]): void {
  for (const each of partitions) assert.deepEqual(contents(each), contents(partitions[0]!));
}

describe("anti-entropy", () => {
  it("makes all replicas equal, whatever each of them lacks", async () => {
    const { partitions, antiEntropy, clock } = await start(3);
    const past = clock.now - 1000;
    const records = Array.from({ length: 300 }, (_, index) => live(`k${index}`, past + index));
    for (const [index, record] of records.entries()) {
      await partitions[index % 3]!.partition.apply([record]);
      if (index % 7 === 0) await partitions[(index + 1) % 3]!.partition.apply([deleted(record.key, past + index + 5)]);
    }
    const result = await antiEntropy.pass({ isRepair: true });
    assert.equal(result.differing, 300);
    assertEqual(partitions);
    assert.equal(contents(partitions[0]!).length, 300);
    const again = await antiEntropy.pass({ isRepair: true });
    assert.deepEqual([again.differing, again.mended, again.records], [0, 0, 300]);
  });

  it("brings records only to the partitions that are to hold them", async () => {
    const { partitions, antiEntropy, clock, replicaSet } = await start(4, 2);
    const { keyBucket } = await import("../../src/replicas/hash.ts");
    for (let number = 0; number < 100; number++) {
      const home = replicaSet.home(keyBucket(`k${number}`));
      await home.partition.apply([live(`k${number}`, clock.now - 1000)]);
    }
    assert.equal((await antiEntropy.pass({ isRepair: true })).mended, 100);
    const copies = partitions.reduce((sum, { state }) => sum + state.records.size, 0);
    assert.equal(copies, 200);
  });

  it("only compares when it is not asked to repair", async () => {
    const { partitions, antiEntropy, clock } = await start(2);
    await partitions[0]!.partition.apply([live("a", clock.now - 1000)]);
    const result = await antiEntropy.pass({ isRepair: false });
    assert.deepEqual([result.differing, result.mended], [1, 0]);
    assert.equal(partitions[1]!.state.records.size, 0);
  });

  it("leaves what is newer than its start to the hints", async () => {
    const { partitions, antiEntropy, clock } = await start(2);
    await partitions[0]!.partition.apply([live("a", clock.now + 10)]);
    assert.equal((await antiEntropy.pass({ isRepair: true })).differing, 0);
  });

  it("takes an expired record and none for the same, but lets it replace an older live one", async () => {
    const { partitions, antiEntropy, clock } = await start(2);
    await partitions[0]!.partition.apply([live("gone", clock.now - 1000, "x", clock.now - 10)]);
    await partitions[0]!.partition.apply([live("again", clock.now - 1000, "new", clock.now - 10)]);
    await partitions[1]!.partition.apply([live("again", clock.now - 2000, "old")]);
    const result = await antiEntropy.pass({ isRepair: true });
    assert.equal(result.differing, 1);
    assert.deepEqual(partitions[1]!.state.records.get("again"), partitions[0]!.state.records.get("again"));
  });

  it("names records that have the same version and another content", async () => {
    const { partitions, antiEntropy, clock } = await start(2);
    await partitions[0]!.partition.apply([live("a", clock.now - 1000, "good")]);
    await partitions[1]!.partition.apply([live("a", clock.now - 1000, "bad")]);
    assert.deepEqual((await antiEntropy.pass({ isRepair: true })).damaged, ["a"]);
  });

  it("counts its passes on every partition and records them on the others", async () => {
    const { partitions, antiEntropy } = await start(3);
    await antiEntropy.pass({ isRepair: true });
    await antiEntropy.pass({ isRepair: true });
    for (const { state, name } of partitions) {
      assert.equal(state.progress.pass, 2);
      for (const other of partitions) if (other.name !== name) assert.equal(other.state.progress.seen[name], 2);
    }
  });
});

describe("a partition that was set back", () => {
  it("is recovering when it was restored from an older backup, until a pass has filled it", async () => {
    const { partitions, antiEntropy, members, connect, clock } = await start(3);
    const [first] = partitions;
    for (const { partition } of partitions) await partition.apply([live("a", clock.now - 5000)]);
    await antiEntropy.pass({ isRepair: true });
    const backup = backupOf(first!);
    for (const { partition } of partitions)
      await partition.apply([live("a", clock.now - 4000, "newer"), live("b", clock.now - 4000)]);
    await antiEntropy.pass({ isRepair: true });
    first!.state = backup;
    await members[0]!.open();
    await members[0]!.admit();
    assert.equal(members[0]!.state, "recovering");
    assert.ok(members[1]!.isSteady);
    await antiEntropy.pass({ isRepair: true });
    assert.ok(members[0]!.isSteady);
    assertEqual(partitions);
    await connect();
    assert.ok(members.every((member) => member.isSteady));
  });

  it("is found out without a pass since the backup, by what was marked after writing to it", async () => {
    const { partitions, antiEntropy, members, handoff, clock } = await start(2);
    const [first] = partitions;
    const backup = backupOf(first!);
    const record = live("a", clock.now - 1000);
    await partitions[1]!.partition.apply([record]);
    assert.equal(await handoff.push(members[1]!, members[0]!, record), true);
    const written = handoff.takeWritten();
    assert.deepEqual([...written], [members[1], members[0]]);
    assert.equal(handoff.takeWritten().size, 0);
    await antiEntropy.mark(written);
    first!.state = backup;
    // As on a fresh start, when nothing is remembered.
    members[0]!.passSeen = 0;
    await members[0]!.open();
    await members[0]!.admit();
    assert.equal(members[0]!.state, "recovering");
    await antiEntropy.mark(members);
    assert.equal(first!.state.progress.pass, 0, "a mark has covered it up");
    await antiEntropy.pass({ isRepair: true });
    assert.ok(members[0]!.isSteady);
    assertEqual(partitions);
  });

  it("is found out while all others are away, by whoever has seen it before", async () => {
    const { partitions, antiEntropy, members } = await start(2);
    const [first] = partitions;
    const backup = backupOf(first!);
    await antiEntropy.pass({ isRepair: true });
    await members[0]!.reconsider();
    first!.state = backup;
    members[1]!.state = "away";
    await members[0]!.open();
    await members[0]!.admit();
    assert.equal(members[0]!.state, "recovering");
  });

  it("is not counted as whole by a pass that began before", async () => {
    const { partitions, antiEntropy, members, clock } = await start(2);
    const [first] = partitions;
    const backup = backupOf(first!);
    for (const { partition } of partitions) await partition.apply([live("a", clock.now - 1000)]);
    await antiEntropy.pass({ isRepair: true });
    // Its connections were replaced without anybody noticing.
    const setBack = (part: number) => {
      if (part === 1) first!.state = backup;
    };
    await partitions[1]!.partition.apply([live("b", clock.now - 1000)]);
    await antiEntropy.pass({ isRepair: true, onProgress: setBack });
    assert.equal(first!.state.progress.pass, 0);
    await members[0]!.reconsider();
    assert.equal(members[0]!.state, "recovering");
  });

  it("is filled when it is new, and is not steady before", async () => {
    const { partitions, antiEntropy, members, clock } = await start(3);
    for (const { partition } of partitions)
      await partition.apply(Array.from({ length: 200 }, (_, n) => live(`k${n}`, clock.now - 5000)));
    partitions[2]!.state = new MemoryState();
    await partitions[2]!.partition.initialise({ cluster: "test", partition: "p3" }, true);
    await members[2]!.open();
    await members[2]!.admit();
    assert.equal(members[2]!.state, "recovering");
    const parts: number[] = [];
    const onProgress = (part: number) => {
      parts.push(part);
      for (const member of members) member.showFilling(part);
      if (members[2]!.isReceiving) assert.match(members[2]!.problem, /being filled .*: \d+ % compared/);
      assert.equal(members[0]!.problem, "");
    };
    await antiEntropy.pass({ isRepair: true, onProgress });
    assert.deepEqual(
      parts,
      parts.toSorted((a, b) => a - b),
    );
    assert.equal(parts.at(-1), 1);
    assert.ok(members[2]!.isSteady);
    assertEqual(partitions);
  });

  it("loses what the others have purged, and gives none of it back to them", async () => {
    const { partitions, antiEntropy, purge, members, clock } = await start(3);
    for (const { partition } of partitions)
      await partition.apply([live("kept", clock.now - 5000), live("ghost", clock.now - 5000)]);
    await antiEntropy.pass({ isRepair: true });
    const backup = backupOf(partitions[0]!);
    for (const { partition } of partitions) await partition.apply([deleted("ghost", clock.now - 4000)]);
    clock.now += 25 * hourMs;
    await antiEntropy.pass({ isRepair: true });
    assert.deepEqual(await purge.run(), { purged: 3, blocked: "" });
    partitions[0]!.state = backup;
    await members[0]!.open();
    await members[0]!.admit();
    assert.equal(members[0]!.state, "recovering");
    const { ghosts } = await antiEntropy.pass({ isRepair: true });
    assert.equal(ghosts, 1);
    assertEqual(partitions);
    assert.deepEqual(
      contents(partitions[0]!).map(({ key }) => key),
      ["kept"],
    );
  });

  it("loses the tombstones that the others have purged, and takes nothing that only they would let in", async () => {
    const { partitions, antiEntropy, purge, members, clock } = await start(2);
    const [first] = partitions;
    const ghost = live("a", clock.now - 4000);
    for (const { partition } of partitions) await partition.apply([deleted("a", clock.now - 5000)]);
    await antiEntropy.pass({ isRepair: true });
    const backup = backupOf(first!);
    clock.now += 25 * hourMs;
    await antiEntropy.pass({ isRepair: true });
    assert.deepEqual(await purge.run(), { purged: 2, blocked: "" });
    first!.state = backup;
    await members[0]!.open();
    await members[0]!.admit();
    await antiEntropy.pass({ isRepair: true });
    assert.ok(members[0]!.isSteady);
    for (const { partition } of partitions) assert.equal(await partition.apply([ghost]), 1);
    assertEqual(partitions);
    assert.equal(contents(first!).length, 0);
  });

  it("gets keys that have a newer version on its way as well, so that the others may be set back next", async () => {
    const { partitions, antiEntropy, purge, members, clock } = await start(2);
    const [first, second] = partitions;
    for (const { partition } of partitions) await partition.apply([live("a", clock.now - 1000, "old")]);
    clock.now += 25 * hourMs;
    await antiEntropy.pass({ isRepair: true });
    assert.equal((await purge.run()).blocked, "");
    const backup = backupOf(first!);
    await antiEntropy.pass({ isRepair: true });
    // The first has a newer version, given by a clock that is ahead, when the second is replaced.
    const newer = live("a", clock.now + 5000, "newer");
    await first!.partition.apply([newer]);
    owe(first!, "p2", newer);
    second!.state = new MemoryState();
    await second!.partition.initialise({ cluster: "test", partition: "p2" }, true);
    await members[1]!.open();
    await members[1]!.admit();
    await antiEntropy.pass({ isRepair: true });
    assert.ok(members[1]!.isSteady);
    first!.state = backup;
    await members[0]!.open();
    await members[0]!.admit();
    assert.equal(members[0]!.state, "recovering");
    assert.equal((await antiEntropy.pass({ isRepair: true })).ghosts, 0);
    for (const { state } of partitions) assert.deepEqual(state.records.get("a"), newer);
  });

  it("gets what has expired as well, so that nothing older comes back when the others are set back next", async () => {
    const { partitions, antiEntropy, members, clock } = await start(2);
    const [first, second] = partitions;
    const backup = backupOf(first!);
    backup.records.set("a", live("a", clock.now - 2000, "old"));
    for (const { partition } of partitions)
      await partition.apply([live("a", clock.now - 1000, "expired", clock.now - 500)]);
    await antiEntropy.pass({ isRepair: true });
    for (const [index, state] of [new MemoryState(), backup].entries()) {
      const partition = [second!, first!][index]!;
      partition.state = state;
      await partition.partition.initialise({ cluster: "test", partition: partition.name }, true);
      const member = members.find(({ name }) => name === partition.name)!;
      await member.open();
      await member.admit();
      assert.equal(member.state, "recovering");
      await antiEntropy.pass({ isRepair: true });
      assert.ok(member.isSteady);
    }
    assertEqual(partitions);
    assert.equal(Buffer.from(contents(first!)[0]!.value).toString(), "expired");
  });

  it("gives the others what only it still has, when that is above the floor", async () => {
    const { partitions, antiEntropy, members, clock } = await start(2);
    await antiEntropy.pass({ isRepair: true });
    const backup = backupOf(partitions[0]!);
    backup.records.set("only", live("only", clock.now - 1000));
    await antiEntropy.pass({ isRepair: true });
    partitions[0]!.state = backup;
    await members[0]!.open();
    await members[0]!.admit();
    await antiEntropy.pass({ isRepair: true });
    assert.ok(partitions[1]!.state.records.has("only"));
    assertEqual(partitions);
  });

  it("is reconciled with others that were set back too, when no steady one is left", async () => {
    const { partitions, antiEntropy, members, clock } = await start(2);
    await antiEntropy.pass({ isRepair: true });
    const backups = partitions.map(backupOf);
    await antiEntropy.pass({ isRepair: true });
    backups[0]!.records.set("a", live("a", clock.now - 1000));
    backups[1]!.records.set("b", live("b", clock.now - 1000));
    // Each remembers a later pass of the other than that one does itself.
    for (const [index, partition] of partitions.entries()) {
      partition.state = backups[index]!;
      partition.state.progress = { ...partition.state.progress, seen: { p1: 9, p2: 9 } };
    }
    for (const member of members) await member.reconsider();
    assert.ok(members.every((member) => member.state === "recovering"));
    await antiEntropy.pass({ isRepair: true });
    assert.ok(members.every((member) => member.isSteady));
    assertEqual(partitions);
    assert.equal(contents(partitions[0]!).length, 2);
  });
});

describe("purge", () => {
  it("forgets tombstones and expired records once they are old and equal everywhere", async () => {
    const { partitions, purge, clock } = await start(3);
    const records = [deleted("a", clock.now), live("b", clock.now, "x", clock.now + 1000), live("c", clock.now)];
    for (const { partition } of partitions) await partition.apply(records);
    assert.deepEqual(await purge.run(), { purged: 0, blocked: "" });
    clock.now += 25 * hourMs;
    assert.deepEqual(await purge.run(), { purged: 6, blocked: "" });
    for (const partition of partitions)
      assert.deepEqual(
        contents(partition).map(({ key }) => key),
        ["c"],
      );
  });

  it("drops an old record that arrives late, instead of raising it from the dead", async () => {
    const { partitions, purge, clock } = await start(2);
    const old = live("a", clock.now - 10);
    for (const { partition } of partitions) await partition.apply([old, deleted("a", clock.now)]);
    clock.now += 25 * hourMs;
    await purge.run();
    assert.equal(await partitions[0]!.partition.apply([old]), 1);
    assert.equal(partitions[0]!.state.records.size, 0);
  });

  it("lets a key be created again, and win over its old tombstone wherever that still travels", async () => {
    const { partitions, purge, clock } = await start(2);
    const grave = deleted("a", clock.now);
    for (const { partition } of partitions) await partition.apply([grave]);
    clock.now += 25 * hourMs;
    await purge.run();
    const content = { isTombstone: false, value: Buffer.from("new"), type: "", metadata: "", expires: 0 };
    // A front end whose clock is a day behind.
    const write = {
      key: "a",
      content,
      stamp: grave.version.stamp - 1n,
      writer: 2,
      now: clock.now,
      owed: ["p2"],
      standIn: false,
      epoch: 0,
    };
    const [outcome] = await partitions[0]!.partition.write([write]);
    assert.equal(outcome?.kind, "applied");
    await partitions[0]!.partition.apply([grave]);
    assert.equal(partitions[0]!.state.records.get("a")?.isTombstone, false);
    await partitions[1]!.partition.apply([partitions[0]!.state.records.get("a")!]);
    assert.equal(partitions[1]!.state.records.get("a")?.isTombstone, false, "it was taken for a ghost");
  });

  it("stops while a partition is away, owes an old write, or is not equal, and says so", async () => {
    const { partitions, purge, members, clock, handoff } = await start(2);
    const grave = deleted("a", clock.now);
    for (const { partition } of partitions) await partition.apply([grave]);
    await partitions[0]!.partition.apply([live("b", clock.now)]);
    clock.now += 25 * hourMs;
    assert.match((await purge.run()).blocked, /not equal/);
    owe(partitions[0]!, "p2", live("b", clock.now - 25 * hourMs));
    assert.match((await purge.run()).blocked, /p1 still owes old writes to p2/);
    await handoff.round();
    assert.deepEqual(await purge.run(), { purged: 2, blocked: "" });
    members[1]!.state = "away";
    assert.match((await purge.run()).blocked, /p2 is away/);
  });

  it("takes a key of which a newer version is on its way for equal", async () => {
    const { partitions, purge, clock } = await start(2);
    for (const { partition } of partitions) await partition.apply([live("busy", clock.now), deleted("a", clock.now)]);
    clock.now += 25 * hourMs;
    const newer = live("busy", clock.now - 1000, "newer");
    await partitions[0]!.partition.apply([newer]);
    owe(partitions[0]!, "p2", newer);
    assert.deepEqual(await purge.run(), { purged: 2, blocked: "" });
  });
});
