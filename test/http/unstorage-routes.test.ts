import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { createStorage } from "unstorage";
import httpDriver from "unstorage/drivers/http";
import { unstorageSuite } from "../support/unstorage-suite.ts";
import { exchange, problem, put, type Serving, serve } from "./serving.ts";

let serving: Serving;
before(async () => {
  serving = await serve({ listLimitMax: 100 }, { partitions: 2 });
});
after(() => serving.close());

describe("unstorage's http driver at the mount", () => {
  unstorageSuite(() => httpDriver({ base: `${serving.url}/unstorage/app` }));

  it("keeps namespaces apart, also when one begins with the other", async () => {
    const [app, apps] = ["app", "apps"].map((name) =>
      createStorage({ driver: httpDriver({ base: `${serving.url}/unstorage/${name}` }) }),
    );
    await app!.setItem("a", "of app");
    await apps!.setItem("a", "of apps");
    await app!.clear();
    assert.equal(await app!.getItem("a"), null);
    assert.deepEqual([await apps!.getItem("a"), await apps!.getKeys()], ["of apps", ["a"]]);
  });
});

describe("the mount for unstorage", () => {
  const request = (path: string, init: RequestInit = {}) => serving.request(`/unstorage/${path}`, init);

  it("has the key a:b of a namespace as NAMESPACE/a/b in /kv", async () => {
    const stored = await request("ns/a/b", { method: "PUT", body: "x", headers: { "Content-Type": "text/css" } });
    assert.equal(stored.status, 201);
    assert.ok(stored.headers.get("etag"));
    const found = await serving.request("/kv/ns/a/b");
    assert.equal(found.headers.get("content-type"), "text/css");
    assert.equal(await found.text(), "x");
    assert.equal((await request("ns/a/b", { method: "PUT", body: "y" })).status, 204);
  });

  it("gives bytes to those who ask for them, and text to others who would take bytes for a blob", async () => {
    await put(serving, "ns/text", "hello", { "Content-Type": "application/octet-stream" });
    await put(serving, "ns/bytes", Uint8Array.of(255), { "Content-Type": "application/octet-stream" });
    await put(serving, "ns/json", "{}", { "Content-Type": "application/json" });
    const typeOf = async (path: string, accept: string) =>
      (await request(path, { headers: { Accept: accept } })).headers.get("content-type");
    assert.equal(await typeOf("ns/text", "*/*"), "text/plain; charset=utf-8");
    assert.equal(await typeOf("ns/text", "application/octet-stream, */*;q=0.1"), "application/octet-stream");
    assert.equal(await typeOf("ns/bytes", "*/*"), "application/octet-stream");
    assert.equal(await typeOf("ns/json", "text/html"), "application/json");
    assert.equal(await typeOf("ns/json", "application/octet-stream"), "application/octet-stream");
  });

  it("says in HEAD what a GET would, with the whole seconds left", async () => {
    await request("ns/expiring", { method: "PUT", body: "x", headers: { "X-TTL": "59.5" } });
    const head = await request("ns/expiring", { method: "HEAD" });
    assert.equal(head.status, 200);
    assert.equal(head.headers.get("x-ttl"), "60");
    assert.ok(Date.parse(head.headers.get("last-modified")!) > 0);
    assert.equal((await request("ns/none", { method: "HEAD" })).status, 404);
  });

  it("takes conditions in reads and writes", async () => {
    const create = { method: "PUT", body: "x", headers: { "If-None-Match": "*" } };
    const created = await request("ns/condition", create);
    assert.equal(created.status, 201);
    assert.equal((await request("ns/condition", create)).status, 412);
    const tag = created.headers.get("etag")!;
    assert.equal((await request("ns/condition", { headers: { "If-None-Match": tag } })).status, 304);
    assert.equal((await request("ns/condition", { method: "DELETE", headers: { "If-Match": tag } })).status, 204);
    assert.equal((await request("ns/condition", { method: "DELETE" })).status, 204);
  });

  it("lists keys as they are stored, relative to the namespace", async () => {
    for (const key of ["list/a", "list/b/c", "list/b:d", "lists/e"]) await put(serving, key, "x");
    assert.deepEqual(await (await request("list/:")).json(), ["a", "b/c", "b:d"]);
    assert.deepEqual(await (await request("list/b/:")).json(), ["b/c"]);
    assert.deepEqual(await (await request("none/:")).json(), []);
    assert.equal((await request("list/:", { method: "HEAD" })).status, 200);
  });

  it("deletes nothing outside of a namespace", async () => {
    await put(serving, "precious", "x");
    for (const path of [":", "", "ns", "ns/", "/:", "/a"]) {
      for (const method of ["DELETE", "GET"]) {
        const refused = await problem(await request(path, { method }));
        assert.deepEqual([refused.status, refused.code], [400, "invalid_key"], `${method} ${path}`);
      }
    }
    assert.equal((await serving.request("/unstorage", { method: "DELETE" })).status, 404);
    assert.equal((await serving.request("/kv/precious")).status, 200);
  });

  it("refuses what it has no meaning for", async () => {
    const set = await request("ns/:", { method: "PUT", body: "x" });
    assert.equal(set.status, 405);
    assert.equal(set.headers.get("allow"), "GET, HEAD, DELETE, OPTIONS");
    for (const method of ["GET", "PUT", "DELETE"]) {
      for (const path of ["ns/a?format=json", "ns/a?key=b"]) {
        assert.equal((await problem(await request(path, { method }))).code, "invalid_query", `${method} ${path}`);
      }
    }
    assert.equal((await problem(await request("ns/:?limit=1"))).code, "invalid_query");
    const clearing = { method: "DELETE", headers: { "If-Match": "*" } };
    assert.equal((await problem(await request("ns/:", clearing))).code, "invalid_header");
    assert.equal((await problem(await request(`ns/${"x".repeat(1025)}`))).code, "key_too_long");
    for (const path of ["ns/%zz", "ns/%ff"]) {
      const answer = await exchange(
        serving.port,
        `GET /unstorage/${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
      );
      assert.match(answer, /^HTTP\/1.1 400 .*"code":"invalid_(?:target|key)"/s);
    }
    const patched = await request("ns/a", { method: "PATCH", body: "x" });
    assert.equal(patched.status, 405);
    assert.equal(patched.headers.get("allow"), "GET, HEAD, PUT, DELETE, OPTIONS");
    assert.equal(
      (await request("ns/a", { method: "OPTIONS" })).headers.get("allow"),
      "GET, HEAD, PUT, DELETE, OPTIONS",
    );
  });

  it("counts all of its requests as one route", async () => {
    await request("ns/x");
    await request("ns/y", { method: "OPTIONS" });
    const metrics = await (await serving.request("/metrics")).text();
    assert.deepEqual([...new Set(metrics.match(/route="\/unstorage[^"]*"/g))], ['route="/unstorage/*"']);
  });

  it("cuts the connection when a list cannot be completed", async () => {
    for (let index = 0; index < 150; index++) await put(serving, `cut/${index}`, "x");
    const broken = await serve({ listLimitMax: 100 }, {}, (store) => {
      let pages = 0;
      return new Proxy(store, {
        get(target, name) {
          if (name !== "list") return Reflect.get(target, name, target);
          return (range: Parameters<typeof store.list>[0]) => {
            if (pages++ === 0) return serving.store.list(range);
            // As a partition that is lost, not before what was there is on its way.
            return nextTurn().then(() => Promise.reject(new Error("the test breaks the second page")));
          };
        },
      });
    });
    try {
      const answer = await broken.request("/unstorage/cut/:");
      assert.equal(answer.status, 200);
      await assert.rejects(answer.text());
    } finally {
      await broken.close();
    }
  });
});
