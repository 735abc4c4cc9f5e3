import assert from "node:assert/strict";
import { once } from "node:events";
import type { Socket } from "node:net";
import { after, before, describe, it } from "node:test";
import { exchange, openSocket, receive, type Serving, serve } from "../http/serving.ts";

const host = "Host: localhost\r\n";

/** Sends a byte now and then until the server has had enough, and gives what it said. */
async function drip(port: number, start: string, byte: string, everyMs: number): Promise<string> {
  const socket = await openSocket(port);
  const timer = setInterval(() => socket.write(byte), everyMs);
  let received = "";
  socket.setEncoding("latin1").on("data", (chunk: string) => {
    received += chunk;
  });
  socket.write(start);
  await once(socket, "close");
  clearInterval(timer);
  return received;
}

describe("slow and many clients", () => {
  let serving: Serving;
  before(async () => {
    serving = await serve({ bodyRateMin: 100_000, headersTimeoutMs: 1000 });
  });
  after(() => serving.close());

  it("that send their header fields a byte at a time are cut off", async () => {
    const answer = await drip(serving.port, `GET /kv/a HTTP/1.1\r\n${host}X: `, "x", 50);
    assert.match(answer, /^HTTP\/1\.1 408 /);
  });

  it("that send a body slower than the least rate are cut off, and others are not", async () => {
    const put = (fields: string) => `PUT /kv/slow HTTP/1.1\r\n${host}${fields}\r\n`;
    const slow = [
      drip(serving.port, put("Content-Length: 1000000\r\n"), "x", 200),
      drip(serving.port, put("Transfer-Encoding: chunked\r\n"), "1\r\nx\r\n", 200),
      drip(serving.port, put("Content-Length: 1000000\r\nExpect: 100-continue\r\n"), "x", 200),
    ];
    const quick = await serving.request("/kv/quick", { method: "PUT", body: "x".repeat(2 ** 20) });
    assert.equal(quick.status, 201);
    for (const answer of await Promise.all(slow)) {
      assert.match(answer, /HTTP\/1\.1 408 .*arrived too slowly.*"request_timeout"/s);
    }
    assert.equal(await serving.store.get("slow"), undefined);
  });

  it("with more connections than one address may have are closed, until one of theirs ends", async () => {
    const capped = await serve({ maxConnectionsPerAddress: 3 });
    try {
      const kept: Socket[] = [];
      for (let number = 0; number < 3; number++) {
        const socket = await openSocket(capped.port);
        socket.write(`GET /healthz HTTP/1.1\r\n${host}\r\n`);
        await receive(socket, /healthy/);
        kept.push(socket);
      }
      const get = `GET /healthz HTTP/1.1\r\n${host}Connection: close\r\n\r\n`;
      assert.equal(await exchange(capped.port, get), "");
      kept[0]!.destroy();
      let answer = "";
      while (answer === "") answer = await exchange(capped.port, get);
      assert.match(answer, /healthy/);
      for (const socket of kept) socket.destroy();
    } finally {
      await capped.close();
    }
  });

  it("with more connections than there may be in all are closed", async () => {
    const capped = await serve({ maxConnections: 2 });
    try {
      const kept = [await openSocket(capped.port), await openSocket(capped.port)];
      assert.equal(await exchange(capped.port, `GET /healthz HTTP/1.1\r\n${host}\r\n`), "");
      for (const socket of kept) socket.destroy();
    } finally {
      await capped.close();
    }
  });
});
