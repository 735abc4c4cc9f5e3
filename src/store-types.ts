import type { ClockToken } from "./clock-token.ts";
import type { BatchCount, Condition, Owed, WriteRequest } from "./partition.ts";
import type { Content, Record, ScannedRecord } from "./record.ts";
import type { ReadConcern, WriteConcern } from "./replicas/concern.ts";
import type { Load } from "./replicas/load.ts";
import type { PassResult } from "./sync/anti-entropy.ts";
import type { Size } from "./sync/digest.ts";
import type { PurgeResult } from "./sync/purge.ts";
import type { SetAsideRecord } from "./sync/set-aside.ts";
import type { ChangeStatus } from "./topology/topologies.ts";
import type { Version } from "./version.ts";

/** The shapes that {@link Store} takes and gives. */

export interface ReadOptions {
  /** @default "home" */
  readonly readConcern?: ReadConcern;
  /** What the client knows; an older answer than that is never given. */
  readonly clock?: ClockToken | undefined;
  /** How long a version as new as `clock` says is waited for. @default 500 */
  readonly waitMs?: number | undefined;
}

export interface WriteOptions {
  /** @default 1 */
  readonly writeConcern?: WriteConcern;
  /** How long the confirmations of other replicas are waited for; by default as long as a request may take. */
  readonly waitMs?: number | undefined;
  readonly clock?: ClockToken | undefined;
  /** Decided by the key's home only: 503 when it is away. */
  readonly condition?: Condition | undefined;
  /** Makes the write repeatable: the same id is applied once within 24 h. Decided by the home only. */
  readonly request?: WriteRequest | undefined;
}

/** What a PUT or POST stores. The store adds the version. */
export type NewContent = Omit<Content, "isTombstone">;

/** Gives the new content, or throws a StoreError. It may be called more than once. */
export type Change = (current: Content) => NewContent;

export interface WriteResult {
  readonly version: Version;
  /** Whether a live record was there before; `undefined` when that is not known, as for a stand-in's write. */
  readonly existed: boolean | undefined;
  readonly confirmed: number;
  readonly replicas: number;
  /** For `Kvasir-Clock`. */
  readonly clock: ClockToken;
  /** True when this is the answer to an earlier request with the same `Idempotency-Key`. */
  readonly isReplay: boolean;
}

export interface ListRange {
  readonly prefix: string;
  /** Inclusive lower bound, `undefined` for none. */
  readonly start?: string | undefined;
  /** Exclusive upper bound, `undefined` for none. */
  readonly end?: string | undefined;
  readonly isReverse: boolean;
  /** How many keys and common prefixes at most. */
  readonly limit: number;
  /** Keys that have it behind the prefix are rolled up into one common prefix. `undefined` or `""` for none. */
  readonly delimiter?: string | undefined;
  readonly withValues: boolean;
  /** The page ends when its values pass this, so it always has one record; 8 MiB when it is not given. */
  readonly bytesMax?: number;
  /** Where the page before ended: its `next`. */
  readonly after?: string | undefined;
}

export interface ListPage {
  readonly records: readonly ScannedRecord[];
  /** Common prefixes, each ending with the delimiter, in key order. */
  readonly prefixes: readonly string[];
  /** Present when the list goes on: the `after` of the next page. */
  readonly next: string | undefined;
}

export interface StoreStatus {
  readonly cluster: string;
  /** 48-bit id of this process as a writer, in base 36. */
  readonly writer: string;
  readonly isReady: boolean;
  /** Why it is not ready; empty when it is. */
  readonly missing: readonly string[];
  /** How many replicas each key has. */
  readonly replicas: number;
  readonly partitions: readonly PartitionStatus[];
  readonly topology: ChangeStatus;
  readonly sync: SyncStatus;
}

/** What one replica holds of a key. */
export interface ReplicaRecord {
  readonly partition: string;
  readonly state: PartitionStatus["state"];
  /** `undefined` when it could not be asked. */
  readonly record: Record | "absent" | undefined;
}

/** What this front end knows of synchronisation since it started. */
export interface SyncStatus {
  /** Records brought to replicas. */
  readonly delivered: number;
  /** Writes of stand-ins that lost to a greater version. */
  readonly discarded: number;
  /** Records that a replica refuses to take. */
  readonly setAside: readonly SetAsideRecord[];
  readonly lastPass: (PassResult & { readonly at: number }) | undefined;
  readonly lastPurge: (PurgeResult & { readonly at: number }) | undefined;
  /** How far this clock is ahead of the database servers', in ms; `undefined` when there is nothing to compare. */
  readonly clockSkewMs: number | undefined;
  /** Versions from more than a minute ahead that were not followed. */
  readonly futureVersions: number;
  /** Writes that were answered with 504. */
  readonly unknownOutcomes: number;
}

export interface PartitionStatus {
  readonly name: string;
  /** Without user and password. */
  readonly url: string;
  readonly state: "steady" | "away" | "catching_up" | "recovering";
  /** What is wrong, in a sentence; empty when nothing is. */
  readonly problem: string;
  readonly engine: string;
  readonly durability: "strict" | "relaxed" | "unknown";
  /** Recent mean time of one call, in ms. */
  readonly latencyMs: number;
  /** What this partition still owes to others; `undefined` when it could not be asked. */
  readonly owed: readonly Owed[] | undefined;
  /** How reads and writes travelled to it from this front end, since it started; `undefined` when one by one. */
  readonly batches: { readonly reads: BatchCount; readonly writes: BatchCount } | undefined;
  /** What it held when all partitions were last compared; `undefined` until this front end has done so. */
  readonly size: (Size & { readonly at: number }) | undefined;
  /** What reached it from this front end a second, lately; `undefined` until it is known. */
  readonly load: Load | undefined;
}
