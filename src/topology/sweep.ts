import { type KeyVersion, PartitionError } from "../partition.ts";
import { bucketCount } from "../replicas/hash.ts";
import type { Log, Replica } from "../replicas/replica.ts";
import type { ReplicaSet } from "../replicas/replica-set.ts";
import { type Runtime, sleep } from "../runtime.ts";
import { readDigest } from "../sync/digest.ts";
import type { Handoff } from "../sync/handoff.ts";
import { compareVersions, stampMax } from "../version.ts";
import type { Topologies } from "./topologies.ts";

export interface SweepOptions {
  readonly topologies: Topologies;
  readonly replicas: ReplicaSet;
  readonly handoff: Handoff;
  readonly runtime: Runtime;
  readonly log: Log;
  /** Between two looks for what came too late. */
  readonly intervalMs: number;
}

/** So long after a change nothing is removed: front ends that were stopped have asked who holds what by then. */
const sweepDelayMs = 60_000;
/** How soon a program that waits for it notices that it is to end. */
const lookMs = 500;
/** Records removed in one transaction, or brought to those who lack them. */
const atOnce = 100;

/**
 * Removes from each partition what it does not hold any more, once all who hold it have it, and forgets what is owed to
 * partitions that have left the store.
 */
export class Sweep {
  readonly #options: SweepOptions;
  /** When (elapsed ms) all members were first seen at this epoch. */
  #seen: { readonly epoch: number; readonly at: number } | undefined;
  #nextAt = 0;
  /** Records removed by this program. */
  swept = 0;

  constructor(options: SweepOptions) {
    this.#options = options;
  }

  /** Does what is due. Never rejects when a partition is lost on the way: the next step goes on. */
  async step(): Promise<void> {
    const { topologies, replicas, runtime, intervalMs, log } = this.#options;
    const { epoch, change } = topologies.current();
    if (epoch <= 1 || change !== undefined) return;
    try {
      if (this.#seen?.epoch !== epoch) {
        const epochs = await topologies.refresh();
        if (!replicas.replicas.every((replica) => epochs.get(replica) === epoch)) return;
        await this.#forgetGone();
        this.#seen = { epoch, at: runtime.elapsed() };
        this.#nextAt = this.#seen.at + sweepDelayMs;
      }
      if (runtime.elapsed() < this.#nextAt) return;
      this.#nextAt = runtime.elapsed() + intervalMs;
      // A member that was set back owes them again.
      await this.#forgetGone();
      for (const replica of replicas.replicas) await this.#sweep(replica, epoch);
    } catch (error) {
      if (!(error instanceof PartitionError)) throw error;
      log.warn({ partition: error.partition, problem: error.reason }, "what moved away is not removed yet");
    }
  }

  /**
   * For a program that ends then: waits until what moved away may be removed, or `isStopped`, and removes it. Gives how
   * many records that were.
   */
  async finish(isStopped: () => boolean): Promise<number> {
    const { topologies, runtime } = this.#options;
    const before = this.swept;
    const { epoch } = topologies.current();
    await this.step();
    while (this.#seen?.epoch === epoch && runtime.elapsed() < this.#nextAt && !isStopped()) {
      await sleep(runtime, Math.min(lookMs, this.#nextAt - runtime.elapsed()));
    }
    if (!isStopped()) await this.step();
    return this.swept - before;
  }

  // --- Internal helpers ---

  async #forgetGone(): Promise<void> {
    const { replicas, handoff } = this.#options;
    for (const replica of replicas.replicas) {
      const owed = await replica.use((partition) => partition.owed());
      for (const { target } of owed) {
        if (replicas.topology.gone.includes(target)) await handoff.forgetOwed(replica, target);
      }
    }
  }

  async #sweep(replica: Replica, epoch: number): Promise<void> {
    const { replicas, runtime } = this.#options;
    const scope = { cutoff: stampMax, floor: 0n, now: 0 };
    const digest = await readDigest(replica, scope, runtime, () => undefined);
    for (let bucket = 0; bucket < bucketCount; bucket++) {
      if (digest.countOf(bucket) === 0 || replicas.owners(bucket).includes(replica)) continue;
      if (replicas.epoch !== epoch) return;
      await this.#sweepBucket(replica, bucket, epoch);
      await sleep(runtime, 0);
    }
  }

  async #sweepBucket(replica: Replica, bucket: number, epoch: number): Promise<void> {
    const owners = this.#options.replicas.owners(bucket);
    if (!owners.every((owner) => owner.isSteady)) return;
    const held = await replica.use((partition) => partition.versions(bucket));
    const lists = await Promise.all(
      owners.map(async (owner) => {
        // The floor first: what was purged after it was read counts as lacking, and is looked at again.
        const { floor } = await owner.use((partition) => partition.progress());
        const versions = await owner.use((partition) => partition.versions(bucket));
        return { owner, floor, versions: new Map(versions.map((each) => [each.key, each])) };
      }),
    );
    const lackers = new Map<KeyVersion, Replica[]>();
    for (const each of held) {
      const lacking = lists.filter(({ floor, versions }) => !has(each, versions.get(each.key), floor));
      lackers.set(
        each,
        lacking.map(({ owner }) => owner),
      );
    }
    const removable = held.filter((each) => lackers.get(each)?.length === 0);
    for (let start = 0; start < removable.length; start += atOnce) {
      const batch = removable.slice(start, start + atOnce);
      this.swept += await replica.use((partition) => partition.remove(batch, epoch));
    }
    const missed = held.filter((each) => lackers.get(each)!.length > 0);
    for (const each of missed.slice(0, atOnce)) await giveOn(each, replica, lackers.get(each)!);
  }
}

/** Whether an owner has this version or a newer one, or has purged it. */
function has({ version }: KeyVersion, present: KeyVersion | undefined, floor: bigint): boolean {
  return present === undefined ? version.stamp <= floor : compareVersions(present.version, version) >= 0;
}

/** It may be all that is left after a disk was set back. Once they have it, the next sweep removes it here. */
async function giveOn({ key }: KeyVersion, source: Replica, targets: readonly Replica[]): Promise<void> {
  const [record] = await source.use((partition) => partition.read([key]));
  if (record === undefined) return;
  for (const target of targets) await target.use((partition) => partition.apply([record]));
}
