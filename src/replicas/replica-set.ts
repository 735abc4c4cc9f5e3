import { StoreError } from "../errors.ts";
import { type Partition, PartitionError } from "../partition.ts";
import { bucketCount, keyBucket } from "./hash.ts";
import { type PlacedPartition, Placement } from "./placement.ts";
import type { Replica } from "./replica.ts";

/** All partitions of a store with the placement of the keys on them. */
export class ReplicaSet {
  readonly replicas: readonly Replica[];
  /** How many replicas each key has. */
  readonly perKey: number;
  readonly #placement: Placement;
  #shares: (Shares & { readonly states: string }) | undefined;

  constructor(replicas: readonly Replica[], placed: readonly PlacedPartition[], perKey: "all" | number) {
    this.replicas = replicas;
    this.#placement = new Placement(placed, perKey);
    this.perKey = this.#placement.replicas;
  }

  /** The replicas of a bucket, home first. */
  of(bucket: number): Replica[] {
    return Array.from(this.#placement.replicasOf(bucket), (index) => this.replicas[index]!);
  }

  home(bucket: number): Replica {
    return this.replicas[this.#placement.replica(bucket, 0)]!;
  }

  /** The replica that answers reads of a bucket now: the home, or the next one that is steady. */
  serving(bucket: number): Replica | undefined {
    for (let rank = 0; rank < this.perKey; rank++) {
      const replica = this.replicas[this.#placement.replica(bucket, rank)]!;
      if (replica.isSteady) return replica;
    }
    return undefined;
  }

  /** Where `key` belongs; with one partition they all belong to the same, and its hash is not asked for. */
  bucketOf(key: string): number {
    return this.replicas.length === 1 ? 0 : keyBucket(key);
  }

  byName(name: string): Replica | undefined {
    return this.replicas.find((replica) => replica.name === name);
  }

  /**
   * For each replica that serves any bucket now: a map of the buckets that it serves, 1 for yes. Buckets without
   * a replica that is steady are in none of them.
   */
  shares(): Shares {
    const states = this.replicas.map((replica) => (replica.isSteady ? "1" : "0")).join("");
    if (this.#shares?.states !== states) this.#shares = { states, ...this.#computeShares() };
    return this.#shares;
  }

  /**
   * Asks the replica that serves `bucket`, and the next one when that turns out to be gone.
   *
   * @throws StoreError `no_replica` when none is left.
   */
  async ask<T>(bucket: number, work: (partition: Partition) => Promise<T>): Promise<T> {
    for (;;) {
      const replica = this.serving(bucket);
      if (replica === undefined) throw noReplica(this.of(bucket));
      try {
        return await replica.use(work);
      } catch (error) {
        // A replica that was lost is not served from any more, so this ends.
        if (replica.isSteady) throw storeError(error);
      }
    }
  }

  #computeShares(): Shares {
    const shares = new Map<Replica, Uint8Array>();
    let unserved = 0;
    for (let bucket = 0; bucket < bucketCount; bucket++) {
      const replica = this.serving(bucket);
      if (replica === undefined) {
        unserved++;
        continue;
      }
      const share = shares.get(replica) ?? new Uint8Array(bucketCount);
      shares.set(replica, share);
      share[bucket] = 1;
    }
    return { byReplica: shares, unserved };
  }
}

/** Which replica serves which buckets. */
export interface Shares {
  readonly byReplica: ReadonlyMap<Replica, Uint8Array>;
  /** How many buckets have no replica that can be used. */
  readonly unserved: number;
}

export function noReplica(replicas: readonly Replica[]): StoreError {
  const problems = replicas.map(({ name, problem, state }) => `${name}: ${problem || state}`);
  return new StoreError("no_replica", `no replica can be used (${problems.join("; ")}); try again`);
}

/** What a caller is told of a partition's failure, other than that it is unreachable. */
export function storeError(error: unknown): unknown {
  if (!(error instanceof PartitionError)) return error;
  const options = { cause: error };
  if (error.kind === "full") return new StoreError("storage_full", `${error.message}; nothing was written`, options);
  if (error.kind === "overloaded") return new StoreError("overloaded", `${error.message}; try again`, options);
  if (error.kind === "rejected") return new StoreError("internal", `partition ${error.partition} refused it`, options);
  return new StoreError("no_replica", `${error.message}; try again`, options);
}
