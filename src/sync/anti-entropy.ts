import { type KeyVersion, PartitionError, type Progress, type Receiving } from "../partition.ts";
import { bucketCount } from "../replicas/hash.ts";
import type { Log, Replica } from "../replicas/replica.ts";
import type { ReplicaSet } from "../replicas/replica-set.ts";
import { type Runtime, sleep } from "../runtime.ts";
import { stampAt, stampMax } from "../version.ts";
import { type BucketDifference, compareBucket } from "./bucket-difference.ts";
import { type Digest, type DigestScope, readDigest, type Size } from "./digest.ts";
import { mendBucket } from "./mend.ts";
import { isReceiving } from "./standing.ts";

/** Buckets that are looked into at once. */
const bucketsAtOnce = 8;
/** What was written so lately is still on its way to the other replicas. */
const onItsWayMs = 5000;
/** Fewer keys say little of how many a second can be brought. */
const measuredKeysMin = 1000;
/** Rows looked through at once for tombstones that may go. */
const rowsAtOnce = 20_000;

export interface PassOptions {
  /** False only compares. */
  readonly isRepair: boolean;
  /** Told what part of the work is done, from 0 to 1, and how many keys a second are brought; 0 before that is known. */
  readonly onProgress?: (part: number, keysPerSecond: number) => void;
  /** How many keys a second are brought to those who lack them, at most. */
  readonly keysPerSecond?: number | undefined;
}

export interface PassResult {
  /** Records counted on the partition that has most. */
  readonly records: number;
  /** Keys that were not the same on all replicas, without those that a hint is owed for. */
  readonly differing: number;
  /** Records brought to a replica that lacked them. */
  readonly mended: number;
  /** Records on partitions that do not hold them any more: they moved away by a change of the topology. */
  readonly misplaced: number;
  /** Records that had been purged everywhere else, and were removed. */
  readonly ghosts: number;
  /** Keys with the same version but another content: one of the replicas is damaged. */
  readonly damaged: readonly string[];
  /** Partitions that could not be compared, each with why. */
  readonly missing: readonly string[];
  readonly tookMs: number;
  /** What each partition that was compared holds, by its name. */
  readonly sizes: { readonly [partition: string]: Size };
}

export interface AntiEntropyOptions {
  readonly replicas: ReplicaSet;
  readonly runtime: Runtime;
  readonly log: Log;
}

/**
 * Anti-entropy: makes replicas equal whatever was lost on the way.
 *
 * Every partition sums up its records by bucket, in SQL. Buckets whose sums differ are compared key by key; the
 * greatest version of each key is brought to the replicas that lack it. A partition that was restored from a
 * backup, or is new, is still receiving: it takes everything from the steady ones, gives them only what they would
 * take from anybody, and loses what they have purged. Any number of passes may run at once.
 */
export class AntiEntropy {
  readonly #options: AntiEntropyOptions;

  constructor(options: AntiEntropyOptions) {
    this.#options = options;
  }

  /** One pass over all partitions that can be reached. Never rejects for those that are lost on the way. */
  async pass(options: PassOptions): Promise<PassResult> {
    return (await this.#pass(options)).result;
  }

  /**
   * A pass that brings everything to those who gain keys by a change of the topology, at most `keysPerSecond`. Gives
   * whether all who hold or gain anything were compared completely.
   */
  async fill(options: Omit<PassOptions, "isRepair">): Promise<boolean> {
    return (await this.#pass({ ...options, isRepair: true })).isWhole;
  }

  /**
   * How many keys are not the same on all who hold or gain them, without what was written in the last seconds and is
   * still on its way.
   *
   * @throws PartitionError when one cannot be compared.
   */
  async differing(): Promise<number> {
    const { replicas, runtime, log } = this.#options;
    const members = await this.#members();
    const now = runtime.now();
    const scope = { cutoff: stampAt(now - onItsWayMs), floor: greatestFloor(members), now };
    const digests = await this.#digests(members, scope, undefined);
    const missing = this.#expected().find((replica) => !digests.has(replica));
    if (missing !== undefined) throw new PartitionError("unreachable", missing.name, "it could not be compared");
    let count = 0;
    for (const bucket of differingBuckets(replicas, digests)) {
      const { keys, damaged } = await this.#lookInto(bucket, members, scope);
      count += keys.length;
      for (const key of damaged) log.warn({ key }, "replicas have the same version of a key with different contents");
    }
    return count;
  }

  async #pass({ isRepair, onProgress, keysPerSecond }: PassOptions): Promise<{ result: PassResult; isWhole: boolean }> {
    const { runtime, replicas } = this.#options;
    const started = runtime.elapsed();
    const now = runtime.now();
    const members = await this.#members();
    // What is newer than the start is owed a hint, and what has expired is the same as absent. Not so for a partition that
    // is being filled: nobody owes it what it had already, and either may hide an older version that another one has.
    const { topology } = replicas;
    const isFilling =
      isRepair && (topology.change?.phase === "filling" || members.some((member) => member.isReceiving));
    const pace = paceOf(keysPerSecond, runtime);
    const limits = isFilling ? { cutoff: stampMax, now: 0 } : { cutoff: stampAt(now), now };
    const scope = { ...limits, floor: greatestFloor(members) };
    const digests = await this.#digests(members, scope, onProgress);
    const found = { differing: 0, mended: 0, ghosts: 0, damaged: [] as string[] };
    const covered = new Map([...digests.keys()].map((replica) => [replica, true]));

    const differing = differingBuckets(replicas, digests);
    let done = 0;
    const began = runtime.elapsed();
    const rate = () => (found.mended < measuredKeysMin ? 0 : (found.mended / (runtime.elapsed() - began)) * 1000);
    const next = differing.values();
    const worker = async () => {
      for (const bucket of next) {
        try {
          const difference = await this.#lookInto(bucket, members, scope);
          found.differing += difference.keys.length;
          found.damaged.push(...difference.damaged);
          if (isRepair) {
            const { mended, ghosts } = await mendBucket(difference, pace);
            found.mended += mended;
            found.ghosts += ghosts;
          }
        } catch (error) {
          if (!(error instanceof PartitionError)) throw error;
          for (const replica of replicas.owners(bucket)) covered.set(replica, false);
        }
        onProgress?.(0.5 + (++done / differing.length) * 0.5, rate());
      }
    };
    await Promise.all(Array.from({ length: bucketsAtOnce }, worker));
    for (const replica of lacking(replicas, digests, members)) covered.set(replica, false);
    // Who was lost on the way and came back may have been set back; another topology says other things of buckets.
    const isWhole =
      replicas.topology === topology &&
      this.#expected().every((replica) => covered.get(replica) === true) &&
      members.every(({ replica, visit }) => replica.visit === visit);
    if (isRepair) await this.#record(members, covered, scope.floor);
    const result: PassResult = {
      ...found,
      records: Math.max(0, ...[...digests.values()].map((digest) => digest.count)),
      misplaced: misplacedOf(replicas, digests),
      missing: missingFrom(replicas, digests),
      tookMs: runtime.elapsed() - started,
      sizes: Object.fromEntries(Array.from(digests, ([{ name }, { size }]) => [name, size])),
    };
    return { result, isWhole };
  }

  /**
   * Raises the counters of `written` like a pass, so that whoever is set back to before these writes is found out
   * although no pass came in between. Never rejects.
   */
  async mark(written: Iterable<Replica>): Promise<void> {
    const { replicas } = this.#options.replicas;
    for (const replica of written) {
      if (!replica.isSteady) continue;
      try {
        if (await this.#isReceiving(replica)) continue;
        const others = replicas.filter((other) => other !== replica && other.isReachable);
        await this.#count(replica, { pass: replica.passSeen + 1 }, others);
      } catch (error) {
        if (!(error instanceof PartitionError)) throw error;
      }
    }
  }

  /**
   * Whether all partitions are the same at or below `floor`, but for keys that a newer version is known of.
   *
   * @throws PartitionError when a partition cannot be compared.
   */
  async isEqualUpTo(floor: bigint): Promise<boolean> {
    const { replicas, runtime } = this.#options;
    const members = await this.#members();
    if (members.length < replicas.replicas.length || members.some((member) => member.isReceiving)) return false;
    const scope = { cutoff: floor, floor: greatestFloor(members), now: runtime.now() };
    const digests = await this.#digests(members, scope, undefined);
    if (digests.size < members.length) return false;
    for (const bucket of differingBuckets(replicas, digests)) {
      const { keys } = await this.#lookInto(bucket, members, scope);
      // A newer version of the key is on its way to whoever has the old one, and will find it or make it anew.
      if (keys.some(({ newest }) => newest.version.stamp <= floor)) return false;
    }
    return true;
  }

  // --- Internal helpers ---

  /** The partitions that can be compared now, with how far they are. */
  async #members(): Promise<Member[]> {
    const members: Member[] = [];
    for (const replica of this.#options.replicas.replicas) {
      if (!replica.isReachable) continue;
      try {
        const progress = await replica.use((partition) => partition.progress());
        members.push({ replica, progress, isReceiving: await this.#isReceiving(replica), visit: replica.visit });
      } catch (error) {
        if (!(error instanceof PartitionError)) throw error;
      }
    }
    return members;
  }

  /** All but the one that is lost for good. */
  #expected(): Replica[] {
    const { replicas, topology } = this.#options.replicas;
    return replicas.filter(({ name }) => name !== topology.change?.lost);
  }

  /** Judged anew for every pass: it may have been set back while the others, which know, were away. */
  async #isReceiving(replica: Replica): Promise<boolean> {
    const { replicas, runtime } = this.#options;
    const isFound = await isReceiving(replica, replicas, runtime);
    if (isFound) await replica.reconsider();
    // Where all could be asked, it counts that another process may have filled it by now.
    const areAllAsked = replicas.replicas.every((other) => other.isReachable);
    return isFound || (replica.isReceiving && !areAllAsked);
  }

  async #digests(
    members: readonly Member[],
    scope: DigestScope,
    onProgress: PassOptions["onProgress"],
  ): Promise<Map<Replica, Digest>> {
    const digests = new Map<Replica, Digest>();
    let rows = 0;
    const count = (more: number) => {
      rows += more;
      // How many there are is not known, so the bar nears the middle without reaching it.
      onProgress?.(0.5 * (1 - 1 / (1 + rows / 1_000_000)), 0);
    };
    await Promise.all(
      members.map(async ({ replica }) => {
        try {
          digests.set(replica, await readDigest(replica, scope, this.#options.runtime, count));
        } catch (error) {
          if (!(error instanceof PartitionError)) throw error;
          this.#options.log.warn({ partition: replica.name, problem: error.reason }, "could not be compared");
        }
      }),
    );
    return digests;
  }

  async #lookInto(bucket: number, members: readonly Member[], scope: DigestScope): Promise<BucketDifference> {
    const { replicas } = this.#options;
    const { epoch } = replicas;
    const owners = replicas.owners(bucket);
    const holders = members.filter(({ replica }) => owners.includes(replica));
    const lists = await Promise.all(
      holders.map(async (holder) => {
        const { replica } = holder;
        const receiving = receivingOf(holder, epoch, replicas.isGaining(replica, bucket));
        const versions: KeyVersion[] = await replica.use((partition) => partition.versions(bucket));
        return { replica, receiving, versions };
      }),
    );
    return compareBucket(lists, holders.length === owners.length, scope);
  }

  /**
   * Counts the pass on every partition that was compared completely, and records that on the others. One that was set
   * back gets its floor back as well: else nobody would know of it any more when the others are set back later.
   */
  async #record(members: readonly Member[], covered: ReadonlyMap<Replica, boolean>, floor: bigint): Promise<void> {
    for (const { replica, progress, visit, isReceiving } of members) {
      // One that was away meanwhile may have been set back just then.
      if (covered.get(replica) !== true || replica.visit !== visit) continue;
      const recorded = members.map((member) => member.progress.seen[replica.name] ?? 0);
      const pass = Math.max(replica.passSeen, progress.pass, ...recorded) + 1;
      try {
        const hasFloor = await replica.use((partition) => partition.raise({ writeFloor: floor, floor }));
        if (isReceiving) {
          if (!hasFloor) continue;
          await purgeOld(replica);
        }
        const others = members.filter((member) => member.replica !== replica).map((member) => member.replica);
        // Only one that was filled may leave numbers out: any other that is behind was set back since it was asked.
        await this.#count(replica, isReceiving ? { pass, isComplete: true } : { pass }, others);
      } catch (error) {
        if (!(error instanceof PartitionError)) throw error;
        continue;
      }
      if (replica.isReceiving) await replica.reconsider();
    }
  }

  /** Raises the counter of a partition, and records that on the `others`. */
  async #count(replica: Replica, progress: { pass: number; isComplete?: true }, others: readonly Replica[]) {
    if (!(await replica.use((partition) => partition.raise(progress)))) return;
    const seen = { [replica.name]: progress.pass };
    await Promise.allSettled(others.map((other) => other.use((partition) => partition.raise({ seen }))));
  }
}

/** An old tombstone from before it was set back is no reason to take what the others have purged since. */
async function purgeOld(replica: Replica): Promise<void> {
  for (let after: string | undefined = ""; after !== undefined; ) {
    const start: string = after;
    after = (await replica.use((partition) => partition.purge(start, rowsAtOnce))).last;
  }
}

interface Member {
  readonly replica: Replica;
  readonly progress: Progress;
  readonly isReceiving: boolean;
  readonly visit: number;
}

function receivingOf({ isReceiving, progress }: Member, epoch: number, isGaining: boolean): Receiving | undefined {
  if (!isReceiving && !isGaining) return undefined;
  return { ...(isReceiving && { pass: progress.pass }), ...(isGaining && { epoch }) };
}

function greatestFloor(members: readonly Member[]): bigint {
  let greatest = 0n;
  for (const { progress } of members) if (progress.floor > greatest) greatest = progress.floor;
  return greatest;
}

/** Buckets that at least two replicas with a digest hold, and not alike. */
function differingBuckets(replicas: ReplicaSet, digests: ReadonlyMap<Replica, Digest>): number[] {
  const differing: number[] = [];
  for (let bucket = 0; bucket < bucketCount; bucket++) {
    const [first, ...others] = replicas.owners(bucket).flatMap((replica) => digests.get(replica) ?? []);
    if (first !== undefined && others.some((other) => !first.equals(other, bucket))) differing.push(bucket);
  }
  return differing;
}

/**
 * Partitions that hold a bucket for which the pass says nothing: no other replica was compared, or, for one that is
 * still receiving, none that is steady while a replica is away that may be.
 */
function lacking(
  replicas: ReplicaSet,
  digests: ReadonlyMap<Replica, Digest>,
  members: readonly Member[],
): Set<Replica> {
  const found = new Set<Replica>();
  const receiving = new Set(members.filter((member) => member.isReceiving).map(({ replica }) => replica));
  for (let bucket = 0; bucket < bucketCount; bucket++) {
    const holders = replicas.owners(bucket);
    if (holders.length === 1) continue;
    const compared = holders.filter((replica) => digests.has(replica));
    const hasSteady = compared.some((replica) => !receiving.has(replica));
    for (const replica of holders) {
      const isEnough =
        compared.length === holders.length || (compared.length > 1 && (hasSteady || !receiving.has(replica)));
      if (!isEnough) found.add(replica);
    }
  }
  return found;
}

/** Waits as long as it takes that no more than so many keys are brought in a second. */
function paceOf(keysPerSecond: number | undefined, runtime: Runtime): (keys: number) => Promise<void> {
  if (keysPerSecond === undefined) return async () => undefined;
  const started = runtime.elapsed();
  let brought = 0;
  return async (keys) => {
    brought += keys;
    const aheadMs = (brought / keysPerSecond) * 1000 - (runtime.elapsed() - started);
    if (aheadMs > 0) await sleep(runtime, aheadMs);
  };
}

function misplacedOf(replicas: ReplicaSet, digests: ReadonlyMap<Replica, Digest>): number {
  let count = 0;
  for (let bucket = 0; bucket < bucketCount; bucket++) {
    const owners = replicas.owners(bucket);
    for (const [replica, digest] of digests) if (!owners.includes(replica)) count += digest.countOf(bucket);
  }
  return count;
}

function missingFrom(replicas: ReplicaSet, digests: ReadonlyMap<Replica, Digest>): string[] {
  const missing = replicas.replicas.filter((replica) => !digests.has(replica));
  return missing.map(({ name, problem }) => `${name}: ${problem || "could not be compared"}`);
}
