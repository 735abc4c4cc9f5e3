import type { Version } from "./version.ts";

/** What a write gives a key. A tombstone has empty `value`, `type` and `metadata` and never expires. */
export interface Content {
  readonly isTombstone: boolean;
  readonly value: Uint8Array;
  /** The media type, verbatim as the client sent it. */
  readonly type: string;
  /** A JSON object of names and texts, sorted by name, or `""` for none. See `parseMetadata`. */
  readonly metadata: string;
  /** Milliseconds since 1970 from which on the key is absent; 0 for never. */
  readonly expires: number;
}

/** A key as a partition holds it. Equal replicas hold equal records. */
export interface Record extends Content {
  readonly key: string;
  readonly version: Version;
}

/** A live record in a list; `value` is empty unless the range asked for values. */
export interface ScannedRecord extends Record {
  readonly size: number;
}

export type Metadata = { readonly [name: string]: string };

const noBytes = new Uint8Array(0);

/** The content that says "deleted". */
export const tombstone: Content = { isTombstone: true, value: noBytes, type: "", metadata: "", expires: 0 };

/** Whether a reader at the time `now` (ms) finds a value: neither deleted nor expired. */
export function isLive(record: Pick<Record, "isTombstone" | "expires">, now: number): boolean {
  return !record.isTombstone && (record.expires === 0 || record.expires > now);
}

/** One spelling for equal metadata, so that equal records have equal bytes. */
export function formatMetadata(metadata: Metadata): string {
  const names = Object.keys(metadata).sort();
  if (names.length === 0) return "";
  return `{${names.map((name) => `${JSON.stringify(name)}:${JSON.stringify(metadata[name])}`).join(",")}}`;
}

export function parseMetadata(text: string): Metadata {
  return text === "" ? {} : (JSON.parse(text) as Metadata);
}
