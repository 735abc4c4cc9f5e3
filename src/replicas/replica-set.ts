import { StoreError } from "../errors.ts";
import { PartitionError } from "../partition.ts";
import type { Topology } from "../topology/topology.ts";
import { type Assignment, assignmentOf, type BucketLists } from "./assignment.ts";
import { bucketCount, keyBucket } from "./hash.ts";
import type { Replica } from "./replica.ts";

/**
 * All partitions of a store with the placement of the keys on them, by the topology that this front end has adopted.
 * While a change is under way, a bucket has two placements: see `Assignment`.
 */
export class ReplicaSet {
  /** The members, and those that are to become members. */
  replicas: readonly Replica[] = [];
  /** How many replicas each key has. */
  perKey = 0;
  #topology!: Topology;
  #assignment!: Assignment;
  #deciders: readonly (readonly Replica[])[] = [];
  #owners: readonly (readonly Replica[])[] = [];
  #before: readonly (readonly Replica[])[] = [];
  #after: readonly (readonly Replica[])[] = [];
  /** Those who become homes of buckets by a change that switches, and do not have all yet that was decided of them. */
  readonly #unready = new Map<Replica, "nothing" | "plain">();
  readonly #open: (name: string) => Replica;
  #shares: (Shares & { readonly states: string }) | undefined;

  /** `open` gives the replica of a name, which is asked for once. */
  constructor(topology: Topology, open: (name: string) => Replica) {
    this.#open = open;
    this.adopt(topology);
  }

  get topology(): Topology {
    return this.#topology;
  }

  get epoch(): number {
    return this.#topology.epoch;
  }

  /** Goes by `topology` from now on. Gives the replicas that are no longer among them. */
  adopt(topology: Topology): Replica[] {
    const assignment = assignmentOf(topology);
    const earlier = this.replicas;
    const replicas = assignment.names.map((name) => this.byName(name) ?? this.#open(name));
    const listsOf = ({ lists }: BucketLists) => lists.map((list) => list.map((index) => replicas[index]!));
    this.#topology = topology;
    this.#assignment = assignment;
    this.#deciders = listsOf(assignment.deciders);
    this.#owners = listsOf(assignment.owners);
    this.#before = listsOf(assignment.before);
    this.#after = listsOf(assignment.after);
    this.replicas = replicas;
    this.perKey = this.#deciders[0]!.length;
    this.#unready.clear();
    if (topology.change?.phase === "switching") {
      for (const [, home] of this.movedHomes()) this.#unready.set(home, "nothing");
    }
    this.#shares = undefined;
    return earlier.filter((replica) => !replicas.includes(replica));
  }

  /** Whom reads and writes of a bucket may use, home first. */
  of(bucket: number): readonly Replica[] {
    return this.#deciders[this.#assignment.deciders.of[bucket]!]!;
  }

  /** Who is to have everything of a bucket: `of`, and while a change is under way those that hold it before or after. */
  owners(bucket: number): readonly Replica[] {
    return this.#owners[this.#assignment.owners.of[bucket]!]!;
  }

  home(bucket: number): Replica {
    return this.of(bucket)[0]!;
  }

  /** The home by the topology that a change is to replace. */
  homeBefore(bucket: number): Replica {
    return this.#before[this.#assignment.before.of[bucket]!]![0]!;
  }

  /** The home by the topology that a change leads to. */
  homeAfter(bucket: number): Replica {
    return this.#after[this.#assignment.after.of[bucket]!]![0]!;
  }

  /** From whom to whom a change moves homes. */
  movedHomes(): [from: Replica, to: Replica][] {
    const moved = new Map<string, [Replica, Replica]>();
    for (let bucket = 0; bucket < bucketCount; bucket++) {
      const [from, to] = [this.homeBefore(bucket), this.homeAfter(bucket)];
      if (from !== to) moved.set(`${from.name} ${to.name}`, [from, to]);
    }
    return [...moved.values()];
  }

  /** Whether `replica` is still being given the bucket by a change, so that what it has of old records may be ghosts. */
  isGaining(replica: Replica, bucket: number): boolean {
    if (this.#topology.change?.phase !== "filling") return false;
    return !this.of(bucket).includes(replica);
  }

  /** Whether the new homes of a change decide. */
  get isSwitching(): boolean {
    return this.#topology.change?.phase === "switching";
  }

  /** Those who become homes by a change, and must not decide yet. */
  get unready(): readonly Replica[] {
    return [...this.#unready.keys()];
  }

  /** `replica` has all that the old homes decided; or, `plain`, all of it that can be had. */
  setReady(replica: Replica, isPlain = false): void {
    if (!this.#unready.has(replica)) return;
    if (isPlain) this.#unready.set(replica, "plain");
    else this.#unready.delete(replica);
    this.#shares = undefined;
  }

  /** Whether the home of a bucket has all that was decided of it by an earlier home; `isPlain`: or all that can be had. */
  isHomeReady(bucket: number, isPlain = false): boolean {
    if (this.#unready.size === 0) return true;
    const home = this.home(bucket);
    if (home === this.homeBefore(bucket)) return true;
    const state = this.#unready.get(home);
    return state === undefined || (isPlain && state === "plain");
  }

  /** The replica that answers reads of a bucket now: the home, or the next one that is steady. */
  serving(bucket: number): Replica | undefined {
    const replicas = this.of(bucket);
    const isReady = this.isHomeReady(bucket, true);
    for (let rank = isReady ? 0 : 1; rank < replicas.length; rank++) {
      const replica = replicas[rank]!;
      if (replica.isSteady) return replica;
    }
    // Until its only replica has all, the one before has.
    return isReady ? undefined : this.owners(bucket).find((replica) => replica.isSteady && replica !== replicas[0]);
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
  const problems = replicas.map(({ name, problem, state, isSteady }) => {
    return `${name}: ${problem || (isSteady ? "it is taking the key over, or has just come back" : state)}`;
  });
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
