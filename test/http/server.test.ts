import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { after, before, describe, it } from "node:test";
import fc from "fast-check";
import type { Store } from "../../src/store.ts";
import { exchange, openSocket, problem, put, receive, type Serving, serve } from "./serving.ts";

const get = (path: string, fields = "Host: 127.0.0.1\r\n") => `GET ${path} HTTP/1.1\r\n${fields}\r\n`;
const last = "Host: 127.0.0.1\r\nConnection: close\r\n";

/** The store with one method replaced; reads have two. */
function replacing(method: "get" | "put", replacement: (store: Store) => unknown): (store: Store) => Store {
  return (store) =>
    new Proxy(store, {
      get(target, name) {
        if (name === method || (method === "get" && name === "getArriving")) return replacement(target);
        const value = Reflect.get(target, name, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
}

describe("the server", () => {
  let serving: Serving;
  before(async () => {
    serving = await serve();
    await put(serving, "a", "value");
  });
  after(() => serving.close());

  const hosts: { readonly [host: string]: number } = {
    localhost: 200,
    "LOCALHOST:7070": 200,
    "a.localhost": 200,
    "10.0.0.1:80": 200,
    "[::1]:7070": 200,
    "Kvasir.Example": 200,
    "evil.example": 421,
    "localhost.evil.example": 421,
    "127.0.0.1.evil.example": 421,
    "kvasir.example.evil": 421,
    "a b": 400,
    "": 400,
    "127.0.0.1/x": 400,
  };
  for (const [host, status] of Object.entries(hosts)) {
    it(`answers ${status} when Host is ${JSON.stringify(host)}`, async () => {
      const answer = await exchange(serving.port, get("/kv/a", `Host: ${host}\r\nConnection: close\r\n`));
      assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `));
      if (status !== 200) assert.match(answer, /application\/problem\+json/);
    });
  }

  it("refuses two Host headers, and in HTTP/1.1 none, on every path", async () => {
    for (const path of ["/kv/a", "/status"]) {
      const two = await exchange(serving.port, get(path, `${last}host: 127.0.0.1\r\n`));
      assert.match(two, /^HTTP\/1\.1 400 .*Host is given twice/s);
      const none = await exchange(serving.port, get(path, "Connection: close\r\n"));
      assert.match(none, /^HTTP\/1\.1 400 .*Host is missing/s);
    }
    assert.match(await exchange(serving.port, "GET /kv/a HTTP/1.0\r\n\r\n"), /^HTTP\/1\.1 200 /);
  });

  it("refuses writes that a browser makes for a page of another site", async () => {
    const write = (headers: { [name: string]: string }) =>
      serving.request("/kv", {
        method: "POST",
        body: "value=x",
        headers: { "Content-Type": "application/x-www-form-urlencoded", ...headers },
      });
    for (const headers of [{ Origin: "http://evil.example" }, { Origin: "null" }]) {
      const { status, code } = await problem(await write(headers));
      assert.deepEqual([status, code], [403, "cross_site"]);
    }
    for (const site of ["cross-site", "same-site"]) {
      const answer = await exchange(serving.port, `DELETE /kv/a HTTP/1.1\r\n${last}Sec-Fetch-Site: ${site}\r\n\r\n`);
      assert.match(answer, /^HTTP\/1\.1 403 /);
    }
    assert.equal((await write({ Origin: serving.url })).status, 201);
    assert.equal((await serving.request("/kv/a", { headers: { Origin: "http://evil.example" } })).status, 200);
  });

  const malformed: { readonly [name: string]: [sent: string, status: number] } = {
    "what is no HTTP": ["\x16\x03\x01 hello\r\n\r\n", 400],
    "an unknown method": ["FROB /kv/a HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 400],
    "two lengths": ["PUT /kv/a HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400],
    "length and chunks": [
      "PUT /kv/a HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      400,
    ],
    "a folded header": [get("/kv/a", "Host: 127.0.0.1\r\n folded\r\n"), 400],
    "a header without colon": [get("/kv/a", "Host: 127.0.0.1\r\nX\r\n"), 400],
    "more headers than fit": [get("/kv/a", `Host: 127.0.0.1\r\nX: ${"x".repeat(20_000)}\r\n`), 431],
    "a longer target than fits": [get(`/kv/${"x".repeat(20_000)}`), 431],
  };
  for (const [name, [sent, status]] of Object.entries(malformed)) {
    it(`answers ${status} to ${name}, and closes`, async () => {
      const answer = await exchange(serving.port, sent);
      assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} .*application/problem\\+json.*"status":${status}`, "s"));
      assert.equal((await serving.request("/kv/a")).status, 200);
    });
  }

  it("sees every header field, however many there are", async () => {
    const many = Array.from({ length: 2500 }, () => "a:\r\n").join("");
    const answer = await exchange(serving.port, get("/kv/a", `${last}${many}If-None-Match: *\r\n`));
    assert.match(answer, /^HTTP\/1\.1 304 /);
  });

  it("keeps the connection, and answers pipelined requests in their order, each seeing the writes before it", async () => {
    const socket = await openSocket(serving.port);
    const requests = Array.from({ length: 20 }, (_, number) => {
      const body = `value-${number}`;
      return `PUT /kv/line HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: ${body.length}\r\n\r\n${body}${get("/kv/line")}`;
    });
    socket.write(requests.join("") + get("/healthz"));
    const received = await receive(socket, /healthy/);
    assert.deepEqual(
      [...received.matchAll(/value-(\d+)/g)].map(([, number]) => Number(number)),
      Array.from({ length: 20 }, (_, number) => number),
    );
    socket.destroy();
  });

  it("runs pipelined reads at the same time", async () => {
    let running = 0;
    let most = 0;
    const slow = replacing("get", (store) => async (key: string) => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 20));
      running--;
      return store.get(key);
    });
    const other = await serve({}, {}, slow);
    try {
      const socket = await openSocket(other.port);
      socket.write(get("/kv/x") + get("/kv/y") + get("/kv/z", last));
      await receive(socket, /(404.*){3}\}$/s);
      assert.equal(most, 3);
    } finally {
      await other.close();
    }
  });

  it("hides a fault of its own, and logs it once with its stack", async () => {
    const broken = await serve(
      {},
      {},
      replacing("get", () => () => Promise.reject(new Error("secret cause"))),
    );
    try {
      const response = await broken.request("/kv/a");
      const text = await response.text();
      assert.equal(response.status, 500);
      assert.equal(JSON.parse(text).code, "internal");
      assert.doesNotMatch(text, /secret|at /);
      const lines = broken.log.filter(({ level }) => level >= 40);
      assert.equal(lines.length, 1);
      assert.match(JSON.stringify(lines[0]!.err), /secret cause.*at /);
      const inBatch = await broken.request("/batch", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: '[{"op":"get","key":"a"},{"op":"put","key":"b","value":"x"}]',
      });
      const { results } = (await inBatch.json()) as { results: { status: number }[] };
      assert.deepEqual(
        results.map(({ status }) => status),
        [500, 201],
      );
    } finally {
      await broken.close();
    }
  });

  it("logs no good request unless it is told to, and a bad one at debug", async () => {
    const quiet = serving.log.length;
    await serving.request("/kv/a");
    assert.equal(serving.log.length, quiet);
    await serving.request("/kv/none");
    assert.equal(serving.log.at(-1)!.level, 20);
    const loud = await serve({ logRequests: true });
    try {
      await put(loud, "a", "x");
      while (loud.log.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      const { method, route, status } = loud.log.at(-1)!;
      assert.deepEqual([method, route, status], ["PUT", "/kv/{key}", 201]);
    } finally {
      await loud.close();
    }
  });

  it("survives clients that go at any moment", async () => {
    await put(serving, "big", new Uint8Array(2 ** 22));
    const sent = [
      get("/kv/big"),
      get("/kv?values"),
      "PUT /kv/half HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99\r\n\r\nhalf",
      "GET /kv/",
    ];
    for (let round = 0; round < 20; round++) {
      for (const text of sent) {
        const socket = await openSocket(serving.port);
        socket.write(text);
        if (round % 2 === 0) await new Promise((resolve) => setImmediate(resolve));
        socket.resetAndDestroy();
      }
    }
    assert.equal((await serving.request("/kv/half")).status, 404);
    const metrics = async () => (await serving.request("/metrics")).text();
    while (!/^kvasir_http_requests_in_flight 1$/m.test(await metrics()));
    assert.deepEqual(
      serving.log.filter(({ level }) => level >= 40),
      [],
    );
  });

  it("never finds a fault of its own in what clients send", async () => {
    const text = fc.constantFrom(
      "",
      "a",
      "*",
      '"a"',
      "%",
      "%00",
      "%ff",
      "é",
      "-1",
      "1e9",
      "1",
      "true",
      "\t",
      "null",
      "[]",
      "__proto__",
      "x".repeat(300),
      "bytes=0-",
      "text/*;q=x",
      "application/json",
      "application/x-ndjson",
      "application/merge-patch+json",
      "a=b&value=c",
      '{"key":"__proto__","value":{"__proto__":1}}',
      '[{"op":"put","key":"a","value":1,"ttl":{}}]',
      '[{"op":"put","key":"a","value":"","metadata":{"__proto__":"a","constructor":"b"}}]',
    );
    const method = fc.constantFrom("GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", "TRACE");
    const path = fc.constantFrom("/kv/a", "/kv/%E2%82%AC", "/kv", "/kv/", "/batch", "/status", "/openapi.json", "/");
    const query = fc.dictionary(
      fc.constantFrom(
        "key",
        "prefix",
        "delimiter",
        "start",
        "end",
        "reverse",
        "limit",
        "cursor",
        "values",
        "format",
        "r",
        "w",
        "ttl",
        "confirm",
      ),
      text,
      { maxKeys: 4 },
    );
    const fields = fc.dictionary(
      fc.constantFrom(
        "Accept",
        "Content-Type",
        "Content-Encoding",
        "Range",
        "If-Range",
        "If-Match",
        "If-None-Match",
        "If-Modified-Since",
        "Idempotency-Key",
        "Kvasir-Clock",
        "X-TTL",
        "Kvasir-Meta-A",
        "Origin",
      ),
      text,
      { maxKeys: 4 },
    );
    await fc.assert(
      fc.asyncProperty(method, path, query, fields, text, async (method, path, query, fields, body) => {
        const pairs = Object.entries(query).map(
          ([name, value]) => `${name}=${value.replaceAll(/[^\x21-\x7e]/g, encodeURIComponent)}`,
        );
        const headers = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
        const start = `${method} ${path}${pairs.length > 0 ? `?${pairs.join("&")}` : ""} HTTP/1.1\r\n${last}`;
        const answer = await exchange(
          serving.port,
          `${start}${headers.join("")}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
        );
        assert.match(answer, /^HTTP\/1\.1 (?:[234]|501)/, answer.slice(0, 500));
      }),
      { numRuns: 1000 },
    );
  });

  it("leaves connections alone that want to become something else", async () => {
    assert.match(await exchange(serving.port, get("/kv/none", `${last}Upgrade: websocket\r\n`)), /^HTTP\/1\.1 404 /);
    assert.equal(await exchange(serving.port, "CONNECT a.example:80 HTTP/1.1\r\nHost: a.example\r\n\r\n"), "");
  });

  it("answers 408 to a request that does not arrive in time", async () => {
    const strict = await serve({ headersTimeoutMs: 50, requestTimeoutMs: 100 });
    try {
      assert.match(await exchange(strict.port, "GET /kv/a HT"), /^HTTP\/1\.1 408 .*"request_timeout"/s);
      const body = "PUT /kv/slow HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\nab";
      assert.match(await exchange(strict.port, body), /^HTTP\/1\.1 408 .*"request_timeout"/s);
    } finally {
      await strict.close();
    }
  });
});

describe("stopping the server", () => {
  it("lets a running request end, refuses new connections and is not ready meanwhile", async () => {
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const slow = replacing("put", (store) => async (...given: Parameters<Store["put"]>) => {
      await released;
      return store.put(...given);
    });
    const serving = await serve({}, {}, slow);
    const kept = await openSocket(serving.port);
    kept.write(get("/healthz"));
    await receive(kept, /healthy/);
    const running = await openSocket(serving.port);
    running.write("PUT /kv/a HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\n\r\nx");
    running.write(get("/readyz"));
    while (!/in_flight 2/.test(await (await serving.request("/metrics")).text()));
    const keptClosed = once(kept, "close");
    const stopped = serving.server.stop();
    await keptClosed;
    await assert.rejects(openSocket(serving.port));
    const closed = once(running, "close");
    release();
    const answer = await receive(running, /\r\n\r\n/);
    assert.match(answer, /^HTTP\/1\.1 201 .*Connection: close/s);
    await Promise.all([closed, stopped]);
    assert.ok(await serving.store.get("a"));
    await serving.close();
  });

  it("cuts what takes too long", async () => {
    const stuck = await serve(
      { stopTimeoutMs: 50 },
      {},
      replacing("put", () => () => new Promise(() => {})),
    );
    const socket = await openSocket(stuck.port);
    socket.write("PUT /kv/a HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\n\r\nx");
    while (!/in_flight 2/.test(await (await stuck.request("/metrics")).text()));
    const closed = once(socket, "close");
    await stuck.server.stop();
    await closed;
    await stuck.close();
  });

  it("says so when it cannot listen, and stops all the same", async () => {
    const serving = await serve();
    const second = serve({ port: serving.port });
    await assert.rejects(second, { code: "EADDRINUSE" });
    await serving.close();
  });
});

describe("a connection", () => {
  /** How many listen for its end between two requests. */
  async function closeListeners(port: number): Promise<number> {
    const accepted = new Promise<Socket>((resolve) => {
      const onSocket = (message: unknown) => {
        const { socket } = message as { socket: Socket };
        if (socket.localPort !== port) return;
        unsubscribe("net.server.socket", onSocket);
        resolve(socket);
      };
      subscribe("net.server.socket", onSocket);
    });
    const client = await openSocket(port);
    client.write(get("/healthz"));
    await receive(client, /healthy/);
    const socket = await accepted;
    await new Promise((resolve) => setImmediate(resolve));
    const count = socket.listenerCount("close");
    client.destroy();
    return count;
  }

  it("has no listener for its end that Node's own server has not: see SlowReaders.add", async (context) => {
    const plain = createServer((_, response) => response.end("healthy")).listen(0, "127.0.0.1");
    context.after(() => plain.close());
    await once(plain, "listening");
    const serving = await serve();
    context.after(() => serving.close());
    const usual = await closeListeners((plain.address() as AddressInfo).port);
    assert.equal(await closeListeners(serving.port), usual);
  });
});
