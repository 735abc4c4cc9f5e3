import { type Hint, type OwedHint, PartitionError } from "../partition.ts";
import type { Record } from "../record.ts";
import type { Log, Replica } from "../replicas/replica.ts";
import type { ReplicaSet } from "../replicas/replica-set.ts";
import { type Runtime, sleep } from "../runtime.ts";
import { versionTime } from "../version.ts";

/** Hints read at once. */
const pageLength = 512;
/** Values shipped at once, unless one record alone is larger. */
const shipBytesMax = 4 * 2 ** 20;
/** Records on their way from `push` at once; beyond, they wait in the outbox for the next round. */
const pushedMax = 10_000;
const pushedBytesMax = 64 * 2 ** 20;
/** Younger hints are left to the push of the front end that wrote them. */
const pushGraceMs = 2000;

export interface HandoffOptions {
  readonly replicas: ReplicaSet;
  readonly runtime: Runtime;
  readonly log: Log;
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
  #pushed = 0;
  #pushedBytes = 0;
  #isStopped = false;

  constructor(options: HandoffOptions) {
    this.#options = options;
  }

  /**
   * Brings `record` from `source`, which has committed it with a hint, to `target`. Resolves to whether the
   * target has it on disk; never rejects. The hint is deleted in the background.
   */
  async push(source: Replica, target: Replica, record: Record): Promise<boolean> {
    const bytes = record.value.length;
    if (!target.isReachable || this.#pushed >= pushedMax || this.#pushedBytes + bytes > pushedBytesMax) return false;
    this.#pushed++;
    this.#pushedBytes += bytes;
    try {
      await target.use((partition) => partition.apply([record]));
    } catch {
      // The hint is still there, and the next round tries again.
      return false;
    } finally {
      this.#pushed--;
      this.#pushedBytes -= bytes;
    }
    const hint: Hint = { target: target.name, key: record.key, version: record.version, standIn: false };
    source.use((partition) => partition.settle([hint])).catch(() => undefined);
    return true;
  }

  /** Delivers everything that the reachable replicas owe to `target` because a stand-in took it. */
  async catchUp(target: Replica): Promise<void> {
    const since = this.#options.runtime.now();
    for (const source of this.#options.replicas.replicas) {
      if (source === target || !source.isReachable) continue;
      const owed = await source.use((partition) => partition.owed()).catch(() => []);
      const standIns = owed.find((each) => each.target === target.name)?.standIns ?? 0;
      if (standIns > 0)
        await this.deliver(source, target, (hint) => hint.standIn && versionTime(hint.version) <= since);
    }
  }

  /** What is under way ends at the next opportunity. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Looks through every outbox once. Never rejects: what could not be delivered stays owed. */
  async round(): Promise<void> {
    const { replicas } = this.#options.replicas;
    const until = this.#options.runtime.now() - pushGraceMs;
    const pairs = replicas.flatMap((source) =>
      replicas.filter((target) => target !== source).map((target) => ({ source, target })),
    );
    await Promise.all(
      pairs.map(async ({ source, target }) => {
        if (!source.isReachable || !target.isReachable) return;
        try {
          await this.deliver(source, target, (hint) => versionTime(hint.version) <= until);
        } catch (error) {
          if (!(error instanceof PartitionError)) this.#options.log.error({ err: error }, "handoff failed");
        }
      }),
    );
  }

  /**
   * Walks once through what `source` owes to `target` and delivers what `isDue`.
   *
   * @throws PartitionError when either is lost on the way.
   */
  async deliver(source: Replica, target: Replica, isDue: (hint: Hint) => boolean): Promise<void> {
    for (let after = ""; !this.#isStopped; ) {
      const start = after;
      const hints = await source.use((partition) => partition.hints(target.name, start, pageLength));
      for (const shipment of shipments(hints.filter(isDue))) await this.#ship(source, target, shipment);
      const last = hints.at(-1);
      if (last === undefined || hints.length < pageLength) return;
      after = last.key;
      await sleep(this.#options.runtime, 0);
    }
  }

  async #ship(source: Replica, target: Replica, hints: readonly OwedHint[]): Promise<void> {
    const records = await source.use((partition) => partition.read(hints.map((hint) => hint.key)));
    const found = records.filter((record) => record !== undefined);
    try {
      await target.use((partition) => partition.apply(found));
    } catch (error) {
      const isRefused = error instanceof PartitionError && error.kind === "rejected";
      if (!isRefused) throw error;
      return this.#shipOneByOne(source, target, hints, error);
    }
    // What was shipped may be newer than what the hint asked for, and a record that is gone is owed to nobody.
    const settled = hints.map((hint, index) => ({ ...hint, version: records[index]?.version ?? hint.version }));
    await source.use((partition) => partition.settle(settled));
  }

  /** One record that the target refuses must not hold up the others. */
  async #shipOneByOne(
    source: Replica,
    target: Replica,
    hints: readonly OwedHint[],
    error: PartitionError,
  ): Promise<void> {
    if (hints.length > 1) {
      for (const hint of hints) await this.#ship(source, target, [hint]);
      return;
    }
    const facts = { partition: target.name, key: hints[0]?.key, problem: error.reason };
    this.#options.log.warn(facts, "a record is refused by a replica and stays owed to it");
  }
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
