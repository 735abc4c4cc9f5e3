import type { Hint } from "../../src/partition.ts";
import { isLive, type Record } from "../../src/record.ts";
import { assignmentOf } from "../../src/replicas/assignment.ts";
import { keyBucket } from "../../src/replicas/hash.ts";
import { namesOf, type Topology } from "../../src/topology/topology.ts";
import { compareVersions, formatVersion, type Version } from "../../src/version.ts";
import type { Database, DecidedWrite, Observer } from "./database.ts";
import type { World } from "./world.ts";

interface Commit {
  readonly database: string;
  readonly at: number;
}

/** A write that a partition decided and committed. */
export interface CommittedWrite {
  readonly record: Record;
  /** The value's last part, which names the client's operation; a tombstone has none. */
  readonly operation: string;
  /** The epoch by which it was decided. */
  readonly epoch: number;
  /** Where and when it was committed, the latest last: several times where it was repeated. */
  readonly commits: Commit[];
  /** Set when every copy was lost with a disk: then nothing is promised of it any more. */
  isLost: boolean;
}

/** The invariant that does not hold. */
export class Violation extends Error {
  override readonly name = "Violation";
}

/** A time in which the home of a key had all that was ever committed of it, and decided alone what it becomes. */
export interface Calm {
  readonly home: string | undefined;
  readonly from: number;
  to: number;
  /** What the home had at its beginning. */
  readonly row: Record | undefined;
}

interface Shadow {
  records: Map<string, Record>;
  hints: Map<string, Hint>;
  floor: bigint;
  /** The greatest stamp that each key ever had here, purged or not. */
  readonly greatest: Map<string, Version>;
}

/**
 * Sees everything that happens on every disk, and checks what must hold at each step. It knows what no front end
 * can know: all copies of a key at one moment.
 */
export class Oracle implements Observer {
  databases: readonly Database[] = [];
  /** Every topology that anybody went by, by epoch; that of epoch 0 is the configuration. */
  readonly topologies = new Map<number, Topology>();
  /** The newest. */
  topology!: Topology;
  readonly committed = new Map<string, CommittedWrite[]>();
  /** The greatest version of each key that was purged anywhere. */
  readonly purged = new Map<string, Version>();
  /** Of each key that was ever written, in order. */
  readonly calms = new Map<string, Calm[]>();
  violation: Violation | undefined;
  readonly counts = { writes: 0, standIns: 0, applied: 0, purged: 0, ghosts: 0, floors: 0, settled: 0, swept: 0 };
  readonly #contents = new Map<string, string>();
  readonly #shadows = new Map<Database, Shadow>();
  readonly #lists = new Map<string, readonly Database[]>();
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  fail(message: string): void {
    this.violation ??= new Violation(`at ${(this.#world.time / 1000).toFixed(4)} s: ${message}`);
    this.#world.note(() => `VIOLATION ${message}`);
  }

  goBy(topology: Topology): void {
    const known = this.topologies.get(topology.epoch);
    if (known !== undefined && JSON.stringify(known) !== JSON.stringify(topology))
      this.fail(`two topologies have the epoch ${topology.epoch}`);
    if (known !== undefined) return;
    this.topologies.set(topology.epoch, topology);
    if (this.topology !== undefined && topology.epoch < this.topology.epoch) return;
    this.#world.note(() => `TOPOLOGY ${JSON.stringify(topology)}`);
    this.topology = topology;
    for (const key of this.committed.keys()) this.#noteCalm(key, true);
  }

  /** The databases that decide a key, home first. */
  replicasOf(key: string, epoch = this.topology.epoch): readonly Database[] {
    return this.#listed(key, epoch, "deciders");
  }

  /** The databases that are to have every write of a key. */
  ownersOf(key: string, epoch = this.topology.epoch): readonly Database[] {
    return this.#listed(key, epoch, "owners");
  }

  /** Those that the store has now. */
  get members(): readonly Database[] {
    const names = namesOf(this.topology);
    return this.databases.filter(({ name }) => names.includes(name));
  }

  #listed(key: string, epoch: number, kind: "deciders" | "owners"): readonly Database[] {
    const id = `${kind} ${epoch} ${key}`;
    const known = this.#lists.get(id);
    if (known !== undefined) return known;
    const assignment = assignmentOf(this.topologies.get(epoch)!);
    const { lists, of } = assignment[kind];
    const list = lists[of[keyBucket(key)]!]!.map(
      (index) => this.databases.find(({ name }) => name === assignment.names[index])!,
    );
    this.#lists.set(id, list);
    return list;
  }

  #isGaining(database: Database, key: string): boolean {
    return this.topology.change?.phase === "filling" && !this.replicasOf(key).includes(database);
  }

  /** Whether it was set back or is new, and no pass has filled it since: judged by what is on all disks. */
  isReceiving(database: Database): boolean {
    const { isComplete, pass } = database.state.progress;
    const seen = this.databases.map(({ state }) => state.progress.seen[database.name] ?? 0);
    return !isComplete || seen.some((each) => each > pass);
  }

  changed(database: Database, method: string, writes: readonly DecidedWrite[]): void {
    const shadow = this.#shadowOf(database);
    const { topology } = database.state.topology;
    if (topology !== undefined) this.goBy(topology);
    for (const { record, write } of writes) this.#noteWrite(database, shadow, record, write);
    for (const { record } of writes) this.#noteCalm(record.key, false);
    this.#compareRecords(database, shadow, method);
    this.#compareHints(database, shadow, method, writes);
    const { floor } = database.state.progress;
    if (floor !== shadow.floor) this.#checkFloor(database, floor);
    shadow.floor = floor;
  }

  /** `database` is about to be set back to `state`, which may be what nobody else has. */
  settingBack(database: Database, records: ReadonlyMap<string, Record>): void {
    for (const [key, writes] of this.committed) {
      const holders = this.replicasOf(key).filter((each) => each !== database);
      const rows = [...holders.map((each) => each.state.records.get(key)), records.get(key)];
      let held = this.purged.get(key);
      for (const row of rows) if (row && (!held || compareVersions(row.version, held) > 0)) held = row.version;
      for (const write of writes) {
        if (held !== undefined && compareVersions(write.record.version, held) <= 0) continue;
        write.isLost = true;
        this.#world.note(() => `lost with the disk of ${database.name}: ${describe(write.record)}`);
      }
    }
  }

  /** Takes what is on its disk for what was there all the time. */
  wasSetBack(database: Database): void {
    const shadow: Shadow = { records: new Map(), hints: new Map(), floor: 0n, greatest: new Map() };
    this.#shadows.set(database, shadow);
    for (const record of database.state.records.values()) {
      shadow.records.set(record.key, record);
      shadow.greatest.set(record.key, record.version);
    }
    for (const [target, hints] of database.state.outbox)
      for (const [key, hint] of hints) shadow.hints.set(`${target}/${key}`, hint);
    shadow.floor = database.state.progress.floor;
    for (const key of this.committed.keys()) if (this.replicasOf(key)[0] === database) this.#noteCalm(key, true);
  }

  /** The write that must have won: the greatest of those that are not lost. */
  winner(key: string): CommittedWrite | undefined {
    let greatest: CommittedWrite | undefined;
    for (const write of this.committed.get(key) ?? []) {
      if (write.isLost) continue;
      if (greatest === undefined || compareVersions(write.record.version, greatest.record.version) > 0)
        greatest = write;
    }
    return greatest;
  }

  /** Whether `database` has what it was set back from, and nothing that was purged: as far as that is not lost. */
  isWhole(database: Database): boolean {
    if (database.setbacks === 0) return true;
    for (const key of this.committed.keys()) {
      if (!this.ownersOf(key).includes(database)) continue;
      if (!this.#hasWinner(database, key)) return false;
      const row = database.state.records.get(key);
      const purged = this.purged.get(key);
      if (row !== undefined && purged !== undefined && compareVersions(row.version, purged) <= 0) return false;
    }
    return true;
  }

  /** The committed write of exactly this version. */
  find(key: string, version: Version): CommittedWrite | undefined {
    return this.committed.get(key)?.find((write) => compareVersions(write.record.version, version) === 0);
  }

  // --- Internal helpers ---

  #shadowOf(database: Database): Shadow {
    return this.#shadows.get(database)!;
  }

  #noteWrite(database: Database, shadow: Shadow, record: Record, write: DecidedWrite["write"]): void {
    this.counts.writes++;
    if (write.standIn) this.counts.standIns++;
    this.#world.note(() => `${database.name} commits ${describe(record)}${write.standIn ? " as stand-in" : ""}`);
    this.#world.mix(Number(record.version.stamp & 0x7fffffffn));
    const { floor } = database.state.progress;
    if (record.version.stamp <= floor) this.fail(`${database.name} took ${describe(record)} at or below its floor`);
    const known = shadow.greatest.get(record.key);
    const isRepeat = write.attempted !== undefined && compareVersions(write.attempted, record.version) === 0;
    if (known !== undefined && !isRepeat && compareVersions(record.version, known) <= 0) {
      this.fail(`${database.name} gave ${describe(record)} although it had ${formatVersion(known)} before`);
    }
    const { epoch } = write;
    if (epoch !== (database.state.topology.topology?.epoch ?? 0))
      this.fail(`${database.name} decided ${describe(record)} by the epoch ${epoch}, which it does not have`);
    this.#checkTakenOver(database, record, write, known);
    const home = this.replicasOf(record.key, epoch)[0];
    if (write.standIn !== (database !== home)) this.fail(`${database.name} mistook its role for ${record.key}`);
    if (write.standIn && (write.condition !== undefined || write.request !== undefined))
      this.fail(`the stand-in ${database.name} decided a conditional write of ${record.key}`);
    const { time: at } = this.#world;
    const again = this.find(record.key, record.version);
    // One that is repeated may be stored by a second partition as well, or anew where it was lost.
    if (again !== undefined) {
      again.isLost = false;
      again.commits.push({ database: database.name, at });
      return;
    }
    const operation = Buffer.from(record.value).toString().split(",").at(-1)!;
    const committed = this.committed.get(record.key) ?? [];
    this.committed.set(record.key, committed);
    committed.push({ record, operation, epoch, commits: [{ database: database.name, at }], isLost: false });
  }

  /** A new home decides conditional writes only when it has all that was decided before the switch. */
  #checkTakenOver(database: Database, { key }: Record, write: DecidedWrite["write"], known: Version | undefined): void {
    if (write.condition === undefined && write.request === undefined) return;
    if (this.databases.some(({ setbacks }) => setbacks > 0)) return;
    const switches = [...this.topologies.values()].filter(
      ({ epoch, change }) => epoch <= write.epoch && change?.phase === "switching",
    );
    const switchedAt = Math.max(0, ...switches.map(({ epoch }) => epoch));
    for (const { record, epoch } of this.committed.get(key) ?? []) {
      if (epoch >= switchedAt || (known !== undefined && compareVersions(record.version, known) <= 0)) continue;
      const purged = this.purged.get(key);
      if (purged !== undefined && compareVersions(record.version, purged) <= 0) continue;
      this.fail(`${database.name} decided about ${key} by the epoch ${write.epoch} without ${describe(record)}`);
    }
  }

  /** `isRestarted` when the home has got something from elsewhere. */
  #noteCalm(key: string, isRestarted: boolean): void {
    const home = this.replicasOf(key)[0]?.name;
    const calms = this.calms.get(key) ?? [{ home, from: 0, to: Number.POSITIVE_INFINITY, row: undefined }];
    this.calms.set(key, calms);
    const { time } = this.#world;
    const last = calms.at(-1);
    const wasCalm = last?.to === Number.POSITIVE_INFINITY;
    const isCalm = this.#isCalm(key);
    if (wasCalm && (!isCalm || isRestarted)) last.to = time;
    const row = this.replicasOf(key)[0]?.state.records.get(key);
    if (isCalm && (!wasCalm || isRestarted)) calms.push({ home, from: time, to: Number.POSITIVE_INFINITY, row });
  }

  #isCalm(key: string): boolean {
    return this.#hasWinner(this.replicasOf(key)[0], key);
  }

  /** Whether it has, or has purged, the write that must have won. */
  #hasWinner(database: Database | undefined, key: string): boolean {
    const version = this.winner(key)?.record.version;
    const held = database?.state.records.get(key)?.version ?? this.purged.get(key);
    return version === undefined || (held !== undefined && compareVersions(held, version) >= 0);
  }

  #compareRecords(database: Database, shadow: Shadow, method: string): void {
    const { records } = database.state;
    for (const [key, before] of shadow.records) {
      if (records.has(key)) continue;
      shadow.records.delete(key);
      this.#checkRemoval(database, before, method);
      if (!before.isTombstone && this.replicasOf(key)[0] === database) this.#noteCalm(key, true);
    }
    for (const [key, record] of records) {
      const before = shadow.records.get(key);
      if (before === record) continue;
      shadow.records.set(key, record);
      const known = shadow.greatest.get(key);
      if (known === undefined || compareVersions(record.version, known) > 0) shadow.greatest.set(key, record.version);
      this.#checkContent(record);
      // One that was lost has turned up again.
      const write = this.find(key, record.version);
      if (write !== undefined) write.isLost = false;
      if (method !== "write" && this.replicasOf(key)[0] === database) this.#noteCalm(key, true);
      if (method === "apply") {
        this.counts.applied++;
        this.#world.note(() => `${database.name} applies ${describe(record)}`);
      }
      if (before !== undefined && compareVersions(record.version, before.version) < 0) {
        this.fail(`${database.name} went back from ${describe(before)} to ${describe(record)}`);
      }
      const purged = this.purged.get(key);
      if (before === undefined && purged && compareVersions(record.version, purged) <= 0) {
        // What has expired is absent wherever it is, and is purged again.
        const mayBe =
          this.isReceiving(database) ||
          this.#isGaining(database, key) ||
          !this.ownersOf(key).includes(database) ||
          this.#hasExpired(record);
        if (!mayBe) this.fail(`${database.name} raised ${describe(record)} from the dead`);
      }
    }
  }

  /** For the slowest clock. */
  #hasExpired({ expires }: Record): boolean {
    return expires !== 0 && expires <= this.#world.now - 600_000;
  }

  #checkContent(record: Record): void {
    const id = `${record.key} ${formatVersion(record.version)}`;
    const content = `${record.isTombstone} ${record.expires} ${record.type} ${Buffer.from(record.value).toString()}`;
    const known = this.#contents.get(id);
    this.#contents.set(id, content);
    if (known !== undefined && known !== content) this.fail(`${id} stands for both ${known} and ${content}`);
    if (this.find(record.key, record.version) === undefined) this.fail(`${id} was never committed by a write`);
  }

  #checkRemoval(database: Database, record: Record, method: string): void {
    const { key, version, isTombstone } = record;
    this.#world.note(() => `${database.name} removes ${describe(record)}`);
    // By the topology that it knows itself: it takes part in a change only when it has learned of it.
    const { topology } = database.state.topology;
    const owners = this.ownersOf(key, topology?.epoch ?? 0);
    // One that holds it no more purges it as well, like any other.
    if (!owners.includes(database) && method !== "purge") {
      if (topology?.change !== undefined) this.fail(`${database.name} swept ${describe(record)} during a change`);
      this.#checkSwept(database, record, owners);
      return;
    }
    const known = this.purged.get(key);
    const wasPurged = known !== undefined && compareVersions(version, known) <= 0;
    // What was lost with a disk, and is in a backup of it alone, may go. That it was set back need not show on any disk: a
    // front end remembers the counter that it has seen, when the partition that recorded it was set back as well.
    // What a partition gains again by a change, it may still have from before.
    const isReceiving = this.isReceiving(database) || database.setbacks > 0 || this.#isGaining(database, key);
    if (isReceiving && (wasPurged || this.find(key, version)?.isLost === true)) {
      this.counts.ghosts++;
      return;
    }
    this.counts.purged++;
    const { floor } = database.state.progress;
    if (version.stamp > floor) this.fail(`${database.name} purged ${describe(record)} above its floor`);
    if (!isTombstone && record.expires === 0) this.fail(`${database.name} purged ${describe(record)}`);
    for (const other of this.replicasOf(key)) {
      const row = other.state.records.get(key);
      if (other === database || row === undefined || compareVersions(row.version, version) >= 0) continue;
      if (this.isReceiving(other) || row.isTombstone || this.#hasExpired(row)) continue;
      this.fail(`${database.name} purged ${describe(record)} while ${other.name} has ${describe(row)}`);
    }
    if (known === undefined || compareVersions(version, known) > 0) this.purged.set(key, version);
  }

  /** What moved away goes only when all who hold it have it, or have purged it. */
  #checkSwept(database: Database, record: Record, owners: readonly Database[]): void {
    this.counts.swept++;
    for (const owner of owners) {
      const row = owner.state.records.get(record.key);
      if (
        row === undefined
          ? owner.state.progress.floor >= record.version.stamp
          : compareVersions(row.version, record.version) >= 0
      )
        continue;
      this.fail(`${database.name} swept ${describe(record)}, and ${owner.name} has ${row ? describe(row) : "nothing"}`);
    }
  }

  #compareHints(database: Database, shadow: Shadow, method: string, writes: readonly DecidedWrite[]): void {
    const { outbox, records } = database.state;
    for (const { record, write } of writes) {
      // A later write of the batch may have replaced it.
      const current = records.get(record.key)?.version ?? record.version;
      for (const other of this.ownersOf(record.key, write.epoch)) {
        if (other === database) continue;
        const hint = outbox.get(other.name)?.get(record.key);
        if (hint === undefined || compareVersions(hint.version, current) < 0)
          this.fail(`${database.name} committed ${describe(record)} without owing it to ${other.name}`);
      }
    }
    for (const [id, hint] of shadow.hints) {
      const present = outbox.get(hint.target)?.get(hint.key);
      if (present === hint) continue;
      if (present === undefined) {
        shadow.hints.delete(id);
        this.counts.settled++;
        this.#checkSettled(database, hint, method);
      } else shadow.hints.set(id, present);
    }
    for (const [target, hints] of outbox)
      for (const [key, hint] of hints)
        if (!shadow.hints.has(`${target}/${key}`)) shadow.hints.set(`${target}/${key}`, hint);
  }

  #checkSettled(database: Database, hint: Hint, method: string): void {
    const target = this.databases.find(({ name }) => name === hint.target)!;
    this.#world.note(() => `${database.name} settles ${hint.key} ${formatVersion(hint.version)} to ${hint.target}`);
    const row = target.state.records.get(hint.key);
    if (row !== undefined && compareVersions(row.version, hint.version) >= 0) return;
    const purged = this.purged.get(hint.key);
    if (purged !== undefined && compareVersions(purged, hint.version) >= 0) return;
    // What has left the store is owed nothing, and what moved away may be removed.
    if (!this.ownersOf(hint.key).includes(target)) return;
    // What it had may have been lost with its disk in between; anti-entropy brings it back.
    if (target.setbacks > 0 || database.setbacks > 0) return;
    this.fail(
      `${database.name} forgot (${method}) that it owes ${hint.key} ${formatVersion(hint.version)} to ${target.name}`,
    );
  }

  /** Everything at or below a floor is the same everywhere, or purged. */
  #checkFloor(database: Database, floor: bigint): void {
    this.counts.floors++;
    this.#world.note(() => `${database.name} has the floor ${floor.toString(36)}`);
    for (const [key, writes] of this.committed) {
      const replicas = this.replicasOf(key).filter((each) => !this.isReceiving(each));
      const winner = this.winner(key);
      if (winner === undefined || winner.record.version.stamp > floor) continue;
      const { record } = winner;
      const mayLack = !isLive(record, Number(floor >> 16n)) || record.expires !== 0;
      for (const each of replicas) {
        const row = each.state.records.get(key);
        if (row === undefined ? mayLack : compareVersions(row.version, record.version) === 0) continue;
        if (mayLack && (row === undefined || row.isTombstone || row.expires !== 0)) continue;
        if (writes.some((write) => write.isLost && row && compareVersions(write.record.version, row.version) === 0))
          continue;
        const has = row === undefined ? "nothing" : describe(row);
        this.fail(`${database.name} raised its floor over ${describe(record)} while ${each.name} has ${has}`);
      }
    }
  }
}

export function describe({ key, version, isTombstone, value, expires }: Record): string {
  const content = isTombstone ? "deleted" : `"${Buffer.from(value).toString()}"`;
  return `${key} ${formatVersion(version)} ${content}${expires === 0 ? "" : ` until ${expires}`}`;
}
