import type { IncomingMessage } from "node:http";
import { StoreError } from "../errors.ts";
import { parseMetadata, type Record } from "../record.ts";
import { formatVersion, versionTime } from "../version.ts";
import type { Answer } from "./answer.ts";
import { entityTag, readPrecondition } from "./conditions.ts";
import { rawValueHeaders } from "./media-type.ts";
import { canBeHeader } from "./metadata.ts";
import { type Format, negotiateValue } from "./negotiation.ts";
import { contentRange, selectRange } from "./range.ts";
import { renderRecord } from "./representations/record.ts";
import { isoTime } from "./representations/time.ts";

type Headers = { [name: string]: string };

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
  const headers = validators(record, format);
  if (precondition === "not_modified") return { status: 304, headers };
  headers["Kvasir-Version"] = format === "raw" ? headers.ETag!.slice(1, -1) : formatVersion(record.version);
  addRecordHeaders(headers, record);
  return format === "raw" ? rawAnswer(record, raw, headers) : documentAnswer(record, format, headers);
}

/** What a 304 has too. */
function validators({ version }: Record, format: Format): Headers {
  return {
    ETag: entityTag(version, format),
    "Last-Modified": httpDate(versionTime(version)),
    Vary: "Accept",
    "Cache-Control": "no-cache",
  };
}

function addRecordHeaders(headers: Headers, { expires, metadata }: Record): void {
  if (expires !== 0) {
    headers["Kvasir-Expires"] = isoTime(expires);
    headers["X-TTL"] = String(Math.max(0, Math.ceil((expires - Date.now()) / 1000)));
  }
  if (metadata === "") return;
  for (const [name, text] of Object.entries(parseMetadata(metadata))) {
    if (canBeHeader(name, text)) headers[`Kvasir-Meta-${name}`] = text;
  }
}

function rawAnswer({ type, value, version }: Record, raw: IncomingMessage, headers: Headers): Answer {
  headers["Content-Type"] = /^[\x20-\x7e]+$/.test(type) ? type : "application/octet-stream";
  headers["X-Content-Type-Options"] = rawValueHeaders["X-Content-Type-Options"];
  headers["Content-Security-Policy"] = rawValueHeaders["Content-Security-Policy"];
  headers["Accept-Ranges"] = "bytes";
  // A Range means something to GET only.
  const range =
    raw.headers.range === undefined || raw.method !== "GET"
      ? undefined
      : selectRange(raw.headers.range, raw.headers["if-range"] as string | undefined, version, value.length);
  if (range === undefined) return { status: 200, headers, body: value };
  headers["Content-Range"] = contentRange(range, value.length);
  return { status: 206, headers, body: value.subarray(range.first, range.last + 1) };
}

function documentAnswer(record: Record, format: Exclude<Format, "raw">, headers: Headers): Answer {
  const rendering = renderRecord(format, record);
  return { status: 200, headers: { ...headers, ...rendering.headers }, body: rendering.body };
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
