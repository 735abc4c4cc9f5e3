import { errorCodes } from "../../errors.ts";
import { keyBytesMax } from "../../key.ts";
import { reference, type Schema } from "./types.ts";

const text: Schema = { type: "string" };
const time: Schema = { type: "string", format: "date-time" };
const version: Schema = { type: "string", pattern: "^[0-9a-z]{12,13}-[0-9a-z]{1,10}$" };
const count: Schema = { type: "integer", minimum: 0 };

export const keySchema: Schema = {
  type: "string",
  minLength: 1,
  description: `1 to ${keyBytesMax} bytes of UTF-8 without NUL.`,
};

const value: Schema = {
  description:
    "The value: JSON as it is stored when the media type is a JSON one, else text, or base64 when `encoding` says so.",
};

const encoding: Schema = {
  enum: ["base64", "utf8"],
  description:
    "`base64` for a value that is not UTF-8 or has NUL; `utf8` for the text of a value of JSON type that is not JSON.",
};

const recordDocument: Schema = object(
  {
    key: keySchema,
    value,
    encoding,
    type: { type: "string", description: "The media type as it was stored." },
    version,
    modified: time,
    expires: time,
    metadata: { type: "object", additionalProperties: text },
  },
  ["key", "value", "type", "version", "modified", "metadata"],
);

const listEntry: Schema = object(
  { key: keySchema, type: text, size: count, version, modified: time, expires: time, value, encoding },
  ["key", "type", "size", "version", "modified"],
);

const list: Schema = object(
  {
    keys: { type: "array", items: reference("schemas", "ListEntry") },
    prefixes: { type: "array", items: text, description: "Common prefixes, when a delimiter was given." },
    cursor: { type: "string", description: "Present when the list goes on." },
  },
  ["keys"],
);

const newRecord: Schema = {
  ...object(
    {
      key: keySchema,
      value: { description: "Text, or with `encoding: base64` bytes, or any JSON value." },
      encoding: { enum: ["utf8", "base64"] },
      type: { type: "string", description: "Without it a text is stored as text, any other JSON as application/json." },
      ttl: { type: ["string", "number"], description: "Such as `500ms` or `60s`; a number is seconds." },
    },
    ["value"],
  ),
};

const batch: Schema = {
  type: "array",
  maxItems: 1000,
  items: object(
    {
      op: { enum: ["get", "put", "delete"] },
      key: keySchema,
      value: { description: "Of a put: text, or with `encoding: base64` bytes, or any JSON value." },
      encoding: { enum: ["utf8", "base64"] },
      type: text,
      ttl: { type: ["string", "number"] },
      ifMatch: text,
      ifNoneMatch: text,
    },
    ["op", "key"],
  ),
};

const batchResults: Schema = object(
  {
    results: {
      type: "array",
      description: "In the order of the operations.",
      items: {
        type: "object",
        required: ["status"],
        properties: { status: { type: "integer", description: "What the same request alone would have answered." } },
      },
    },
  },
  ["results"],
);

const status: Schema = object(
  {
    ready: { type: "boolean" },
    missing: { type: "array", items: text, description: "Why it is not ready." },
    cluster: text,
    writer: text,
    replicas: count,
    partitions: { type: "array", items: reference("schemas", "PartitionStatus") },
    sync: reference("schemas", "SyncStatus"),
  },
  ["ready", "missing", "cluster", "writer", "replicas", "partitions", "sync"],
);

const partitionStatus: Schema = object(
  {
    name: text,
    url: { type: "string", description: "Without user and password." },
    state: { enum: ["steady", "away", "catching_up", "recovering"] },
    problem: text,
    engine: text,
    durability: { enum: ["strict", "relaxed", "unknown"] },
    latencyMs: { type: "number", minimum: 0 },
    owed: {
      type: "array",
      description: "What it still owes to others; absent when it could not be asked.",
      items: object({ target: text, count, standIns: count, oldest: time }, ["target", "count", "standIns", "oldest"]),
    },
  },
  ["name", "url", "state", "engine", "durability", "latencyMs"],
);

const syncStatus: Schema = object(
  {
    delivered: { ...count, description: "Records that this front end brought to replicas." },
    discarded: { ...count, description: "Writes of stand-ins that lost to a greater version." },
    unknownOutcomes: { ...count, description: "Writes that were answered with 504." },
    futureVersions: { ...count, description: "Versions from more than a minute ahead, which were not followed." },
    clockSkewMs: { type: "integer", description: "How far this clock is ahead of the database servers'." },
    setAside: {
      type: "array",
      description: "Records that a replica refuses to take.",
      items: object({ source: text, target: text, key: text, reason: text }, ["source", "target", "key", "reason"]),
    },
    lastPass: object(
      {
        at: time,
        tookMs: count,
        records: count,
        differing: count,
        mended: count,
        ghosts: count,
        damaged: count,
        missing: { type: "array", items: text },
      },
      ["at", "tookMs", "records", "differing", "mended", "ghosts", "damaged", "missing"],
    ),
    lastPurge: object({ at: time, purged: count, blocked: text }, ["at", "purged", "blocked"]),
  },
  ["delivered", "discarded", "unknownOutcomes", "futureVersions", "setAside"],
);

const problem: Schema = {
  type: "object",
  description: "Problem details (RFC 9457). Some codes have members of their own.",
  required: ["type", "title", "status", "detail", "code"],
  properties: {
    type: { type: "string", pattern: "^urn:kvasir:error:[a-z_]+$" },
    title: text,
    status: { type: "integer", minimum: 400, maximum: 599 },
    detail: text,
    code: { enum: Object.keys(errorCodes) },
    available: { type: "array", items: text, description: "Of not_acceptable: the media types on offer." },
    size: { type: "integer", description: "Of range_not_satisfiable: the size of the value in bytes." },
  },
};

export const schemas: { readonly [name: string]: Schema } = {
  Record: recordDocument,
  List: list,
  ListEntry: listEntry,
  NewRecord: newRecord,
  Batch: batch,
  BatchResults: batchResults,
  Deleted: object({ deleted: count }, ["deleted"]),
  Status: status,
  PartitionStatus: partitionStatus,
  SyncStatus: syncStatus,
  Problem: problem,
};

function object(properties: { readonly [name: string]: unknown }, required: readonly string[]): Schema {
  return { type: "object", required, properties, additionalProperties: false };
}
