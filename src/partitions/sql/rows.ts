import type { Hint, KeyVersion, Large, OwedHint } from "../../partition.ts";
import type { Record, ScannedRecord } from "../../record.ts";
import { keyHash } from "../../replicas/hash.ts";
import type { Version } from "../../version.ts";
import type { DecidedRow } from "../decide.ts";
import type { Fingerprint } from "../fingerprint.ts";
import type { Cell, Parameter, Row } from "./database.ts";
import { rowState } from "./statements.ts";

/** Between records and the rows of the tables. */

const noBytes = new Uint8Array(0);

/** The parameters of a whole row of `records`, in the order of its columns. */
export function recordParameters(record: Record, fingerprint: Fingerprint): Parameter[] {
  return [
    record.key,
    keyHash(record.key),
    record.version.stamp,
    record.version.writer,
    record.isTombstone ? rowState.tombstone : rowState.live,
    record.expires,
    fingerprint.first,
    fingerprint.second,
    record.value.length,
    record.type,
    record.metadata,
    record.value,
  ];
}

/** What of a record may be large. */
export function largeBytes({ value, metadata }: Record): number {
  return value.length + metadata.length;
}

export function hintParameters({ target, key, version, standIn }: Hint): Parameter[] {
  return [target, key, version.stamp, version.writer, standIn ? 1 : 0];
}

export function recordOf(row: Row): Record {
  return { ...headOf(row), value: bytes(row[7]) };
}

/** Of a row whose value was asked for only if it is small. */
export function recordOrLargeOf(row: Row): Record | Large {
  return row[7] === null ? { isLarge: true, version: versionOf(row[1], row[2]) } : recordOf(row);
}

export function scannedRecordOf(row: Row): ScannedRecord {
  return { ...headOf(row), value: noBytes, size: integer(row[7]) };
}

function headOf(row: Row): Omit<Record, "value"> {
  return {
    key: text(row[0]),
    version: versionOf(row[1], row[2]),
    isTombstone: integer(row[3]) === rowState.tombstone,
    expires: integer(row[4]),
    type: text(row[5]),
    metadata: text(row[6]),
  };
}

/** `undefined` for a placeholder: the key is not there yet. */
export function lockedRowOf(row: Row): DecidedRow | undefined {
  const state = integer(row[3]);
  if (state === rowState.placeholder) return undefined;
  return {
    version: versionOf(row[1], row[2]),
    isTombstone: state === rowState.tombstone,
    expires: integer(row[4]),
  };
}

export function hintOf(target: string, row: Row): OwedHint {
  const [stamp, writer, standIn, size, ...columns] = row;
  const hasRecord = columns[7] !== null;
  return {
    target,
    key: text(columns[0]),
    version: versionOf(stamp, writer),
    standIn: integer(standIn) === 1,
    size: integer(size ?? 0),
    record: hasRecord ? recordOf(columns) : undefined,
  };
}

export function keyVersionOf(row: Row): KeyVersion {
  return {
    key: text(row[0]),
    version: versionOf(row[1], row[2]),
    isTombstone: integer(row[3]) === rowState.tombstone,
    expires: integer(row[4]),
    fingerprint: BigInt(row[5] as bigint),
  };
}

/** Names and values of the meta table. */
export function textsOf(rows: readonly Row[]): Map<string, string> {
  return new Map(rows.map((row) => [text(row[0]), text(row[1])]));
}

export function versionOf(stamp: Cell | undefined, writer: Cell | undefined): Version {
  if (typeof stamp !== "bigint") throw new TypeError("a version column is not an integer");
  return { stamp, writer: integer(writer) };
}

export function integer(cell: Cell | undefined): number {
  return Number(cell);
}

export function text(cell: Cell | undefined): string {
  const { buffer, byteOffset, byteLength } = bytes(cell);
  return Buffer.from(buffer, byteOffset, byteLength).toString("utf8");
}

function bytes(cell: Cell | undefined): Uint8Array {
  return cell instanceof Uint8Array ? cell : noBytes;
}
