import { StoreError } from "../errors.ts";
import { type Version, versionTime } from "../version.ts";
import { entityTag } from "./conditions.ts";
import { parseHttpDate } from "./http-date.ts";

/** Bytes of a value, both ends inclusive. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/**
 * The part of a raw value of `size` bytes that `Range` asks for; `undefined` for all of it. Several ranges, another
 * unit and malformed fields count as absent, as RFC 9110 allows, and so does a `Range` whose `If-Range` fails.
 *
 * @throws StoreError `range_not_satisfiable` with `details.size`, see {@link contentRange}.
 */
export function selectRange(
  range: string | undefined,
  ifRange: string | undefined,
  version: Version,
  size: number,
): ByteRange | undefined {
  if (range === undefined) return undefined;
  const match = /^bytes=[ \t]*([0-9]*)-([0-9]*)[ \t]*$/i.exec(range);
  if (match === null || (ifRange !== undefined && !isCurrent(ifRange, version))) return undefined;
  const [, firstText = "", lastText = ""] = match;
  if (firstText !== "") return rangeFrom(Number(firstText), lastText === "" ? Infinity : Number(lastText), size);
  return lastText === "" ? undefined : lastBytes(Number(lastText), size);
}

/** The `Content-Range` field of a 206, or of a 416 when `range` is `undefined`. */
export function contentRange(range: ByteRange | undefined, size: number): string {
  return range === undefined ? `bytes */${size}` : `bytes ${range.first}-${range.last}/${size}`;
}

function rangeFrom(first: number, last: number, size: number): ByteRange | undefined {
  if (last < first) return undefined;
  if (first >= size) throw unsatisfiable(size);
  return { first, last: Math.min(last, size - 1) };
}

function lastBytes(count: number, size: number): ByteRange | undefined {
  if (count === 0) throw unsatisfiable(size);
  // An empty value has no last bytes that a Content-Range could name, and is sent whole.
  return size === 0 ? undefined : { first: Math.max(0, size - count), last: size - 1 };
}

function isCurrent(ifRange: string, version: Version): boolean {
  if (ifRange.startsWith('"')) return ifRange === entityTag(version, "raw");
  const date = parseHttpDate(ifRange);
  return date !== undefined && date === Math.floor(versionTime(version) / 1000) * 1000;
}

function unsatisfiable(size: number): StoreError {
  return new StoreError("range_not_satisfiable", `the range lies outside the value, which has ${size} bytes`, {
    details: { size },
  });
}
