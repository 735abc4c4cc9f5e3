import assert from "node:assert/strict";
import { it } from "node:test";
import {
  type Large,
  type OwedHint,
  type Partition,
  PartitionError,
  type ScanRange,
  type Write,
  type WriteOutcome,
} from "../../../src/partition.ts";
import { type Content, type Record, tombstone } from "../../../src/record.ts";
import { formatVersion, stampAt, type Version } from "../../../src/version.ts";

/** A partition for the suite: initialised as `east` of `store` when it comes, and empty. */
export interface OpenedPartition {
  readonly partition: Partition;
  close(): Promise<void>;
  /** Another handle to the same database, open, as another process would have. */
  second?(): Promise<Partition>;
  /** A handle with another name to the same database, not open yet. */
  renamed?(name: string): Partition;
  /** A new database without schema. Gives handles to it, not open yet, as several processes would have. */
  bare(): Promise<() => Partition>;
}

export const suiteIdentity = { cluster: "store", partition: "east" };

/** A wall clock for all writes of the suite: in the past, so that no engine can take its own. */
export const now = Date.parse("2026-01-02T03:04:05Z");
export const writer = 0x123456789abc;
export const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);

/**
 * What the claims share: the opened partition, and a space of keys for each claim, so that they may share a
 * database. The functions take and give keys without the space's prefix.
 */
export class Bench {
  opened!: OpenedPartition;
  #space = 0;
  readonly #fresh: Partition[] = [];

  get partition(): Partition {
    return this.opened.partition;
  }

  /** The bounds of the space's keys. */
  get bounds(): { start: string; end: string } {
    return { start: this.key(""), end: `${this.#space};` };
  }

  nextSpace(): void {
    this.#space++;
  }

  /** A test in a space of its own. */
  readonly claim = (text: string, run: () => Promise<void>): void => {
    it(text, async () => {
      this.nextSpace();
      try {
        await run();
      } finally {
        for (const partition of this.#fresh.splice(0)) await partition.close();
      }
    });
  };

  /** An empty partition for a claim about a whole one, and a way to open another handle to it. */
  readonly fresh = async (isJoining?: boolean): Promise<{ partition: Partition; another(): Promise<Partition> }> => {
    const handle = await this.opened.bare();
    const another = async () => {
      const partition = handle();
      this.#fresh.push(partition);
      await partition.initialise({ ...suiteIdentity, partition: partition.name }, isJoining);
      await partition.open();
      return partition;
    };
    return { partition: await another(), another };
  };

  readonly key = (text: string): string => `${this.#space}:${text}`;

  readonly write = (text: string, changes: Partial<Write> = {}): Write => writeOf(this.key(text), changes);

  readonly writeOne = async (text: string, changes: Partial<Write> = {}): Promise<WriteOutcome> => {
    const [outcome] = await this.partition.write([this.write(text, changes)]);
    return outcome!;
  };

  readonly readOne = async (text: string): Promise<Record | undefined> => {
    const [record] = await this.partition.read([this.key(text)]);
    return record;
  };

  readonly keysOfSpace = async (): Promise<string[]> => {
    const { records } = await this.partition.scan(rangeOf(this.bounds));
    return records.map((record) => record.key.slice(this.key("").length));
  };

  readonly hintsOf = async (target: string): Promise<OwedHint[]> => {
    const hints = await this.partition.hints(target, "", 10_000);
    return hints.filter((hint) => hint.key.startsWith(this.key("")));
  };
}

export function contentOf(text: string, changes: Partial<Content> = {}): Content {
  return { isTombstone: false, value: Buffer.from(text), type: "text/plain", metadata: "", expires: 0, ...changes };
}

export function writeOf(key: string, changes: Partial<Write> = {}): Write {
  return {
    key,
    content: contentOf("x"),
    stamp: stampAt(now),
    writer,
    now,
    owed: [],
    standIn: false,
    epoch: 0,
    ...changes,
  };
}

export function recordOf(key: string, version: Version, text: string, changes: Partial<Content> = {}): Record {
  return { ...contentOf(text, changes), key, version };
}

/** Equal versions are equal writes, so everything else follows from the version. */
export function contentByVersion(key: string, version: Version): Record {
  const text = formatVersion(version);
  if (version.stamp % 3n === 0n) return { ...tombstone, key, version };
  return recordOf(key, version, text, {
    expires: Number(version.stamp % 2n ** 40n) * 1000,
    metadata: `{"v":"${text}"}`,
  });
}

export function rangeOf(changes: Partial<ScanRange>): ScanRange {
  return {
    start: "",
    isStartExclusive: false,
    end: undefined,
    isReverse: false,
    limit: 1000,
    bytesMax: 2 ** 24,
    withValues: false,
    now,
    buckets: undefined,
    ...changes,
  };
}

export function versionIn(outcome: WriteOutcome | undefined): Version {
  assert.ok(
    outcome !== undefined && (outcome.kind === "applied" || outcome.kind === "found" || outcome.kind === "replayed"),
    `is ${outcome?.kind}`,
  );
  return outcome.version;
}

export function textOf(record: Record | Large | undefined): string | undefined {
  return record && Buffer.from((record as Record).value).toString();
}

/** Values compare as bytes, whatever their class. */
export function assertRecord(found: Record | undefined, expected: Record | undefined): void {
  const plain = (record: Record | undefined) => {
    if (record === undefined) return undefined;
    const { key, version, isTombstone, value, type, metadata, expires } = record;
    return { key, version, isTombstone, value: Buffer.from(value).toString("latin1"), type, metadata, expires };
  };
  assert.deepEqual(plain(found), plain(expected));
}

export async function failure(promise: Promise<unknown>): Promise<PartitionError> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof PartitionError, `${(error as Error).stack}`);
    return error;
  }
  throw new assert.AssertionError({ message: "it succeeded" });
}

/** A small seeded generator of numbers from 0 up to 1. */
export function mulberry32(state: number): () => number {
  let a = state;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
