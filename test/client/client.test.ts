import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { KvasirClient, KvasirError, type Operation } from "../../src/client/index.ts";
import { type Serving, serve } from "../http/serving.ts";

let serving: Serving;
let kv: KvasirClient;
before(async () => {
  serving = await serve({}, { partitions: 3 });
  kv = new KvasirClient({ url: serving.url });
});
after(() => serving.close());

async function keysOf(entries: AsyncIterable<{ readonly key: string }>): Promise<string[]> {
  return (await Array.fromAsync(entries)).map(({ key }) => key);
}

describe("a value", () => {
  it("comes back as it was put, with what is known of it", async () => {
    const written = await kv.put("user/7", { name: "Ann" }, { metadata: { Source: "web" }, w: "all" });
    assert.deepEqual({ ...written, version: "" }, { version: "", existed: false, confirmed: 3, replicas: 3 });
    const entry = await kv.get("user/7");
    assert.deepEqual(entry!.json(), { name: "Ann" });
    assert.equal(entry!.version, written.version);
    assert.equal(entry!.type, "application/json");
    assert.deepEqual(entry!.metadata, { source: "web" });
    assert.equal(entry!.expires, undefined);
    assert.ok(Math.abs(entry!.modified.getTime() - Date.now()) < 60_000);
  });

  for (const [name, value, type] of [
    ["text", "grüße\uFEFF", "text/plain; charset=utf-8"],
    ["an empty text", "", "text/plain; charset=utf-8"],
    ["bytes", Uint8Array.from([0, 255, 10]), "application/octet-stream"],
    ["an ArrayBuffer", Uint8Array.from([1, 2]).buffer, "application/octet-stream"],
    ["a view", new Uint16Array([1, 2]).subarray(1), "application/octet-stream"],
    ["null", null, "application/json"],
    ["a date", new Date(0), "application/json"],
    ["a number", 0, "application/json"],
    ["a list", [1, "two"], "application/json"],
  ] as const) {
    it(`may be ${name}`, async () => {
      await kv.put("value", value as string);
      const entry = (await kv.get("value"))!;
      assert.equal(entry.type, type);
      if (value instanceof ArrayBuffer) assert.deepEqual(entry.bytes, new Uint8Array(value));
      else if (ArrayBuffer.isView(value)) {
        assert.deepEqual(entry.bytes, new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
      } else if (typeof value === "string") assert.equal(entry.text(), value);
      else assert.deepEqual(entry.json(), JSON.parse(JSON.stringify(value)));
      assert.equal((await kv.head("value"))!.size, entry.size);
    });
  }

  it("keeps a byte order mark at its beginning, and the type that it is given", async () => {
    await kv.put("csv", "\uFEFFa;b", { type: "text/csv" });
    const entry = (await kv.get("csv"))!;
    assert.equal(entry.text(), "\uFEFFa;b");
    assert.equal(entry.type, "text/csv");
  });

  it("that no bytes stand for is refused before anything is sent", async () => {
    for (const value of [() => 1, undefined, Symbol("x"), new Map(), new Blob(["x"]), Promise.resolve(1)]) {
      await assert.rejects(kv.put("bad", value as object), /^TypeError: a value of type \w+ cannot be stored/);
    }
    await assert.rejects(kv.put("bad", "x", { metadata: { owner: "a\nb" } }), TypeError);
    await assert.rejects(kv.put("bad", "x", { metadata: { "o w": "a" } }), TypeError);
    await assert.rejects(Array.fromAsync(kv.list({ prefix: "\ud800" })), /prefix contains half of a surrogate pair/);
    await assert.rejects(kv.put("bad", "\ud800"), /half of a surrogate pair/);
    await assert.rejects(kv.put("\ud800", "x"), /the key contains half of a surrogate pair/);
    assert.equal(await kv.has("bad"), false);
  });

  it("that is not there is undefined, and deleting it tells", async () => {
    assert.equal(await kv.get("nothing"), undefined);
    assert.equal(await kv.head("nothing"), undefined);
    await kv.put("something", "x");
    assert.equal(await kv.has("something"), true);
    assert.equal((await kv.delete("something")).existed, true);
    assert.equal((await kv.delete("something")).existed, false);
  });

  it("expires after its ttl or at its time", async () => {
    await kv.put("short", "x", { ttl: "1ms" });
    await kv.put("past", "x", { expires: new Date(0) });
    await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual([await kv.get("short"), await kv.get("past")], [undefined, undefined]);
    const expires = new Date("2099-01-01T00:00:00Z");
    await kv.put("long", Uint8Array.of(200), { expires, metadata: { a: "b" } });
    const entry = (await kv.get("long"))!;
    assert.deepEqual([entry.expires, entry.bytes, entry.metadata], [expires, Uint8Array.of(200), { a: "b" }]);
    await kv.put("hour", "x", { ttl: 3600 });
    assert.ok((await kv.head("hour"))!.expires!.getTime() > Date.now() + 3_000_000);
  });
});

describe("a key", () => {
  const keys = [".", "..", "a/../b", "a/./b", "./a", "a//b", "/a", "a/", "//", "/", "%2F", "a%2e%2e", "%", "?", "#"];
  const others = [
    "a b",
    "a+b",
    "a?b=c&d",
    "a\\b",
    "ä/ö",
    "🔑",
    "a:b",
    "a;b",
    "\t\n\r",
    "kv",
    "key=1",
    "'\"<>",
    "~*!()",
  ];

  it("of any form comes back, however fetch would fold it", async () => {
    const all = [...keys, ...others].map((key, index) => [key, `value ${index}`] as const);
    for (const [key, value] of all) await kv.put(key, value, { metadata: { key: "1" } });
    for (const [key, value] of all) assert.equal((await kv.get(key))?.text(), value, JSON.stringify(key));
    const listed = await keysOf(kv.list());
    for (const [key] of all) assert.ok(listed.includes(key), JSON.stringify(key));
    const found = await kv.batch(all.map(([key]) => ({ op: "get", key })));
    assert.deepEqual(
      found.map(({ entry }) => entry?.text()),
      all.map(([, value]) => value),
    );
    for (const [key] of all) assert.equal((await kv.delete(key)).existed, true, JSON.stringify(key));
  });

  it("that is not allowed is the server's error", async () => {
    for (const [key, code] of [
      ["", "invalid_key"],
      ["a\0b", "invalid_key"],
      ["x".repeat(1025), "key_too_long"],
    ] as const) {
      await assert.rejects(kv.put(key, "x"), (error: KvasirError) => {
        assert.ok(error instanceof KvasirError);
        assert.equal(error.code, code);
        assert.equal(error.mayHaveApplied, false);
        return true;
      });
    }
  });
});

describe("a list", () => {
  before(async () => {
    await kv.batch(Array.from({ length: 250 }, (_, index) => ({ op: "put", key: keyOf(index), value: { index } })));
  });
  const keyOf = (index: number) => `list/${index % 2 === 0 ? "even" : "odd"}/${String(index).padStart(3, "0")}`;
  const all = Array.from({ length: 250 }, (_, index) => keyOf(index)).sort();

  it("goes on over all pages", async () => {
    assert.deepEqual(await keysOf(kv.list({ prefix: "list/" })), all);
    assert.deepEqual(await keysOf(kv.list({ prefix: "list/", pageSize: 7, reverse: true })), all.toReversed());
    assert.deepEqual(await keysOf(kv.list({ start: all[3], end: all[5] })), all.slice(3, 5));
  });

  it("has the values when they are asked for", async () => {
    for await (const entry of kv.list({ prefix: "list/odd/", values: true, pageSize: 50 })) {
      assert.equal(keyOf(entry.json<{ index: number }>().index), entry.key);
    }
    for await (const listed of kv.list({ prefix: "list/odd/" })) assert.ok(!("bytes" in listed));
  });

  it("comes in pages with common prefixes, and goes on from a cursor", async () => {
    const pages = await Array.fromAsync(kv.pages({ prefix: "list/", delimiter: "/", pageSize: 1 }));
    assert.deepEqual(
      pages.flatMap(({ prefixes }) => prefixes),
      ["list/even/", "list/odd/"],
    );
    const { value: first } = await kv.pages({ prefix: "list/", pageSize: 100 }).next();
    assert.equal(first!.entries.length, 100);
    assert.deepEqual(await keysOf(kv.list({ cursor: first!.cursor })), all.slice(100));
  });

  it("asks for a page only when it is wanted", async () => {
    let requests = 0;
    const counted: typeof fetch = (...given) => {
      requests++;
      return fetch(...given);
    };
    const counting = new KvasirClient({ url: serving.url, fetch: counted });
    for await (const { key } of counting.list({ prefix: "list/", pageSize: 10 })) if (key === all[12]) break;
    assert.equal(requests, 2);
  });

  it("is deleted by its prefix", async () => {
    assert.equal(await kv.deletePrefix("list/odd/"), 125);
    assert.deepEqual(await keysOf(kv.list({ prefix: "list/odd/" })), []);
    await assert.rejects(kv.deletePrefix(""), { code: "confirmation_required" });
    assert.ok((await kv.deletePrefix("", { confirm: "all" })) >= 125);
    assert.deepEqual(await keysOf(kv.list()), []);
  });
});

describe("a batch", () => {
  it("gives each operation its own result", async () => {
    await kv.put("there", { a: 1 }, { metadata: { owner: "ann" } });
    const expires = new Date("2099-01-01T00:00:00Z");
    const results = await kv.batch([
      { op: "get", key: "there" },
      { op: "get", key: "missing" },
      { op: "put", key: "bytes", value: Uint8Array.of(0, 255), ttl: "1h" },
      { op: "put", key: "text", value: "{}", expires },
      { op: "put", key: "there", value: 1, ifNoneMatch: "*" },
      { op: "delete", key: "missing" },
      { op: "get", key: "bytes" },
      { op: "get", key: "" },
    ]);
    assert.deepEqual(results[0]!.entry!.json(), { a: 1 });
    assert.deepEqual(results[0]!.entry!.metadata, { owner: "ann" });
    assert.deepEqual(results[1], { key: "missing" });
    assert.equal(results[2]!.written!.existed, false);
    assert.equal(results[3]!.error, undefined);
    assert.equal(results[4]!.error!.code, "precondition_failed");
    assert.equal(results[4]!.error!.details.version, (await kv.get("there"))!.version);
    assert.equal(results[5]!.written!.existed, false);
    assert.deepEqual(results[6]!.entry!.bytes, Uint8Array.of(0, 255));
    assert.equal(results[7]!.error!.code, "invalid_key");
    const text = (await kv.get("text"))!;
    assert.deepEqual([text.text(), text.type, text.expires], ["{}", "text/plain; charset=utf-8", expires]);
  });

  it("of any number is sent in parts", async () => {
    const operations: Operation[] = Array.from({ length: 2001 }, (_, index) => ({ op: "get", key: `many/${index}` }));
    operations[1500] = { op: "put", key: "many/1500", value: "x" };
    const results = await kv.batch(operations);
    assert.equal(results.length, 2001);
    assert.equal(results[1500]!.written!.existed, false);
    assert.deepEqual(await kv.batch([]), []);
  });
});

describe("update", () => {
  it("loses no change of many at once", async () => {
    const increment = () => kv.update("counter", (current) => (current?.json<number>() ?? 0) + 1, { attempts: 100 });
    await Promise.all(Array.from({ length: 20 }, increment));
    assert.equal((await kv.get("counter"))!.json(), 20);
  });

  it("keeps metadata and expiry unless it is given others", async () => {
    const expires = new Date("2099-01-01T00:00:00Z");
    await kv.put("kept", 1, { expires, metadata: { owner: "ann" } });
    await kv.update("kept", (current) => current!.json<number>() + 1);
    const kept = (await kv.get("kept"))!;
    assert.deepEqual([kept.json(), kept.expires, kept.metadata], [2, expires, { owner: "ann" }]);
    await kv.update("kept", () => 3, { ttl: "1h", metadata: {} });
    const changed = (await kv.get("kept"))!;
    assert.deepEqual(changed.metadata, {});
    assert.ok(changed.expires! < expires);
  });

  it("writes nothing when the function gives undefined, and passes on what it throws", async () => {
    assert.equal(await kv.update("untouched", () => undefined), undefined);
    assert.equal(await kv.has("untouched"), false);
    await assert.rejects(
      kv.update("untouched", () => {
        throw new RangeError("no");
      }),
      RangeError,
    );
  });

  it("gives up after so many attempts, and says why", async () => {
    await kv.put("contended", 0);
    let calls = 0;
    const losing = kv.update(
      "contended",
      async () => {
        await kv.put("contended", ++calls);
        return -1;
      },
      { attempts: 3 },
    );
    await assert.rejects(losing, { code: "precondition_failed", status: 412, mayHaveApplied: false });
    assert.equal(calls, 3);
    assert.equal((await kv.get("contended"))!.json(), 3);
  });

  it("creates only what is still not there", async () => {
    const results = await Promise.allSettled(
      ["a", "b", "c"].map((name) => kv.put("leader", name, { ifNoneMatch: "*" })),
    );
    assert.equal(results.filter(({ status }) => status === "fulfilled").length, 1);
    const { version } = (await kv.get("leader"))!;
    await assert.rejects(kv.delete("leader", { ifMatch: "0abcdefghijk-1" }), { code: "precondition_failed" });
    await kv.delete("leader", { ifMatch: version });
    assert.equal(await kv.has("leader"), false);
  });
});

describe("a client", () => {
  it("reads what another one wrote when it is given its clock", async () => {
    const [writer, reader] = [new KvasirClient({ url: serving.url }), new KvasirClient({ url: serving.url })];
    assert.equal(reader.clock, undefined);
    await writer.put("cart", "book");
    reader.clock = writer.clock;
    assert.equal((await reader.get("cart"))!.text(), "book");
    assert.ok(writer.clock);
  });

  it("works below a path, and sends its headers", async () => {
    const seen: Request[] = [];
    const proxied = new KvasirClient({
      url: "http://proxy.example/store/",
      headers: { Authorization: "Bearer secret" },
      fetch: (url, init) => {
        seen.push(new Request(url, init));
        return fetch(String(url).replace("http://proxy.example/store", serving.url), init);
      },
    });
    await proxied.put("..", "x", { w: 2, ttl: 60 });
    assert.equal((await proxied.get("..", { r: "quorum" }))!.text(), "x");
    assert.deepEqual(
      seen.map(({ url }) => url),
      ["http://proxy.example/store/kv?key=..&w=2&ttl=60", "http://proxy.example/store/kv?key=..&r=quorum"],
    );
    assert.equal(seen[1]!.headers.get("authorization"), "Bearer secret");
  });

  it("refuses a URL that is none", () => {
    for (const url of ["", "localhost:7070", "ftp://h", "http://h?x=1"]) {
      assert.throws(() => new KvasirClient({ url }), /url: expected http:/, url);
    }
  });
});
