import assert from "node:assert/strict";
import { request } from "node:http";
import { buffer } from "node:stream/consumers";
import { after, before, describe, it } from "node:test";
import { StoreError } from "../../src/errors.ts";
import type { Operation } from "../../src/http/openapi/types.ts";
import { openApiDocument } from "../../src/http/openapi.ts";
import { systemRuntime } from "../../src/runtime.ts";
import type { Store } from "../../src/store.ts";
import { Tokens } from "../../src/tokens.ts";
import { resolve, schemaErrors } from "../support/json-schema.ts";
import { exchange, type Serving, serve } from "./serving.ts";

/** One request, and what it is to be answered with. */
interface Probe {
  readonly path: string;
  readonly status: number;
  readonly headers?: { readonly [name: string]: string };
  readonly body?: string;
  /** The schema that a JSON answer satisfies, where the description allows any JSON besides. */
  readonly schema?: string;
  /** What the store throws at it. */
  readonly failure?: Error;
  /** The next write at a partition finds no room. */
  readonly isFull?: boolean;
}

interface Sent {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

const document = JSON.parse(JSON.stringify(openApiDocument("1.2.3")));
const operations = Object.entries(document.paths as { [path: string]: { [method: string]: Operation } }).flatMap(
  ([path, item]) => Object.entries(item).map(([name, operation]) => ({ path, method: name.toUpperCase(), operation })),
);

/** Headers of the connection and the message that every HTTP server sends. */
const plainHeaders = ["connection", "content-length", "content-type", "date", "keep-alive", "transfer-encoding"];

let serving: Serving;
/** All of its partitions are down, and it has no room for bodies. */
let lonely: Serving;
/** It waits for header fields no longer than a moment. */
let impatient: Serving;
/** It has tokens: one for reading elsewhere, and from this address no wrong ones any more. */
let guarded: Serving;
let otherToken: string;
/** It has yet to learn whether there are tokens. */
let unasked: Serving;
let failure: Error | undefined;
before(async () => {
  serving = await serve({}, { partitions: 2 }, failing);
  lonely = await serve({ bodyBudgetBytes: 0 }, { partitions: 2 });
  impatient = await serve({ headersTimeoutMs: 50 });
  guarded = await serve({ authFailuresMax: 1 });
  const created = await guarded.store.tokens.create({ name: "other", scopes: ["read"], prefixes: ["elsewhere/"] });
  otherToken = created.text;
  await send(guarded.port, "GET", { path: "/kv/elsewhere/a", headers: bearer(otherToken), status: 404 });
  unasked = await serve({}, {}, withoutPartitions);
  for (const { faults } of lonely.partitions) faults.isDown = true;
  await send(lonely.port, "GET", { path: "/kv/a", status: 503 });
  await send(lonely.port, "PUT", { path: "/kv/a", status: 503 });
  const stored: [key: string, body: string, headers: { readonly [name: string]: string }][] = [
    ["k", "text", { "Content-Type": "text/plain", "Kvasir-Meta-Owner": "ann", "X-TTL": "3600" }],
    ["j", '{"a":1}', { "Content-Type": "application/json" }],
    ["b", "\0", { "Content-Type": "application/octet-stream" }],
    ["a/b", "deep", {}],
    ["ns/k", "text", { "Content-Type": "text/plain", "Kvasir-Meta-Owner": "ann", "X-TTL": "3600" }],
    ["ns/below/a", "text", {}],
  ];
  for (const [key, body, headers] of stored) {
    const probe = { path: `/kv?key=${encodeURIComponent(key)}&w=all`, headers, body, status: 201 };
    assert.equal((await send(serving.port, "PUT", probe)).status, 201);
  }
});
after(() => Promise.all([serving, lonely, impatient, guarded, unasked].map((each) => each.close())));

const json = { "Content-Type": "application/json" };
const merge = { "Content-Type": "application/merge-patch+json" };
const long = "x".repeat(1025);
const fault = new Error("a fault that the test makes");
const unknown = new StoreError("outcome_unknown", "as the test says");

/** The probes of each operation, by its id. They run in this order. */
function probesOf(): { readonly [operationId: string]: readonly Probe[] } {
  const reads = (base: (key: string) => string, and: string): Probe[] => [
    { path: base("k"), status: 200 },
    { path: `${base("k")}${and}format=json`, status: 200, schema: "Record" },
    { path: `${base("b")}${and}format=json`, status: 200, schema: "Record" },
    { path: `${base("j")}${and}format=json`, status: 200, schema: "Record" },
    { path: `${base("k")}${and}format=xml`, status: 200 },
    { path: `${base("k")}${and}format=html`, status: 200 },
    { path: `${base("b")}${and}format=txt`, status: 200 },
    { path: `${base("k")}${and}r=all`, status: 200, headers: { "Kvasir-Clock": "1", Prefer: "wait=1" } },
    { path: base("k"), headers: { "If-None-Match": "*" }, status: 304 },
    { path: base("none"), status: 404 },
    { path: base("k"), headers: { Accept: "image/png" }, status: 406 },
    { path: base("k"), headers: { "If-Match": '"other"' }, status: 412 },
    { path: base(long), status: 414 },
    { path: base("k"), failure: fault, status: 500 },
  ];
  const parts = (base: (key: string) => string): Probe[] => [
    { path: base("k"), headers: { Range: "bytes=1-2" }, status: 206 },
    { path: base("k"), headers: { Range: "bytes=99-" }, status: 416 },
  ];
  const writeFaults = (path: string, rest: Partial<Probe> = {}): Probe[] => [
    { path, ...rest, headers: { ...rest.headers, Origin: "http://other.example" }, status: 403 },
    { path, ...rest, failure: fault, status: 500 },
    { path, ...rest, failure: unknown, status: 504 },
    { path, ...rest, isFull: true, status: 507 },
  ];
  const puts = (base: (key: string) => string, and: string, key: string): Probe[] => [
    { path: base(key), body: "x", status: 201 },
    { path: `${base(key)}${and}w=all`, body: "y", headers: { Prefer: "wait=5" }, status: 204 },
    { path: base(key), headers: { "If-None-Match": "*" }, body: "x", status: 412 },
    { path: base(key), headers: { "Content-Length": String(2 ** 30) }, status: 413 },
    { path: base(long), body: "x", status: 414 },
    { path: base(key), headers: { "Content-Encoding": "gzip" }, body: "x", status: 415 },
    { path: base(key), headers: { "Idempotency-Key": `put-${key}` }, body: "1", status: 204 },
    { path: base(key), headers: { "Idempotency-Key": `put-${key}` }, body: "2", status: 422 },
    { path: base(key), headers: { "Kvasir-Meta-A": "x".repeat(3000) }, status: 431 },
    ...writeFaults(base(key), { body: "x" }),
  ];
  const patches = (base: (key: string) => string): Probe[] => [
    { path: base("j"), headers: merge, body: '{"b":2}', status: 204 },
    { path: base("none"), headers: merge, body: "{}", status: 404 },
    { path: base("k"), headers: merge, body: "{}", status: 409 },
    { path: base("j"), headers: { ...merge, "If-Match": '"other"' }, body: "{}", status: 412 },
    { path: base("j"), headers: { ...merge, "Content-Length": String(2 ** 30) }, status: 413 },
    { path: base(long), headers: merge, body: "{}", status: 414 },
    { path: base("j"), headers: json, body: "{}", status: 415 },
    {
      path: base("j"),
      headers: { "Content-Type": "application/json-patch+json" },
      body: '[{"op":"remove","path":"/none"}]',
      status: 422,
    },
    ...writeFaults(base("j"), { headers: merge, body: "{}" }),
  ];
  const deletes = (base: (key: string) => string, key: string): Probe[] => [
    { path: base(key), status: 204 },
    { path: base("k"), headers: { "If-Match": '"other"' }, status: 412 },
    { path: base(long), status: 414 },
    { path: base("gone"), headers: { "Idempotency-Key": `delete-${key}` }, status: 204 },
    { path: base("gone"), headers: { "Idempotency-Key": `delete-${key}`, "If-None-Match": "*" }, status: 422 },
    ...writeFaults(base(key)),
  ];
  const replicas = (base: (key: string) => string): Probe[] => [
    { path: base("k"), status: 200 },
    { path: base("none"), status: 200 },
    { path: base("k"), headers: { Accept: "text/html" }, status: 200 },
    { path: base("k"), headers: { Accept: "image/png" }, status: 406 },
    { path: base(long), status: 414 },
    { path: base("k"), failure: fault, status: 500 },
  ];
  const service = (path: string): Probe[] => [{ path, status: 200 }];
  const faulty = (path: string): Probe[] => [...service(path), { path, failure: fault, status: 500 }];
  const inPath = (key: string) => `/kv/${key}`;
  const inQuery = (key: string) => `/kv?key=${key}`;
  const replicasInPath = replicas((key) => `/replicas/${key}`);
  const replicasInQuery = replicas((key) => `/replicas?key=${key}`);
  const status = [...faulty("/status"), { path: "/status", headers: { Accept: "image/png" }, status: 406 }];
  const readiness = [...faulty("/readyz"), { path: "lonely:/readyz", status: 503 }];

  const batch = [
    { op: "get", key: "k" },
    { op: "get", key: "b" },
    { op: "get", key: "none" },
    { op: "get", key: "" },
    { op: "put", key: "batched", value: { a: 1 }, expires: "2099-01-01T00:00:00Z", metadata: { owner: "ann" } },
    { op: "put", key: "batched", value: "x", ttl: "60s", ifNoneMatch: "*" },
    { op: "put", key: "batched", value: "x", metadata: { a: "x".repeat(3000) } },
    { op: "put", key: "large", value: "x".repeat(8 * 2 ** 20 + 1) },
    { op: "get", key: long },
    { op: "delete", key: "batched", ifMatch: "*" },
  ];
  const requests: readonly Probe[] = [
    { path: "/batch?w=all", headers: { ...json, Prefer: "wait=5" }, body: JSON.stringify(batch), status: 200 },
    { path: "/batch", headers: { ...json, "Idempotency-Key": "b" }, body: JSON.stringify(batch), status: 200 },
    { path: "/batch", headers: json, body: "{}", status: 400 },
    { path: "/batch", headers: { ...json, "Content-Length": String(2 ** 30) }, status: 413 },
    { path: "/batch", headers: { "Content-Type": "text/plain" }, body: "[]", status: 415 },
    { path: "/batch", headers: { ...json, Origin: "http://other.example" }, body: "[]", status: 403 },
    { path: "/batch", headers: json, body: JSON.stringify(batch.slice(0, 1)), failure: fault, status: 200 },
    { path: "/batch", headers: json, body: "[]", failure: fault, status: 200 },
  ];
  const creations: readonly Probe[] = [
    { path: "/kv?w=all", headers: { ...json, Prefer: "wait=5" }, body: '{"key":"new","value":1}', status: 201 },
    {
      path: "/kv",
      headers: json,
      body: '{"value":1,"expires":"2099-01-01T00:00:00Z","metadata":{"a":"b"}}',
      status: 201,
    },
    { path: "/kv", headers: json, body: '{"key":"k","value":1}', status: 409 },
    { path: "/kv", headers: { ...json, "Content-Length": String(2 ** 30) }, status: 413 },
    { path: "/kv", headers: json, body: `{"key":"${long}","value":1}`, status: 414 },
    { path: "/kv", headers: { "Content-Type": "text/plain" }, body: "x", status: 415 },
    { path: "/kv", headers: { ...json, "Idempotency-Key": "c" }, body: '{"value":1}', status: 201 },
    { path: "/kv", headers: { ...json, "Idempotency-Key": "c" }, body: '{"value":2}', status: 422 },
    ...writeFaults("/kv", { headers: json, body: '{"value":1}' }),
  ];
  const lists: readonly Probe[] = [
    { path: "/kv", status: 200, schema: "List" },
    { path: "/kv?values&delimiter=%2F", status: 200, schema: "List" },
    { path: "/kv?limit=1", status: 200, schema: "List" },
    { path: "/kv?format=xml", status: 200 },
    { path: "/kv?format=html", status: 200 },
    { path: "/kv?format=txt", status: 200 },
    { path: "/kv?values", headers: { Accept: "application/x-ndjson" }, status: 200 },
    { path: "/kv?limit=1", headers: { Accept: "application/x-ndjson" }, status: 200 },
    { path: "/kv?format=raw", status: 406 },
    { path: "/kv", failure: fault, status: 500 },
    ...reads(inQuery, "&"),
  ];
  const prefixes: readonly Probe[] = [
    { path: "/kv?prefix=none&w=all", headers: { Prefer: "wait=5" }, status: 200 },
    { path: "/kv?prefix=none", headers: { Accept: "text/html" }, status: 200 },
    { path: "/kv?prefix=none", headers: { Accept: "image/png" }, status: 406 },
    ...deletes(inQuery, "q"),
    { path: "/kv?prefix=k", isFull: true, status: 507 },
  ];
  const inMount = (key: string) => `/unstorage/ns/${key}`;
  const mountReads: readonly Probe[] = [
    { path: inMount("k"), status: 200 },
    { path: inMount("k"), headers: { Accept: "application/octet-stream" }, status: 200 },
    { path: `${inMount("k")}?r=all`, status: 200, headers: { "Kvasir-Clock": "1", Prefer: "wait=1" } },
    { path: inMount("k"), headers: { "If-None-Match": "*" }, status: 304 },
    { path: inMount("none"), status: 404 },
    { path: inMount("k"), headers: { "If-Match": '"other"' }, status: 412 },
    { path: inMount(long), status: 414 },
    { path: inMount("k"), failure: fault, status: 500 },
  ];
  const mountLists: readonly Probe[] = [
    { path: inMount(":"), status: 200 },
    { path: inMount("below/:"), status: 200 },
    { path: inMount(`${long}/:`), status: 414 },
    { path: inMount(":"), failure: fault, status: 500 },
  ];
  const clearings: readonly Probe[] = [
    { path: "/unstorage/none/:", status: 204 },
    { path: "/unstorage/none/:?w=all", headers: { Prefer: "wait=5" }, status: 204 },
    { path: inMount(`${long}/:`), status: 414 },
    ...writeFaults(inMount("below/:")),
  ];
  return {
    get: [...reads(inPath, "?"), ...parts(inPath)],
    head: reads(inPath, "?"),
    put: puts(inPath, "?", "p"),
    patch: patches(inPath),
    delete: deletes(inPath, "p"),
    keyOptions: [{ path: "/kv/k", status: 204 }],
    list: [...lists, ...parts(inQuery)],
    listHead: lists,
    putByQuery: puts(inQuery, "&", "q"),
    create: creations,
    patchByQuery: patches(inQuery),
    deletePrefix: prefixes,
    listOptions: [
      { path: "/kv", status: 204 },
      { path: "/kv?key=k", status: 204 },
    ],
    batch: requests,
    batchOptions: [{ path: "/batch", status: 204 }],
    unstorageGet: [...mountReads, ...parts(inMount)],
    unstorageHead: mountReads,
    unstorageSet: puts(inMount, "?", "u"),
    unstorageRemove: deletes(inMount, "u"),
    unstorageOptions: [{ path: inMount("k"), status: 204 }],
    unstorageKeys: mountLists,
    unstorageKeysHead: mountLists,
    unstorageClear: clearings,
    unstorageKeysOptions: [{ path: inMount(":"), status: 204 }],
    replicas: replicasInPath,
    replicasHead: replicasInPath,
    replicasOptions: [{ path: "/replicas/k", status: 204 }],
    replicasByQuery: replicasInQuery,
    replicasByQueryHead: replicasInQuery,
    replicasByQueryOptions: [{ path: "/replicas?key=k", status: 204 }],
    status,
    statusHead: status,
    statusOptions: [{ path: "/status", status: 204 }],
    health: service("/healthz"),
    healthHead: service("/healthz"),
    healthOptions: [{ path: "/healthz", status: 204 }],
    readiness,
    readinessHead: readiness,
    readinessOptions: [{ path: "/readyz", status: 204 }],
    metrics: service("/metrics"),
    metricsHead: service("/metrics"),
    metricsOptions: [{ path: "/metrics", status: 204 }],
    openapi: service("/openapi.json"),
    openapiHead: service("/openapi.json"),
    openapiOptions: [{ path: "/openapi.json", status: 204 }],
  };
}

describe("the OpenAPI description is complete and true", () => {
  for (const { path, method, operation } of operations) {
    it(`of ${operation.operationId} (${method} ${path})`, async () => {
      const documented = Object.keys(operation.responses).map(Number);
      const probes = probesOf()[operation.operationId];
      assert.ok(probes, "this operation has no probes");
      const seen = new Set<number>();
      for (const probe of [...probes, ...commonProbes(probes[0]!, documented)]) {
        const answer = await answerTo(method, probe);
        const name = `${method} ${probe.path.slice(0, 80)} ${JSON.stringify(probe.headers ?? {}).slice(0, 80)}`;
        assert.equal(answer.status, probe.status, `${name}: ${answer.body.toString().slice(0, 300)}`);
        checkAnswer(answer, operation, method, probe.schema, name);
        seen.add(answer.status);
      }
      const start = `${method} ${probes[0]!.path} HTTP/1.1\r\nHost: localhost\r\n`;
      for (const [status, port, sent] of [
        [408, impatient.port, start],
        [431, serving.port, `${start}X-Large: ${"x".repeat(20_000)}\r\n\r\n`],
      ] as const) {
        const answer = parseAnswer(await exchange(port, sent));
        assert.equal(answer.status, status);
        // Whoever refuses these does not know the method yet.
        checkAnswer(answer, operation, method === "HEAD" ? method : "GET", undefined, String(status));
        seen.add(status);
      }
      assert.deepEqual([...seen].sort(), documented.sort(), "some documented status never came");
    });
  }
});

/** What every operation may meet. */
function commonProbes({ path, headers = {}, body }: Probe, documented: readonly number[]): Probe[] {
  const rest = { headers, ...(body !== undefined && { body }) };
  const needsPartition = /^\/(?:kv|batch)/.test(path) && documented.includes(403);
  return [
    { path: `${path}${path.includes("?") ? "&" : "?"}x=%zz`, ...rest, status: 400 },
    { path, ...rest, headers: { ...headers, Host: "other.example" }, status: 421 },
    ...(needsPartition ? [{ path: `lonely:${path}`, ...rest, status: 503 }] : []),
    ...(documented.includes(401) ? tokenProbes(path, rest, documented) : []),
  ];
}

function tokenProbes(path: string, { headers, body }: Omit<Probe, "path" | "status">, documented: readonly number[]) {
  const probe = (server: string, more: object, status: number): Probe => ({
    path: `${server}:${path}`,
    headers: { ...headers, ...more },
    ...(body !== undefined && { body }),
    status,
  });
  // The members of a batch are refused one by one.
  const isForbidden = documented.includes(403) && !path.startsWith("/batch");
  return [
    probe("unasked", {}, 503),
    probe("guarded", {}, 401),
    ...(isForbidden ? [probe("guarded", bearer(otherToken), 403)] : []),
    probe("guarded", bearer(`kvs_${"x".repeat(43)}`), 429),
  ];
}

function bearer(token: string): { readonly Authorization: string } {
  return { Authorization: `Bearer ${token}` };
}

/** A store that cannot ask anybody for tokens. */
function withoutPartitions(store: Store): Store {
  const log = { warn: () => undefined };
  const tokens = new Tokens({ partitions: () => [], configured: [], runtime: systemRuntime, log });
  return new Proxy(store, {
    get: (target, name) => (name === "tokens" ? tokens : Reflect.get(target, name, target)),
  });
}

function checkAnswer(
  { status, headers, body }: Sent,
  operation: Operation,
  method: string,
  schemaName: string | undefined,
  name: string,
): void {
  const given = operation.responses[status];
  assert.ok(given, `${name}: the status ${status} is not documented`);
  const response = "$ref" in given ? resolve(document, given.$ref) : given;
  const known = Object.keys(response.headers ?? {}).map((header) => header.toLowerCase());
  const isKnown = (header: string) =>
    plainHeaders.includes(header) || known.includes(header.replace(/^kvasir-meta-.*$/, "kvasir-meta-name"));
  assert.deepEqual(
    [...headers.keys()].filter((header) => !isKnown(header)),
    [],
    `${name}: headers not documented`,
  );
  if (method === "HEAD" || status === 204 || status === 304) {
    return;
  }
  const content = (response.content ?? {}) as { [mediaType: string]: { schema: { [keyword: string]: unknown } } };
  if (body.length === 0) return;
  const mediaType = headers.get("content-type")!.split(";")[0]!;
  const described = content[mediaType] ?? content["*/*"];
  assert.ok(described, `${name}: ${mediaType} is not documented`);
  if (!/[/+]json$/.test(mediaType)) return;
  const value: unknown = JSON.parse(body.toString());
  const schema = schemaName === undefined ? described.schema : { $ref: `#/components/schemas/${schemaName}` };
  assert.deepEqual(schemaErrors(value, schema, document), [], name);
}

async function answerTo(method: string, probe: Probe): Promise<Sent> {
  const [, other, path] = /^(\w+):(.*)$/s.exec(probe.path) ?? [];
  if (other !== undefined) {
    const { port } = { lonely, guarded, unasked }[other]!;
    // The address is blocked after its first wrong token of the minute.
    for (;;) {
      const answer = await send(port, method, { ...probe, path: path! });
      if (answer.status !== 401 || probe.status === 401) return answer;
    }
  }
  failure = probe.failure;
  if (probe.isFull) for (const { faults } of serving.partitions) faults.nextWriteError = "full";
  try {
    return await send(serving.port, method, probe);
  } finally {
    failure = undefined;
    for (const { faults } of serving.partitions) faults.nextWriteError = undefined;
  }
}

/** Not `fetch`, which sends no `Host` of ours and folds paths. */
function send(port: number, method: string, { path, headers = {}, body }: Probe): Promise<Sent> {
  return new Promise((resolveSent, reject) => {
    const sending = request({ port, method, path, headers, agent: false });
    sending.on("error", reject);
    sending.on("response", (response) => {
      const found = Object.entries(response.headers).map(([name, value]): [string, string] => [name, String(value)]);
      buffer(response).then(
        (bytes) => resolveSent({ status: response.statusCode!, headers: new Map(found), body: bytes }),
        reject,
      );
    });
    // A body that is announced and does not come is refused by its length.
    if (headers["Content-Length"] !== undefined) sending.flushHeaders();
    else sending.end(body);
  });
}

function parseAnswer(text: string): Sent {
  const [head = "", body = ""] = text.split("\r\n\r\n");
  const [line = "", ...fields] = head.split("\r\n");
  const headers = fields.map((field): [string, string] => {
    const colon = field.indexOf(": ");
    return [field.slice(0, colon).toLowerCase(), field.slice(colon + 2)];
  });
  return { status: Number(line.split(" ")[1]), headers: new Map(headers), body: Buffer.from(body, "latin1") };
}

/** A store whose methods throw `failure` while there is one. */
function failing(store: Store): Store {
  const methods = ["get", "getArriving", "put", "delete", "update", "list", "status", "replicasOf", "readiness"];
  return new Proxy(store, {
    get(target, name) {
      const value = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      return (...parameters: unknown[]) => {
        if (failure !== undefined && methods.includes(String(name))) {
          if (name === "readiness") throw failure;
          return Promise.reject(failure);
        }
        return Reflect.apply(value, target, parameters);
      };
    },
  });
}
