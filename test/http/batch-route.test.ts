import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { problem, type Serving, serve } from "./serving.ts";

let serving: Serving;
before(async () => {
  serving = await serve({ batchMax: 20, valueBytesMax: 2 ** 20 }, { partitions: 2 });
});
after(() => serving.close());

const json = { "Content-Type": "application/json" };
const post = (path: string, body: unknown, headers: { [name: string]: string } = json) =>
  serving.request(path, { method: "POST", headers, body: typeof body === "string" ? body : JSON.stringify(body) });

type Results = { readonly [name: string]: unknown }[];
const batch = async (operations: unknown[], headers = {}) => {
  const response = await post("/batch", operations, { ...json, ...headers });
  assert.equal(response.status, 200);
  return ((await response.json()) as { results: Results }).results;
};
const statuses = (results: Results) => results.map(({ status }) => status);

describe("a batch", () => {
  it("gives each member its own status, in their order", async () => {
    const results = await batch([
      { op: "put", key: "x", value: "1" },
      { op: "get", key: "x" },
      { op: "put", key: "x", value: "2" },
      { op: "get", key: "none" },
      { op: "put", key: "", value: "2" },
      { op: "put", key: "k".repeat(1025), value: "2" },
      { op: "put", key: "y", value: "z".repeat(2 ** 20 + 1) },
      { op: "put", key: "y", value: "1", ifMatch: "*" },
      { op: "put", key: "y", value: "%%", encoding: "base64" },
      { op: "delete", key: "x" },
      { op: "delete", key: "x" },
      { op: "get", key: "x" },
    ]);
    assert.deepEqual(statuses(results), [201, 200, 204, 404, 400, 414, 413, 412, 400, 204, 204, 404]);
    assert.equal(results[1]!.value, "1");
    assert.deepEqual(
      results.map(({ code }) => code).filter((code) => code !== undefined),
      [
        "not_found",
        "invalid_key",
        "key_too_long",
        "value_too_large",
        "precondition_failed",
        "invalid_body",
        "not_found",
      ],
    );
    assert.deepEqual([results[9]!.existed, results[10]!.existed], [true, false]);
  });

  it("stores what its members say", async () => {
    const expires = new Date(Date.now() + 60_000).toISOString();
    await batch([
      { op: "put", key: "text", value: "é" },
      { op: "put", key: "json", value: { a: 1 } },
      { op: "put", key: "null", value: null },
      { op: "put", key: "string", value: "s", type: "application/json" },
      { op: "put", key: "verbatim", value: "{ no JSON", type: "application/json", encoding: "utf8" },
      { op: "put", key: "bytes", value: "AP8=", encoding: "base64", type: "image/png" },
      { op: "put", key: "full", value: "x", expires, metadata: { Owner: "me" } },
      { op: "put", key: "ttl", value: "x", ttl: 60 },
      { op: "put", key: "ttl2", value: "x", ttl: "60s" },
    ]);
    const found = async (key: string) => {
      const response = await serving.request(`/kv/${key}`);
      return [response.headers.get("Content-Type"), Buffer.from(await response.arrayBuffer()).toString("latin1")];
    };
    assert.deepEqual(await found("text"), ["text/plain; charset=utf-8", Buffer.from("é").toString("latin1")]);
    assert.deepEqual(await found("json"), ["application/json", '{"a":1}']);
    assert.deepEqual(await found("null"), ["application/json", "null"]);
    assert.deepEqual(await found("string"), ["application/json", '"s"']);
    assert.deepEqual(await found("verbatim"), ["application/json", "{ no JSON"]);
    assert.deepEqual(await found("bytes"), ["image/png", "\x00\xff"]);
    const { headers } = await serving.request("/kv/full");
    assert.equal(headers.get("Kvasir-Expires"), expires);
    assert.equal(headers.get("Kvasir-Meta-Owner"), "me");
    for (const key of ["ttl", "ttl2"]) assert.ok((await serving.request(`/kv/${key}`)).headers.get("X-TTL"));
  });

  it("keeps the digits of numbers", async () => {
    await post("/batch", '[{"op":"put","key":"big","value":[12345678901234567890,1.0],"ttl":60.0}]');
    assert.equal(await (await serving.request("/kv/big")).text(), "[12345678901234567890,1.0]");
  });

  it("can put back what the documents give", async () => {
    const members = ["string", "verbatim", "bytes", "json", "text"];
    const before = await batch(members.map((key) => ({ op: "get", key })));
    const again = before.map(({ key, value, type, encoding, metadata }) => ({
      op: "put",
      key: `again-${key}`,
      value,
      type,
      encoding,
      metadata,
    }));
    assert.deepEqual([...new Set(statuses(await batch(again)))], [201]);
    for (const key of members) {
      const [old, copy] = await Promise.all([serving.request(`/kv/${key}`), serving.request(`/kv/again-${key}`)]);
      assert.deepEqual(await copy.arrayBuffer(), await old.arrayBuffer());
    }
  });

  it("takes versions as its results give them for conditions, and tags as headers have them", async () => {
    const [created] = await batch([{ op: "put", key: "cas", value: "1", ifNoneMatch: "*" }]);
    const version = String(created!.version);
    const results = await batch([
      { op: "put", key: "cas", value: "2", ifNoneMatch: "*" },
      { op: "put", key: "cas", value: "2", ifMatch: version },
      { op: "delete", key: "cas", ifMatch: `"${version}"` },
    ]);
    assert.deepEqual(statuses(results), [412, 204, 412]);
  });

  it("repeated with the same Idempotency-Key is applied once", async () => {
    const members = [
      { op: "put", key: "idem", value: "1" },
      { op: "put", key: "idem", value: "2" },
    ];
    const first = await batch(members, { "Idempotency-Key": "b1" });
    const second = await batch(members, { "Idempotency-Key": "b1" });
    assert.deepEqual(
      second.map(({ version }) => version),
      first.map(({ version }) => version),
    );
    const [other] = await batch([{ op: "put", key: "idem", value: "3" }], { "Idempotency-Key": "b1" });
    assert.deepEqual([other!.status, other!.code], [422, "request_reused"]);
  });

  it("gives a clock token for all that it wrote", async () => {
    const response = await post("/batch", [
      { op: "put", key: "c1", value: "1" },
      { op: "put", key: "c2", value: "1" },
    ]);
    assert.equal(response.headers.get("Kvasir-Clock")!.split(";").length, 3);
    const reads = await post("/batch", [{ op: "get", key: "c1" }]);
    assert.equal(reads.headers.get("Kvasir-Clock"), null);
  });

  it("gives no more values than fit an answer", async () => {
    await batch([{ op: "put", key: "wide", value: "x".repeat(2 ** 20) }]);
    const results = await batch(Array.from({ length: 5 }, () => ({ op: "get", key: "wide" })));
    assert.deepEqual(statuses(results), [200, 200, 200, 200, 413]);
  });

  const refused: [string, unknown, string, number, RegExp][] = [
    ["that is not JSON", "[{", "invalid_body", 400, /not JSON/],
    ["that is no array", {}, "invalid_body", 400, /^batch: .*array/],
    [
      "with an unknown operation",
      [
        { op: "get", key: "a" },
        { op: "move", key: "a" },
      ],
      "invalid_body",
      400,
      /^batch\[1\]\.op/,
    ],
    ["without a key", [{ op: "get" }], "invalid_body", 400, /^batch\[0\]\.key/],
    ["with an unknown member", [{ op: "get", key: "a", valeu: 1 }], "invalid_body", 400, /^batch\[0\].*valeu/],
    ["with a wrong type", [{ op: "put", key: "a", value: 1, ttl: true }], "invalid_body", 400, /^batch\[0\]\.ttl/],
    ["with too many members", Array(21).fill({ op: "get", key: "a" }), "invalid_body", 400, /at most 20/],
    ["that is too large", `[${" ".repeat(2 ** 22)}]`, "value_too_large", 413, /4194304 bytes/],
    ["that is nested too deeply", `${"[".repeat(900)}${"]".repeat(900)}`, "invalid_body", 400, /^batch/],
  ];
  for (const [name, body, code, status, detail] of refused) {
    it(`${name} is refused as a whole`, async () => {
      const response = await post("/batch", body);
      const found = await problem(response);
      assert.deepEqual([response.status, found.code], [status, code]);
      assert.match(found.detail, detail);
    });
  }

  it("of another media type, or with conditions of its own, is refused", async () => {
    const text = await post("/batch", "[]", { "Content-Type": "text/plain" });
    assert.deepEqual([text.status, (await problem(text)).code], [415, "body_type_unsupported"]);
    const broken = await post("/batch", "[]", { "Content-Type": "/" });
    assert.deepEqual([broken.status, (await problem(broken)).code], [415, "body_type_unsupported"]);
    assert.equal((await post("/batch", [], { ...json, "If-Match": "*" })).status, 400);
  });
});

describe("POST /kv", () => {
  it("creates a key and says where, once", async () => {
    const response = await post("/kv", { key: "new/ä b", value: "1" });
    assert.equal(response.status, 201);
    assert.equal(response.headers.get("Location"), "/kv/new/%C3%A4%20b");
    assert.equal(response.headers.get("ETag"), `"${response.headers.get("Kvasir-Version")}"`);
    assert.equal(await (await serving.request(response.headers.get("Location")!)).text(), "1");
    const again = await post("/kv", { key: "new/ä b", value: "2" });
    assert.deepEqual([again.status, (await problem(again)).code], [409, "key_exists"]);
    assert.equal((await post("/kv", { key: "..", value: "2" })).headers.get("Location"), "/kv?key=..");
  });

  it("chooses a key where none is given: another one each time, the same one for a repeated request", async () => {
    const places = new Set<string>();
    for (let count = 0; count < 3; count++) places.add((await post("/kv", { value: "x" })).headers.get("Location")!);
    assert.equal(places.size, 3);
    for (const place of places) assert.match(place, /^\/kv\/[\w-]{22}$/);
    const id = { ...json, "Idempotency-Key": "create-1" };
    const first = await post("/kv", { value: "x" }, id);
    const second = await post("/kv", { value: "x" }, id);
    assert.equal(second.status, 201);
    assert.equal(second.headers.get("Location"), first.headers.get("Location"));
    assert.equal(second.headers.get("ETag"), first.headers.get("ETag"));
    assert.equal((await post("/kv", { value: "y" }, id)).status, 422);
  });

  it("repeated with its Idempotency-Key is created, not in conflict", async () => {
    const id = { ...json, "Idempotency-Key": "create-2" };
    assert.equal((await post("/kv", { key: "repeated", value: "x" }, id)).status, 201);
    assert.equal((await post("/kv", { key: "repeated", value: "x" }, id)).status, 201);
  });

  it("has no conditions but its own", async () => {
    const response = await post("/kv", { key: "x", value: "1" }, { ...json, "If-Match": '"x"' });
    assert.deepEqual([response.status, (await problem(response)).code], [400, "invalid_header"]);
  });

  it("takes forms", async () => {
    const form = { "Content-Type": "application/x-www-form-urlencoded" };
    assert.equal((await post("/kv", "key=form+key&value=a%2Bb+c&type=text%2Fcss&ttl=60", form)).status, 201);
    const found = await serving.request("/kv/form%20key");
    assert.equal(await found.text(), "a+b c");
    assert.equal(found.headers.get("Content-Type"), "text/css");
    assert.ok(found.headers.get("X-TTL"));
    const twice = await problem(await post("/kv", "key=a&key=b&value=1", form));
    assert.equal(twice.code, "invalid_body");
    assert.equal((await problem(await post("/kv", "value=%zz", form))).code, "invalid_body");
  });

  it("takes metadata and TTL from headers as well, and from one place only", async () => {
    const headers = { ...json, "Kvasir-Meta-A": "b", "X-TTL": "60" };
    const { headers: answer } = await post("/kv", { key: "by-header", value: 1 }, headers);
    const found = await serving.request(answer.get("Location")!);
    assert.equal(found.headers.get("Kvasir-Meta-A"), "b");
    assert.ok(found.headers.get("Kvasir-Expires"));
    assert.equal((await post("/kv", { value: 1, ttl: 5 }, headers)).status, 400);
  });

  const refused: [string, unknown, { [name: string]: string }, number, string, RegExp][] = [
    ["without a value", { key: "a" }, json, 400, "invalid_body", /value is missing/],
    ["with a key that is no text", { key: 1, value: "" }, json, 400, "invalid_body", /^body\.key/],
    ["with an empty key", { key: "", value: "" }, json, 400, "invalid_key", /empty/],
    ["with a bad ttl", { value: "", ttl: "soon" }, json, 400, "invalid_body", /ttl/],
    ["with ttl and expires", { value: "", ttl: 1, expires: "2100-01-01T00:00:00Z" }, json, 400, "invalid_body", /both/],
    ["with a bad time", { value: "", expires: "tomorrow" }, json, 400, "invalid_body", /^body\.expires/],
    ["with an unknown encoding", { value: "", encoding: "hex" }, json, 400, "invalid_body", /^body\.encoding/],
    ["with an encoding of no text", { value: 1, encoding: "utf8" }, json, 400, "invalid_body", /string/],
    ["with half a surrogate pair", '{"value":"\\ud800"}', json, 400, "invalid_body", /surrogate/],
    ["with a type that no header carries", { value: "", type: "a\nb" }, json, 400, "invalid_body", /ASCII/],
    [
      "with metadata that no header carries",
      { value: "", metadata: { "a b": "" } },
      json,
      400,
      "invalid_body",
      /"a b"/,
    ],
    [
      "with too much metadata",
      { value: "", metadata: { a: "x".repeat(2048) } },
      json,
      431,
      "metadata_too_large",
      /2049/,
    ],
    ["that is not JSON", "{", json, 400, "invalid_body", /not JSON/],
    ["of an unknown type", "x", { "Content-Type": "text/plain" }, 415, "body_type_unsupported", /application\/json/],
    ["with a value that is too large", { value: "x".repeat(2 ** 20 + 1) }, json, 413, "value_too_large", /1048576/],
  ];
  for (const [name, body, headers, status, code, detail] of refused) {
    it(`${name} is refused`, async () => {
      const response = await post("/kv", body, headers);
      const found = await problem(response);
      assert.deepEqual([response.status, found.code], [status, code]);
      assert.match(found.detail, detail);
    });
  }

  it("that is not UTF-8 is refused", async () => {
    const body = Buffer.from('{"value":"\xff"}', "latin1");
    const response = await serving.request("/kv", { method: "POST", headers: json, body });
    assert.deepEqual([response.status, (await problem(response)).code], [400, "invalid_body"]);
  });
});
