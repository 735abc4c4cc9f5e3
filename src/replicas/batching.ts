import {
  type BatchCount,
  type Hint,
  isLarge,
  type Large,
  type Partition,
  PartitionError,
  type Write,
  type WriteOutcome,
} from "../partition.ts";
import type { Record } from "../record.ts";
import type { Runtime } from "../runtime.ts";
import { RecentValues } from "./recent-values.ts";

export interface BatchingOptions {
  /** How many batches of a kind are under way at once: as many as the partition has connections for it. */
  readonly readLanes: number;
  readonly writeLanes: number;
  /** How many large values are read at once. By default half of `readLanes`. */
  readonly largeLanes?: number;
  /** How long a member may wait behind others. Once the first has waited so long, new ones are `overloaded` at once. */
  readonly waitMsMax: number;
  /** Whether the partition commits one batch after another, on whichever lanes they come; by default it does not. */
  readonly commitsInTurn?: boolean;
}

/** So many turns of the event loop a batch waits at most for what they bring. */
const turnsMax = 8;
/** Members of one batch at most. */
const batchLengthMax = 256;
/** A batch ends before the values in it pass this, unless one alone does. */
const batchBytesMax = 4 * 2 ** 20;
/** Fewer members of a kind are not divided into two batches, which would cost a second commit. */
const dividedMin = 32;
/** What a front end does for one request, in ms, about: batches that take longer for each member are not divided. */
const requestMs = 0.07;
const smoothing = 8;
/** A write that got its stamp so long ago, by the wall clock, is not sent any more: half of the least `purge_after`. */
const heldMsMax = 30 * 60_000;
/** Large values that one statement reads: so many are in memory for each lane of them. */
const largeAtOnce = 1;
/**
 * Members of a kind that may wait for a partition; beyond, it is `overloaded`. Both kinds together
 * are half of what `server.max_requests` allows unless told otherwise, so that those who ask other partitions find room.
 */
const waitingMax = 5000;
/** Bytes of values that may wait for a partition; beyond, it is `overloaded`. */
const waitingBytesMax = 64 * 2 ** 20;

/**
 * `partition` with the waiting reads travelling as one, and the waiting writes sharing one transaction.
 *
 * A batch leaves as soon as a lane is free, so an idle partition adds no wait, and a busy one makes the batches
 * grow by itself. Writes share a commit, which costs as much for one as for many: of them a further batch leaves
 * beside those under way only when it is half as large as they are together, and otherwise when one of them is done;
 * and several that wait do so for as long as each turn of the event loop brings more, eight turns at most. Many leave as
 * two batches, so that the partition works on one of them while those of the other are answered and come again. Where
 * commits follow each other and each takes long, that would cost more time than it saves, and they leave as one.
 * When the partition turns out to be unreachable, whatever waits for it fails at once, because other replicas can still serve it.
 *
 * Reads of one key that wait together are one: each is as new as its own would be, since none has begun. However many
 * ask for a popular key, the partition is asked for it once at a time.
 *
 * A batch of reads brings the small values. What is larger is then read by itself, some at the same time, and each is
 * given on before the next is read: however many wait for large values, few of them are in memory. A popular one that is
 * being sent to others still, and has not changed since, is not read again.
 *
 * Nobody waits longer than `waitMsMax` behind others that are answered: how long the first in the queue has waited tells
 * how long a new one would, and whoever has waited too long when a lane is free fails as `overloaded`, with nothing begun.
 * So a partition that is asked for more than it can do does what it can, in bounded time, and all of it again as soon as
 * less is asked. One that answers nothing at all is no such partition: its own time-outs tell whether it is there, and
 * until then those who wait may yet be taken by another replica.
 *
 * A write that was held up for half an hour, because this process was stopped, is not sent: its stamp is from a time of which a
 * partition that was restored meanwhile may not know any more that everything has been purged.
 */
export function batching(partition: Partition, runtime: Runtime, options: BatchingOptions): Partition {
  const { waitMsMax, commitsInTurn = false } = options;
  const reads = new Lanes<string, Record | Large | undefined>(partition.name, runtime, options.readLanes, waitMsMax, {
    run: (keys) => partition.readSmall?.(keys) ?? partition.read(keys),
    sizeOf: () => 0,
    isShared: true,
  });
  const recent = new RecentValues(() => runtime.elapsed());
  const { largeLanes = Math.ceil(options.readLanes / 2) } = options;
  const largeReads = new Lanes<string, Record | undefined>(partition.name, runtime, largeLanes, waitMsMax, {
    run: async (keys) => {
      const records = await partition.read(keys);
      for (const record of records) if (record !== undefined) recent.add(record);
      return records;
    },
    sizeOf: () => 0,
    isShared: true,
    lengthMax: largeAtOnce,
  });
  const readLarge = async (key: string, { version }: Large) => recent.find(key, version) ?? largeReads.add(key);
  const read = async (keys: readonly string[]): Promise<(Record | undefined)[]> => {
    const found = await Promise.all(keys.map((key) => reads.add(key)));
    // Mostly none is large, and then nothing more is waited for.
    if (!found.some(isLarge)) return found as (Record | undefined)[];
    return Promise.all(found.map((each, index) => (isLarge(each) ? readLarge(keys[index]!, each) : each)));
  };
  const writes = new Lanes<Write, WriteOutcome>(partition.name, runtime, options.writeLanes, waitMsMax, {
    run: (members) => partition.write(members),
    sizeOf: (write) => write.content.value.length,
    commits: commitsInTurn ? "in turn" : "beside",
    isHeldUp: (write) => runtime.now() > write.now + heldMsMax,
  });
  const applied = new Lanes<Record, number>(partition.name, runtime, 1, waitMsMax, {
    run: async (records) => {
      const dropped = await partition.apply(records);
      // Which of them were dropped does not matter, only how many.
      return records.map((_, index) => (index === 0 ? dropped : 0));
    },
    sizeOf: (record) => record.value.length,
    commits: "in turn",
  });
  const settled = new Lanes<Hint, void>(partition.name, runtime, 1, waitMsMax, {
    run: async (hints) => {
      await partition.settle(hints);
      return hints.map(() => undefined);
    },
    sizeOf: () => 0,
    commits: "in turn",
  });
  return {
    name: partition.name,
    ...(partition.readNow && { readNow: partition.readNow.bind(partition) }),
    batches: () => ({ reads: reads.count, writes: writes.count }),
    read,
    readLarge,
    write: (members) => Promise.all(members.map((write) => writes.add(write))),
    open: () => partition.open(),
    initialise: (identity, isJoining) => partition.initialise(identity, isJoining),
    apply: (records, receiving) => {
      const [only] = records;
      // What comes in a batch already leaves as it is.
      if (only === undefined || records.length > 1 || receiving) return partition.apply(records, receiving);
      return applied.add(only);
    },
    recall: (key, requestId) => partition.recall(key, requestId),
    scan: (range) => partition.scan(range),
    hints: (target, after, limit, only) => partition.hints(target, after, limit, only),
    settle: (hints) => {
      const [only] = hints;
      return only === undefined || hints.length > 1 ? partition.settle(hints) : settled.add(only);
    },
    tokens: () => partition.tokens(),
    keepTokens: (tokens) => partition.keepTokens(tokens),
    owed: () => partition.owed(),
    time: () => partition.time(),
    progress: () => partition.progress(),
    raise: (progress) => partition.raise(progress),
    digest: (range) => partition.digest(range),
    versions: (bucket) => partition.versions(bucket),
    scrub: (after, rowsMax) => partition.scrub(after, rowsMax),
    restore: (records) => partition.restore(records),
    remove: (records, epoch) => partition.remove(records, epoch),
    purge: (after, rowsMax) => partition.purge(after, rowsMax),
    forgetRequests: (before, limit) => partition.forgetRequests(before, limit),
    requests: (after, limit) => partition.requests(after, limit),
    keepRequests: (requests) => partition.keepRequests(requests),
    topology: () => partition.topology(),
    promise: (ballot) => partition.promise(ballot),
    accept: (ballot, topology) => partition.accept(ballot, topology),
    adopt: (topology) => partition.adopt(topology),
    filling: (now, mine) => partition.filling(now, mine),
    close: () => partition.close(),
  };
}

interface Waiting<Member, Result> {
  readonly member: Member;
  readonly bytes: number;
  readonly since: number;
  resolve(result: Result): void;
  reject(error: unknown): void;
}

interface Work<Member, Result> {
  run(members: Member[]): Promise<Result[]>;
  sizeOf(member: Member): number;
  /** Where members share a commit: whether those of two batches are made one after another, or beside each other. */
  readonly commits?: "in turn" | "beside";
  /** Whether this process was stopped for so long that it is not to be sent any more. */
  isHeldUp?(member: Member): boolean;
  /** Members of one batch at most, if fewer than otherwise. */
  readonly lengthMax?: number;
  /** Whether members that are the same get one result, as long as none of them has begun. */
  readonly isShared?: boolean;
}

class Lanes<Member, Result> {
  readonly #partition: string;
  readonly #runtime: Runtime;
  readonly #lanes: number;
  readonly #waitMsMax: number;
  readonly #work: Work<Member, Result>;
  #waiting: Waiting<Member, Result>[] = [];
  #waitingBytes = 0;
  /** What those that wait will give, where it is shared. */
  readonly #shared = new Map<Member, Promise<Result>>();
  #busy = 0;
  /** Members of the batches under way. */
  #underWay = 0;
  #isScheduled = false;
  #batches = 0;
  #members = 0;
  /** How long the last batches took for each member: their mean, the latest of them weighted most. */
  #memberMs = 0;
  /** When (elapsed ms) the last batch was done, and the one before it. */
  #doneAt = Number.NEGATIVE_INFINITY;
  #doneBeforeAt = Number.NEGATIVE_INFINITY;

  constructor(partition: string, runtime: Runtime, lanes: number, waitMsMax: number, work: Work<Member, Result>) {
    this.#partition = partition;
    this.#runtime = runtime;
    this.#lanes = lanes;
    this.#waitMsMax = waitMsMax;
    this.#work = work;
  }

  get count(): BatchCount {
    return { batches: this.#batches, members: this.#members };
  }

  add(member: Member): Promise<Result> {
    const shared = this.#shared.get(member);
    if (shared !== undefined) return shared;
    const bytes = this.#work.sizeOf(member);
    if (this.#waiting.length >= waitingMax || this.#waitingBytes + bytes > waitingBytesMax) {
      const message = `${this.#waiting.length} requests wait for it already`;
      return Promise.reject(new PartitionError("overloaded", this.#partition, message));
    }
    const since = this.#runtime.elapsed();
    const [first] = this.#waiting;
    if (first !== undefined && this.#isLate(first, since)) return Promise.reject(this.#tooLate());
    this.#waitingBytes += bytes;
    const result = new Promise<Result>((resolve, reject) => {
      this.#waiting.push({ member, bytes, since, resolve, reject });
      this.#schedule(this.#waiting.length);
    });
    if (this.#work.isShared) this.#shared.set(member, result);
    return result;
  }

  /**
   * After the current turn: requests that were parsed from one read of a socket leave together. `known` of those that
   * wait are no news.
   */
  #schedule(known: number): void {
    if (this.#isScheduled || !this.#mayLeave()) return;
    this.#isScheduled = true;
    this.#leaveSoon(known, turnsMax);
  }

  #leaveSoon(known: number, turns: number): void {
    this.#runtime.soon(() => {
      const { length } = this.#waiting;
      const isGrowing = length > known && length < batchLengthMax && turns > 1;
      if (this.#work.commits && isGrowing) return this.#leaveSoon(length, turns - 1);
      this.#isScheduled = false;
      this.#failLate();
      while (this.#waiting.length > 0 && this.#mayLeave()) void this.#run(this.#take());
    });
  }

  #mayLeave(): boolean {
    if (this.#busy >= this.#lanes) return false;
    return !this.#work.commits || this.#waiting.length * 2 >= this.#underWay;
  }

  async #run(batch: Waiting<Member, Result>[]): Promise<void> {
    const startedAt = this.#runtime.elapsed();
    this.#busy++;
    this.#underWay += batch.length;
    this.#batches++;
    this.#members += batch.length;
    try {
      const results = await this.#work.run(batch.map((waiting) => waiting.member));
      for (const [index, { resolve }] of batch.entries()) resolve(results[index]!);
    } catch (error) {
      for (const [index, { reject }] of batch.entries()) reject(errorOf(error, index));
      if (error instanceof PartitionError && error.kind === "unreachable") this.#failWaiting(error);
    } finally {
      this.#busy--;
      this.#underWay -= batch.length;
      this.#doneBeforeAt = this.#doneAt;
      this.#doneAt = this.#runtime.elapsed();
      const tookMs = this.#doneAt - Math.max(startedAt, this.#doneBeforeAt);
      if (batch.length * 2 >= dividedMin) this.#memberMs += (tookMs / batch.length - this.#memberMs) / smoothing;
      // Whoever was just answered may have more: the next turn shows it.
      if (this.#waiting.length > 0) this.#schedule(0);
    }
  }

  #take(): Waiting<Member, Result>[] {
    const lengthMax = this.#lengthMax();
    let length = 0;
    let bytes = 0;
    while (length < this.#waiting.length && length < lengthMax) {
      bytes += this.#waiting[length]!.bytes;
      if (length > 0 && bytes > batchBytesMax) break;
      length++;
    }
    const batch = this.#waiting.splice(0, length);
    for (const waiting of batch) this.#forget(waiting);
    return batch;
  }

  /** Half of all that are waiting or under way, where that gains time. */
  #lengthMax(): number {
    const members = this.#waiting.length + this.#underWay;
    const isDivided = this.#lanes > 1 && members >= dividedMin && this.#gainsByDividing();
    const { lengthMax = batchLengthMax } = this.#work;
    return isDivided ? Math.min(lengthMax, Math.ceil(members / 2)) : lengthMax;
  }

  #gainsByDividing(): boolean {
    if (this.#work.commits === undefined) return false;
    return this.#work.commits === "beside" || this.#memberMs < requestMs;
  }

  /** With one batch done since then it has met a slow answer; with two it stands behind more than can be done. */
  #isLate({ since }: Waiting<Member, Result>, now: number): boolean {
    return now - since > this.#waitMsMax && this.#doneBeforeAt >= since;
  }

  #tooLate(): PartitionError {
    const message = `it answers too slowly: requests have waited for it for more than ${this.#waitMsMax} ms`;
    return new PartitionError("overloaded", this.#partition, message);
  }

  /** Nothing of them has begun, and who sent them may have given up. The first has always waited longest. */
  #failLate(): void {
    const now = this.#runtime.elapsed();
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      const isHeldUp = this.#work.isHeldUp?.(first.member) === true;
      if (!isHeldUp && !this.#isLate(first, now)) return;
      this.#waiting.shift();
      this.#forget(first);
      first.reject(isHeldUp ? this.#heldUp() : this.#tooLate());
    }
  }

  /** It does not wait any more. */
  #forget({ member, bytes }: Waiting<Member, Result>): void {
    this.#waitingBytes -= bytes;
    this.#shared.delete(member);
  }

  #heldUp(): PartitionError {
    const message = "this process was stopped for so long that its requests from before are not sent any more";
    return new PartitionError("overloaded", this.#partition, message);
  }

  #failWaiting(error: PartitionError): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#shared.clear();
    for (const { reject } of waiting) reject(error.with({ outcome: "not_applied" }));
  }
}

/** Each member of a batch with an unknown outcome learns what it alone would have become. */
function errorOf(error: unknown, index: number): unknown {
  if (!(error instanceof PartitionError) || error.outcome === "not_applied") return error;
  return error.with({ outcome: "unknown", attempted: [error.attempted[index]] });
}
