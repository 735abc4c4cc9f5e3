import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, it } from "node:test";
import { kvasir, type Server, spawnKvasir, startServer, temporaryFolder } from "./kvasir.ts";

const folder = temporaryFolder();
const cwd = folder.path;
let server: Server;
before(async () => {
  server = await startServer(cwd);
});
after(async () => {
  await server.stop();
  await folder.remove();
});

const quick = ["--seconds", "1", "--connections", "4", "--keys", "20"];

interface Summary {
  readonly deleted: number;
  readonly results: readonly {
    readonly mode: string;
    readonly requests: number;
    readonly requestsPerSecond: number;
    readonly p50Ms: number;
    readonly p99Ms: number;
    readonly errors: number;
    readonly firstError?: string;
  }[];
}

async function keysIn(prefix: string): Promise<number> {
  const response = await fetch(`${server.url}/kv?prefix=${prefix}`, { headers: { Accept: "application/json" } });
  return ((await response.json()) as { keys: unknown[] }).keys.length;
}

/** A server that answers as told, after it said that it has no keys. */
async function pretending(listener: RequestListener, work: (url: string) => Promise<void>): Promise<void> {
  let deletions = 0;
  const other = createServer((request, response) => {
    if (request.method === "DELETE" && ++deletions === 1) {
      // One page of them, then a partition was away for a moment.
      return void response.writeHead(503, { "Content-Type": "application/problem+json" }).end('{"deleted":17}');
    }
    if (request.method === "GET" && request.url!.startsWith("/kv?")) return void response.end('{"keys":[]}');
    if (request.method === "DELETE") return void response.end('{"deleted":3}');
    request.resume().on("end", () => listener(request, response));
  }).listen(0, "127.0.0.1");
  await once(other, "listening");
  try {
    await work(`http://127.0.0.1:${(other.address() as AddressInfo).port}`);
  } finally {
    other.closeAllConnections();
    other.close();
  }
}

describe("kvasir bench", () => {
  it("measures GET, PUT and both, and leaves nothing behind but what was there", async () => {
    await fetch(`${server.url}/kv/bench/mine`, { method: "PUT", body: "kept" });
    const { code, stdout, stderr } = await kvasir(["bench", server.url, ...quick, "--json"], { cwd });
    assert.equal(code, 0, stderr);
    const { deleted, results } = JSON.parse(stdout) as Summary;
    assert.deepEqual(
      results.map(({ mode, errors }) => [mode, errors]),
      [
        ["get", 0],
        ["put", 0],
        ["mixed", 0],
      ],
    );
    for (const { requests, requestsPerSecond, p50Ms, p99Ms } of results) {
      assert.ok(requests > 0 && requestsPerSecond > 0 && p50Ms > 0 && p99Ms >= p50Ms);
    }
    assert.equal(deleted, 20);
    assert.equal(await keysIn(""), 1);
    assert.equal(await (await fetch(`${server.url}/kv/bench/mine`)).text(), "kept");
  });

  it("prints a table, and takes the server from KVASIR_URL", async () => {
    const args = ["bench", ...quick, "--mode", "mixed", "--writes", "30", "--size", "1KiB"];
    const { code, stdout, stderr } = await kvasir(args, { cwd, env: { KVASIR_URL: server.url } });
    assert.equal(code, 0, stderr);
    const [about, head, row, end] = stdout.split("\n");
    assert.equal(about, `${server.url}: 4 connections, 20 keys of 1024 bytes, 1 s each`);
    assert.match(head!, /^ +requests\/s +p50 ms +p99 ms +errors$/);
    assert.match(row!, /^mixed, 30 % PUT +\d+ +\d+\.\d\d +\d+\.\d\d +0$/);
    assert.equal(end, "");
  });

  it("writes only below its prefix", async () => {
    const paths = new Set<string>();
    const listener: RequestListener = (request, response) => {
      if (request.method === "PUT") paths.add(decodeURIComponent(request.url!).replace(/[^/]*$/, ""));
      response.end("value");
    };
    await pretending(listener, async (url) => {
      const { code, stderr } = await kvasir(["bench", url, ...quick, "--mode", "put", "--prefix", "a b/%"], { cwd });
      assert.equal(code, 0, stderr);
    });
    assert.equal(paths.size, 1);
    assert.match([...paths][0]!, /^\/kv\/a b\/%[0-9a-f-]{36}\/$/);
  });

  it("deletes its keys when it is interrupted, and says that it is not done", async () => {
    const child = spawnKvasir(["bench", server.url, "--seconds", "600", "--prefix", "interrupted/"], { cwd });
    child.stdin!.end();
    child.stdout!.resume();
    child.stderr!.resume();
    while ((await keysIn("interrupted/")) === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    child.kill("SIGINT");
    const [code] = await once(child, "exit");
    assert.equal(code, 1);
    assert.equal(await keysIn("interrupted/"), 0);
  });

  it("counts errors and shows the first, with exit code 1", async () => {
    const listener: RequestListener = (request, response) => {
      if (request.method === "PUT") return void response.writeHead(204).end();
      response.writeHead(503, { "Content-Type": "application/problem+json" });
      response.end('{"status":503,"code":"no_replica"}');
    };
    await pretending(listener, async (url) => {
      const { code, stdout } = await kvasir(["bench", url, ...quick, "--mode", "get", "--json"], { cwd });
      assert.equal(code, 1);
      const { deleted, results } = JSON.parse(stdout) as Summary;
      assert.equal(deleted, 20, "deleting goes on after a 503");
      const [result] = results;
      assert.equal(result!.requests, 0);
      assert.ok(result!.errors >= 100 && result!.errors < 110, "it goes on after a hundred in a row");
      assert.equal(result!.firstError, "GET answered 503 no_replica");
    });
  });

  it("ends when its keys cannot be stored", async () => {
    await pretending(
      (_request, response) => void response.writeHead(507).end(),
      async (url) => {
        const { code, stdout, stderr } = await kvasir(["bench", url, ...quick], { cwd });
        assert.deepEqual([code, stdout, stderr], [1, "", "kvasir: bench: PUT answered 507\n"]);
      },
    );
  });

  it("says when nothing answers, or something else does", async () => {
    const { code, stderr } = await kvasir(["bench", "http://127.0.0.1:9"], { cwd });
    assert.equal(code, 1);
    assert.match(stderr, /^kvasir: http:\/\/127\.0\.0\.1:9 does not answer/);
    const other = createServer((_request, response) => response.writeHead(404).end("nothing")).listen(0, "127.0.0.1");
    await once(other, "listening");
    const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
    const elsewhere = await kvasir(["bench", url], { cwd });
    other.close();
    assert.equal(elsewhere.code, 1);
    assert.match(elsewhere.stderr, /is it a Kvasir server\?/);
  });

  it("refuses wrong flags with exit code 2", async () => {
    for (const [args, expected] of [
      [["nowhere"], /URL: expected http:\/\/HOST:PORT, got "nowhere"/],
      [["--mode", "delete"], /--mode: expected "get" or "put" or "mixed" or "all", got "delete"/],
      [["--connections", "0"], /--connections: expected a whole number from 1 to 10000, got "0"/],
      [["--writes", "101"], /--writes: expected a whole number from 0 to 100/],
      [["--size", "12 bananas"], /--size: expected a size/],
      [["--prefix", ""], /--prefix: expected a text/],
      [["--prefix", "x".repeat(901)], /--prefix: expected at most 900 bytes/],
    ] as const) {
      const { code, stdout, stderr } = await kvasir(["bench", ...args], { cwd });
      assert.deepEqual([code, stdout], [2, ""]);
      assert.match(stderr, expected);
    }
  });

  it("has examples in its help", async () => {
    const { code, stdout } = await kvasir(["bench", "--help"], { cwd });
    assert.equal(code, 0);
    assert.match(stdout, /Examples:\n +kvasir bench\n/);
  });
});
