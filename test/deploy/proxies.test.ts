import assert from "node:assert/strict";
import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { buffer } from "node:stream/consumers";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Store } from "../../src/store.ts";
import { type Serving, serve } from "../http/serving.ts";
import { requireProgram } from "../support/programs.ts";
import { proxyKinds, type RunningProxy, startProxy } from "./proxies.ts";

interface Options {
  readonly method?: string;
  readonly headers?: { readonly [name: string]: string };
  readonly body?: string | Uint8Array;
}

/** What must come through a proxy as it left the server. Accept-Ranges is not in it: lighttpd cuts ranges itself too. */
const kept =
  /^(etag|content-type|content-length|content-range|content-encoding|last-modified|vary|cache-control|location|link|allow|retry-after|x-ttl|kvasir-.*|content-security-policy|x-content-type-options)$/;

/** A proxy that holds back what it has would hold it for ever. */
const streamTimeoutMs = 20_000;

async function timeout(delayMs: number): Promise<never> {
  await sleep(delayMs, undefined, { ref: false });
  throw new Error("the beginning of the list did not arrive");
}

/** One request with its target as it stands, which `fetch` would normalise. */
function send(port: number, target: string, { method = "GET", headers = {}, body }: Options = {}) {
  return new Promise<IncomingMessage>((resolve, reject) => {
    const host = { Host: "kvasir.example", "Accept-Encoding": "gzip", ...headers };
    const length = body === undefined ? {} : { "Content-Length": String(Buffer.byteLength(body)) };
    // A connection each: after a refused body it may be closed at any moment.
    const to = { host: "127.0.0.1", port, path: target, method, agent: false };
    const sent = request({ ...to, headers: { ...host, ...length } }, resolve);
    sent.on("error", reject);
    sent.end(body);
  });
}

async function ask(port: number, target: string, options?: Options) {
  const response = await send(port, target, options);
  const headers = Object.entries(response.headers).filter(([name]) => kept.test(name));
  const body = await buffer(response);
  // How a body is framed is between neighbours.
  const facts = headers.filter(([name]) => name !== "content-length" || options?.method === "HEAD").sort();
  return { status: response.statusCode, headers: Object.fromEntries(facts), body };
}

const targets: readonly [what: string, target: string, key: string][] = [
  ["an encoded slash", "/kv/a%2Fb", "a/b"],
  ["an encoded percent sign", "/kv/a%252Fb", "a%2Fb"],
  ["two slashes", "/kv/a//b", "a//b"],
  ["a slash at the end", "/kv/a/", "a/"],
  ["a slash at the beginning", "/kv//a", "/a"],
  ["an encoded space", "/kv/a%20b", "a b"],
  ["a plus", "/kv/a+b", "a+b"],
  ["an encoded plus", "/kv/a%2Bb", "a+b"],
  ["other letters", "/kv/%D0%BA%D0%BB%D1%8E%D1%87/%F0%9F%94%91", "ключ/🔑"],
  ["a question mark and a hash", "/kv/a%3Fb%23c", "a?b#c"],
  ["characters that need no encoding", "/kv/a:b@c;d=e,f~g!$&'()*", "a:b@c;d=e,f~g!$&'()*"],
  ["a backslash and quotes", "/kv/a%5Cb%22c", 'a\\b"c'],
  ["a line break", "/kv/a%0Ab", "a\nb"],
  ["encoded dots and slashes", "/kv/a%2F..%2Fb", "a/../b"],
  ["a key parameter of dots", "/kv?key=..", ".."],
  ["a key parameter with dots and slashes", "/kv?key=a/../b//c/.", "a/../b//c/."],
  ["a key parameter with a plus for a space", "/kv?key=a+b%2Bc", "a b+c"],
];

for (const kind of proxyKinds) {
  const found = requireProgram(kind.program, kind.debianPackage);
  const skip = "missing" in found ? found.missing : false;
  describe(`${kind.name} with ${kind.sample}`, { skip }, () => {
    let serving: Serving;
    let proxy: RunningProxy;
    let gate: Promise<void> | undefined;
    before(async () => {
      serving = await serve({ hosts: ["kvasir.example"] }, { partitions: 2 }, (store) => gated(store, () => gate));
      proxy = await startProxy(kind, (found as { path: string }).path, serving.port);
    });
    after(async () => {
      await proxy?.stop();
      await serving?.close();
    });

    /** The answers through the proxy and without it are the same. */
    async function same(target: string, options?: Options) {
      const [proxied, direct] = [await ask(proxy.port, target, options), await ask(serving.port, target, options)];
      assert.deepEqual(proxied, direct, `${options?.method ?? "GET"} ${target}`);
      return proxied;
    }

    for (const [what, target, key] of targets) {
      it(`passes a key with ${what}`, async () => {
        const body = `value of ${key}`;
        const { status } = await ask(proxy.port, target, { method: "PUT", body });
        assert.equal(status, 201);
        const direct = await ask(serving.port, `/kv?key=${encodeURIComponent(key)}`);
        assert.equal(direct.body.toString(), body);
        assert.equal((await same(target)).body.toString(), body);
        await same(target, { method: "HEAD" });
        assert.equal((await ask(proxy.port, target, { method: "DELETE" })).status, 204);
        assert.equal((await same(target)).status, 404);
      });
    }

    it("passes conditions, and answers to them", async () => {
      const { headers } = await ask(proxy.port, "/kv/guarded", { method: "PUT", body: "one" });
      const etag = String(headers.etag);
      assert.match(etag, /^"/);
      assert.equal((await same("/kv/guarded", { headers: { "If-None-Match": etag } })).status, 304);
      assert.equal((await same("/kv/guarded", { headers: { "If-Match": '"other"' } })).status, 412);
      const put = { method: "PUT", body: "two" };
      assert.equal((await same("/kv/guarded", { ...put, headers: { "If-None-Match": "*" } })).status, 412);
      assert.equal((await ask(proxy.port, "/kv/guarded", { ...put, headers: { "If-Match": etag } })).status, 204);
      assert.equal((await same("/kv/guarded", { ...put, headers: { "If-Match": etag } })).status, 412);
      assert.equal((await same("/kv/guarded")).body.toString(), "two");
    });

    it("passes the name that the client asked for", async () => {
      // The server compares the two, and refuses what a page of another site writes.
      const put = (origin: string) => ({ method: "PUT", body: "x", headers: { Origin: origin } });
      assert.equal((await ask(proxy.port, "/kv/from-a-page", put("http://kvasir.example"))).status, 201);
      assert.equal((await same("/kv/from-a-page", put("http://other.example"))).status, 403);
    });

    it("passes ranges, representations and metadata", async () => {
      const headers = { "Content-Type": "application/json", "Kvasir-Meta-Owner": "ann" };
      await ask(proxy.port, "/kv/doc", { method: "PUT", body: '{"name":"Ann","list":[1,2,3]}', headers });
      const part = await same("/kv/doc", { headers: { Range: "bytes=2-5" } });
      assert.deepEqual([part.status, part.body.toString()], [206, "name"]);
      assert.equal((await same("/kv/doc", { headers: { Range: "bytes=100-" } })).status, 416);
      for (const accept of ["application/json", "application/xml", "text/html", "text/plain", "image/png"]) {
        await same("/kv/doc", { headers: { Accept: accept } });
      }
      const patch = { method: "PATCH", headers: { "Content-Type": "application/merge-patch+json" } };
      assert.equal((await ask(proxy.port, "/kv/doc", { ...patch, body: '{"age":41}' })).status, 204);
      assert.equal((await same("/kv/doc")).headers["kvasir-meta-owner"], "ann");
    });

    it("passes 8 MiB each way, and the refusal of more", async () => {
      const bytes = Buffer.alloc(8 * 2 ** 20, "0123456789abcdef");
      assert.equal((await ask(proxy.port, "/kv/large", { method: "PUT", body: bytes })).status, 201);
      assert.ok((await ask(proxy.port, "/kv/large")).body.equals(bytes));
      const put = { method: "PUT", body: Buffer.alloc(8 * 2 ** 20 + 1) };
      const refused = await ask(proxy.port, "/kv/larger", put);
      assert.equal(refused.status, 413);
      assert.match(refused.body.toString(), /value_too_large/);
    });

    it("passes errors as the server says them", async () => {
      for (const [target, options, status] of [
        ["/kv/nothing", {}, 404],
        ["/nowhere", {}, 404],
        ["/kv/a?w=none", { method: "PUT", body: "x" }, 400],
        ["/kv/a", { method: "POST", body: "x" }, 405],
        ["/kv?limit=none", {}, 400],
        ["/kv/a", { method: "PUT", body: "x", headers: { "Content-Encoding": "gzip" } }, 415],
        [`/kv/${"k".repeat(1025)}`, {}, 414],
      ] as const) {
        assert.equal((await same(target, options)).status, status, target);
      }
    });

    it("passes a list as it grows", async () => {
      const put = (from: number) =>
        Array.from({ length: 1000 }, (_, n) => ({ op: "put", key: `list/${from + n}`, value: "x" }));
      for (const from of [10_000, 11_000]) {
        const options = {
          method: "POST",
          headers: { "Content-Type": "application/json" },
          body: JSON.stringify(put(from)),
        };
        assert.equal((await ask(proxy.port, "/batch", options)).status, 200);
      }
      const headers = { Accept: "application/x-ndjson" };
      await same("/kv?prefix=list/", { headers });
      // The server does not go on before the first page has arrived.
      let open = () => {};
      gate = new Promise((resolve) => {
        open = resolve;
      });
      const sent = send(proxy.port, "/kv?prefix=list/", { headers });
      try {
        const response = await Promise.race([sent, timeout(streamTimeoutMs)]);
        await once(response, "readable", { signal: AbortSignal.timeout(streamTimeoutMs) });
        assert.match(String(response.read()), /^\{"key":"list\/10000"/);
      } finally {
        open();
        gate = undefined;
      }
      assert.match((await buffer(await sent)).toString(), /"list\/11999"/);
    });
  });
}

/** A store whose lists wait, before any page but the first, for what `gate` gives. */
function gated(store: Store, gate: () => Promise<void> | undefined): Store {
  const list: Store["list"] = async (range) => {
    if (range.after !== undefined) await gate();
    return store.list(range);
  };
  return new Proxy(store, {
    get: (target, name) => {
      if (name === "list") return list;
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}
