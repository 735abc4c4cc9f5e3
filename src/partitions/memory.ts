import { compareKeys } from "../key.ts";
import {
  type BucketDigest,
  type DigestRange,
  type DigestSlice,
  type Filling,
  type Hint,
  type HintScope,
  hintedBytesMax,
  type Identity,
  type KeyVersion,
  type Owed,
  type OwedHint,
  type Partition,
  PartitionError,
  type PartitionInfo,
  type Progress,
  type PurgedSlice,
  type RecalledRequest,
  type Receiving,
  type RequestPosition,
  type ScanPage,
  type ScanRange,
  type ScrubbedSlice,
  type StoredRequest,
  type StoredTopology,
  type Write,
  type WriteOutcome,
} from "../partition.ts";
import { isLive, type Record } from "../record.ts";
import { keyBucket } from "../replicas/hash.ts";
import { laterToken, type Token } from "../token.ts";
import type { Topology } from "../topology/topology.ts";
import { compareVersions, type Version, versionTime } from "../version.ts";
import { decide } from "./decide.ts";
import { nextFilling } from "./filling.ts";
import { fingerprinter } from "./fingerprint.ts";
import { mayCount, mustBeReceiving, raisedProgress } from "./progress.ts";
import { epochOf, noTopology, withAccepted, withAdopted, withPromise } from "./stored-topology.ts";

const noBytes = new Uint8Array(0);

/** What a {@link MemoryPartition} keeps. Several partitions over one state are several connections to it. */
export class MemoryState {
  identity: Identity | undefined;
  readonly records = new Map<string, Record>();
  /** By target, then by key. */
  readonly outbox = new Map<string, Map<string, Hint>>();
  progress: Progress = { isComplete: true, pass: 0, seen: {}, writeFloor: 0n, floor: 0n };
  /** By digest. */
  readonly tokens = new Map<string, Token>();
  /** By key and request id. */
  readonly requests = new Map<string, StoredRequest>();
  topology: StoredTopology = noTopology;
  filling: Filling | undefined;
}

/** The partition contract in its plainest form: read this one first. It forgets everything with its process. */
export class MemoryPartition implements Partition {
  readonly name: string;
  readonly #state: MemoryState;

  constructor(name: string, state: MemoryState = new MemoryState()) {
    this.name = name;
    this.#state = state;
  }

  async open(): Promise<PartitionInfo> {
    const { identity } = this.#state;
    if (identity === undefined) throw new PartitionError("uninitialised", this.name, "it has no schema yet");
    if (identity.partition !== this.name) {
      throw new PartitionError("refused", this.name, `this database belongs to partition ${identity.partition}`);
    }
    return {
      identity,
      progress: this.#state.progress,
      schemaVersion: 1,
      topology: this.#state.topology.topology,
      engine: "memory",
      durability: "relaxed",
      durabilityNote: "kept in memory only",
      valueBytesMax: 2 ** 30,
    };
  }

  async initialise(identity: Identity, isJoining = false): Promise<void> {
    if (this.#state.identity === undefined) this.#state.progress = { ...this.#state.progress, isComplete: !isJoining };
    this.#state.identity ??= identity;
    const { cluster, partition } = this.#state.identity;
    if (cluster !== identity.cluster || partition !== identity.partition) {
      throw new PartitionError("refused", this.name, `this database belongs to partition ${partition} of ${cluster}`);
    }
  }

  async read(keys: readonly string[]): Promise<(Record | undefined)[]> {
    return keys.map((key) => this.#state.records.get(key));
  }

  async write(writes: readonly Write[]): Promise<WriteOutcome[]> {
    return writes.map((write) => {
      const request = write.request && this.#state.requests.get(requestKey(write.key, write.request.id));
      const { outcome, record } = decide(
        write,
        this.#state.records.get(write.key),
        request,
        this.#state.progress.writeFloor,
        epochOf(this.#state.topology),
      );
      if (record !== undefined && outcome.kind === "applied") {
        this.#state.records.set(write.key, record);
        for (const target of write.owed) this.#owe({ ...record, target, standIn: write.standIn });
        if (write.request !== undefined) {
          const { version, existed } = outcome;
          const request = { ...write.request, key: write.key, version, existed, at: write.now };
          this.#state.requests.set(requestKey(write.key, request.id), request);
        }
      }
      return outcome;
    });
  }

  async apply(records: readonly Record[], receiving?: Receiving): Promise<number> {
    const { progress, topology } = this.#state;
    if (receiving !== undefined) mustBeReceiving(this.name, receiving, progress.pass, epochOf(topology));
    let dropped = 0;
    for (const record of records) {
      const present = this.#state.records.get(record.key);
      if (present === undefined && receiving === undefined && record.version.stamp <= progress.floor) dropped++;
      else if (present === undefined || compareVersions(record.version, present.version) > 0) {
        this.#state.records.set(record.key, record);
      }
    }
    return dropped;
  }

  async recall(key: string, requestId: string): Promise<RecalledRequest | undefined> {
    const found = this.#state.requests.get(requestKey(key, requestId));
    return found && { digest: found.digest, version: found.version, existed: found.existed };
  }

  async scan(range: ScanRange): Promise<ScanPage> {
    const found = [...this.#state.records.values()].filter((record) => isInRange(record, range));
    found.sort((a, b) => compareKeys(a.key, b.key));
    if (range.isReverse) found.reverse();
    const records = [];
    let bytes = 0;
    for (const record of found) {
      if (records.length >= range.limit || bytes > range.bytesMax) break;
      if (range.withValues) bytes += record.value.length;
      records.push({ ...record, size: record.value.length, value: range.withValues ? record.value : noBytes });
    }
    return { records, hasMore: records.length < found.length };
  }

  async hints(target: string, after: string, limit: number, only: HintScope = {}): Promise<OwedHint[]> {
    const hints = [...(this.#state.outbox.get(target)?.values() ?? [])].filter(
      ({ key, version, standIn }) =>
        compareKeys(key, after) > 0 &&
        (only.upTo === undefined || version.stamp <= only.upTo) &&
        (only.fromStandIns !== true || standIn),
    );
    hints.sort((a, b) => compareKeys(a.key, b.key));
    return hints.slice(0, limit).map((hint) => {
      const record = this.#state.records.get(hint.key);
      const size = record?.value.length ?? 0;
      return { ...hint, size, record: size > hintedBytesMax ? undefined : record };
    });
  }

  async settle(hints: readonly Hint[]): Promise<void> {
    for (const { target, key, version } of hints) {
      const owed = this.#state.outbox.get(target);
      const present = owed?.get(key);
      if (present !== undefined && compareVersions(present.version, version) <= 0) owed?.delete(key);
    }
  }

  async owed(): Promise<Owed[]> {
    const sums: Owed[] = [];
    for (const [target, byKey] of this.#state.outbox) {
      const hints = [...byKey.values()];
      if (hints.length === 0) continue;
      const standIns = hints.filter((hint) => hint.standIn).length;
      sums.push({
        target,
        count: hints.length,
        standIns,
        oldest: Math.min(...hints.map((hint) => versionTime(hint.version))),
      });
    }
    return sums;
  }

  async time(): Promise<number | undefined> {
    return undefined;
  }

  async progress(): Promise<Progress> {
    return this.#state.progress;
  }

  async raise(progress: Partial<Progress>): Promise<boolean> {
    const raised = raisedProgress(this.#state.progress, progress);
    const hints = [...this.#state.outbox.values()].flatMap((byKey) => [...byKey.values()]);
    const { floor, writeFloor } = raised;
    if (!mayCount(this.#state.progress, progress)) return false;
    if (progress.floor !== undefined && hints.some((hint) => hint.version.stamp <= floor)) return false;
    if (floor > writeFloor) return false;
    this.#state.progress = raised;
    return true;
  }

  async digest({ after, rowsMax, cutoff, floor, now }: DigestRange): Promise<DigestSlice> {
    const { fingerprint, slice, last } = this.#slice(after, rowsMax);
    const buckets = new Map<number, BucketDigest["sums"]>();
    for (const record of slice) {
      const { isTombstone, version, expires } = record;
      if (version.stamp > cutoff || (isTombstone && version.stamp <= floor) || (expires !== 0 && expires <= now))
        continue;
      const { first, second } = fingerprint(record);
      const [records, a, b, c, d, keys, bytes] = buckets.get(keyBucket(record.key)) ?? [0, 0, 0, 0, 0, 0, 0];
      buckets.set(keyBucket(record.key), [
        records + 1,
        a + Number(first & 0xffffffffn),
        b + Number(first >> 32n),
        c + Number(second & 0xffffffffn),
        d + Number(second >> 32n),
        keys + Number(!isTombstone),
        bytes + record.value.length,
      ]);
    }
    return { buckets: Array.from(buckets, ([bucket, sums]) => ({ bucket, sums })), last };
  }

  async versions(bucket: number): Promise<KeyVersion[]> {
    const fingerprint = fingerprinter(this.#state.identity?.cluster ?? "");
    const records = [...this.#state.records.values()].filter((record) => keyBucket(record.key) === bucket);
    return records.map((record) => {
      const { key, version, isTombstone, expires } = record;
      return { key, version, isTombstone, expires, fingerprint: fingerprint(record).first };
    });
  }

  /** What is kept in memory has no stored fingerprints that it could differ from. */
  async scrub(after: string, rowsMax: number): Promise<ScrubbedSlice> {
    const { slice, last } = this.#slice(after, rowsMax);
    return { damaged: [], rows: slice.length, last };
  }

  async restore(records: readonly Record[]): Promise<void> {
    for (const record of records) {
      const present = this.#state.records.get(record.key);
      if (present !== undefined && compareVersions(present.version, record.version) === 0) {
        this.#state.records.set(record.key, record);
      }
    }
  }

  async remove(records: readonly { key: string; version: Version }[], epoch?: number): Promise<number> {
    if (epoch !== undefined && epoch !== epochOf(this.#state.topology)) return 0;
    let removed = 0;
    for (const { key, version } of records) {
      const present = this.#state.records.get(key);
      if (present === undefined || compareVersions(present.version, version) !== 0) continue;
      this.#state.records.delete(key);
      removed++;
    }
    return removed;
  }

  async purge(after: string, rowsMax: number): Promise<PurgedSlice> {
    const { slice, last } = this.#slice(after, rowsMax);
    const { floor } = this.#state.progress;
    const floorTime = versionTime({ stamp: floor, writer: 0 });
    const purgeable = slice.filter(
      ({ version, isTombstone, expires }) =>
        version.stamp <= floor && (isTombstone || (expires !== 0 && expires <= floorTime)),
    );
    return { purged: await this.remove(purgeable), last };
  }

  async forgetRequests(before: number, limit: number): Promise<number> {
    const old = [...this.#state.requests].filter(([, request]) => request.at < before).slice(0, limit);
    for (const [key] of old) this.#state.requests.delete(key);
    return old.length;
  }

  async requests(after: RequestPosition, limit: number): Promise<StoredRequest[]> {
    const found = [...this.#state.requests.values()].sort(compareRequests);
    return found.filter((request) => compareRequests(request, after) > 0).slice(0, limit);
  }

  async keepRequests(requests: readonly StoredRequest[]): Promise<void> {
    for (const request of requests) {
      const name = requestKey(request.key, request.id);
      if (!this.#state.requests.has(name)) this.#state.requests.set(name, request);
    }
  }

  async topology(): Promise<StoredTopology> {
    return this.#state.topology;
  }

  async promise(ballot: string): Promise<StoredTopology> {
    this.#state.topology = withPromise(this.#state.topology, ballot);
    return this.#state.topology;
  }

  async accept(ballot: string, topology: Topology): Promise<boolean> {
    const accepted = withAccepted(this.#state.topology, ballot, topology);
    this.#state.topology = accepted ?? this.#state.topology;
    return accepted !== undefined;
  }

  async adopt(topology: Topology): Promise<StoredTopology> {
    this.#state.topology = withAdopted(this.#state.topology, topology);
    return this.#state.topology;
  }

  async filling(now: number, mine?: Filling): Promise<Filling | undefined> {
    if (mine !== undefined) this.#state.filling = nextFilling(this.#state.filling, now, mine);
    return this.#state.filling;
  }

  async tokens(): Promise<Token[]> {
    return [...this.#state.tokens.values()];
  }

  async keepTokens(tokens: readonly Token[]): Promise<void> {
    for (const token of tokens) {
      this.#state.tokens.set(token.digest, laterToken(this.#state.tokens.get(token.digest), token));
    }
  }

  async close(): Promise<void> {}

  #slice(after: string, rowsMax: number) {
    const fingerprint = fingerprinter(this.#state.identity?.cluster ?? "");
    const behind = [...this.#state.records.values()].filter((record) => compareKeys(record.key, after) > 0);
    behind.sort((a, b) => compareKeys(a.key, b.key));
    const slice = behind.slice(0, rowsMax);
    return { fingerprint, slice, last: behind.length > rowsMax ? slice.at(-1)?.key : undefined };
  }

  #owe({ target, key, version, standIn }: Hint): void {
    const owed = this.#state.outbox.get(target) ?? new Map<string, Hint>();
    this.#state.outbox.set(target, owed);
    const present = owed.get(key);
    const isNewest = present === undefined || compareVersions(version, present.version) > 0;
    const greatest = isNewest ? version : present.version;
    owed.set(key, { target, key, version: greatest, standIn: standIn || present?.standIn === true });
  }
}

function requestKey(key: string, requestId: string): string {
  return `${key}\0${requestId}`;
}

function compareRequests(a: RequestPosition, b: RequestPosition): number {
  return a.at - b.at || compareKeys(a.key, b.key) || compareKeys(a.id, b.id);
}

function isInRange(record: Record, range: ScanRange): boolean {
  const fromStart = compareKeys(record.key, range.start);
  if (range.isStartExclusive ? fromStart <= 0 : fromStart < 0) return false;
  if (range.end !== undefined && compareKeys(record.key, range.end) >= 0) return false;
  return isLive(record, range.now) && (range.buckets === undefined || range.buckets[keyBucket(record.key)] === 1);
}
