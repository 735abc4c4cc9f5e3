import type { Hint, Partition, Write, WriteOutcome } from "../../src/partition.ts";
import { PartitionError } from "../../src/partition.ts";
import { MemoryPartition, MemoryState } from "../../src/partitions/memory.ts";
import type { Record } from "../../src/record.ts";
import { compareVersions } from "../../src/version.ts";
import { Locks, type Owner } from "./locks.ts";
import type { World } from "./world.ts";

/** Told of every change of what is on a disk, right after it. */
export interface Observer {
  changed(database: Database, method: string, writes: readonly DecidedWrite[]): void;
}

export interface DecidedWrite {
  readonly write: Write;
  readonly record: Record;
  readonly existed: boolean;
}

export interface Transaction extends Owner {
  readonly writes: readonly Write[];
}

/** What a transaction found when it had its locks, and decides by. */
export interface Found {
  readonly transaction: Transaction;
  readonly rows: MemoryState;
}

type Reply<T> = (error: PartitionError | undefined, result?: T) => void;
type Call = (...parameters: never[]) => Promise<unknown>;

const metaLock = "\0meta";
const lockWaitMs = 900;
/** Between finding what may be purged and purging it. */
const purgeMs = 30;

/** Methods that change something, and so fail on a full disk. */
const changing = new Set([
  "apply",
  "settle",
  "raise",
  "remove",
  "purge",
  "restore",
  "forgetRequests",
  "keepRequests",
  "initialise",
  "promise",
  "accept",
  "adopt",
  "filling",
]);
/** Methods that wait for the writes that are under way. */
const exclusive = new Set(["raise", "promise", "accept", "adopt"]);

/**
 * A database server: what is on its disk, and transactions that hold locks and vanish in a crash. What the
 * statements do is {@link MemoryPartition}'s, the reference of the contract.
 */
export class Database {
  readonly name: string;
  state = new MemoryState();
  isUp = true;
  isFull = false;
  /** Counts its starts: connections do not outlive one. */
  start = 0;
  /** Whether it was ever set back to an older state, or replaced. */
  setbacks = 0;
  /** When it was set back, the last time last. */
  readonly setBackAt: number[] = [];
  /** By how much its clock is off; `undefined` for an engine that has no clock of its own. */
  clockOffsetMs: number | undefined;
  readonly #world: World;
  readonly observer: Observer;
  readonly #locks = new Locks();
  #isPaused = false;
  #backlog: (() => void)[] = [];

  constructor(name: string, world: World, observer: Observer) {
    this.name = name;
    this.#world = world;
    this.observer = observer;
  }

  /** Something arrives: it is looked at now, or once the server goes on. */
  receive(run: () => void): void {
    if (this.#isPaused) this.#backlog.push(run);
    else run();
  }

  // --- Statements ---

  /** Any method of the contract but `write`. */
  execute(method: keyof Partition, parameters: readonly unknown[], reply: Reply<unknown>): void {
    const { start } = this;
    const owner: Owner = { isOver: false };
    const finish: Reply<unknown> = (error, result) => {
      stopLimit();
      this.#locks.release(owner);
      reply(error, result);
    };
    const isAway = () => this.start !== start || owner.isOver;
    const run = () => {
      if (isAway()) return;
      if (this.isFull && changing.has(method)) return finish(this.#error("full", "no room on its disk"));
      if (method === "time") return finish(undefined, this.#time());
      if (method === "purge") return this.#purge(parameters, isAway, finish);
      this.#call(method, parameters).then(
        (result) => finish(undefined, result),
        (error: PartitionError) => finish(error),
      );
    };
    const locked = () => this.#later(() => this.receive(run));
    const stopLimit = this.#limit(owner, finish);
    if (method === "apply" || method === "remove" || method === "restore") {
      const records = parameters[0] as readonly Record[];
      const keys = sortedKeys(records);
      this.#locks.acquire(owner, [metaLock], true, () => this.#locks.acquire(owner, keys, false, locked));
    } else if (exclusive.has(method)) this.#locks.acquire(owner, [metaLock], false, locked);
    else locked();
  }

  /** First half of a write: locks the rows and reads them. */
  begin(writes: readonly Write[], reply: Reply<Found>): void {
    const transaction: Transaction = { isOver: false, writes };
    const stopLimit = this.#limit(transaction, (error) => {
      this.#locks.release(transaction);
      reply(error);
    });
    this.#locks.acquire(transaction, [metaLock], true, () =>
      this.#locks.acquire(transaction, sortedKeys(writes), false, () =>
        this.#later(() =>
          this.receive(() => {
            if (transaction.isOver) return;
            stopLimit();
            reply(undefined, { transaction, rows: this.#rowsOf(writes) });
          }),
        ),
      ),
    );
  }

  /** Second half: stores what was decided and commits. */
  commit(transaction: Transaction, decided: readonly DecidedWrite[], hints: readonly Hint[], reply: Reply<void>): void {
    if (transaction.isOver) return;
    this.#later(() =>
      this.receive(() => {
        if (transaction.isOver) return;
        if (this.isFull) {
          this.#locks.release(transaction);
          return reply(this.#error("full", "no room on its disk"));
        }
        for (const { record, write, existed } of decided) {
          this.state.records.set(record.key, record);
          if (write.request !== undefined) {
            const { id, digest } = write.request;
            const recalled = { key: write.key, id, digest, version: record.version, existed, at: write.now };
            this.state.requests.set(`${write.key}\0${id}`, recalled);
          }
        }
        for (const hint of hints) this.#owe(hint);
        this.observer.changed(this, "write", decided);
        this.#locks.release(transaction);
        reply(undefined);
      }),
    );
  }

  rollBack(transaction: Transaction): void {
    this.#locks.release(transaction);
  }

  // --- Faults ---

  crash(): void {
    this.isUp = false;
    this.start++;
    this.#backlog = [];
    this.#isPaused = false;
    this.#locks.clear();
  }

  restart(): void {
    this.isUp = true;
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    for (const run of this.#backlog.splice(0)) this.#world.after(0, () => this.receive(run));
  }

  backup(): MemoryState {
    return copyOf(this.state);
  }

  /** While it is down: what is on its disk is as it was then. */
  setBack(state: MemoryState): void {
    this.state = copyOf(state);
    this.setbacks++;
    this.setBackAt.push(this.#world.time);
  }

  // --- Internal helpers ---

  /** Whoever waits for a lock for too long fails. */
  #limit(owner: Owner, fail: (error: PartitionError) => void): () => void {
    return this.#world.after(lockWaitMs, () => {
      if (!owner.isOver) fail(this.#error("overloaded", "lock wait timeout"));
    });
  }

  async #call(method: keyof Partition, parameters: readonly unknown[], purpose: string = method): Promise<unknown> {
    const memory = new MemoryPartition(this.name, this.state);
    const work = (memory as Partition)[method] as unknown as Call;
    const result = await work.apply(memory, parameters as never[]);
    if (changing.has(method)) this.observer.changed(this, purpose, []);
    return result;
  }

  /** What may go is found first, and goes later, each row on the condition of its version. */
  #purge(parameters: readonly unknown[], isAway: () => boolean, finish: Reply<unknown>): void {
    const copy = copyOf(this.state);
    const [after, rowsMax] = parameters as [string, number];
    void new MemoryPartition(this.name, copy).purge(after, rowsMax).then(({ last }) => {
      const found = [...this.state.records.values()].filter(({ key }) => !copy.records.has(key));
      // A slice has thousands of rows, so the last of them may go a good while later.
      this.#later(
        () =>
          this.receive(() => {
            if (isAway()) return;
            this.#call("remove", [found], "purge").then(
              (purged) => finish(undefined, { purged, last }),
              (error: PartitionError) => finish(error),
            );
          }),
        purgeMs,
      );
    });
  }

  #rowsOf(writes: readonly Write[]): MemoryState {
    const rows = new MemoryState();
    rows.identity = this.state.identity;
    rows.progress = this.state.progress;
    rows.topology = this.state.topology;
    for (const { key, request } of writes) {
      const record = this.state.records.get(key);
      if (record !== undefined) rows.records.set(key, record);
      const id = request && `${key}\0${request.id}`;
      const recalled = id && this.state.requests.get(id);
      if (id && recalled) rows.requests.set(id, recalled);
    }
    return rows;
  }

  #owe(hint: Hint): void {
    const owed = this.state.outbox.get(hint.target) ?? new Map<string, Hint>();
    this.state.outbox.set(hint.target, owed);
    const present = owed.get(hint.key);
    const isNewest = present === undefined || compareVersions(hint.version, present.version) > 0;
    const standIn = hint.standIn || present?.standIn === true;
    owed.set(hint.key, { ...hint, version: isNewest ? hint.version : present.version, standIn });
  }

  #time(): number | undefined {
    if (this.clockOffsetMs === undefined) return undefined;
    return Math.floor(this.#world.now + this.clockOffsetMs);
  }

  #later(run: () => void, meanMs = 0.4): void {
    const { start } = this;
    this.#world.after(0.05 + this.#world.random.exponential(meanMs), () => {
      if (this.start === start) run();
    });
  }

  #error(kind: PartitionError["kind"], reason: string): PartitionError {
    return new PartitionError(kind, this.name, reason);
  }
}

/** Decides as the reference does, and says what is to be stored. */
export async function decideAll(
  name: string,
  { transaction, rows }: Found,
): Promise<{ outcomes: WriteOutcome[]; decided: DecidedWrite[]; hints: Hint[] }> {
  const outcomes: WriteOutcome[] = [];
  const decided: DecidedWrite[] = [];
  const memory = new MemoryPartition(name, rows);
  for (const write of transaction.writes) {
    const [outcome] = await memory.write([write]);
    outcomes.push(outcome!);
    const record = rows.records.get(write.key);
    if (outcome?.kind === "applied") decided.push({ write, record: record!, existed: outcome.existed });
  }
  const hints = [...rows.outbox.values()].flatMap((byKey) => [...byKey.values()]);
  return { outcomes, decided, hints };
}

function sortedKeys(records: readonly { readonly key: string }[]): string[] {
  return [...new Set(records.map(({ key }) => key))].sort();
}

function copyOf(state: MemoryState): MemoryState {
  const copy = new MemoryState();
  copy.identity = state.identity;
  copy.progress = state.progress;
  copy.topology = state.topology;
  copy.filling = state.filling;
  for (const [key, record] of state.records) copy.records.set(key, record);
  for (const [target, hints] of state.outbox) copy.outbox.set(target, new Map(hints));
  for (const [id, request] of state.requests) copy.requests.set(id, request);
  return copy;
}
