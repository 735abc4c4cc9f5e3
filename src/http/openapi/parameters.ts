import { keySchema } from "./schemas.ts";
import { type Parameter, type Reference, reference, type Schema } from "./types.ts";

const text: Schema = { type: "string" };
const yes: Schema = { enum: ["true", "false", "1", "0", ""] };

export const parameters = {
  PathKey: {
    name: "key",
    in: "path",
    required: true,
    description:
      "The key: all that follows `/kv/`, slashes included, percent-decoded once. For keys that clients or proxies would fold, such as `a/../b`, use `/kv?key=`.",
    schema: keySchema,
  },
  QueryKey: {
    name: "key",
    in: "query",
    required: true,
    description: "The key, for keys that clients or proxies would fold in a path.",
    schema: keySchema,
  },
  OptionalKey: {
    name: "key",
    in: "query",
    description: "With it the request is the one for `/kv/{key}`.",
    schema: keySchema,
  },
  Namespace: {
    name: "namespace",
    in: "path",
    required: true,
    description: "What the keys in `/kv` begin with, before a slash.",
    schema: keySchema,
  },
  UnstorageKey: {
    name: "key",
    in: "path",
    required: true,
    description: "unstorage's key, slashes for its colons; each segment percent-encoded.",
    schema: keySchema,
  },
  Format: {
    name: "format",
    in: "query",
    description: "Wins over Accept. `raw` is the stored bytes, and only values have it.",
    schema: { enum: ["json", "xml", "html", "txt", "raw"] },
  },
  ReadConcern: {
    name: "r",
    in: "query",
    description: "How many replicas are asked.",
    schema: { enum: ["home", "quorum", "all"], default: "home" },
  },
  WriteConcern: {
    name: "w",
    in: "query",
    description: "How many replicas confirm the write before it is answered: a number, `quorum` or `all`.",
    schema: { type: "string", pattern: "^([1-9][0-9]{0,2}|quorum|all)$", default: "1" },
  },
  Ttl: {
    name: "ttl",
    in: "query",
    description: "Time to live: `500ms`, `60s`, `5m`, `2h`, `7d`, or seconds.",
    schema: { type: "string", pattern: "^[0-9]+(\\.[0-9]+)?(ms|s|m|h|d)?$" },
  },
  TtlHeader: {
    name: "X-TTL",
    in: "header",
    description: "Time to live in seconds; fractions are allowed.",
    schema: { type: "string", pattern: "^[0-9]+(\\.[0-9]+)?$" },
  },
  IfMatch: {
    name: "If-Match",
    in: "header",
    description: "Entity tags, or `*`. On writes a tag of any representation stands for its version.",
    schema: text,
  },
  IfNoneMatch: { name: "If-None-Match", in: "header", description: "Entity tags, or `*`.", schema: text },
  IfModifiedSince: {
    name: "If-Modified-Since",
    in: "header",
    description: "A date; ignored beside If-None-Match.",
    schema: text,
  },
  IfUnmodifiedSince: {
    name: "If-Unmodified-Since",
    in: "header",
    description: "A date; ignored beside If-Match.",
    schema: text,
  },
  Range: { name: "Range", in: "header", description: "One range of bytes of a raw value.", schema: text },
  IfRange: { name: "If-Range", in: "header", description: "A strong entity tag, or a date.", schema: text },
  IdempotencyKey: {
    name: "Idempotency-Key",
    in: "header",
    description: "The same write with the same id is applied once within 24 hours.",
    schema: text,
  },
  Clock: {
    name: "Kvasir-Clock",
    in: "header",
    description: "The Kvasir-Clock of the answer before: reads are then never older, and writes always newer.",
    schema: text,
  },
  Prefer: {
    name: "Prefer",
    in: "header",
    description:
      "`wait=N` (RFC 7240), at most 60 seconds: for the confirmations of a write with `w` above 1, and for a version as new as `Kvasir-Clock` says.",
    schema: text,
  },
  Metadata: {
    name: "Kvasir-Meta-NAME",
    in: "header",
    description: "Metadata: visible ASCII, 2 KiB in all. NAME is any name.",
    schema: text,
  },
  Prefix: { name: "prefix", in: "query", description: "Only keys that begin so.", schema: text },
  Delimiter: {
    name: "delimiter",
    in: "query",
    description: "Keys that have it behind the prefix are rolled up into one common prefix.",
    schema: text,
  },
  Start: { name: "start", in: "query", description: "Only keys from here on, inclusive.", schema: text },
  End: { name: "end", in: "query", description: "Only keys before this one.", schema: text },
  Reverse: { name: "reverse", in: "query", description: "From the last key to the first.", schema: yes },
  Limit: {
    name: "limit",
    in: "query",
    description: "How many keys and common prefixes at most; the maximum can be configured.",
    schema: { type: "integer", minimum: 1, maximum: 1000, default: 100 },
  },
  Cursor: { name: "cursor", in: "query", description: "The cursor of the page before.", schema: text },
  Values: { name: "values", in: "query", description: "With the values.", schema: yes },
  Confirm: {
    name: "confirm",
    in: "query",
    description: "Needed to delete with an empty prefix, which is everything.",
    schema: { const: "all" },
  },
} satisfies { readonly [name: string]: Parameter };

export type ParameterName = keyof typeof parameters;

export function parameterList(...names: ParameterName[]): Reference[] {
  return names.map((name) => reference("parameters", name));
}

/** Those that a path which is a key's by `?key=`, and a list's without, takes for the key alone. */
export function keyOnlyParameters(...names: ParameterName[]): Parameter[] {
  return names.map((name) => {
    const parameter: Parameter = parameters[name];
    return { ...parameter, description: `Only with \`key\`. ${parameter.description}` };
  });
}
