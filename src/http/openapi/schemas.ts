import { errorCodes } from "../../errors.ts";
import { keyBytesMax } from "../../key.ts";
import { reference, type Schema } from "./types.ts";

const text: Schema = { type: "string" };
const time: Schema = { type: "string", format: "date-time" };
const version: Schema = { type: "string", pattern: "^[0-9a-z]{12,13}-[0-9a-z]{1,10}$" };
const count: Schema = { type: "integer", minimum: 0 };
const partitionState: Schema = { enum: ["steady", "away", "catching_up", "recovering"] };

export const keySchema: Schema = {
  type: "string",
  minLength: 1,
  description: `1 to ${keyBytesMax} bytes of UTF-8 without NUL.`,
};

const value = {
  description:
    "The value: JSON as it is stored when the media type is a JSON one, else text, or base64 when `encoding` says so.",
};

const encoding: Schema = {
  enum: ["base64", "utf8"],
  description:
    "`base64` for a value that is not UTF-8 or has NUL; `utf8` for the text of a value of JSON type that is not JSON.",
};

const metadata: Schema = { type: "object", additionalProperties: text };

const recordMembers = {
  key: keySchema,
  value,
  encoding,
  type: { type: "string", description: "The media type as it was stored." },
  version,
  modified: time,
  expires: time,
  metadata,
};
const recordRequired = ["key", "value", "type", "version", "modified", "metadata"];

const recordDocument: Schema = object(recordMembers, recordRequired);

const listEntry: Schema = object(
  {
    key: keySchema,
    type: text,
    size: count,
    version,
    modified: time,
    expires: time,
    value: { ...value, description: `With \`values\`. ${value.description}` },
    encoding,
    metadata: { ...metadata, description: "With `values`, when there is any." },
  },
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

const newValue = {
  value: { description: "Text, or with `encoding: base64` bytes, or any JSON value." },
  encoding: { enum: ["utf8", "base64"] },
  type: { type: "string", description: "Without it a text is stored as text, any other JSON as application/json." },
  ttl: { type: ["string", "number"], description: "Such as `500ms` or `60s`; a number is seconds." },
  expires: { ...time, description: "When it expires; instead of `ttl`." },
  metadata: { ...metadata, description: "Names and texts that headers can carry, 2 KiB in all." },
};

const newRecord: Schema = object({ key: keySchema, ...newValue }, ["value"]);

const memberConditions = {
  ifMatch: { type: "string", description: "As the header If-Match, or a bare version." },
  ifNoneMatch: { type: "string", description: "As the header If-None-Match, or a bare version." },
};

const batch: Schema = {
  type: "array",
  maxItems: 1000,
  items: {
    oneOf: [
      object({ op: { const: "get" }, key: keySchema }, ["op", "key"]),
      object({ op: { const: "put" }, key: keySchema, ...newValue, ...memberConditions }, ["op", "key", "value"]),
      object({ op: { const: "delete" }, key: keySchema, ...memberConditions }, ["op", "key"]),
    ],
  },
};

const batchResults: Schema = object(
  {
    results: {
      type: "array",
      description: "In the order of the operations, each with the status that it would have had alone.",
      items: {
        oneOf: [
          reference("schemas", "BatchRecord"),
          reference("schemas", "BatchWritten"),
          reference("schemas", "BatchProblem"),
        ],
      },
    },
  },
  ["results"],
);

const batchRecord: Schema = object({ status: { const: 200 }, ...recordMembers }, ["status", ...recordRequired]);

const batchWritten: Schema = object(
  {
    status: { enum: [201, 204] },
    key: keySchema,
    version,
    existed: { type: "boolean", description: "Absent where it is not known, as when a stand-in took the write." },
    confirmed: { ...count, description: "Replicas that have it on disk." },
    replicas: count,
  },
  ["status", "key", "version", "confirmed", "replicas"],
);

const batchProblem: Schema = {
  type: "object",
  description: "Some codes have members of their own.",
  required: ["status", "code", "detail"],
  properties: {
    status: { enum: [400, 404, 412, 413, 414, 422, 431, 500, 503, 504, 507] },
    code: { enum: Object.keys(errorCodes) },
    detail: text,
  },
};

const replicas: Schema = object(
  {
    key: keySchema,
    replicas: {
      type: "array",
      description: "Home first.",
      items: object(
        {
          partition: text,
          state: partitionState,
          record: {
            enum: ["live", "tombstone", "expired", "absent", "unknown"],
            description: "`unknown` when the partition could not be asked.",
          },
          version,
          modified: time,
          expires: time,
        },
        ["partition", "state", "record"],
      ),
    },
  },
  ["key", "replicas"],
);

const status: Schema = object(
  {
    ready: { type: "boolean" },
    missing: { type: "array", items: text, description: "Why it is not ready." },
    cluster: text,
    writer: text,
    replicas: count,
    partitions: { type: "array", items: reference("schemas", "PartitionStatus") },
    requests: reference("schemas", "RequestTotals"),
    topology: object(
      {
        epoch: { ...count, description: "Grows with every change of the set of partitions; 0 while none is stored." },
        change: {
          type: "string",
          description: "The change under way, such as `add p4, filling`; absent when there is none.",
        },
        progress: { type: "number", minimum: 0, maximum: 1 },
        waitsFor: { type: "string", description: "What holds the change up." },
      },
      ["epoch"],
    ),
    sync: reference("schemas", "SyncStatus"),
  },
  ["ready", "missing", "cluster", "writer", "replicas", "requests", "topology", "partitions", "sync"],
);

const requestTotals: Schema = object(
  {
    inFlight: { ...count, description: "Requests of any kind that are being answered." },
    reads: { ...count, description: "Requests for values and lists that this front end answered." },
    writes: count,
    failed: { ...count, description: "Of both, those that were answered with 5xx." },
    durations: {
      type: "array",
      description: "How many took how long: more than the bound before, at most `upToMs`, which the last one lacks.",
      items: object({ upToMs: { type: "number" }, count }, ["count"]),
    },
  },
  ["inFlight", "reads", "writes", "failed", "durations"],
);

const rate: Schema = { type: "number", minimum: 0 };

const batchCount: Schema = object({ batches: count, members: count }, ["batches", "members"]);

const partitionStatus: Schema = object(
  {
    name: text,
    url: { type: "string", description: "Without user and password." },
    state: partitionState,
    problem: text,
    engine: text,
    durability: { enum: ["strict", "relaxed", "unknown"] },
    latencyMs: { type: "number", minimum: 0 },
    batches: {
      ...object({ reads: batchCount, writes: batchCount }, ["reads", "writes"]),
      description: "How many batches left for it from this front end, and the reads or writes in them.",
    },
    size: {
      ...object({ keys: count, bytes: count, at: time }, ["keys", "bytes", "at"]),
      description: "Live keys and bytes of their values, when all partitions were last compared by this front end.",
    },
    load: {
      ...object({ reads: rate, writes: rate, batches: rate }, ["reads", "writes", "batches"]),
      description:
        "What reached it from this front end a second, over the last ten; without what SQLite reads on the spot.",
    },
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
      description: "Records that a replica refuses to take. The key is left out where the token may not read it.",
      items: object({ source: text, target: text, key: text, reason: text }, ["source", "target", "reason"]),
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
  BatchRecord: batchRecord,
  BatchWritten: batchWritten,
  BatchProblem: batchProblem,
  Replicas: replicas,
  Deleted: object({ deleted: count }, ["deleted"]),
  Status: status,
  PartitionStatus: partitionStatus,
  RequestTotals: requestTotals,
  SyncStatus: syncStatus,
  Problem: problem,
};

function object(properties: { readonly [name: string]: unknown }, required: readonly string[]): Schema {
  return { type: "object", required, properties, additionalProperties: false };
}
