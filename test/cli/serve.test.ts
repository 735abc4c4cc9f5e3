import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { get } from "node:http";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { json } from "node:stream/consumers";
import { after, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { kvasir, type Server, startServer, temporaryFolder } from "./kvasir.ts";

const folder = temporaryFolder();
const cwd = folder.path;
after(() => folder.remove());

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(20);
}

/** The process that answers a connection of its own, `undefined` when it dies meanwhile. */
async function writerOf(server: Server): Promise<string | undefined> {
  try {
    // A connection that the primary hands to a worker in the moment of its death is never answered.
    const signal = AbortSignal.timeout(2000);
    const [response] = await once(get(`${server.url}/status?format=json`, { agent: false, signal }), "response");
    return ((await json(response)) as { writer: string }).writer;
  } catch {
    return undefined;
  }
}

async function openSocket(server: Server): Promise<Socket> {
  const socket = connect({ port: Number(new URL(server.url).port), host: "127.0.0.1" });
  await once(socket, "connect");
  return socket;
}

async function isListening(server: Server): Promise<boolean> {
  try {
    (await openSocket(server)).destroy();
    return true;
  } catch {
    return false;
  }
}

describe("kvasir serve", () => {
  it("keeps its data in ./data, and has it again after a restart", async () => {
    const first = await startServer(cwd, ["--partitions", "2"]);
    await fetch(`${first.url}/kv/kept`, { method: "PUT", body: "value" });
    assert.equal(await first.stop(), 0);
    for (const number of [1, 2]) assert.ok(existsSync(join(cwd, `data/test_partition-${number}.db`)));
    const second = await startServer(cwd, ["--partitions", "2"]);
    assert.equal(await (await fetch(`${second.url}/kv/kept`)).text(), "value");
    assert.equal(await second.stop("SIGINT"), 0);
  });

  it("finishes a running request before it stops", async () => {
    const server = await startServer(cwd, ["--data", "stop"]);
    const socket = await openSocket(server);
    socket.setEncoding("utf8");
    socket.write("PUT /kv/slow HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
    const [interim] = await once(socket, "data");
    assert.match(interim, /^HTTP\/1\.1 100 /);
    const exited = server.stop("SIGTERM");
    await until(async () => !(await isListening(server)));
    socket.write("done");
    const [answer] = await once(socket, "data");
    assert.match(answer, /^HTTP\/1\.1 201 /);
    socket.end();
    assert.equal(await exited, 0);

    const again = await startServer(cwd, ["--data", "stop"]);
    assert.equal(await (await fetch(`${again.url}/kv/slow`)).text(), "done");
    await again.stop();
  });

  it("exits at once at the second signal", async () => {
    const server = await startServer(cwd, ["--data", "twice", "--server-stop-timeout", "10m"]);
    const socket = await openSocket(server);
    socket.on("error", () => {});
    socket.write("PUT /kv/never HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
    await once(socket, "data");
    server.child.kill("SIGTERM");
    await until(async () => !(await isListening(server)));
    assert.equal(await server.stop("SIGTERM"), 1);
    socket.destroy();
  });

  it("logs JSON lines to stderr and prints nothing else there", async () => {
    const server = await startServer(cwd, ["--data", "lines"]);
    await server.stop();
    for (const line of server.log().trim().split("\n")) assert.doesNotThrow(() => JSON.parse(line), line);
  });
});

const noProc = process.platform === "linux" ? false : "workers are found in /proc";

describe("kvasir serve --workers 2", { skip: noProc }, () => {
  it("shares the port, replaces a worker that is killed, and stops them all", async () => {
    const server = await startServer(cwd, ["--data", "workers", "--workers", "2"]);
    const writers = new Set<string>();
    const seen = async () => {
      const writer = await writerOf(server);
      return writer === undefined ? writers.size : writers.add(writer).size;
    };
    await until(async () => (await seen()) >= 2);
    const [victim] = workersOf(server);
    process.kill(victim!, "SIGKILL");
    await until(async () => (await seen()) >= 3 && workersOf(server).length === 2);
    assert.ok(!workersOf(server).includes(victim!));
    assert.match(server.log(), /a worker died; another one starts/);

    await fetch(`${server.url}/kv/shared`, { method: "PUT", body: "1" });
    for (let count = 0; count < 4; count++) {
      const { stdout } = await kvasir(["get", "shared", "--url", server.url], { cwd });
      assert.equal(stdout, "1");
    }
    const before = workersOf(server);
    assert.equal(await server.stop(), 0);
    for (const pid of before) assert.ok(!existsSync(`/proc/${pid}`));
  });
});

/** The processes that `server` started. */
function workersOf(server: Server): number[] {
  const { pid } = server.child;
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
  return children.trim().split(/\s+/).filter(Boolean).map(Number);
}
