import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, describe, it } from "node:test";
import { exchange, openSocket, problem, put, receive, type Serving, serve } from "./serving.ts";

const head = (key: string, fields: string) => `PUT /kv/${key} HTTP/1.1\r\nHost: 127.0.0.1\r\n${fields}\r\n\r\n`;

describe("a request body", () => {
  let serving: Serving;
  before(async () => {
    serving = await serve({ valueBytesMax: 1000, bodyBudgetBytes: 1500 });
  });
  after(() => serving.close());

  const isStored = async (key: string) => (await serving.request(`/kv/${key}`)).status === 200;

  it("may be as large as allowed, and no larger", async () => {
    assert.equal((await put(serving, "full", "x".repeat(1000))).status, 201);
    const larger = await put(serving, "larger", "x".repeat(1001));
    assert.deepEqual([larger.status, (await problem(larger)).code], [413, "value_too_large"]);
    assert.equal(await isStored("larger"), false);
  });

  it("that announces too much is refused before it is sent, and the connection closes", async () => {
    const answer = await exchange(serving.port, head("announced", "Content-Length: 1001"));
    assert.match(answer, /^HTTP\/1\.1 413 .*Connection: close.*"value_too_large"/s);
  });

  it("that grows too large is refused while it is being sent", async () => {
    const socket = await openSocket(serving.port);
    socket.write(head("growing", "Transfer-Encoding: chunked"));
    const answered = receive(socket, /\}$/);
    socket.write(`3e8\r\n${"x".repeat(1000)}\r\n1\r\ny\r\n`);
    assert.match(await answered, /^HTTP\/1\.1 413 .*1000 bytes/s);
    socket.end("0\r\n\r\n");
    await once(socket, "close");
    assert.equal(await isStored("growing"), false);
  });

  it("is asked for with 100 Continue when nothing speaks against it", async () => {
    const socket = await openSocket(serving.port);
    socket.write(head("expected", "Content-Length: 5\r\nExpect: 100-continue"));
    assert.match(await receive(socket, /\r\n\r\n/), /^HTTP\/1\.1 100 /);
    socket.write("hello");
    assert.match(await receive(socket, /\r\n\r\n/), /^HTTP\/1\.1 201 /);
    socket.destroy();
    assert.equal(await (await serving.request("/kv/expected")).text(), "hello");
  });

  for (const [name, field, status] of [
    ["is too large", "Content-Length: 1001", 413],
    ["is compressed", "Content-Length: 5\r\nContent-Encoding: gzip", 415],
    ["comes with a bad header", "Content-Length: 5\r\nX-TTL: never", 400],
  ] as const) {
    it(`is not asked for when it ${name}`, async () => {
      const answer = await exchange(serving.port, head("expected-not", `${field}\r\nExpect: 100-continue`));
      assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `));
      assert.doesNotMatch(answer, / 100 /);
    });
  }

  it("that ends too early is answered with 400 and never stored", async () => {
    const answer = await exchange(serving.port, `${head("truncated", "Content-Length: 10")}only`, true);
    assert.match(answer, /^HTTP\/1\.1 400 .*application\/problem\+json.*"invalid_body"/s);
    assert.equal(await isStored("truncated"), false);
  });

  it("with broken chunks is answered with 400 and never stored", async () => {
    const answer = await exchange(serving.port, `${head("chunks", "Transfer-Encoding: chunked")}3\r\nabc\r\nzz\r\n`);
    assert.match(answer, /^HTTP\/1\.1 400 .*application\/problem\+json/s);
    assert.equal(await isStored("chunks"), false);
  });

  it("shares a budget with the others, which those that break off give back", async () => {
    const first = await openSocket(serving.port);
    first.write(`${head("first", "Content-Length: 1000\r\nExpect: 100-continue")}`);
    await receive(first, / 100 /);
    first.write("x".repeat(900));
    // Only what has arrived counts, so that it has to be waited for.
    let refused: Response | undefined;
    while (refused === undefined) {
      const response = await put(serving, "second", "x".repeat(700));
      if (!response.ok) refused = response;
    }
    assert.deepEqual([refused.status, (await problem(refused)).code], [503, "overloaded"]);
    assert.equal((await put(serving, "small", "x".repeat(500))).ok, true);
    first.destroy();
    while (!(await put(serving, "second", "x".repeat(1000))).ok);
    assert.equal(await isStored("first"), false);
  });

  it("that was refused unread, but had arrived, leaves the connection usable", async () => {
    const socket = await openSocket(serving.port);
    socket.write(`${head("kept", "Content-Length: 5\r\nX-TTL: never")}hello`);
    assert.match(await receive(socket, /\}$/), /^HTTP\/1\.1 400 /);
    socket.write("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    assert.match(await receive(socket, /healthy/), /^HTTP\/1\.1 200 /);
    socket.destroy();
  });

  it("of 8 MiB is taken by default", async () => {
    const usual = await serve();
    try {
      const value = new Uint8Array(8 * 2 ** 20 + 1).fill(1);
      assert.equal((await put(usual, "big", value.subarray(1))).status, 201);
      const found = await usual.request("/kv/big");
      assert.equal((await found.arrayBuffer()).byteLength, 8 * 2 ** 20);
      assert.equal((await put(usual, "big", value)).status, 413);
    } finally {
      await usual.close();
    }
  });
});
