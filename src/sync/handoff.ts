import { type Hint, type HintScope, type OwedHint, PartitionError } from "../partition.ts";
import type { Record } from "../record.ts";
import type { Log, Replica } from "../replicas/replica.ts";
import type { ReplicaSet } from "../replicas/replica-set.ts";
import { type Runtime, sleep } from "../runtime.ts";
import { compareVersions, stampAt } from "../version.ts";
import { PushQueue } from "./push-queue.ts";
import { SetAside, type SetAsideRecord } from "./set-aside.ts";

/** Hints read at once, with the small ones of their records. Two pages are held at most: one is read while one is delivered. */
const pageLength = 1024;
/** Values shipped at once, unless one record alone is larger. */
const shipBytesMax = 4 * 2 ** 20;
/** Records that `push` has under way at once; beyond, they wait in the outbox for the next round. */
const pushedMax = 10_000;
const pushedBytesMax = 64 * 2 ** 20;
/** How often one that owes them and is away is looked for. */
const catchUpRetryMs = 100;
/** Younger hints are left to the push of the front end that wrote them. */
const pushGraceMs = 2000;

export interface HandoffOptions {
  readonly replicas: ReplicaSet;
  readonly runtime: Runtime;
  readonly log: Log;
  /** How long a returning replica waits for stand-ins' writes that are out of reach. */
  readonly catchUpMs: number;
}

/**
 * The delivery of what replicas are owed. A fresh write is pushed right after its commit; whatever that leaves
 * behind (a target that was away, a front end that died) is found in the outboxes, round by round.
 *
 * Both apply the record first and then delete the hint on the condition that no newer version is owed, so any
 * number of processes may do it at once, and an interruption anywhere only means that it is done again.
 */
export class Handoff {
  readonly #options: HandoffOptions;
  readonly #setAside: SetAside;
  /** Who is known to owe each replica writes that it took in its place, with the number of the last note of it. */
  readonly #standIns = new Map<Replica, Map<Replica, number>>();
  #notes = 0;
  readonly #queues = new Map<Replica, Map<Replica, PushQueue>>();
  #pushed = 0;
  #pushedBytes = 0;
  #isStopped = false;
  #written = new Set<Replica>();
  /** Records brought to a replica so far, by pushes and rounds. */
  delivered = 0;
  /** Writes that a stand-in took and that lost to a greater version of the home. */
  discarded = 0;

  constructor(options: HandoffOptions) {
    this.#options = options;
    this.#setAside = new SetAside(options.runtime);
  }

  /** Records that a target refuses, which are tried again now and then. */
  get setAside(): readonly SetAsideRecord[] {
    return this.#setAside.list;
  }

  /** Brings `record` from `source`, which has committed it with a hint, to `target` in a moment, with others. */
  pushLater(source: Replica, target: Replica, record: Record): void {
    this.#written.add(source).add(target);
    const queues = this.#queues.get(source) ?? new Map<Replica, PushQueue>();
    this.#queues.set(source, queues);
    let queue = queues.get(target);
    if (queue === undefined) {
      queue = new PushQueue(source, target, this.#options.runtime, (count) => {
        this.delivered += count;
      });
      queues.set(target, queue);
    }
    queue.add(record);
  }

  /**
   * Brings `record` from `source`, which has committed it with a hint, to `target` at once. Resolves to whether the
   * target has it on disk; never rejects. The hint is deleted in the background.
   */
  async push(source: Replica, target: Replica, record: Record): Promise<boolean> {
    this.#written.add(source).add(target);
    const bytes = record.value.length;
    if (!target.isReachable || this.#pushed >= pushedMax || this.#pushedBytes + bytes > pushedBytesMax) return false;
    this.#pushed++;
    this.#pushedBytes += bytes;
    try {
      const dropped = await target.use((partition) => partition.apply([record]));
      // A ghost stays owed, and is found out by the next round.
      if (dropped > 0) return false;
    } catch {
      // The hint is still there, and the next round tries again.
      return false;
    } finally {
      this.#pushed--;
      this.#pushedBytes -= bytes;
    }
    this.delivered++;
    target.noteWritten(record);
    const hint: Hint = { target: target.name, key: record.key, version: record.version, standIn: false };
    source.use((partition) => partition.settle([hint])).catch(() => undefined);
    return true;
  }

  /** Remembers that `source` took, or may have taken, a write in place of `target`. */
  noteStandIn(source: Replica, target: Replica): number {
    const holders = this.#standIns.get(target) ?? new Map<Replica, number>();
    this.#standIns.set(target, holders.set(source, ++this.#notes));
    return this.#notes;
  }

  /**
   * Delivers what the others owe to `target` because a stand-in took it. One that is known to owe such writes and
   * is away itself is waited for, and so is one that has too much to do to answer, but no longer than `catchUpMs`.
   */
  async catchUp(target: Replica): Promise<void> {
    const { runtime, replicas, catchUpMs } = this.#options;
    const deadline = runtime.elapsed() + catchUpMs;
    const others = replicas.replicas.filter((replica) => replica !== target);
    await Promise.all(
      others.map(async (source) => {
        while (!(await this.#deliverStandIns(source, target))) {
          // One that has too much to do to tell may owe some.
          const mayOwe = source.isReachable || this.#standIns.get(target)?.has(source) === true;
          if (!mayOwe || runtime.elapsed() >= deadline || !target.isReachable || this.#isStopped) return;
          await sleep(runtime, catchUpRetryMs);
        }
      }),
    );
  }

  /** Whether no write that a stand-in is known to have taken for `target` is still out of reach. */
  hasAll(target: Replica): boolean {
    return (this.#standIns.get(target)?.size ?? 0) === 0;
  }

  /** The partitions that something was written to, or sent to, since this was asked last. */
  takeWritten(): ReadonlySet<Replica> {
    const written = this.#written;
    this.#written = new Set();
    return written;
  }

  /** What is under way ends at the next opportunity. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Delivers late what `catchUp` has given up waiting for, or what was taken meanwhile. */
  async catchUpLate(): Promise<void> {
    for (const [target, holders] of this.#standIns) {
      for (const source of [...holders.keys()]) {
        if (!target.isSteady) continue;
        try {
          await this.#deliverStandIns(source, target);
        } catch (error) {
          // The target was lost again: when it is back, `catchUp` looks after it.
          if (!(error instanceof PartitionError)) throw error;
        }
      }
    }
  }

  /** Looks through every outbox for what no push will deliver. Never rejects: what could not be delivered stays owed. */
  round(): Promise<void> {
    return this.deliverAll({ upTo: stampAt(this.#options.runtime.now() - pushGraceMs) });
  }

  /** Delivers what is in `scope` between all partitions, or from and to the one called `only`. Never rejects. */
  async deliverAll(scope: HintScope, only?: string): Promise<void> {
    const { replicas } = this.#options.replicas;
    const pairs = replicas.flatMap((source) => replicas.map((target) => ({ source, target })));
    await Promise.all(
      pairs.map(async ({ source, target }) => {
        const isAsked = only === undefined || source.name === only || target.name === only;
        if (source === target || !isAsked || !source.isReachable || !target.isReachable) return;
        try {
          await this.deliver(source, target, scope);
        } catch (error) {
          if (!(error instanceof PartitionError)) this.#options.log.error({ err: error }, "handoff failed");
        }
      }),
    );
  }

  /**
   * Walks once through what `source` owes to `target`, as far as it is in `scope`, and delivers it. While a page is
   * applied the next one is read and the one before is settled. Gives whether nothing of it was left out.
   *
   * @throws PartitionError when either is lost on the way.
   */
  async deliver(source: Replica, target: Replica, scope: HintScope = {}): Promise<boolean> {
    const read = (after: string) =>
      inBackground(source.use((partition) => partition.hints(target.name, after, pageLength, scope)));
    let settling: Promise<void> = Promise.resolve();
    let isWhole = true;
    for (let page: Promise<OwedHint[]> | undefined = read(""); page !== undefined && !this.#isStopped; ) {
      const hints: OwedHint[] = await page;
      page = hints.length < pageLength ? undefined : read(hints.at(-1)!.key);
      const due = hints.filter((hint) => !this.#setAside.has(source.name, hint));
      if (due.length < hints.length) isWhole = false;
      for (const shipment of shipments(due)) {
        const delivered = await this.#ship(source, target, shipment);
        if (delivered.length < shipment.length) isWhole = false;
        // One at a time: when it fails, no more is shipped that would have to be shipped again.
        await settling;
        settling = inBackground(source.use((partition) => partition.settle(delivered)));
      }
      await sleep(this.#options.runtime, 0);
    }
    await settling;
    return isWhole && !this.#isStopped;
  }

  /** These will neither owe nor get anything any more. */
  forget(gone: readonly Replica[]): void {
    for (const replica of gone) {
      this.#standIns.delete(replica);
      this.#queues.delete(replica);
      for (const holders of this.#standIns.values()) holders.delete(replica);
      for (const queues of this.#queues.values()) queues.delete(replica);
      this.#written.delete(replica);
    }
  }

  /** Deletes what is owed on `source` to a partition that has left the store for good. */
  async forgetOwed(source: Replica, target: string): Promise<void> {
    for (;;) {
      const hints = await source.use((partition) => partition.hints(target, "", pageLength));
      if (hints.length === 0 || this.#isStopped) return;
      await source.use((partition) => partition.settle(hints));
    }
  }

  /**
   * Whether `source` could be asked, and owes `target` no stand-in's write of before this any more. Hints are walked
   * through once, so that new ones do not prolong it. Their stamps do not tell which are new: a hint that stands for an
   * older write as well has the newest one's, by anybody's clock.
   */
  async #deliverStandIns(source: Replica, target: Replica): Promise<boolean> {
    if (!source.isReachable) return false;
    let standIns = 0;
    let note = this.#standIns.get(target)?.get(source);
    try {
      const owed = await source.use((partition) => partition.owed());
      standIns = owed.find((each) => each.target === target.name)?.standIns ?? 0;
      if (standIns > 0) {
        note = this.noteStandIn(source, target);
        await this.deliver(source, target, { fromStandIns: true });
      }
      // What was noted since may have been committed behind the page that was read.
      const holders = this.#standIns.get(target);
      if (holders?.get(source) === note) holders?.delete(source);
      return true;
    } catch (error) {
      // When the target is lost again, its next return starts anew.
      if (!(error instanceof PartitionError) || !target.isReachable) throw error;
      // Noted anew: an earlier catching up, which had less to deliver, may have ended meanwhile.
      if (standIns > 0) this.noteStandIn(source, target);
      return false;
    }
  }

  /** Brings the records of `hints` to `target`; gives what may be settled when they are on its disk. */
  async #ship(source: Replica, target: Replica, hints: readonly OwedHint[]): Promise<Hint[]> {
    const records = await recordsOf(source, hints);
    const found = records.filter((record) => record !== undefined);
    await this.#countDiscarded(target, hints, records);
    try {
      const dropped = await target.use((partition) => partition.apply(found));
      const last = found.at(-1);
      if (dropped === 0 && last !== undefined) target.noteWritten(last);
    } catch (error) {
      const isRefused = error instanceof PartitionError && error.kind === "rejected";
      if (!isRefused) throw error;
      return this.#shipHalves(source, target, hints, error);
    }
    this.#written.add(target);
    this.delivered += found.length;
    for (const hint of hints) this.#setAside.forget(source.name, hint);
    // What was shipped may be newer than what the hint asked for, and a record that is gone is owed to nobody.
    return hints.map(({ target, key, version, standIn }, index) => {
      return { target, key, version: records[index]?.version ?? version, standIn };
    });
  }

  /** One record that the target refuses must not hold up the others. */
  async #shipHalves(
    source: Replica,
    target: Replica,
    hints: readonly OwedHint[],
    error: PartitionError,
  ): Promise<Hint[]> {
    if (hints.length > 1) {
      const middle = Math.ceil(hints.length / 2);
      const first = await this.#ship(source, target, hints.slice(0, middle));
      return [...first, ...(await this.#ship(source, target, hints.slice(middle)))];
    }
    const [hint] = hints;
    if (hint === undefined) return [];
    this.#setAside.add(source.name, hint, error.reason);
    const facts = { partition: target.name, key: hint.key, problem: error.reason };
    this.#options.log.warn(facts, "a record is refused by a replica, stays owed to it and is tried again later");
    return [];
  }

  async #countDiscarded(
    target: Replica,
    hints: readonly OwedHint[],
    records: readonly (Record | undefined)[],
  ): Promise<void> {
    const fromStandIns = hints.flatMap(({ standIn }, index) => (standIn && records[index] ? [records[index]] : []));
    if (fromStandIns.length === 0) return;
    const present = await target.use((partition) => partition.read(fromStandIns.map((record) => record.key)));
    for (const [index, record] of present.entries()) {
      const shipped = fromStandIns[index]!;
      if (record !== undefined && compareVersions(record.version, shipped.version) > 0) this.discarded++;
    }
  }
}

/** The records as they are now: those that are too large to come with their hints are read by themselves. */
async function recordsOf(source: Replica, hints: readonly OwedHint[]): Promise<(Record | undefined)[]> {
  const large = hints.filter(({ record, size }) => record === undefined && size > 0).map(({ key }) => key);
  if (large.length === 0) return hints.map(({ record }) => record);
  const read = await source.use((partition) => partition.read(large));
  const byKey = new Map(large.map((key, index) => [key, read[index]]));
  return hints.map(({ key, record }) => record ?? byKey.get(key));
}

/** A failure that is met only later must not end the process meanwhile. */
function inBackground<T>(work: Promise<T>): Promise<T> {
  work.catch(() => undefined);
  return work;
}

function shipments(hints: readonly OwedHint[]): OwedHint[][] {
  const found: OwedHint[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const hint of hints) {
    if (bytes + hint.size > shipBytesMax) {
      found.push([]);
      bytes = 0;
    }
    found.at(-1)?.push(hint);
    bytes += hint.size;
  }
  return found;
}
