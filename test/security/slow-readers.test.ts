import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { after, before, describe, it } from "node:test";
import { SlowReaders } from "../../src/http/slow-readers.ts";
import { openSocket, put, type Serving, serve } from "../http/serving.ts";
import { eventually } from "../support/memory-store.ts";

const large = 8 * 2 ** 20;

describe("clients that do not read their answers", () => {
  let serving: Serving;
  before(async () => {
    serving = await serve({ answerTimeoutMs: 500, answerBudgetBytes: 4 * large });
    for (const number of [1, 2, 3, 4])
      assert.equal((await put(serving, `large/${number}`, "x".repeat(large))).status, 201);
    assert.equal((await put(serving, "small", "x".repeat(16_000))).status, 201);
  });
  after(() => serving.close());

  const metric = async (name: string) => {
    const text = await (await serving.request("/metrics")).text();
    return Number(new RegExp(`^${name} ([0-9]+)$`, "m").exec(text)![1]);
  };
  const connections = () => metric("kvasir_http_connections");

  /** Sends `requests` on so many connections and reads nothing, until the server has had enough of all of them. */
  const leave = async (clients: number, requests: string) => {
    const sockets: Socket[] = [];
    const before = await connections();
    for (let count = 0; count < clients; count++) {
      const socket = await openSocket(serving.port);
      socket.pause();
      socket.write(requests);
      sockets.push(socket);
    }
    // Somebody who reads is served meanwhile, though it may take a few attempts.
    await eventually(async () => (await (await serving.request("/kv/large/1")).text()).length === large);
    await eventually(async () => (await connections()) <= before);
    for (const socket of sockets) socket.destroy();
  };
  const get = (path: string, fields = "") => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${fields}\r\n`;
  // Those that get 503 instead are done with it.
  const last = "Connection: close\r\n";

  it("are cut off, whether they asked for large values", () => leave(6, get("/kv/large/1", last)));

  it("or for a stream of a whole list", () =>
    leave(3, get("/kv?values&prefix=large/", `Accept: application/x-ndjson\r\n${last}`)));

  it("or for a document of a large value", () => leave(3, get("/kv/large/1?format=json", last)));

  it("or for many small ones on one connection", () => leave(6, get("/kv/small").repeat(800)));

  it("and nothing of it stays under way, or is a fault", async () => {
    await eventually(async () => (await metric("kvasir_http_requests_in_flight")) === 1);
    assert.deepEqual(
      serving.log.filter(({ level }) => level >= 50),
      [],
    );
  });
});

describe("slow readers", () => {
  let now = 0;
  let server: Server;
  const pairs: { client: Socket; socket: Socket }[] = [];
  const limits = { answerBudgetBytes: 100 * 2 ** 20, answerTimeoutMs: 10_000 };

  before(async () => {
    server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
  });
  after(() => {
    for (const { client, socket } of pairs) {
      client.destroy();
      socket.destroy();
    }
    server.close();
  });

  /** A connection with more to send than the system takes. */
  async function stalled(): Promise<Socket> {
    const accepted = once(server, "connection");
    const client = connect({ port: (server.address() as AddressInfo).port, host: "127.0.0.1" });
    client.on("error", () => {}).pause();
    const [socket] = (await accepted) as [Socket];
    socket.on("error", () => {});
    socket.write(Buffer.alloc(32 * 2 ** 20));
    pairs.push({ client, socket });
    return socket;
  }

  it("have until the time-out to take the next part, and each part gives them as much again", async () => {
    const socket = await stalled();
    const patient = new SlowReaders(limits, () => now);
    patient.add(socket);
    patient.look();
    now += 9999;
    patient.look();
    socket.write("more of it");
    const { client } = pairs.at(-1)!;
    client.resume();
    await eventually(() => socket.writableLength === 0);
    client.pause();
    socket.write(Buffer.alloc(32 * 2 ** 20));
    patient.look();
    now += 9999;
    patient.look();
    assert.ok(!socket.destroyed);
    now += 1;
    patient.look();
    assert.ok(socket.destroyed);
  });

  it("make room for others once they have taken nothing for a while, the slowest first", async () => {
    const [first, second] = [await stalled(), await stalled()];
    const roomy = new SlowReaders(limits, () => now);
    roomy.add(first);
    roomy.add(second);
    roomy.hold(first, 60 * 2 ** 20);
    roomy.look();
    assert.throws(() => roomy.hold(second, 60 * 2 ** 20), { code: "overloaded" });
    now += 2000;
    roomy.hold(second, 60 * 2 ** 20);
    assert.deepEqual([first.destroyed, second.destroyed], [true, false]);
    roomy.release(first, 60 * 2 ** 20);
    roomy.release(second, 60 * 2 ** 20);
    roomy.hold(second, 1000 * 2 ** 20);
  });
});
