import type { PartitionError, PartitionErrorKind, Write, WriteOutcome } from "../../partition.ts";
import type { SqlPartition } from "./sql-partition.ts";

/** What travels between `SqlitePartition` and its thread. */

export interface ThreadOptions {
  readonly name: string;
  readonly file: string;
}

export interface Call {
  readonly id: number;
  readonly method: Exclude<keyof SqlPartition, "name">;
  readonly parameters: readonly unknown[];
}

export interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: SentError;
}

export interface SentError {
  /** `undefined` for a fault in the program. */
  readonly kind: PartitionErrorKind | undefined;
  readonly outcome: PartitionError["outcome"];
  readonly reason: string;
  readonly attempted: readonly (WriteOutcome | undefined)[];
}

type Rest = Omit<Write, "key" | "content" | "stamp" | "writer" | "now">;

/** A batch of writes, column by column: to copy a few arrays takes a fraction of the time of so many objects. */
export interface SentWrites {
  readonly keys: readonly string[];
  readonly types: readonly string[];
  readonly metadata: readonly string[];
  readonly stamps: BigInt64Array<ArrayBuffer>;
  /** Of each: writer, now, expires, whether it is a tombstone, bytes of the value. */
  readonly numbers: Float64Array<ArrayBuffer>;
  /** All values, one behind the other. */
  readonly values: Uint8Array<ArrayBuffer>;
  /** Whatever else a write has. Neighbours that have the same share it. */
  readonly rest: readonly Rest[];
}

const numbersEach = 5;

export function sentWrites(writes: readonly Write[]): SentWrites {
  const stamps = new BigInt64Array(writes.length);
  const numbers = new Float64Array(writes.length * numbersEach);
  const values = new Uint8Array(writes.reduce((sum, { content }) => sum + content.value.length, 0));
  const keys: string[] = [];
  const types: string[] = [];
  const metadata: string[] = [];
  const rest: Rest[] = [];
  let offset = 0;
  for (const [index, { key, content, stamp, writer, now, ...others }] of writes.entries()) {
    keys.push(key);
    types.push(content.type);
    metadata.push(content.metadata);
    stamps[index] = stamp;
    numbers.set([writer, now, content.expires, content.isTombstone ? 1 : 0, content.value.length], index * numbersEach);
    values.set(content.value, offset);
    offset += content.value.length;
    const last = rest.at(-1);
    rest.push(last !== undefined && isSame(last, others) ? last : others);
  }
  return { keys, types, metadata, stamps, numbers, values, rest };
}

/** What the values of a batch are sent in: moved to the thread, not copied. */
export function moved({ stamps, numbers, values }: SentWrites): ArrayBuffer[] {
  return [stamps.buffer, numbers.buffer, values.buffer];
}

export function receivedWrites({ keys, types, metadata, stamps, numbers, values, rest }: SentWrites): Write[] {
  let offset = 0;
  return keys.map((key, index): Write => {
    const at = index * numbersEach;
    const [writer, now, expires, isTombstone, size] = numbers.subarray(at, at + numbersEach) as unknown as number[];
    const value = values.subarray(offset, offset + size!);
    offset += size!;
    const content = {
      isTombstone: isTombstone === 1,
      value,
      type: types[index]!,
      metadata: metadata[index]!,
      expires: expires!,
    };
    return { ...rest[index]!, key, content, stamp: stamps[index]!, writer: writer!, now: now! };
  });
}

/** Outcomes that are all of the ordinary kind. */
export interface SentApplied {
  readonly stamps: BigInt64Array;
  /** Of each: writer, and 1 when a live record was there before. */
  readonly numbers: Float64Array;
}

/** `undefined` when one of them is of another kind. */
export function sentApplied(outcomes: readonly WriteOutcome[]): SentApplied | undefined {
  const stamps = new BigInt64Array(outcomes.length);
  const numbers = new Float64Array(outcomes.length * 2);
  for (const [index, outcome] of outcomes.entries()) {
    if (outcome.kind !== "applied") return undefined;
    stamps[index] = outcome.version.stamp;
    numbers[2 * index] = outcome.version.writer;
    numbers[2 * index + 1] = outcome.existed ? 1 : 0;
  }
  return { stamps, numbers };
}

export function receivedApplied({ stamps, numbers }: SentApplied): WriteOutcome[] {
  return Array.from(stamps, (stamp, index) => {
    const version = { stamp, writer: numbers[2 * index]! };
    return { kind: "applied", version, existed: numbers[2 * index + 1] === 1 };
  });
}

/** Whether two have the same members, with the same values or lists of the same values. */
function isSame(a: object, b: object): boolean {
  const names = Object.keys(a);
  if (names.length !== Object.keys(b).length) return false;
  return names.every((name) => {
    const [x, y] = [a[name as keyof typeof a] as unknown, b[name as keyof typeof b] as unknown];
    if (x === y) return true;
    return Array.isArray(x) && Array.isArray(y) && x.length === y.length && x.every((item, at) => item === y[at]);
  });
}
