import type { IncomingMessage } from "node:http";
import { StoreError } from "../errors.ts";
import { parseMetadata, type Record } from "../record.ts";
import { formatVersion, versionTime } from "../version.ts";
import type { Answer, HeaderList } from "./answer.ts";
import { entityTag, readPrecondition } from "./conditions.ts";
import { rawValueHeaders } from "./media-type.ts";
import { canBeHeader } from "./metadata.ts";
import { type Format, negotiateValue } from "./negotiation.ts";
import { contentRange, selectRange } from "./range.ts";
import { renderRecord } from "./representations/record.ts";
import { isoTime } from "./representations/time.ts";

/**
 * The answer to a GET of a stored record: its bytes or a document, whole or a range, or 304.
 *
 * @throws StoreError `not_acceptable`, `precondition_failed`, `range_not_satisfiable`, `invalid_header`,
 *   `invalid_query`.
 */
export function valueAnswer(record: Record, raw: IncomingMessage, formatParameter: string | undefined): Answer {
  const format = negotiateValue(raw.headers.accept, formatParameter, record.type);
  const precondition = readPrecondition(raw.headers, record.version, format);
  if (precondition === "failed") throw new StoreError("precondition_failed", "the stored value has another version");
  const tag = entityTag(record.version, format);
  const date = httpDate(versionTime(record.version));
  // Also what a 304 has.
  const headers = ["ETag", tag, "Last-Modified", date, "Vary", "Accept", "Cache-Control", "no-cache"];
  if (precondition === "not_modified") return { status: 304, headers };
  if (record.expires !== 0) addExpiry(headers, record.expires);
  if (record.metadata !== "") addMetadata(headers, record.metadata);
  return format === "raw" ? rawAnswer(record, raw, headers, tag) : documentAnswer(record, format, headers);
}

function addExpiry(headers: HeaderList, expires: number): void {
  const secondsLeft = Math.max(0, Math.ceil((expires - Date.now()) / 1000));
  headers.push("Kvasir-Expires", isoTime(expires), "X-TTL", String(secondsLeft));
}

function addMetadata(headers: HeaderList, metadata: string): void {
  for (const [name, text] of Object.entries(parseMetadata(metadata))) {
    if (canBeHeader(name, text)) headers.push(`Kvasir-Meta-${name}`, text);
  }
}

function rawAnswer({ type, value, version }: Record, raw: IncomingMessage, headers: HeaderList, tag: string): Answer {
  const sentType = /^[\x20-\x7e]+$/.test(type) ? type : "application/octet-stream";
  headers.push("Kvasir-Version", tag.slice(1, -1), "Content-Type", sentType, ...rawValueHeaders);
  // A Range means something to GET only.
  const range =
    raw.headers.range === undefined || raw.method !== "GET"
      ? undefined
      : selectRange(raw.headers.range, raw.headers["if-range"] as string | undefined, version, value.length);
  if (range === undefined) return { status: 200, headers, body: value };
  headers.push("Content-Range", contentRange(range, value.length));
  return { status: 206, headers, body: value.subarray(range.first, range.last + 1) };
}

function documentAnswer(record: Record, format: Exclude<Format, "raw">, headers: HeaderList): Answer {
  const rendering = renderRecord(format, record);
  headers.push("Kvasir-Version", formatVersion(record.version), ...Object.entries(rendering.headers).flat());
  return { status: 200, headers, body: rendering.body };
}

/** Values that are read again and again were written in few seconds, and a date is slow to write. */
const dates = new Map<number, string>();
const datesMax = 5000;

function httpDate(ms: number): string {
  const second = Math.floor(ms / 1000);
  const known = dates.get(second);
  if (known !== undefined) return known;
  if (dates.size >= datesMax) dates.clear();
  const date = new Date(second * 1000).toUTCString();
  dates.set(second, date);
  return date;
}
