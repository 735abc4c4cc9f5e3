import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { json } from "node:stream/consumers";
import { after, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Server, spawnKvasir, startServer, temporaryFolder } from "../cli/kvasir.ts";
import { freePort } from "../support/ports.ts";

const folder = temporaryFolder();
const cwd = folder.path;
after(() => folder.remove());

const faults = new URL("../support/planted-faults.ts", import.meta.url).href;
const atStart = join(cwd, "faults-at-start");
const env = { NODE_OPTIONS: `--import=${faults}`, FAULTS_AT_START: atStart };
const rejection = "SIGUSR2";
const exception = "SIGWINCH";

let stores = 0;
/** Nobody is cut off for being slow, however slow the machine is. */
const patient = ["--server-body-rate-min", "0"];
const start = (...args: string[]) => startServer(cwd, ["--data", `store-${stores++}`, ...patient, ...args], env);

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(20);
}

async function open({ url }: Server): Promise<Socket> {
  const socket = connect({ port: Number(new URL(url).port), host: "127.0.0.1" });
  socket.on("error", () => {}).setEncoding("utf8");
  await once(socket, "connect");
  return socket;
}

/** What comes next. */
async function answer(socket: Socket): Promise<string> {
  const cut = once(socket, "close").then(() => assert.fail("the connection was closed"));
  return ((await Promise.race([once(socket, "data"), cut])) as [string])[0];
}

/** A PUT that the server waits for. */
async function beginPut(server: Server): Promise<Socket> {
  const socket = await open(server);
  socket.write("PUT /kv/slow HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
  assert.match(await answer(socket), /^HTTP\/1\.1 100 /);
  return socket;
}

/** Waits until two workers answer. */
async function bothServe({ url }: Server): Promise<void> {
  const writers = new Set<string>();
  while (writers.size < 2) {
    const [response] = await once(get(`${url}/status?format=json`, { agent: false }), "response");
    writers.add(((await json(response)) as { writer: string }).writer);
    await sleep(20);
  }
}

/** What a balancer finds. */
async function isReady({ url }: Server): Promise<boolean> {
  // A connection that the primary hands to a worker in the moment of its death is never answered.
  const signal = AbortSignal.timeout(2000);
  return (await fetch(`${url}/readyz`, { signal }).catch(() => undefined))?.status === 200;
}

interface Line {
  readonly level: number;
  readonly msg: string;
  readonly restartDelayMs?: number;
  readonly err?: { readonly message: string };
}

function lines(server: Server): Line[] {
  return server
    .log()
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as Line);
}

const fatal = (server: Server) => lines(server).filter(({ level }) => level === 60);

describe("a server with a fault that nobody caught", () => {
  for (const [signal, message] of [
    [rejection, "a planted rejection"],
    [exception, "a planted exception"],
  ] as const) {
    it(`says so once, is not ready any more, finishes what is under way and exits with 1 (${message})`, async () => {
      const server = await start("--server-stop-delay", "10m", "--server-stop-timeout", "10m");
      const slow = await beginPut(server);
      assert.ok(await isReady(server));
      const exited = once(server.child, "exit");
      for (let fault = 0; fault < 3; fault++) server.child.kill(signal);
      await until(() => fatal(server).length > 0);
      await until(async () => !(await isReady(server)));
      server.child.kill(signal);
      slow.write("done");
      assert.match(await answer(slow), /^HTTP\/1\.1 201 /);
      slow.end();
      assert.deepEqual(await exited, [1, null]);
      assert.deepEqual(
        fatal(server).map(({ msg, err }) => [msg, err!.message]),
        [["an unexpected fault; the server stops", message]],
      );
    });
  }

  it("does not wait for ever for what does not end", async () => {
    const server = await start("--server-stop-timeout", "100ms");
    const slow = await beginPut(server);
    const [exited, closed] = [once(server.child, "exit"), once(slow, "close")];
    server.child.kill(rejection);
    assert.deepEqual(await exited, [1, null]);
    await closed;
  });
});

describe("a server that is told to stop", () => {
  it("says that it is not ready for server.stop_delay, answers everybody meanwhile, and ends at the second signal", async () => {
    const server = await start("--server-stop-delay", "10m");
    server.child.kill("SIGTERM");
    await until(async () => (await fetch(`${server.url}/readyz`)).status === 503);
    assert.equal((await fetch(`${server.url}/healthz`)).status, 200);
    assert.equal((await fetch(`${server.url}/kv/a`, { method: "PUT", body: "x" })).status, 201);
    assert.equal(await server.stop("SIGTERM"), 1);
  });

  it("ends at once while it still waits for its databases", async () => {
    const silent = createServer(() => {}).listen(0, "127.0.0.1");
    await once(silent, "listening");
    const { port } = silent.address() as { port: number };
    const url = `mysql://u@127.0.0.1:${port}/d`;
    const args = ["serve", "--port", "0", "--partition-1-url", url, "--timeouts-connect", "1m"];
    const child = spawnKvasir(args, { cwd, env });
    await once(silent, "connection");
    const exited = once(child, "exit");
    child.kill("SIGTERM");
    assert.deepEqual(await exited, [0, null]);
    silent.close();
  });
});

const noProc = process.platform === "linux" ? false : "workers are found in /proc";

describe("a server with several workers", { skip: noProc }, () => {
  it("replaces one that had a fault, once that one has finished what it was doing", async () => {
    // While there is no worker nobody holds the port, and the system would choose another one.
    const port = ["--port", String(await freePort())];
    const server = await start(
      "--workers",
      "2",
      ...port,
      "--server-stop-delay",
      "100ms",
      "--server-stop-timeout",
      "10m",
    );
    await bothServe(server);
    const before = workersOf(server);
    // The kernel or the primary decides who gets it, so that both have one.
    const slow = await Promise.all(before.map(() => beginPut(server)));
    for (const pid of before) process.kill(pid, exception);
    await until(() => fatal(server).length === 2);
    for (const socket of slow) {
      socket.write("done");
      assert.match(await answer(socket), /^HTTP\/1\.1 20[14] /);
      socket.end();
    }
    await until(() => workersOf(server).length === 2 && !workersOf(server).some((pid) => before.includes(pid)));
    await until(() => isReady(server));
    assert.equal(await server.stop(), 0);
    assert.equal(lines(server).filter(({ msg }) => msg === "a worker died; another one starts").length, 2);
  });

  it("ends with an error when its workers die before they listen, over and over, and none is left", async () => {
    const server = await start("--workers", "2");
    await bothServe(server);
    const exited = once(server.child, "exit");
    writeFileSync(atStart, "");
    try {
      const [first, second] = workersOf(server);
      process.kill(first!, "SIGKILL");
      await until(() => lines(server).length >= 3);
      await until(() => isReady(server));
      process.kill(second!, "SIGKILL");
      assert.deepEqual(await exited, [1, null]);
      const [end] = fatal(server);
      assert.match(end!.msg, /^[5-9] workers died before they listened, and none is left$/);
      const delays = lines(server).flatMap(({ restartDelayMs }) => restartDelayMs ?? []);
      const isGrowing = delays.every((delay, index) => index === 0 || delay >= delays[index - 1]!);
      assert.ok(isGrowing && delays.at(-1)! > delays[0]!, `it waits longer each time: ${delays.join(", ")} ms`);
    } finally {
      rmSync(atStart);
    }
  });

  it("lets its workers finish when it has a fault itself", async () => {
    const server = await start("--workers", "2", "--server-stop-timeout", "10m");
    await bothServe(server);
    const workers = workersOf(server);
    const slow = await beginPut(server);
    const exited = once(server.child, "exit");
    server.child.kill(rejection);
    await until(() => fatal(server).length === 1);
    slow.write("done");
    assert.match(await answer(slow), /^HTTP\/1\.1 201 /);
    slow.end();
    assert.deepEqual(await exited, [1, null]);
    for (const pid of workers) assert.ok(!existsSync(`/proc/${pid}`));
    assert.equal(fatal(server)[0]!.msg, "an unexpected fault; the workers stop");
  });

  it("kills a worker that hangs when it stops, and all of them at the second signal", async () => {
    const hung = await start("--workers", "2", "--server-stop-timeout", "0s");
    await bothServe(hung);
    const pids = workersOf(hung);
    process.kill(pids[0]!, "SIGSTOP");
    assert.equal(await hung.stop(), 1);
    for (const pid of pids) assert.ok(!existsSync(`/proc/${pid}`));

    const busy = await start("--workers", "2", "--server-stop-timeout", "10m");
    const slow = await beginPut(busy);
    busy.child.kill("SIGTERM");
    await until(() => lines(busy).some(({ msg }) => msg === "stopping"));
    assert.equal(await busy.stop("SIGTERM"), 1);
    slow.destroy();
  });
});

/** The processes that `server` started. */
function workersOf(server: Server): number[] {
  const { pid } = server.child;
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
  return children.trim().split(/\s+/).filter(Boolean).map(Number);
}
