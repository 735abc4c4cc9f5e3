import assert from "node:assert/strict";
import { once } from "node:events";
import { get } from "node:http";
import { after, before, describe, it } from "node:test";
import { StoreError } from "../../src/errors.ts";
import type { Store } from "../../src/store.ts";
import { problem, put, type Serving, serve } from "./serving.ts";

interface List {
  readonly keys: { readonly key: string; readonly [name: string]: unknown }[];
  readonly prefixes?: string[];
  readonly cursor?: string;
}

const keys = ["a", "a/1", "a/2", "b/1", "b/2/x", "c d", "é", "🐦"];
const lines = { headers: { Accept: "application/x-ndjson" } };

describe("the list of keys", () => {
  let serving: Serving;
  before(async () => {
    serving = await serve({ listLimitMax: 5 }, { partitions: 3, replicas: 2 });
    for (const key of keys) await put(serving, key, `value of ${key}`);
    await put(serving, "deleted", "x");
    await serving.request("/kv/deleted", { method: "DELETE" });
  });
  after(() => serving.close());

  const list = async (query: string) => (await (await serving.request(`/kv${query}`)).json()) as List;
  const names = (page: List) => page.keys.map(({ key }) => key);

  /** All pages, following only the cursor. */
  async function walk(query: string): Promise<string[]> {
    const found: string[] = [];
    let page = await list(query);
    for (;;) {
      found.push(...names(page), ...(page.prefixes ?? []));
      if (page.cursor === undefined) return found;
      page = await list(`?cursor=${page.cursor}`);
    }
  }

  it("has each key once, in the order of bytes, whatever the size of the pages", async () => {
    for (const limit of [1, 2, 3, 5]) assert.deepEqual(await walk(`?limit=${limit}`), keys);
  });

  it("keeps to prefix, start and end, and goes backwards, with a cursor that carries all of it", async () => {
    assert.deepEqual(await walk("?prefix=a%2F&limit=1"), ["a/1", "a/2"]);
    assert.deepEqual(await walk("?start=a%2F2&end=c+d&limit=1"), ["a/2", "b/1", "b/2/x"]);
    assert.deepEqual(await walk("?reverse&limit=2"), keys.toReversed());
    assert.deepEqual(await walk("?reverse=true&prefix=b&end=b%2F2&limit=1"), ["b/1"]);
    assert.deepEqual(await walk("?delimiter=%2F&limit=2"), ["a", "a/", "c d", "b/", "é", "🐦"]);
    const page = await list("?values=1&limit=1");
    assert.equal((await list(`?cursor=${page.cursor}`)).keys[0]!.value, "value of a/1");
  });

  it("says of each key what a GET would", async () => {
    const [entry] = (await list("?prefix=c&values=true")).keys;
    const { headers } = await serving.request("/kv/c%20d");
    assert.equal(entry!.version, headers.get("Kvasir-Version"));
    assert.equal(entry!.size, Number(headers.get("Content-Length")));
    assert.equal(entry!.type, headers.get("Content-Type"));
    assert.equal(entry!.value, "value of c d");
  });

  it("has the metadata beside the values, where there is any", async () => {
    await put(serving, "meta/1", "x", { "Kvasir-Meta-Owner": "ann" });
    await put(serving, "meta/2", "x");
    const metadata = async (query: string) => (await list(`?prefix=meta%2F${query}`)).keys.map((key) => key.metadata);
    assert.deepEqual(await metadata("&values"), [{ owner: "ann" }, undefined]);
    assert.deepEqual(await metadata(""), [undefined, undefined]);
    const text = await (await serving.request("/kv?prefix=meta%2F&values", lines)).text();
    const [first, second] = text.split("\n");
    assert.deepEqual([JSON.parse(first!).metadata, JSON.parse(second!).metadata], [{ owner: "ann" }, undefined]);
    const xml = await (await serving.request("/kv?prefix=meta%2F&values&format=xml")).text();
    assert.equal(xml.match(/<metadata><entry><name>owner<\/name><value>ann<\/value><\/entry><\/metadata>/g)?.length, 1);
    await serving.request("/kv?prefix=meta%2F", { method: "DELETE" });
  });

  it("links to the next page, in the same format", async () => {
    const first = await serving.request("/kv?limit=2&format=txt");
    assert.equal(await first.text(), "a\na/1\n");
    assert.equal(first.headers.get("Vary"), "Accept");
    assert.equal(first.headers.get("Cache-Control"), "no-cache");
    const next = /^<([^>]+)>; rel="next"$/.exec(first.headers.get("Link")!)![1]!;
    assert.equal(await (await serving.request(next)).text(), "a/2\nb/1\n");
    assert.equal((await serving.request("/kv?prefix=c")).headers.get("Link"), null);
  });

  it("is negotiated", async () => {
    for (const [accept, type] of [
      ["text/html", "text/html; charset=utf-8"],
      ["application/xml", "application/xml; charset=utf-8"],
      ["text/plain", "text/plain; charset=utf-8"],
      ["*/*", "application/json"],
    ]) {
      const response = await serving.request("/kv?limit=1", { headers: { Accept: accept! } });
      assert.equal(response.headers.get("Content-Type"), type);
    }
    assert.equal((await serving.request("/kv", { headers: { Accept: "image/png" } })).status, 406);
    assert.equal((await serving.request("/kv?format=raw")).status, 406);
  });

  it("streams everything as NDJSON, or one page with a limit", async () => {
    const all = await serving.request("/kv", lines);
    assert.equal(all.headers.get("Content-Type"), "application/x-ndjson");
    const text = await all.text();
    assert.deepEqual(
      text
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line).key),
      keys,
    );
    const page = await serving.request("/kv?limit=3&values", lines);
    assert.match(page.headers.get("Link")!, /rel="next"/);
    assert.equal((await page.text()).split("\n").length, 4);
    const rolled = await (await serving.request("/kv?delimiter=%2F&prefix=b", lines)).text();
    assert.equal(rolled, '{"prefix":"b/"}\n');
    const json = await serving.request("/kv", { headers: { Accept: "application/json, application/x-ndjson;q=0.5" } });
    assert.equal(json.headers.get("Content-Type"), "application/json");
    assert.equal(await (await serving.request("/kv?prefix=none", lines)).text(), "");
  });

  const refused: { readonly [query: string]: [code: string, detail: RegExp] } = {
    "?limit=0": ["invalid_query", /limit/],
    "?limit=6": ["invalid_query", /1 to 5/],
    "?limit=many": ["invalid_query", /limit/],
    "?reverse=maybe": ["invalid_query", /reverse/],
    "?prefix=%00": ["invalid_query", /prefix contains NUL/],
    "?prefix=%FF": ["invalid_query", /UTF-8/],
    [`?start=${"x".repeat(1025)}`]: ["invalid_query", /start is longer/],
    "?prefix=a&prefix=b": ["invalid_query", /"prefix" is given twice/],
    "?delimter=%2F": ["invalid_query", /did you mean delimiter/],
    "?format=yaml": ["invalid_query", /format/],
    "?cursor=": ["invalid_cursor", /cursor/],
    "?cursor=abc": ["invalid_cursor", /cursor/],
    "?cursor=%21%21": ["invalid_cursor", /cursor/],
    [`?cursor=${Buffer.from("1\u00000\0a\0\0\0").toString("base64url")}`]: ["invalid_cursor", /cursor/],
    [`?cursor=${Buffer.from("1\x005\0\xff\0\0\0", "latin1").toString("base64url")}`]: ["invalid_cursor", /cursor/],
  };
  for (const [query, [code, detail]] of Object.entries(refused)) {
    it(`refuses ${query.slice(0, 40)} as ${code}`, async () => {
      const response = await serving.request(`/kv${query}`);
      const found = await problem(response);
      assert.deepEqual([response.status, found.code], [400, code]);
      assert.match(found.detail, detail);
    });
  }

  it("refuses a cursor beside parameters of another list, and takes it beside its own", async () => {
    const { cursor } = await list("?prefix=a&limit=1");
    for (const other of ["prefix=b", "reverse", "values", "start=x", "end=x", "delimiter=%2F"]) {
      const found = await problem(await serving.request(`/kv?cursor=${cursor}&${other}`));
      assert.equal(found.code, "invalid_cursor");
      assert.match(found.detail, new RegExp(other.split("=")[0]!));
    }
    assert.deepEqual(names(await list(`?cursor=${cursor}&prefix=a&reverse=false&limit=2`)), ["a/1", "a/2"]);
  });

  it("has cursors that fit a header whatever the keys are", async () => {
    const wide = await serve();
    try {
      const prefix = "\u0001".repeat(1000);
      for (const end of ["a", "b"]) assert.equal((await put(wide, prefix + end, "x")).status, 201);
      const query = `prefix=${encodeURIComponent(prefix)}&end=${encodeURIComponent(`${prefix}c`)}`;
      const first = await wide.request(`/kv?${query}&limit=1`);
      const next = /<([^>]+)>/.exec(first.headers.get("Link")!)![1]!;
      assert.deepEqual(names((await (await wide.request(next)).json()) as List), [`${prefix}b`]);
    } finally {
      await wide.close();
    }
  });
});

describe("a streamed list", () => {
  const pageOf = (number: number) => ({
    records: [],
    prefixes: [`${number}`.padEnd(100_000, "x")],
    next: String(number + 1),
  });

  /** A store whose list never ends, or breaks. */
  function withList(list: (asked: number) => ReturnType<typeof pageOf>): {
    change: (store: Store) => Store;
    asked: () => number;
  } {
    let asked = 0;
    const change = (store: Store) =>
      new Proxy(store, {
        get(target, name) {
          if (name === "list") return async () => list(++asked);
          const value = Reflect.get(target, name, target);
          return typeof value === "function" ? value.bind(target) : value;
        },
      });
    return { change, asked: () => asked };
  }

  it("asks the store for no more than the client reads, and stops when it goes", async () => {
    const { change, asked } = withList(pageOf);
    const serving = await serve({}, {}, change);
    try {
      const request = get(`${serving.url}/kv`, lines);
      const [response] = await once(request, "response");
      await once(response, "readable");
      // Reads until the sockets' buffers are full and nothing more is asked for.
      let before = -1;
      while (asked() !== before) {
        before = asked();
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      assert.ok(before < 1000, "some megabytes lie in buffers, and not more");
      response.destroy();
      await serving.server.stop();
      assert.ok(asked() <= before + 2);
    } finally {
      await serving.close();
    }
  });

  it("that fails on the way breaks the connection off, and is logged", async () => {
    const { change } = withList((asked) => {
      if (asked === 3) throw new StoreError("no_replica", "gone");
      return pageOf(asked);
    });
    const serving = await serve({}, {}, change);
    try {
      const response = await serving.request("/kv", lines);
      assert.equal(response.status, 200);
      await assert.rejects(response.text());
      assert.deepEqual(
        serving.log.filter(({ level }) => level >= 50).map(({ msg }) => msg),
        ["an answer broke off"],
      );
      assert.equal((await serving.request("/healthz")).status, 200);
    } finally {
      await serving.close();
    }
  });

  it("that fails at once has a status", async () => {
    const { change } = withList(() => {
      throw new StoreError("no_replica", "gone");
    });
    const serving = await serve({}, {}, change);
    try {
      assert.equal((await serving.request("/kv", lines)).status, 503);
    } finally {
      await serving.close();
    }
  });
});

describe("DELETE of a prefix", () => {
  let serving: Serving;
  before(async () => {
    serving = await serve();
  });
  after(() => serving.close());
  const remove = (query: string, accept = "*/*") =>
    serving.request(`/kv${query}`, { method: "DELETE", headers: { Accept: accept } });

  it("deletes what begins with it, also over many pages, and counts", async () => {
    const members = Array.from({ length: 1000 }, (_, index) => ({ op: "put", key: `p/${index}`, value: "x" }));
    const more = [
      ...members.slice(0, 50).map(({ key }) => ({ op: "put", key: `${key}/more`, value: "x" })),
      { op: "put", key: "q", value: "x" },
    ];
    for (const batch of [members, more]) {
      const headers = { "Content-Type": "application/json" };
      assert.equal(
        (await serving.request("/batch", { method: "POST", headers, body: JSON.stringify(batch) })).status,
        200,
      );
    }
    assert.deepEqual(await (await remove("?prefix=p%2F")).json(), { deleted: 1050 });
    assert.deepEqual(await (await remove("?prefix=p%2F")).json(), { deleted: 0 });
    assert.equal((await serving.request("/kv/q")).status, 200);
  });

  it("needs a prefix, and for an empty one to be confirmed", async () => {
    await put(serving, "kept", "x");
    const none = await problem(await remove(""));
    assert.deepEqual([none.status, none.code], [400, "invalid_query"]);
    const empty = await problem(await remove("?prefix="));
    assert.deepEqual([empty.status, empty.code], [400, "confirmation_required"]);
    assert.equal((await serving.request("/kv/kept")).status, 200);
    assert.ok(((await (await remove("?prefix=&confirm=all")).json()) as { deleted: number }).deleted > 0);
    assert.equal((await serving.request("/kv/kept")).status, 404);
  });

  it("answers in the format asked for, and does nothing when it has none", async () => {
    assert.match(await (await remove("?prefix=zz", "application/xml")).text(), /<deleted>0<\/deleted>/);
    assert.equal(await (await remove("?prefix=zz&format=txt")).text(), "0\n");
    await put(serving, "zz", "x");
    assert.equal((await remove("?prefix=zz", "image/png")).status, 406);
    assert.equal((await serving.request("/kv/zz")).status, 200);
  });

  it("has no conditions", async () => {
    const response = await serving.request("/kv?prefix=zz", { method: "DELETE", headers: { "If-Match": "*" } });
    assert.deepEqual([response.status, (await problem(response)).code], [400, "invalid_header"]);
  });

  it("tells how far it came when the store fails", async () => {
    let left = 2;
    const failing = await serve({}, {}, (store) => {
      return new Proxy(store, {
        get(target, name) {
          if (name === "delete") {
            return (key: string) => {
              if (left-- > 0) return target.delete(key);
              return Promise.reject(new StoreError("no_replica", "gone"));
            };
          }
          const value = Reflect.get(target, name, target);
          return typeof value === "function" ? value.bind(target) : value;
        },
      });
    });
    try {
      for (const key of ["a", "b", "c"]) await put(failing, key, "x");
      const response = await failing.request("/kv?prefix=&confirm=all", { method: "DELETE" });
      assert.equal(response.status, 503);
      const { deleted, code } = (await response.json()) as { deleted: number; code: string };
      assert.deepEqual([deleted, code], [2, "no_replica"]);
    } finally {
      await failing.close();
    }
  });
});
