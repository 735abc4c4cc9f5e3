import type { Content, Record, ScannedRecord } from "./record.ts";
import type { Token } from "./token.ts";
import type { Topology } from "./topology/topology.ts";
import type { Version } from "./version.ts";

/**
 * A partition is one back-end database. This is all that the rest of Kvasir knows about one.
 *
 * Every method that takes a batch gives its answers in the order of the batch, and one bad member never
 * fails its neighbours. A method that fails as a whole throws {@link PartitionError}, whose `outcome` says
 * whether anything may have been applied.
 */
export interface Partition {
  readonly name: string;

  /**
   * Connects, and checks that the database is the one that the configuration means and is set up as Kvasir
   * needs it. Called again after the connection was lost.
   *
   * @throws PartitionError `unreachable`, `uninitialised` or `refused`.
   */
  open(): Promise<PartitionInfo>;

  /**
   * Creates what is missing of the schema and gives the partition its identity. Harmless when repeated. With
   * `isJoining` it is marked as not complete: the store has data already that it has yet to receive.
   */
  initialise(identity: Identity, isJoining?: boolean): Promise<void>;

  /**
   * The record of `key` without waiting, where the engine can read on the spot; absent where it cannot. It is as
   * new as the call; with `isArriving` as new as the turn of the event loop, for a request that it delivers now.
   *
   * {@link Large} for a value that would hold up all other requests.
   *
   * @throws PartitionError, of kind `overloaded` when `read` should be asked instead.
   */
  readNow?(key: string, isArriving?: boolean): Record | Large | undefined;

  /** How reads and writes travelled until now; absent where they are not batched. */
  batches?(): { readonly reads: BatchCount; readonly writes: BatchCount };

  /** The records of `keys`, tombstones and expired ones included, `undefined` where there is none. */
  read(keys: readonly string[]): Promise<(Record | undefined)[]>;

  /**
   * As `read`, but {@link Large} instead of a record whose value is, so that many keys may be
   * asked for whatever is under them. Absent where the values are in memory anyway.
   */
  readSmall?(keys: readonly string[]): Promise<(Record | Large | undefined)[]>;

  /** As `read`, for one key of which `readNow` found `large`. Absent where it makes no difference. */
  readLarge?(key: string, large: Large): Promise<Record | undefined>;

  /**
   * Decides and stores `writes` in one transaction: locks or creates each row, checks condition and request
   * id, stamps the version, stores record and hints. When it resolves, everything applied is on disk.
   * Writes of one key take effect in the order given.
   */
  write(writes: readonly Write[]): Promise<WriteOutcome[]>;

  /**
   * Stores records that were decided elsewhere. The greater version wins, so that repeating, reordering and
   * delaying do no harm. When it resolves, all of them (or greater versions) are on disk.
   *
   * A record at or below the floor whose key is absent here is a ghost: it was delivered everywhere, deleted and
   * purged. It is dropped, unless this partition is still receiving its records, as `receiving` says, from one
   * that has no ghosts. Gives how many were dropped.
   *
   * @throws PartitionError `rejected` when it is not as `receiving` says any more: what was read so long ago may have been
   * deleted and purged since. Then nothing is stored.
   */
  apply(records: readonly Record[], receiving?: Receiving): Promise<number>;

  /** What an earlier write with this request id did, if it was applied here within the last 24 h. */
  recall(key: string, requestId: string): Promise<RecalledRequest | undefined>;

  /** A page of live keys in the order of their bytes. */
  scan(range: ScanRange): Promise<ScanPage>;

  /** Up to `limit` hints owed to `target`, in key order, from the first key after `after`; with `only` not all of them. */
  hints(target: string, after: string, limit: number, only?: HintScope): Promise<OwedHint[]>;

  /** Deletes each hint unless a newer version is owed by now. */
  settle(hints: readonly Hint[]): Promise<void>;

  /** What is owed to each target. */
  owed(): Promise<Owed[]>;

  /** The database server's own clock, in ms since 1970; `undefined` where it is this machine's. */
  time(): Promise<number | undefined>;

  /** How far synchronisation has come here. */
  progress(): Promise<Progress>;

  /**
   * Raises what is given of the progress; nothing is ever lowered. Gives false, and raises nothing, when `floor` is
   * asked for while a hint at or below it is owed here or records above it may still be written at or below it; and when
   * `pass` would leave numbers out, unless `isComplete` goes with it. (On a cluster of several members that take writes, a
   * hint written meanwhile may be found only after the write floor has risen: then that stays raised.)
   */
  raise(progress: Partial<Progress>): Promise<boolean>;

  /** Sums up one slice of the records, in key order. The sums of all slices make the partition's digest. */
  digest(range: DigestRange): Promise<DigestSlice>;

  /** The version of every record of a bucket, tombstones and expired ones included, in no order. */
  versions(bucket: number): Promise<KeyVersion[]>;

  /** Recomputes the fingerprints in one slice of the records, in key order, and names those that are not right. */
  scrub(after: string, rowsMax: number): Promise<ScrubbedSlice>;

  /** Replaces each record that has exactly the same version, whatever it contains: the mend for a damaged one. */
  restore(records: readonly Record[]): Promise<void>;

  /**
   * Deletes each record that still has exactly this version; gives how many. Its key may be created again. With
   * `epoch` nothing is deleted when the partition has another one.
   */
  remove(records: readonly { readonly key: string; readonly version: Version }[], epoch?: number): Promise<number>;

  /**
   * Deletes from one slice of the records, in key order, the tombstones at or below the floor and the records at or
   * below it that had expired by then.
   */
  purge(after: string, rowsMax: number): Promise<PurgedSlice>;

  /** Forgets request ids recorded before `before` (ms), at most `limit` of them; gives how many it forgot. */
  forgetRequests(before: number, limit: number): Promise<number>;

  /** Up to `limit` request ids in the order of their ages, keys and ids, from the first one after `after`. */
  requests(after: RequestPosition, limit: number): Promise<StoredRequest[]>;

  /** Stores request ids of another partition. Those that are known here stay as they are. */
  keepRequests(requests: readonly StoredRequest[]): Promise<void>;

  /** What is known here of the store's topology. */
  topology(): Promise<StoredTopology>;

  /**
   * Promises to accept nothing with a lesser ballot any more, unless a greater one is promised already: the answer
   * tells. Ballots are compared as texts.
   */
  promise(ballot: string): Promise<StoredTopology>;

  /**
   * Accepts a proposal for what follows upon the topology that is known here. Gives false, and does nothing, when a
   * greater ballot was promised, or it does not follow. Nobody goes by it before it is adopted.
   */
  accept(ballot: string, topology: Topology): Promise<boolean>;

  /**
   * Takes over a topology that a majority has accepted, unless a newer one is known. Once it resolves, no write, and no
   * removal, of an older epoch is applied here any more. Gives what is known then.
   */
  adopt(topology: Topology): Promise<StoredTopology>;

  /**
   * Stores `mine`, unless another program has the turn to fill at the time `now` (ms); a rate that is not known replaces
   * none that is. Gives what is stored then. Without `mine` it only tells.
   */
  filling(now: number, mine?: Filling): Promise<Filling | undefined>;

  /** The access tokens that are stored here, revoked ones included. */
  tokens(): Promise<Token[]>;

  /** Stores tokens. One that is here already stays as it is, but for becoming revoked, which is never undone. */
  keepTokens(tokens: readonly Token[]): Promise<void>;

  /** Undoes `open`; what is under way fails. Harmless when repeated. */
  close(): Promise<void>;
}

export interface Identity {
  /** The same on all partitions of one store. */
  readonly cluster: string;
  readonly partition: string;
}

/** What tells that a partition is still receiving its records. At least one of them is given. */
export interface Receiving {
  /** The counter of passes of one that is new or was set back: the pass that completes it raises it. */
  readonly pass?: number;
  /** The topology by which it gains keys: the next one is decided when it has them. */
  readonly epoch?: number;
}

/** What the meta table of a partition says of synchronisation. Counters and stamps only ever grow. */
export interface Progress {
  /** False while the partition has not yet received all records of its buckets. */
  readonly isComplete: boolean;
  /** Counts the passes of anti-entropy over this partition. */
  readonly pass: number;
  /** The greatest `pass` of other partitions that was recorded here. A partition whose own is less was set back. */
  readonly seen: { readonly [partition: string]: number };
  /** No write gets a stamp at or below this one any more. At least as great as `floor`. */
  readonly writeFloor: bigint;
  /** Everything at or below this stamp was the same on all partitions, and tombstones of it may be purged. */
  readonly floor: bigint;
}

export interface DigestRange {
  /** Keys behind this one. */
  readonly after: string;
  /** How many rows to read at most. */
  readonly rowsMax: number;
  /** Records with greater stamps are left out. */
  readonly cutoff: bigint;
  /** Tombstones at or below this stamp are left out, because others may have purged them. */
  readonly floor: bigint;
  /** Records that have expired by this time (ms) are left out. */
  readonly now: number;
}

export interface DigestSlice {
  readonly buckets: readonly BucketDigest[];
  /** The last key read, to go on from; `undefined` when the end was reached. */
  readonly last: string | undefined;
}

/** What adds up over slices: records, the halves of their fingerprints, those of them that are live, and bytes of their values. */
export interface BucketDigest {
  readonly bucket: number;
  readonly sums: readonly [records: number, number, number, number, number, keys: number, bytes: number];
}

export interface KeyVersion {
  readonly key: string;
  readonly version: Version;
  readonly isTombstone: boolean;
  readonly expires: number;
  /** Equal versions have equal fingerprints, unless something is damaged. */
  readonly fingerprint: bigint;
}

export interface ScrubbedSlice {
  /** Keys whose value, or anything else, is not what was stored. */
  readonly damaged: readonly string[];
  readonly rows: number;
  /** The last key read, to go on from; `undefined` when the end was reached. */
  readonly last: string | undefined;
}

export interface PurgedSlice {
  readonly purged: number;
  /** The last key read, to go on from; `undefined` when the end was reached. */
  readonly last: string | undefined;
}

/** How many batches left, and how many members they had together. */
export interface BatchCount {
  readonly batches: number;
  readonly members: number;
}

export interface PartitionInfo {
  readonly identity: Identity;
  readonly progress: Progress;
  readonly schemaVersion: number;
  readonly topology: Topology | undefined;
  /** Such as `MariaDB 10.11.19` or `SQLite 3.51`. */
  readonly engine: string;
  /** `relaxed` when the server may lose acknowledged commits in a crash; `durabilityNote` says why. */
  readonly durability: "strict" | "relaxed";
  readonly durabilityNote: string;
  /** The largest value that it can take, in bytes. */
  readonly valueBytesMax: number;
}

/** A write to be decided by the partition that takes it. Plain data: it may travel to another thread. */
export interface Write {
  readonly key: string;
  readonly content: Content;
  /** The version is at least `stamp`, and greater than that of the row that it replaces. */
  readonly stamp: bigint;
  readonly writer: number;
  /** The wall clock by which expiry is judged, in ms. */
  readonly now: number;
  readonly condition?: Condition;
  readonly request?: WriteRequest;
  /** Names of the partitions that are owed the record. */
  readonly owed: readonly string[];
  /** The partition that decides this is not the key's home. */
  readonly standIn: boolean;
  /** The topology by which it was sent here: a partition that has another one does not decide it. */
  readonly epoch: number;
  /**
   * What this write would have become when it was sent before and its answer was lost. A row with this version
   * means that it was applied (`found`). A newer row leaves it `unknown`. Over an older one, a write without condition
   * and request id is stored with exactly this version, and one with either is decided anew.
   */
  readonly attempted?: Version;
}

/** Both must hold. `"*"` means any live record. Texts are versions as `formatVersion` writes them. */
export interface Condition {
  readonly ifMatch?: "*" | readonly string[];
  readonly ifNoneMatch?: "*" | readonly string[];
}

export interface WriteRequest {
  readonly id: string;
  /** A digest of the payload: the same id with another digest is refused. */
  readonly digest: string;
}

export type WriteOutcome =
  /** Applied and durable. `existed`: a live record was there before. */
  | { readonly kind: "applied"; readonly version: Version; readonly existed: boolean }
  /** A repeated write that an earlier attempt has stored. What was there before it does not show any more. */
  | { readonly kind: "found"; readonly version: Version }
  /** The same request was applied earlier, and this is what it did then. */
  | { readonly kind: "replayed"; readonly version: Version; readonly existed: boolean }
  /** The same request id came with another payload. Nothing was applied. */
  | { readonly kind: "request_reused" }
  /** The condition does not hold; `current` is the live record's version. Nothing was applied. */
  | { readonly kind: "condition_failed"; readonly current: Version | undefined }
  /** A repeated write that finds a newer row: nobody can tell any more. Nothing was applied now. */
  | { readonly kind: "unknown" }
  /** The partition has another topology, of this epoch. Nothing was applied. */
  | { readonly kind: "outdated"; readonly epoch: number }
  /** This member alone could not be stored, and its neighbours were. Nothing of it was applied. */
  | { readonly kind: "failed"; readonly error: PartitionError };

/** How long request ids are kept: a day. */
export const requestAgeMs = 24 * 3_600_000;

export interface RecalledRequest {
  readonly digest: string;
  readonly version: Version;
  readonly existed: boolean;
}

/** A request id with what it did and when it was recorded (ms). */
export interface StoredRequest extends RecalledRequest {
  readonly key: string;
  readonly id: string;
  readonly at: number;
}

export type RequestPosition = Pick<StoredRequest, "at" | "key" | "id">;

/** A partition's part in changes of the topology. */
export interface StoredTopology {
  /** What it goes by; `undefined` before the first one. */
  readonly topology: Topology | undefined;
  /** The greatest ballot that it promised anything for; `""` for none. */
  readonly promised: string;
  /** A proposal of what is to follow. */
  readonly accepted: { readonly ballot: string; readonly topology: Topology } | undefined;
}

/** Who fills those that gain keys by a change of the topology, and how fast that goes, or went. */
export interface Filling {
  /** The id of a program. */
  readonly by: string;
  /** It has the turn until then (ms since 1970). */
  readonly until: number;
  /** Which part of the filling is done, from 0 to 1. */
  readonly progress: number;
  /** Keys brought a second where no limit was asked for; 0 when not known. */
  readonly keysPerSecond: number;
}

/** Nobody has a turn for longer: one that seems to was given by a clock that is off. */
export const fillingTurnMsMax = 60_000;

export function hasTurn({ until }: Filling, now: number): boolean {
  return until > now && until <= now + fillingTurnMsMax;
}

/** A write still owed to a replica. */
export interface Hint {
  readonly target: string;
  readonly key: string;
  readonly version: Version;
  readonly standIn: boolean;
}

/** A hint with what is to be delivered for it. */
export interface OwedHint extends Hint {
  /** The bytes of the record's value as it is now, so that deliveries can be bounded. */
  readonly size: number;
  /** The record as it is now: `undefined` when it is gone, or so large that it has to be read by itself. */
  readonly record: Record | undefined;
}

/** Values above this are large: they are read one by one. */
export const smallBytesMax = 64 * 2 ** 10;

/** What is told of a record with a large value, in place of it. */
export interface Large {
  readonly isLarge: true;
  readonly version: Version;
}

export function isLarge(found: Record | Large | undefined): found is Large {
  return found !== undefined && "isLarge" in found;
}

/** Values above this do not come with their hints. */
export const hintedBytesMax = 4096;

export interface HintScope {
  /** Only hints with stamps up to this one. */
  readonly upTo?: bigint;
  /** Only hints that a stand-in wrote. */
  readonly fromStandIns?: boolean;
}

export interface Owed {
  readonly target: string;
  readonly count: number;
  /** How many of them a stand-in wrote. */
  readonly standIns: number;
  /** The time of the oldest version owed, in ms since 1970. */
  readonly oldest: number;
}

export interface ScanRange {
  /** Keys from here on, inclusive unless `isStartExclusive`. `""` is the beginning. */
  readonly start: string;
  readonly isStartExclusive: boolean;
  /** Keys before this one; `undefined` is the end of all keys. */
  readonly end: string | undefined;
  /** From the last key of the range to the first. `isStartExclusive` still means `start`. */
  readonly isReverse: boolean;
  readonly limit: number;
  /** The page ends after the record with which its values pass this, so it always has one record. */
  readonly bytesMax: number;
  readonly withValues: boolean;
  readonly now: number;
  /** Only keys of the buckets whose byte is 1; `undefined` for all buckets. */
  readonly buckets: Uint8Array | undefined;
}

export interface ScanPage {
  readonly records: readonly ScannedRecord[];
  /** Whether the range goes on behind the last record (or, for an empty page, behind `start`). */
  readonly hasMore: boolean;
}

export type PartitionErrorKind =
  /** It could not be reached, or did not answer in time. */
  | "unreachable"
  /** There is no schema, or no database of that name. */
  | "uninitialised"
  /** It is not what the configuration says, or not set up as Kvasir needs it. The message has the mend. */
  | "refused"
  /** No room on its disk. */
  | "full"
  /** It refused this statement or value for good. */
  | "rejected"
  /** Its queue is full. */
  | "overloaded";

/**
 * What a partition throws. `outcome` is `not_applied` when nothing was changed for certain, and `unknown` when
 * the answer to a COMMIT was lost; `attempted` then has what each write of the batch would have become.
 */
export class PartitionError extends Error {
  override readonly name = "PartitionError";
  readonly kind: PartitionErrorKind;
  readonly partition: string;
  /** The message without the partition's name. */
  readonly reason: string;
  readonly outcome: "not_applied" | "unknown";
  readonly attempted: readonly (WriteOutcome | undefined)[];

  constructor(kind: PartitionErrorKind, partition: string, reason: string, options: PartitionErrorOptions = {}) {
    super(`partition ${partition}: ${reason}`, options.cause === undefined ? {} : { cause: options.cause });
    this.kind = kind;
    this.partition = partition;
    this.reason = reason;
    this.outcome = options.outcome ?? "not_applied";
    this.attempted = options.attempted ?? [];
  }

  /** The same failure with other facts about its outcome. */
  with(options: PartitionErrorOptions): PartitionError {
    return new PartitionError(this.kind, this.partition, this.reason, { cause: this.cause, ...options });
  }
}

export interface PartitionErrorOptions {
  readonly cause?: unknown;
  readonly outcome?: "not_applied" | "unknown";
  readonly attempted?: readonly (WriteOutcome | undefined)[];
}
