import assert from "node:assert/strict";
import { once } from "node:events";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { after, before, describe, it } from "node:test";
import { parseVersion, versionTime } from "../../src/version.ts";
import { problem, put, type Serving, serve } from "./serving.ts";

let serving: Serving;
before(async () => {
  serving = await serve();
});
after(() => serving.close());

const version = (response: Response) => response.headers.get("Kvasir-Version")!;

/** The headers as they were sent, without those that belong to the connection. */
async function rawHeaders(method: string, path: string, headers: { [name: string]: string } = {}) {
  const request = httpRequest({ port: serving.port, path, method, headers }).end();
  const [response] = (await once(request, "response")) as [IncomingMessage];
  response.resume();
  await once(response, "end");
  const { date: _, ...rest } = response.headers;
  return { status: response.statusCode, headers: rest };
}

describe("PUT of a key", () => {
  it("creates with 201 and replaces with 204, and says what it did", async () => {
    const created = await put(serving, "put", "one");
    assert.equal(created.status, 201);
    assert.equal(created.headers.get("ETag"), `"${version(created)}"`);
    assert.equal(created.headers.get("Kvasir-Replicas"), "1/1");
    assert.equal(created.headers.get("Kvasir-Existed"), "false");
    assert.ok(created.headers.get("Kvasir-Clock"));
    assert.equal(created.headers.get("Location"), null);
    const replaced = await put(serving, "put", "two");
    assert.equal(replaced.status, 204);
    assert.equal(replaced.headers.get("Kvasir-Existed"), "true");
    assert.ok(version(replaced) > version(created));
  });

  const values: { readonly [name: string]: Uint8Array<ArrayBuffer> } = {
    "an empty one": new Uint8Array(0),
    "binary with NUL": new Uint8Array([0, 255, 13, 10, 0]),
    "invalid UTF-8": new Uint8Array([0xc0, 0xaf]),
    "a byte order mark": new Uint8Array([0xef, 0xbb, 0xbf, 0x61]),
    "JSON null": new TextEncoder().encode("null"),
    "a number that doubles cannot hold": new TextEncoder().encode("12345678901234567890"),
    "8 MiB": new Uint8Array(8 * 2 ** 20).fill(7),
  };
  for (const [name, value] of Object.entries(values)) {
    it(`keeps ${name} byte for byte, with its media type`, async () => {
      assert.ok((await put(serving, "bytes", value, { "Content-Type": "application/json" })).ok);
      const response = await serving.request("/kv/bytes");
      assert.equal(response.headers.get("Content-Type"), "application/json");
      assert.equal(response.headers.get("Content-Length"), String(value.length));
      assert.deepEqual(new Uint8Array(await response.arrayBuffer()), value);
    });
  }

  it("stores what curl sends unasked as text, or as bytes where it is none", async () => {
    const form = { "Content-Type": "application/x-www-form-urlencoded" };
    await put(serving, "curl", "a=b", form);
    assert.equal((await serving.request("/kv/curl")).headers.get("Content-Type"), "text/plain; charset=utf-8");
    await put(serving, "curl", new Uint8Array([255]), form);
    assert.equal((await serving.request("/kv/curl")).headers.get("Content-Type"), "application/octet-stream");
  });

  it("keeps metadata and expiry, and forgets them when they are not given again", async () => {
    const before = Date.now();
    await put(serving, "meta", "x", { "Kvasir-Meta-Owner": "me and you", "Kvasir-Meta-A": "", "X-TTL": "59.5" });
    const found = await serving.request("/kv/meta");
    assert.equal(found.headers.get("Kvasir-Meta-Owner"), "me and you");
    assert.equal(found.headers.get("Kvasir-Meta-A"), "");
    const expires = Date.parse(found.headers.get("Kvasir-Expires")!);
    assert.ok(expires >= before + 59_500 && expires <= Date.now() + 59_500);
    assert.ok(["59", "60"].includes(found.headers.get("X-TTL")!));
    await put(serving, "meta", "x");
    const plain = await serving.request("/kv/meta");
    for (const name of ["Kvasir-Meta-Owner", "Kvasir-Expires", "X-TTL"]) assert.equal(plain.headers.get(name), null);
  });

  it("takes ttl from the query too, and lets the value go when it is over", async () => {
    assert.equal((await serving.request("/kv/short?ttl=1ms", { method: "PUT", body: "x" })).status, 201);
    while ((await serving.request("/kv/short")).status !== 404) await new Promise((resolve) => setTimeout(resolve, 2));
    assert.equal((await put(serving, "short", "x")).status, 201);
  });

  it("holds its preconditions", async () => {
    const first = await put(serving, "cas", "1", { "If-None-Match": "*" });
    assert.equal(first.status, 201);
    const again = await put(serving, "cas", "2", { "If-None-Match": "*" });
    assert.deepEqual([again.status, (await problem(again)).code], [412, "precondition_failed"]);
    const tag = first.headers.get("ETag")!;
    assert.equal((await put(serving, "cas", "2", { "If-Match": `"zz", ${tag.replace(/"$/, '.json"')}` })).status, 204);
    assert.equal((await put(serving, "cas", "3", { "If-Match": tag })).status, 412);
    assert.equal((await put(serving, "cas", "3", { "If-Match": `W/${tag}` })).status, 412);
    assert.equal(await (await serving.request("/kv/cas")).text(), "2");
  });

  it("applies a repeated request once, and refuses its id for another payload", async () => {
    const id = { "Idempotency-Key": "request-1" };
    const first = await put(serving, "once", "a", id);
    await put(serving, "once", "b");
    const replay = await put(serving, "once", "a", id);
    assert.deepEqual([replay.status, version(replay)], [201, version(first)]);
    assert.equal(await (await serving.request("/kv/once")).text(), "b");
    for (const [body, more] of [
      ["c", {}],
      ["a", { "X-TTL": "9" }],
      ["a", { "Kvasir-Meta-A": "b" }],
      ["a", { "Content-Type": "text/html" }],
    ] as const) {
      const reused = await put(serving, "once", body, { ...id, ...more });
      assert.deepEqual([reused.status, (await problem(reused)).code], [422, "request_reused"]);
    }
  });

  it("makes later versions than the clock token that comes with it", async () => {
    const ahead = (BigInt(Date.now() + 30_000) << 16n).toString(36);
    const response = await put(serving, "clock", "x", { "Kvasir-Clock": ahead });
    assert.ok(versionTime(parseVersion(version(response))!) >= Date.now() + 20_000);
    const read = await serving.request("/kv/clock", {
      headers: { "Kvasir-Clock": response.headers.get("Kvasir-Clock")! },
    });
    assert.equal(await read.text(), "x");
  });

  const refused: [string, string, { [name: string]: string }, number, string, RegExp][] = [
    ["a TTL that is no number", "", { "X-TTL": "soon" }, 400, "invalid_header", /X-TTL/],
    ["a TTL of zero", "", { "X-TTL": "0" }, 400, "invalid_header", /X-TTL/],
    ["a malformed ttl", "?ttl=5y", {}, 400, "invalid_query", /ttl/],
    ["a malformed If-Match", "", { "If-Match": "abc" }, 400, "invalid_header", /If-Match/],
    ["a malformed If-None-Match", "", { "If-None-Match": '"a" "b"' }, 400, "invalid_header", /If-None-Match/],
    ["a malformed clock token", "", { "Kvasir-Clock": "???" }, 400, "invalid_header", /Kvasir-Clock/],
    ["an Idempotency-Key with a space", "", { "Idempotency-Key": "a b" }, 400, "invalid_header", /Idempotency-Key/],
    ["a long Idempotency-Key", "", { "Idempotency-Key": "x".repeat(256) }, 400, "invalid_header", /255/],
    ["a write concern that is none", "?w=0", {}, 400, "invalid_query", /w is/],
    ["a parameter of reads", "?r=all", {}, 400, "invalid_query", /"r" is no parameter/],
    ["a part of a value", "", { "Content-Range": "bytes 0-1/5" }, 400, "invalid_header", /Content-Range/],
    ["a compressed value", "", { "Content-Encoding": "gzip" }, 415, "encoding_unsupported", /Content-Encoding/],
    ["metadata that is not ASCII", "", { "Kvasir-Meta-A": "é" }, 400, "invalid_header", /visible ASCII/],
    ["metadata without a name", "", { "Kvasir-Meta-": "x" }, 400, "invalid_header", /name/],
    ["too much metadata", "", { "Kvasir-Meta-A": "x".repeat(2048) }, 431, "metadata_too_large", /2049 bytes/],
    ["a media type that is not ASCII", "", { "Content-Type": "text/é" }, 400, "invalid_header", /Content-Type/],
  ];
  for (const [name, query, headers, status, code, detail] of refused) {
    it(`refuses ${name}, and stores nothing`, async () => {
      const response = await serving.request(`/kv/refused${query}`, { method: "PUT", body: "x", headers });
      const found = await problem(response);
      assert.deepEqual([response.status, found.status, found.code], [status, status, code]);
      assert.match(found.detail, detail);
      assert.equal((await serving.request("/kv/refused")).status, 404);
    });
  }

  it("refuses metadata that is given twice", async () => {
    const request = httpRequest({ port: serving.port, path: "/kv/refused", method: "PUT" });
    request.setHeader("Kvasir-Meta-A", ["1", "2"]);
    const [response] = (await once(request.end("x"), "response")) as [IncomingMessage];
    response.resume();
    assert.equal(response.statusCode, 400);
  });
});

describe("GET of a key", () => {
  before(async () => {
    await put(serving, "doc", '{"a": 1}', { "Content-Type": "application/json", "Kvasir-Meta-Is": "here" });
    await put(serving, "text", "0123456789", { "Content-Type": "text/html" });
  });

  it("says all that is promised of a value", async () => {
    const { headers } = await serving.request("/kv/text");
    assert.equal(headers.get("ETag"), `"${headers.get("Kvasir-Version")}"`);
    const modified = versionTime(parseVersion(headers.get("Kvasir-Version")!)!);
    assert.equal(Date.parse(headers.get("Last-Modified")!), Math.floor(modified / 1000) * 1000);
    assert.equal(headers.get("Vary"), "Accept");
    assert.equal(headers.get("Cache-Control"), "no-cache");
    assert.equal(headers.get("X-Content-Type-Options"), "nosniff");
    assert.equal(headers.get("Content-Security-Policy"), "sandbox");
  });

  it("negotiates documents, each with a tag of its own", async () => {
    const json = await serving.request("/kv/doc?format=json");
    const document = (await json.json()) as { [name: string]: unknown };
    assert.deepEqual(document.value, { a: 1 });
    assert.deepEqual(document.metadata, { is: "here" });
    assert.equal(json.headers.get("ETag"), `"${document.version}.json"`);
    assert.equal(json.headers.get("Kvasir-Meta-Is"), "here");
    const xml = await serving.request("/kv/doc", { headers: { Accept: "application/xml" } });
    assert.match(await xml.text(), /<key>doc<\/key>/);
    assert.match(xml.headers.get("ETag")!, /\.xml"$/);
    const page = await serving.request("/kv/text", { headers: { Accept: "text/html" } });
    assert.equal(await page.text(), "0123456789", "the stored type satisfies Accept best");
    const none = await serving.request("/kv/doc", { headers: { Accept: "image/png" } });
    assert.deepEqual([none.status, (await problem(none)).code], [406, "not_acceptable"]);
  });

  it("answers 304 for the tag of the representation, and 412 where If-Match fails", async () => {
    const { headers } = await serving.request("/kv/text");
    const tag = headers.get("ETag")!;
    const unchanged = await serving.request("/kv/text", { headers: { "If-None-Match": tag } });
    assert.equal(unchanged.status, 304);
    for (const name of ["ETag", "Vary", "Cache-Control", "Last-Modified"]) {
      assert.equal(unchanged.headers.get(name), headers.get(name), name);
    }
    const since = { "If-Modified-Since": headers.get("Last-Modified")! };
    assert.equal((await serving.request("/kv/text", { headers: since })).status, 304);
    const other = await serving.request("/kv/text?format=json", { headers: { "If-None-Match": tag } });
    assert.equal(other.status, 200);
    assert.equal((await serving.request("/kv/text", { headers: { "If-Match": '"other"' } })).status, 412);
    assert.equal((await serving.request("/kv/none", { headers: { "If-Match": "*" } })).status, 412);
  });

  it("gives a range of the raw value", async () => {
    const part = await serving.request("/kv/text", { headers: { Range: "bytes=2-4" } });
    assert.deepEqual([part.status, await part.text()], [206, "234"]);
    assert.equal(part.headers.get("Content-Range"), "bytes 2-4/10");
    assert.equal(part.headers.get("Content-Length"), "3");
    const beyond = await serving.request("/kv/text", { headers: { Range: "bytes=10-" } });
    assert.equal(beyond.status, 416);
    assert.equal(beyond.headers.get("Content-Range"), "bytes */10");
    const stale = await serving.request("/kv/text", { headers: { Range: "bytes=2-4", "If-Range": '"old"' } });
    assert.equal(stale.status, 200);
    const document = await serving.request("/kv/text?format=txt", { headers: { Range: "bytes=2-4" } });
    assert.equal(document.status, 200);
  });

  it("of nothing is 404, which caches must not mix up", async () => {
    const response = await serving.request("/kv/none");
    assert.deepEqual([response.status, (await problem(response)).code], [404, "not_found"]);
    assert.equal(response.headers.get("Vary"), "Accept");
    assert.equal(response.headers.get("Cache-Control"), "no-cache");
    assert.equal(response.headers.get("ETag"), null);
  });

  for (const path of [
    "/kv/doc",
    "/kv/doc?format=json",
    "/kv/doc?format=html",
    "/kv/none",
    "/kv",
    "/openapi.json",
    "/kv/a%00",
  ]) {
    it(`is like HEAD in every header: ${path}`, async () => {
      const { status, headers } = await rawHeaders("GET", path);
      assert.deepEqual(await rawHeaders("HEAD", path), { status, headers });
    });
  }

  it("refuses a read concern that is none", async () => {
    assert.match((await problem(await serving.request("/kv/doc?r=some"))).detail, /r is none of/);
  });
});

describe("PATCH of a key", () => {
  const merge = { "Content-Type": "application/merge-patch+json" };
  const patch = (key: string, body: string, headers: { [name: string]: string } = merge) =>
    serving.request(`/kv/${key}`, { method: "PATCH", body, headers });

  it("changes the JSON and keeps type, metadata and expiry", async () => {
    const headers = { "Content-Type": "application/vnd.a+json", "Kvasir-Meta-A": "b", "X-TTL": "100" };
    const stored = await put(serving, "patch", '{"a":1,"b":2}', headers);
    const expires = (await serving.request("/kv/patch")).headers.get("Kvasir-Expires");
    const patched = await patch("patch", '{"b":null,"c":3}', { ...merge, "If-Match": stored.headers.get("ETag")! });
    assert.equal(patched.status, 204);
    assert.equal(patched.headers.get("ETag"), `"${version(patched)}"`);
    const found = await serving.request("/kv/patch");
    assert.deepEqual(await found.json(), { a: 1, c: 3 });
    assert.equal(found.headers.get("Content-Type"), "application/vnd.a+json");
    assert.equal(found.headers.get("Kvasir-Meta-A"), "b");
    assert.equal(found.headers.get("Kvasir-Expires"), expires);
    const operations = '[{"op":"replace","path":"/a","value":5}]';
    assert.equal((await patch("patch", operations, { "Content-Type": "application/json-patch+json" })).status, 204);
    assert.deepEqual(await (await serving.request("/kv/patch")).json(), { a: 5, c: 3 });
  });

  it("of many clients at once loses none", async () => {
    await put(serving, "many", "{}", { "Content-Type": "application/json" });
    const names = Array.from({ length: 10 }, (_, index) => `n${index}`);
    const all = await Promise.all(names.map((name) => patch("many", JSON.stringify({ [name]: 1 }))));
    assert.deepEqual([...new Set(all.map((response) => response.status))], [204]);
    assert.deepEqual(Object.keys((await (await serving.request("/kv/many")).json()) as object).sort(), names);
  });

  it("is applied once with one Idempotency-Key", async () => {
    await put(serving, "list", "[]", { "Content-Type": "application/json" });
    const headers = { "Content-Type": "application/json-patch+json", "Idempotency-Key": "p1" };
    const add = '[{"op":"add","path":"/-","value":1}]';
    const first = await patch("list", add, headers);
    assert.equal(version(await patch("list", add, headers)), version(first));
    assert.deepEqual(await (await serving.request("/kv/list")).json(), [1]);
  });

  const refused: [string, string, string, { [name: string]: string }, number, string][] = [
    ["of nothing", "none", "{}", merge, 404, "not_found"],
    ["of what is not JSON", "text", "{}", merge, 409, "not_json"],
    ["in an unknown format", "doc", "{}", { "Content-Type": "application/json" }, 415, "patch_type_unsupported"],
    ["that is not JSON", "doc", "{", merge, 400, "invalid_body"],
    [
      "that does not apply",
      "doc",
      '[{"op":"remove","path":"/no"}]',
      { "Content-Type": "application/json-patch+json" },
      422,
      "patch_failed",
    ],
    ["that comes too late", "doc", "{}", { ...merge, "If-Match": '"old"' }, 412, "precondition_failed"],
    ["with a TTL", "doc", "{}", { ...merge, "X-TTL": "5" }, 400, "invalid_header"],
  ];
  for (const [name, key, body, headers, status, code] of refused) {
    it(`${name} is refused`, async () => {
      const response = await patch(key, body, headers);
      assert.deepEqual([response.status, (await problem(response)).code], [status, code]);
    });
  }

  it("names the formats that it takes", async () => {
    const response = await patch("doc", "{}", { "Content-Type": "text/plain" });
    assert.match(response.headers.get("Accept-Patch")!, /application\/merge-patch\+json/);
  });
});

describe("DELETE of a key", () => {
  const remove = (key: string, headers: { [name: string]: string } = {}) =>
    serving.request(`/kv/${key}`, { method: "DELETE", headers });

  it("is 204 whether or not the key was there, and says which", async () => {
    await put(serving, "gone", "x");
    const first = await remove("gone");
    assert.deepEqual([first.status, first.headers.get("Kvasir-Existed")], [204, "true"]);
    assert.equal(first.headers.get("ETag"), null);
    assert.ok(first.headers.get("Kvasir-Clock"));
    const second = await remove("gone");
    assert.deepEqual([second.status, second.headers.get("Kvasir-Existed")], [204, "false"]);
    assert.equal((await serving.request("/kv/gone")).status, 404);
  });

  it("holds its precondition, also for what is not there", async () => {
    const { headers } = await put(serving, "guarded", "x");
    assert.equal((await remove("guarded", { "If-Match": '"old"' })).status, 412);
    assert.equal((await remove("guarded", { "If-Match": headers.get("ETag")! })).status, 204);
    assert.equal((await remove("guarded", { "If-Match": headers.get("ETag")! })).status, 412);
  });

  it("tells the first answer again with the same Idempotency-Key", async () => {
    await put(serving, "again", "x");
    const id = { "Idempotency-Key": "d1" };
    assert.equal((await remove("again", id)).headers.get("Kvasir-Existed"), "true");
    assert.equal((await remove("again", id)).headers.get("Kvasir-Existed"), "true");
  });
});

describe("other methods on a key", () => {
  it("OPTIONS names what is allowed", async () => {
    const response = await serving.request("/kv/any", { method: "OPTIONS" });
    assert.equal(response.status, 204);
    assert.equal(response.headers.get("Allow"), "GET, HEAD, PUT, PATCH, DELETE, OPTIONS");
  });

  it("POST is not allowed, what HTTP alone knows is not implemented", async () => {
    const post = await serving.request("/kv/any", { method: "POST", body: "x" });
    assert.deepEqual([post.status, (await problem(post)).code], [405, "method_not_allowed"]);
    assert.equal(post.headers.get("Allow"), "GET, HEAD, PUT, PATCH, DELETE, OPTIONS");
    const other = await serving.request("/kv/any", { method: "PROPFIND" });
    assert.deepEqual([other.status, (await problem(other)).code], [501, "not_implemented"]);
  });
});

describe("a key whose home is away", () => {
  it("is written by a stand-in that cannot say whether it existed, and not on conditions", async () => {
    const two = await serve({}, { partitions: 2 });
    try {
      for (let number = 0; number < 8; number++) await put(two, `k${number}`, "x");
      two.partitions[0]!.faults.isDown = true;
      const answers = [];
      for (let number = 0; number < 8; number++) answers.push(await put(two, `k${number}`, "y"));
      const unsure = answers.findIndex((answer) => answer.headers.get("Kvasir-Existed") === null);
      assert.ok(unsure >= 0);
      assert.equal(answers[unsure]!.status, 204);
      const conditional = await put(two, `k${unsure}`, "z", { "If-Match": "*" });
      assert.equal(conditional.status, 503);
      assert.equal(conditional.headers.get("Retry-After"), "1");
      assert.equal((await problem(conditional)).code, "home_unavailable");
      const all = await two.request(`/kv/k${unsure}?w=all`, { method: "PUT", body: "z" });
      assert.equal(all.status, 503);
    } finally {
      two.partitions[0]!.faults.isDown = false;
      await two.close();
    }
  });
});
