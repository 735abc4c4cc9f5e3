import assert from "node:assert/strict";
import { request as httpRequest } from "node:http";
import { text } from "node:stream/consumers";
import { after, before, describe, it } from "node:test";
import fc from "fast-check";
import { parseTarget } from "../../src/http/target.ts";
import { exchange, problem, type Serving, serve } from "./serving.ts";

describe("parseTarget", () => {
  it("gives back every key that was percent-encoded, in a path and in a query", () => {
    const keys = fc
      .string({ unit: "binary", minLength: 1, maxLength: 250 })
      .filter((key) => key.isWellFormed() && !key.includes("\0"));
    fc.assert(
      fc.property(keys, (key) => {
        assert.equal(parseTarget(`/kv/${encodeURIComponent(key)}`).key, key);
        assert.equal(parseTarget(`/kv?key=${encodeURIComponent(key)}`).key, key);
      }),
    );
  });

  const keys: { readonly [target: string]: string } = {
    "/kv/a/b": "a/b",
    "/kv/a%2Fb": "a/b",
    "/kv/a%252Fb": "a%2Fb",
    "/kv//": "/",
    "/kv//a//b/": "/a//b/",
    "/kv/a/../b": "a/../b",
    "/kv/a/%2e%2e/b": "a/../b",
    "/kv/a\\b": "a\\b",
    "/kv/a+b": "a+b",
    "/kv/a%20b": "a b",
    "/kv/a%3Fb%23c": "a?b#c",
    "/kv/%22'": "\"'",
    "/kv/%F0%9F%90%A6": "🐦",
    "/kv/create": "create",
    "/kv/x.json": "x.json",
    "/kv?key=..": "..",
    "/kv/?key=.": ".",
    "/kv?key=a+b": "a b",
    "/kv?key=a%2Bb": "a+b",
    "/kv?key=%2F": "/",
    "http://127.0.0.1/kv/a": "a",
    "http://127.0.0.1?x=1": "",
  };
  for (const [target, key] of Object.entries(keys)) {
    it(`reads ${target} as the key ${JSON.stringify(key)}`, () => {
      assert.equal(parseTarget(target).key ?? "", key);
    });
  }

  it("keeps the host of an absolute target apart", () => {
    const target = parseTarget("http://evil.example:80/kv/a?r=all");
    assert.equal(target.authority, "evil.example:80");
    assert.equal(target.query.get("r"), "all");
  });
});

describe("a request target", () => {
  let serving: Serving;
  before(async () => {
    serving = await serve();
  });
  after(() => serving.close());

  /** `fetch` would fold the path, `http.request` sends it as it is. */
  const ask = async (path: string, method = "GET", body = "") =>
    new Promise<{ status: number; text: string }>((resolve, reject) => {
      const request = httpRequest({ port: serving.port, path, method }, (response) =>
        text(response).then((text) => resolve({ status: response.statusCode!, text }), reject),
      );
      request.on("error", reject).end(body);
    });

  const paths = [
    "a/b",
    "//",
    "/a//b/",
    "a/../b",
    ".",
    "..",
    "a+b",
    "a%20b",
    "%25",
    "a%3Fb",
    "%23",
    "%22",
    "%F0%9F%90%A6",
  ];
  for (const path of paths) {
    it(`stores, reads, lists and deletes the key at /kv/${path}`, async () => {
      assert.equal((await ask(`/kv/${path}`, "PUT", path)).status, 201);
      assert.equal((await ask(`/kv/${path}`)).text, path);
      const { keys } = JSON.parse((await ask("/kv")).text);
      assert.deepEqual(
        keys.map((entry: { key: string }) => entry.key),
        [decodeURIComponent(path)],
      );
      assert.equal((await ask(`/kv?key=${path.replaceAll("+", "%2B")}`)).text, path);
      assert.equal((await ask(`/kv/${path}`, "DELETE")).status, 204);
      assert.equal((await ask(`/kv/${path}`)).status, 404);
    });
  }

  it("takes a key of 1024 bytes and refuses a longer one", async () => {
    const longest = "é".repeat(512);
    assert.equal((await ask(`/kv/${encodeURIComponent(longest)}`, "PUT", "x")).status, 201);
    assert.equal((await ask(`/kv/${encodeURIComponent(longest)}`)).text, "x");
    const longer = await ask(`/kv/${encodeURIComponent(longest)}a`, "PUT", "x");
    assert.equal(longer.status, 414);
    assert.equal(JSON.parse(longer.text).code, "key_too_long");
  });

  const refused: { readonly [path: string]: [code: string, detail: RegExp] } = {
    "/kv/a%zz": ["invalid_target", /%zz/],
    "/kv/a%4": ["invalid_target", /%4 is no/],
    "/kv/%FF": ["invalid_key", /UTF-8/],
    "/kv/%C0%AF": ["invalid_key", /UTF-8/],
    "/kv/%ED%A0%80": ["invalid_key", /UTF-8/],
    "/kv/a%00b": ["invalid_key", /NUL/],
    "/kv/": ["invalid_key", /empty/],
    "/kv?key=": ["invalid_key", /empty/],
    "/kv?key=%00": ["invalid_key", /NUL/],
    "/kv/a?key=b": ["invalid_query", /twice/],
    "/kv?key=%zz": ["invalid_query", /%zz/],
    "/kv/a?r=all&r=home": ["invalid_query", /"r" is given twice/],
    "/kv/a?fromat=json": ["invalid_query", /did you mean format\?/],
    "/kv/a?zzzzzzzz=1": ["invalid_query", /known are key, format, r/],
    "/kv?prefx=a": ["invalid_query", /did you mean prefix\?/],
    "/kv/a#b": ["invalid_target", /#/],
    "/kv/a?b#c": ["invalid_target", /#/],
  };
  for (const [path, [code, detail]] of Object.entries(refused)) {
    it(`${path} is refused as ${code}`, async () => {
      const { status, text } = await ask(path);
      assert.equal(status, 400);
      assert.equal(JSON.parse(text).code, code);
      assert.match(JSON.parse(text).detail, detail);
    });
  }

  it("in absolute form is answered, and judged by its host", async () => {
    const own = await exchange(
      serving.port,
      "GET http://127.0.0.1/kv/none HTTP/1.1\r\nHost: x.example\r\nConnection: close\r\n\r\n",
    );
    assert.match(own, /^HTTP\/1\.1 404 .*"not_found"/s);
    const foreign = await exchange(
      serving.port,
      "GET http://x.example/kv/none HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
    );
    assert.match(foreign, /^HTTP\/1\.1 421 .*"misdirected"/s);
  });

  for (const target of ["ftp://127.0.0.1/kv/a", "http://", "*"]) {
    it(`${target} is refused`, async () => {
      const method = target === "*" ? "OPTIONS" : "GET";
      const answer = await exchange(
        serving.port,
        `${method} ${target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`,
      );
      assert.match(answer, /^HTTP\/1\.1 400 .*"invalid_target"/s);
    });
  }

  it("with bytes that had to be percent-encoded is refused", async () => {
    const answer = await exchange(serving.port, Buffer.from("GET /kv/é HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"));
    assert.match(answer, /^HTTP\/1\.1 400 .*application\/problem\+json.*"invalid_target"/s);
  });

  it("gets its problem in the format asked for", async () => {
    const response = await serving.request("/kv/%00?format=json", { headers: { Accept: "text/plain" } });
    assert.match(await response.text(), /^400 invalid_key:/);
    const xml = await serving.request("/kv/a?r=none&format=xml");
    assert.equal(xml.headers.get("Content-Type"), "application/problem+xml; charset=utf-8");
  });

  it("of an unknown page is not found", async () => {
    assert.deepEqual((await problem(await serving.request("/nothing/here?a=b"))).code, "no_such_page");
    assert.deepEqual((await problem(await serving.request("/nothing%zz"))).code, "invalid_target");
  });
});
