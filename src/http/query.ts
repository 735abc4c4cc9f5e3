import { distance } from "fastest-levenshtein";
import { StoreError } from "../errors.ts";

/** The parameters of a query or form, each given once. */
export type Query = ReadonlyMap<string, string>;

export const noQuery: Query = new Map();

/**
 * Reads form encoding, where `+` is a space.
 *
 * @throws StoreError `code` for malformed percent-encoding, what is not UTF-8, and a parameter given twice.
 */
export function parseForm(text: string, code: "invalid_query" | "invalid_body"): Query {
  if (text === "") return noQuery;
  const query = new Map<string, string>();
  for (const pair of text.split("&")) {
    if (pair === "") continue;
    const equals = pair.indexOf("=");
    const name = decode(equals < 0 ? pair : pair.slice(0, equals), code);
    if (query.has(name)) throw new StoreError(code, `${shown(name)} is given twice; give it once`);
    query.set(name, equals < 0 ? "" : decode(pair.slice(equals + 1), code));
  }
  return query;
}

/** @throws StoreError `invalid_query` that names a parameter which is not among `known`, and the nearest one. */
export function checkParameters(query: Query, known: readonly string[]): void {
  for (const name of query.keys()) {
    if (known.includes(name)) continue;
    throw new StoreError("invalid_query", `${shown(name)} is no parameter here; ${suggestion(name, known)}`);
  }
}

/**
 * Whether a parameter is given and not `false`: `?reverse` and `?reverse=true` are the same.
 *
 * @throws StoreError `invalid_query` for any other text.
 */
export function readFlag(query: Query, name: string): boolean | undefined {
  const text = query.get(name);
  if (text === undefined) return undefined;
  if (text === "" || text === "true" || text === "1") return true;
  if (text === "false" || text === "0") return false;
  throw new StoreError("invalid_query", `${name} is neither true nor false`);
}

function suggestion(name: string, known: readonly string[]): string {
  if (known.length === 0) return "none are known";
  const [nearest] = known.toSorted((a, b) => distance(name, a) - distance(name, b));
  const isNear = distance(name, nearest!) <= Math.max(2, nearest!.length / 2);
  return isNear ? `did you mean ${nearest}?` : `known are ${known.join(", ")}`;
}

function decode(text: string, code: "invalid_query" | "invalid_body"): string {
  const spaced = text.includes("+") ? text.replaceAll("+", " ") : text;
  if (!spaced.includes("%")) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch {
    throw new StoreError(code, `${shown(text)} is not the percent-encoding of UTF-8`);
  }
}

/** As much of a client's text as fits a message. */
function shown(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}
