import { compareKeys } from "../key.ts";
import type { ScanRange } from "../partition.ts";
import type { ScannedRecord } from "../record.ts";
import type { ListPage, ListRange } from "../store-types.ts";
import type { Replica } from "./replica.ts";
import { noReplica, type ReplicaSet } from "./replica-set.ts";

/** A page ends when the values in it pass this, so it always has one record. */
const pageBytesMax = 8 * 2 ** 20;
/** What one scan of one partition fetches at most. */
const scanLimitMax = 1000;

/**
 * One page of the keys of the whole store, in the order of their bytes.
 *
 * Every partition is scanned for the buckets that it serves reads of, and the scans are merged, so that each key
 * comes from exactly the replica that a GET would ask: no duplicates, and no key that its home has deleted. A
 * key that exists throughout a walk over the pages is given exactly once.
 *
 * @throws PartitionError when a partition is lost on the way: the page can be asked for again.
 */
export async function listPage(replicas: ReplicaSet, range: ListRange, now: number): Promise<ListPage> {
  const bytesMax = range.bytesMax ?? pageBytesMax;
  const scans = startScans(replicas, range, bytesMax, now);
  const records: ScannedRecord[] = [];
  const prefixes: string[] = [];
  let bytes = 0;
  let last: string | undefined;
  for (;;) {
    const scan = await nextScan(scans, range.isReverse);
    if (scan === undefined) return { records, prefixes, next: undefined };
    const isFull = records.length + prefixes.length >= range.limit || bytes > bytesMax;
    if (isFull) return { records, prefixes, next: last };
    const record = scan.take();
    const rolled = commonPrefix(record.key, range);
    if (rolled === undefined) {
      records.push(record);
      bytes += record.value.length;
      last = record.key;
    } else {
      prefixes.push(rolled);
      last = rolled;
      for (const each of scans) each.skip(rolled);
    }
  }
}

/** The least key after all keys that begin with `prefix`; `undefined` when there is none. */
function prefixEnd(prefix: string): string | undefined {
  const points = Array.from(prefix, (character) => character.codePointAt(0)!);
  for (let point = points.pop(); point !== undefined; point = points.pop()) {
    if (point === 0x10ffff) continue;
    // Surrogates are no characters: the one after U+D7FF is U+E000.
    points.push(point === 0xd7ff ? 0xe000 : point + 1);
    return String.fromCodePoint(...points);
  }
  return undefined;
}

/** What `key` is rolled up into, or `undefined` when it is listed itself. */
function commonPrefix(key: string, { prefix, delimiter }: ListRange): string | undefined {
  if (delimiter === undefined || delimiter === "") return undefined;
  const found = key.indexOf(delimiter, prefix.length);
  return found < 0 ? undefined : key.slice(0, found + delimiter.length);
}

function startScans(replicas: ReplicaSet, range: ListRange, bytesMax: number, now: number): ReplicaScan[] {
  const { byReplica: shares, unserved } = replicas.shares();
  if (unserved > 0) throw noReplica(replicas.replicas.filter((replica) => !replica.isSteady));
  const limit = Math.min(Math.ceil(((range.limit + 1) / shares.size) * 1.25) + 8, scanLimitMax);
  const scan: ScanRange = {
    ...bounds(range),
    isReverse: range.isReverse,
    limit,
    bytesMax,
    withValues: range.withValues,
    now,
    buckets: undefined,
  };
  // A partition that serves every bucket needs no filter.
  return [...shares].map(
    ([replica, buckets]) => new ReplicaScan(replica, shares.size === 1 ? scan : { ...scan, buckets }),
  );
}

function bounds(range: ListRange): Pick<ScanRange, "start" | "isStartExclusive" | "end"> {
  let start = greater(range.prefix, range.start ?? "");
  let isStartExclusive = false;
  let end = lesser(prefixEnd(range.prefix), range.end);
  if (range.after !== undefined && range.isReverse) end = lesser(end, range.after);
  if (range.after !== undefined && !range.isReverse) {
    const rolled = commonPrefix(range.after, range);
    // Behind the last possible prefix there is no key: an empty range says so.
    if (rolled !== undefined) start = greater(start, prefixEnd(rolled) ?? rolled);
    if (rolled !== undefined && prefixEnd(rolled) === undefined) end = start;
    if (rolled === undefined && compareKeys(range.after, start) >= 0) {
      start = range.after;
      isStartExclusive = true;
    }
  }
  return { start, isStartExclusive, end };
}

function greater(a: string, b: string): string {
  return compareKeys(a, b) >= 0 ? a : b;
}

/** Of two upper bounds, where `undefined` is none. */
function lesser(a: string | undefined, b: string | undefined): string | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return compareKeys(a, b) <= 0 ? a : b;
}

/** The scan whose next key comes first, `undefined` when all have ended. */
async function nextScan(scans: readonly ReplicaScan[], isReverse: boolean): Promise<ReplicaScan | undefined> {
  if (scans.some((scan) => scan.isEmpty)) await Promise.all(scans.map((scan) => scan.fill()));
  let first: ReplicaScan | undefined;
  for (const scan of scans) {
    if (scan.key === undefined) continue;
    if (first?.key === undefined) first = scan;
    else if (compareKeys(scan.key, first.key) < 0 !== isReverse) first = scan;
  }
  return first;
}

/** One partition's part of the list, fetched as it is needed. */
class ReplicaScan {
  readonly #replica: Replica;
  #range: ScanRange;
  #records: readonly ScannedRecord[] = [];
  #position = 0;
  #hasMore = true;

  constructor(replica: Replica, range: ScanRange) {
    this.#replica = replica;
    this.#range = range;
  }

  /** The next key, once `fill` has run. */
  get key(): string | undefined {
    return this.#records[this.#position]?.key;
  }

  /** Whether the next key has to be fetched. */
  get isEmpty(): boolean {
    return this.key === undefined && this.#hasMore;
  }

  take(): ScannedRecord {
    return this.#records[this.#position++]!;
  }

  /** Leaves out all that follows and begins with `prefix`. */
  skip(prefix: string): void {
    while (this.key?.startsWith(prefix)) this.#position++;
    if (this.key !== undefined || !this.#hasMore) return;
    const end = prefixEnd(prefix);
    if (this.#range.isReverse) this.#range = { ...this.#range, end: lesser(this.#range.end, prefix) };
    else if (end === undefined) this.#hasMore = false;
    else if (compareKeys(end, this.#range.start) > 0)
      this.#range = { ...this.#range, start: end, isStartExclusive: false };
  }

  async fill(): Promise<void> {
    while (this.isEmpty) {
      const range = this.#range;
      const page = await this.#replica.use((partition) => partition.scan(range));
      this.#records = page.records;
      this.#position = 0;
      this.#hasMore = page.hasMore;
      const last = page.records.at(-1)?.key;
      // A page with values can be empty although the range goes on: its records were deleted meanwhile.
      if (last === undefined) this.#hasMore = false;
      else if (range.isReverse) this.#range = { ...range, end: last };
      else this.#range = { ...range, start: last, isStartExclusive: true };
    }
  }
}
