import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { after, before, describe, it } from "node:test";
import { Attempts } from "../../src/http/auth-attempts.ts";
import { HostCheck } from "../../src/http/host-check.ts";
import { openApiDocument } from "../../src/http/openapi.ts";
import type { NewToken } from "../../src/tokens.ts";
import { exchange, problem, type Serving, serve } from "../http/serving.ts";
import { eventually } from "../support/memory-store.ts";

type Headers = { readonly [name: string]: string };

const bearer = (token: string): Headers => ({ Authorization: `Bearer ${token}` });
const basic = (user: string, token: string): Headers => ({
  Authorization: `Basic ${Buffer.from(`${user}:${token}`).toString("base64")}`,
});
const json = { "Content-Type": "application/json" };
const wrong = `kvs_${"x".repeat(43)}`;

describe("a server whose store has tokens", () => {
  let serving: Serving;
  const tokens: { [name: string]: string } = {};
  before(async () => {
    serving = await serve({ authFailuresMax: 1_000_000 });
    const created: readonly NewToken[] = [
      { name: "full", scopes: ["read", "write", "admin"], prefixes: [] },
      { name: "reader", scopes: ["read"], prefixes: [] },
      { name: "writer", scopes: ["write"], prefixes: [] },
      { name: "admin", scopes: ["admin"], prefixes: [] },
      { name: "app", scopes: ["read", "write"], prefixes: ["app/", "ä/"] },
    ];
    for (const token of created) tokens[token.name] = (await serving.store.tokens.create(token)).text;
    for (const key of ["app/a", "other/a", "apple"]) assert.equal(await status("full", "PUT", key, "x"), 201);
  });
  after(() => serving.close());

  const status = async (token: string, method: string, key: string, body?: string, headers: Headers = {}) => {
    const init = { method, headers: { ...bearer(tokens[token]!), ...headers }, ...(body !== undefined && { body }) };
    const response = await serving.request(`/kv/${encodeURIComponent(key)}`, init);
    await response.bytes();
    return response.status;
  };

  it("answers only probes and its description to those without a token", async () => {
    for (const path of ["/healthz", "/readyz", "/openapi.json"]) {
      for (const method of ["GET", "HEAD", "OPTIONS"]) assert.ok((await serving.request(path, { method })).ok, path);
    }
    for (const [path, item] of Object.entries(openApiDocument("1").paths)) {
      for (const [method, { security }] of Object.entries(item)) {
        if (security !== undefined) continue;
        const response = await serving.request(path.replace("{key}", "app%2Fa"), { method: method.toUpperCase() });
        assert.equal(response.status, 401, `${method} ${path}`);
        const challenge = response.headers.get("WWW-Authenticate");
        assert.equal(challenge, 'Bearer realm="kvasir", Basic realm="kvasir"');
        if (method !== "head") assert.equal((await problem(response)).code, "unauthorized");
      }
    }
    for (const path of [
      "/",
      "/none",
      "/kv/",
      "/healthz/",
      "//healthz",
      "/HEALTHZ",
      "/healthz%2f",
      "/unstorage/app/a",
    ]) {
      const answer = await serving.request(path);
      assert.ok([400, 401].includes(answer.status), `${path}: ${answer.status}`);
    }
  });

  it("takes the token from Bearer, and from Basic as the password of any user", async () => {
    const token = tokens.reader!;
    for (const headers of [
      bearer(token),
      { Authorization: `bearer  ${token}` },
      basic("anybody", token),
      basic("", token),
    ]) {
      assert.equal((await serving.request("/kv/apple", { headers })).status, 200, headers.Authorization!);
    }
  });

  it("refuses everything else that looks like one", async () => {
    const token = tokens.full!;
    const digest = serving.store.tokens.all[0]!.digest;
    const fields = [
      token,
      "",
      "Bearer",
      `Bearer ${wrong}`,
      `Bearer ${digest}`,
      `Bearer ${token.slice(0, -1)}`,
      `Bearer ${token}x`,
      `Bearer ${token} ${token}`,
      `Bearer ${token.toLowerCase()}`,
      `Token ${token}`,
      `Digest ${token}`,
      basic(token, "").Authorization!,
      basic("a:", token).Authorization!,
      `Basic ${token}`,
      "Basic %%%",
    ];
    for (const field of fields) {
      const response = await serving.request("/kv/apple", { headers: { Authorization: field! } });
      assert.equal(response.status, 401, field.replace(token, "TOKEN"));
      assert.ok(!(await response.text()).includes(token));
    }
    for (const path of [`/kv/apple?token=${token}`, `/kv/apple?access_token=${token}`]) {
      assert.equal((await serving.request(path)).status, 401);
    }
  });

  it("refuses two Authorization fields, of which a proxy may have seen the other", async () => {
    const [good, bad] = [`Authorization: Bearer ${tokens.full}\r\n`, `authorization: Bearer ${wrong}\r\n`];
    for (const fields of [good + bad, bad + good, good + good]) {
      const start = "GET /kv/apple HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
      assert.match(await exchange(serving.port, `${start}${fields}\r\n`), /^HTTP\/1\.1 400 .*given twice/s);
    }
  });

  it("tells a token that lacks a right (403) from one that is not valid (401)", async () => {
    const patch = { "Content-Type": "application/merge-patch+json" };
    const rows: readonly [token: string, method: string, status: number][] = [
      ["reader", "GET", 200],
      ["reader", "HEAD", 200],
      ["reader", "OPTIONS", 204],
      ["reader", "PUT", 403],
      ["reader", "DELETE", 403],
      ["reader", "PATCH", 403],
      ["writer", "GET", 403],
      ["writer", "HEAD", 403],
      ["writer", "PUT", 201],
      ["writer", "DELETE", 204],
      ["admin", "GET", 403],
      ["admin", "PUT", 403],
    ];
    for (const [token, method, expected] of rows) {
      const key = token === "reader" || method === "GET" || method === "HEAD" ? "apple" : "scratch";
      const body = method === "PUT" || method === "PATCH" ? "{}" : undefined;
      assert.equal(await status(token, method, key, body), expected, `${token} ${method}`);
    }
    // The tests of a JSON Patch tell what the value is.
    assert.equal(await status("writer", "PATCH", "apple", "{}", patch), 403);
    const refused = await serving.request("/kv/apple", { method: "DELETE", headers: bearer(tokens.reader!) });
    assert.equal(refused.headers.get("WWW-Authenticate"), null);
    assert.deepEqual(await problem(refused), {
      status: 403,
      code: "forbidden",
      detail: "this token lacks the scope write",
    });
  });

  it("shows the state of the front end only to admin", async () => {
    for (const path of ["/status", "/metrics"]) {
      for (const [token, expected] of Object.entries({ full: 200, admin: 200, reader: 403, writer: 403, app: 403 })) {
        const response = await serving.request(path, { headers: bearer(tokens[token]!) });
        assert.equal(response.status, expected, `${token} ${path}`);
        await response.bytes();
      }
    }
  });

  it("holds a prefix on every path to a key, however the key is written", async () => {
    const headers = bearer(tokens.app!);
    const inside = [
      "/kv/app/a",
      "/kv/app%2Fa",
      "/kv/%61pp/a",
      "/kv?key=app/a",
      "/replicas/app/a",
      "/replicas?key=app/a",
    ];
    for (const path of inside) assert.equal((await serving.request(path, { headers })).status, 200, path);
    const outside = [
      "/kv/other/a",
      "/kv/apple",
      "/kv/app",
      "/kv/APP/a",
      "/kv/app%252Fa",
      "/kv//app/a",
      "/kv?key=other/a",
      "/kv?key=app",
      "/replicas/other/a",
      "/replicas?key=other/a",
    ];
    for (const path of outside) {
      for (const method of ["GET", "HEAD", "PUT", "PATCH", "DELETE"]) {
        const isRead = method === "GET" || method === "HEAD";
        if (path.startsWith("/replicas") && !isRead) continue;
        const response = await serving.request(path, { method, headers, ...(isRead ? {} : { body: "x" }) });
        assert.equal(response.status, 403, `${method} ${path}`);
      }
    }
    // Nothing is folded, so this is a key below the prefix and no way out of it.
    const dots = await exchange(
      serving.port,
      `PUT /kv/app/../other/a HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${tokens.app}\r\nContent-Length: 1\r\nConnection: close\r\n\r\n!`,
    );
    assert.match(dots, /^HTTP\/1\.1 201 /);
    assert.equal((await serving.store.get("app/../other/a"))?.value.length, 1);
    assert.equal(Buffer.from((await serving.store.get("other/a"))!.value).toString(), "x");
    for (const target of ["http://localhost/kv/other/a", "/kv/other/a"]) {
      const fields = `Host: localhost\r\nAuthorization: Bearer ${tokens.app}\r\nConnection: close\r\n`;
      assert.match(await exchange(serving.port, `GET ${target} HTTP/1.1\r\n${fields}\r\n`), /^HTTP\/1\.1 403 /);
    }
  });

  it("lists and deletes only below the prefix, and no cursor leads out of it", async () => {
    const headers = bearer(tokens.app!);
    const list = (query: string, more: Headers = {}) =>
      serving.request(`/kv${query}`, { headers: { ...headers, ...more } });
    for (const query of ["", "?prefix=", "?prefix=app", "?prefix=other/", "?start=app/&end=app0", "?prefix=%C3%A4"]) {
      assert.equal((await list(query)).status, 403, query);
      assert.equal((await list(query, { Accept: "application/x-ndjson" })).status, 403, query);
    }
    for (const query of ["?prefix=app/", "?prefix=app/a&values", "?prefix=%C3%A4/", "?prefix=app/&start=a&end=z"]) {
      const page = (await (await list(query)).json()) as { keys: { key: string }[] };
      for (const { key } of page.keys) assert.ok(key.startsWith("app/"), key);
    }
    const all = await serving.request("/kv?limit=1", { headers: bearer(tokens.reader!) });
    const { cursor } = (await all.json()) as { cursor: string };
    assert.equal((await list(`?cursor=${cursor}`)).status, 403);
    // One that claims the prefix and begins before it.
    const forged = Buffer.from(["1v", "100", "a", "app/", "", ""].join("\0")).toString("base64url");
    const page = (await (await list(`?cursor=${forged}`)).json()) as { keys: { key: string }[] };
    for (const { key } of page.keys) assert.ok(key.startsWith("app/"), key);
    for (const query of ["?prefix=", "?prefix=&confirm=all", "?prefix=app", "?prefix=other/"]) {
      const response = await serving.request(`/kv${query}`, { method: "DELETE", headers });
      assert.ok([400, 403].includes(response.status), query);
    }
    assert.ok(await serving.store.get("other/a"));
    const own = await serving.request("/kv?prefix=app/gone/", { method: "DELETE", headers });
    assert.deepEqual(await own.json(), { deleted: 0 });
  });

  it("creates only below the prefix", async () => {
    const headers = { ...bearer(tokens.app!), ...json };
    const create = async (body: string) => (await serving.request("/kv", { method: "POST", headers, body })).status;
    assert.equal(await create('{"key":"app/new","value":1}'), 201);
    assert.equal(await create('{"key":"other/new","value":1}'), 403);
    assert.equal(await create('{"value":1}'), 403);
    assert.equal(await create('{"key":"other/new","key":"app/twice","value":1}'), 201);
    assert.equal(await serving.store.get("other/new"), undefined);
  });

  it("judges each member of a batch by itself", async () => {
    const operations = [
      { op: "get", key: "app/a" },
      { op: "get", key: "other/a" },
      { op: "put", key: "app/b", value: "x" },
      { op: "put", key: "other/b", value: "x" },
      { op: "delete", key: "app/b" },
      { op: "delete", key: "other/a" },
    ];
    const send = async (token: string) => {
      const headers = { ...bearer(tokens[token]!), ...json };
      const response = await serving.request("/batch", { method: "POST", headers, body: JSON.stringify(operations) });
      const { results } = (await response.json()) as { results: { status: number; code?: string }[] };
      return results.map((result) => result.status);
    };
    assert.deepEqual(await send("app"), [200, 403, 201, 403, 204, 403]);
    assert.deepEqual(await send("reader"), [200, 200, 403, 403, 403, 403]);
    assert.deepEqual(await send("admin"), [403, 403, 403, 403, 403, 403]);
    assert.ok(await serving.store.get("other/a"));
    assert.equal(await serving.store.get("other/b"), undefined);
  });

  it("answers for any host name, because browsers keep credentials for the name that got them", async () => {
    const fields = "Host: kvasir.internal.example\r\nConnection: close\r\n";
    const get = (more: string) => exchange(serving.port, `GET /kv/apple HTTP/1.1\r\n${fields}${more}\r\n`);
    assert.match(await get(`Authorization: Bearer ${tokens.full}\r\n`), /^HTTP\/1\.1 200 /);
    assert.match(await get(""), /^HTTP\/1\.1 401 /);
  });

  it("forgets such a name where none is asked for any more", () => {
    const hosts = new HostCheck([]);
    const raw = { headers: { host: "evil.example" }, rawHeaders: [], httpVersion: "1.1", method: "GET" };
    hosts.check(raw as unknown as IncomingMessage, undefined, false);
    assert.throws(() => hosts.check(raw as unknown as IncomingMessage, undefined, true), { code: "misdirected" });
  });

  it("still refuses writes of another site's page, which a browser would send credentials with", async () => {
    const headers = { ...basic("me", tokens.full!), Origin: "http://evil.example" };
    const { status, code } = await problem(await serving.request("/kv/apple", { method: "DELETE", headers }));
    assert.deepEqual([status, code], [403, "cross_site"]);
  });

  it("refuses a revoked token soon, also on a connection that has used it before", async () => {
    const { text } = await serving.store.tokens.create({ name: "brief", scopes: ["read"], prefixes: [] });
    const get = async () => (await serving.request("/kv/apple", { headers: bearer(text) })).status;
    assert.equal(await get(), 200);
    const { memory } = serving.partitions[0]!;
    const stored = (await memory.tokens()).find(({ name }) => name === "brief")!;
    await memory.keepTokens([{ ...stored, revoked: Date.now() }]);
    await eventually(async () => (await get()) === 401);
  });

  it("writes neither tokens nor what was sent as one to its log", () => {
    const log = JSON.stringify(serving.log);
    for (const token of [...Object.values(tokens), wrong]) assert.ok(!log.includes(token.slice(4)));
  });
});

describe("wrong tokens", () => {
  it("are counted for each address, and then get 429, while known tokens of it go on", async () => {
    const serving = await serve({ authFailuresMax: 3 });
    try {
      const created = await serving.store.tokens.create({ name: "a", scopes: ["read"], prefixes: [] });
      const later = await serving.store.tokens.create({ name: "b", scopes: ["read"], prefixes: [] });
      const get = (token: string) => serving.request("/kv/a", { headers: bearer(token) });
      assert.equal((await get(created.text)).status, 404);
      for (let attempt = 0; attempt < 3; attempt++) assert.equal((await get(wrong)).status, 401);
      const blocked = await get(wrong);
      assert.equal(blocked.status, 429);
      assert.match(blocked.headers.get("Retry-After")!, /^([1-9]|[1-5][0-9]|60)$/);
      assert.equal((await problem(blocked)).code, "too_many_attempts");
      assert.equal((await get(later.text)).status, 429, "nobody learns whether a new one is right");
      assert.equal((await get(created.text)).status, 404);
      assert.equal((await serving.request("/kv/a")).status, 401, "to send none is no attempt");
      assert.equal(serving.log.filter(({ msg }) => msg === "too many wrong tokens").length, 1);
    } finally {
      await serving.close();
    }
  });

  it("are forgotten after a minute, are one for a /64 of IPv6, and are kept of so many addresses at most", () => {
    let now = 0;
    const attempts = new Attempts(2, () => now);
    attempts.fail("::ffff:192.0.2.1");
    assert.equal(attempts.blockedFor("192.0.2.1"), 0);
    assert.ok(attempts.fail("192.0.2.1"));
    assert.equal(attempts.blockedFor("192.0.2.1"), 60);
    assert.equal(attempts.blockedFor("192.0.2.2"), 0);
    attempts.fail("2001:db8:0:1::1");
    attempts.fail("2001:db8::1:ffff:0:0:9");
    assert.ok(attempts.blockedFor("2001:db8:0:1:a::b") > 0);
    assert.equal(attempts.blockedFor("2001:db8:0:2::1"), 0);
    now = 59_000;
    assert.equal(attempts.blockedFor("192.0.2.1"), 1);
    now = 60_000;
    assert.equal(attempts.blockedFor("192.0.2.1"), 0);
    assert.ok(!attempts.fail("192.0.2.1"));
    attempts.fail("192.0.2.1");
    for (let number = 0; number < 10_000; number++)
      attempts.fail(`10.${number >> 16}.${(number >> 8) & 255}.${number & 255}`);
    assert.equal(attempts.blockedFor("192.0.2.1"), 0, "the oldest gives way");
  });
});

describe("a server that other machines can reach", () => {
  it("answers nobody before there is a token, and those who have one after", async () => {
    const serving = await serve({ requireTokens: true });
    try {
      const refused = await problem(await serving.request("/kv/a"));
      assert.deepEqual([refused.status, refused.code], [401, "unauthorized"]);
      assert.match(refused.detail, /kvasir token create/);
      assert.equal((await serving.request("/kv/a", { headers: bearer(wrong) })).status, 401);
      const { text } = await serving.store.tokens.create({ name: "a", scopes: ["read"], prefixes: [] });
      assert.equal((await serving.request("/kv/a", { headers: bearer(text) })).status, 404);
    } finally {
      await serving.close();
    }
  });

  it("says of what is missing only that it is not ready", async () => {
    const serving = await serve({ requireTokens: true });
    try {
      serving.partitions[0]!.faults.isDown = true;
      await serving.store.get("a").catch(() => undefined);
      const response = await serving.request("/readyz");
      assert.deepEqual([response.status, await response.text()], [503, "not ready\n"]);
    } finally {
      await serving.close();
    }
  });
});
