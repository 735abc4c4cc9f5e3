import { StoreError } from "../errors.ts";
import { keyBytesMax } from "../key.ts";
import type { ListRange } from "../store-types.ts";
import { checkParameters, type Query, readFlag } from "./query.ts";

const rangeParameters = ["prefix", "delimiter", "start", "end", "reverse", "values"] as const;
const parameters = [...rangeParameters, "limit", "cursor", "format"];
const limitDefault = 100;
const cursorVersion = "1";

/**
 * The range that the parameters of a list mean. A cursor carries its range, so that it suffices alone.
 *
 * @throws StoreError `invalid_query`; `invalid_cursor` also when it is another list's.
 */
export function readListRange(query: Query, limitMax: number): ListRange {
  checkParameters(query, parameters);
  for (const name of ["prefix", "delimiter", "start", "end"]) checkText(name, query.get(name));
  const cursor = query.get("cursor");
  if (cursor === undefined) return { ...givenRange(query), limit: readLimit(query, limitMax) ?? limitDefault };
  const range = decodeCursor(cursor);
  const given = givenRange(query);
  for (const name of rangeParameters) {
    if (query.has(name) && memberOf(given, name) !== memberOf(range, name)) {
      throw new StoreError("invalid_cursor", `the cursor belongs to a list with another ${name}; leave ${name} out`);
    }
  }
  return { ...range, limit: readLimit(query, limitMax) ?? Math.min(range.limit, limitMax) };
}

/** Opaque to clients. No text of a range contains NUL, and each is at most as long as a key. */
export function encodeCursor(range: ListRange, next: string): string {
  const { prefix, delimiter, start, end, isReverse, withValues, limit } = range;
  const flags = `${cursorVersion}${isReverse ? "r" : ""}${withValues ? "v" : ""}`;
  const fields = [
    flags,
    String(limit),
    next,
    prefix,
    delimiter ?? "",
    start ?? "",
    ...(end === undefined ? [] : [end]),
  ];
  return Buffer.from(fields.join("\0")).toString("base64url");
}

function decodeCursor(text: string): ListRange {
  const [flags = "", limit = "", after = "", prefix = "", delimiter, start, end, ...rest] =
    decodeText(text).split("\0");
  const isCursor = /^1r?v?$/.test(flags) && /^[1-9][0-9]{0,5}$/.test(limit) && start !== undefined;
  if (!isCursor || after === "" || rest.length > 0) throw malformed();
  for (const field of [after, prefix, delimiter, start, end]) if (isTooLong(field)) throw malformed();
  return {
    prefix,
    delimiter: delimiter || undefined,
    start: start || undefined,
    end,
    isReverse: flags.includes("r"),
    withValues: flags.includes("v"),
    limit: Number(limit),
    after,
  };
}

function decodeText(text: string): string {
  try {
    const bytes = Buffer.from(text, "base64url");
    // Node skips whatever is no base64; written again it shows.
    if (bytes.toString("base64url") === text)
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    // What is not UTF-8 is no cursor either.
  }
  throw malformed();
}

function givenRange(query: Query): Omit<ListRange, "limit"> {
  return {
    prefix: query.get("prefix") ?? "",
    delimiter: query.get("delimiter") || undefined,
    start: query.get("start") || undefined,
    end: query.get("end"),
    isReverse: readFlag(query, "reverse") ?? false,
    withValues: readFlag(query, "values") ?? false,
  };
}

function memberOf(range: Omit<ListRange, "limit">, name: (typeof rangeParameters)[number]): unknown {
  if (name === "reverse") return range.isReverse;
  return name === "values" ? range.withValues : range[name];
}

function readLimit(query: Query, limitMax: number): number | undefined {
  const text = query.get("limit");
  if (text === undefined) return undefined;
  const limit = /^[0-9]{1,6}$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= limitMax) return limit;
  throw new StoreError("invalid_query", `limit is not a number from 1 to ${limitMax}`);
}

function checkText(name: string, text: string | undefined): void {
  if (text?.includes("\0")) throw new StoreError("invalid_query", `${name} contains NUL, which no key does`);
  if (isTooLong(text)) throw new StoreError("invalid_query", `${name} is longer than any key`);
}

function isTooLong(text: string | undefined): boolean {
  return text !== undefined && Buffer.byteLength(text) > keyBytesMax;
}

function malformed(): StoreError {
  return new StoreError("invalid_cursor", "the cursor is not one that a list gave; begin again without it");
}
