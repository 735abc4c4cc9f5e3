import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, before, describe, it, type TestContext } from "node:test";
import { cpuSeconds, type Served, startPrinting } from "../../bench/processes.ts";
import { LoadClient } from "../../src/cli/bench/load-client.ts";
import { type Server, startServer, temporaryFolder } from "../cli/kvasir.ts";

/**
 * What a request costs, as a multiple of what the bare server of bench/bare.ts takes for it on the same machine in the
 * same moments. CPU time and not the clock, and in turns, so that neither a slow nor a busy machine changes much.
 */
const bounds = { GET: 2.2, PUT: 4.5 } as const;

const connections = 64;
const keys = 500;
const requestsAtOnce = 1500;
const turns = 4;
const skip = existsSync("/proc/self/stat") ? false : "CPU time is read from /proc, which this system does not have";

describe("what Kvasir on SQLite costs", { skip }, () => {
  const folder = temporaryFolder();
  let server: Server;
  let bare: Served;
  before(async () => {
    server = await startServer(folder.path);
    bare = await startPrinting(
      process.execPath,
      [new URL("../../bench/bare.ts", import.meta.url).pathname],
      folder.path,
    );
  });
  after(async () => {
    await server.stop();
    await bare.stop();
    await folder.remove();
  });

  // PUT comes first, so that GET finds what it stored.
  for (const method of ["PUT", "GET"] as const) {
    it(`is at most ${bounds[method]} times the CPU time of the bare server for a ${method}`, async (test) => {
      const ours = { url: server.url, pid: server.child.pid! };
      for (const { url } of [ours, bare]) await request(method, url);
      const spent = { ours: 0, bare: 0 };
      for (let turn = 0; turn < turns; turn++) {
        spent.ours += await cpuOf(ours, () => request(method, ours.url));
        spent.bare += await cpuOf(bare, () => request(method, bare.url));
      }
      report(test, method, spent);
      assert.ok(spent.bare > 0.05, "too little CPU time to compare");
      assert.ok(spent.ours / spent.bare <= bounds[method], `${(spent.ours / spent.bare).toFixed(2)} times`);
    });
  }
});

async function cpuOf({ pid }: { readonly pid: number }, work: () => Promise<void>): Promise<number> {
  const before = cpuSeconds([pid]);
  await work();
  return cpuSeconds([pid]) - before;
}

/** Some requests, each of which must succeed. */
async function request(method: "GET" | "PUT", url: string): Promise<void> {
  const client = new LoadClient(url, connections);
  const body = method === "PUT" ? Buffer.alloc(128, "x") : undefined;
  let next = 0;
  const caller = async () => {
    while (next < requestsAtOnce) {
      const { status } = await client.request(
        method,
        `/kv/cost/${next++ % keys}`,
        { "Content-Type": "text/plain" },
        body,
      );
      assert.ok(status >= 200 && status < 300, `${method} answered ${status}`);
    }
  };
  await Promise.all(Array.from({ length: connections }, caller));
  client.close();
}

function report(test: TestContext, method: string, spent: { readonly ours: number; readonly bare: number }): void {
  const micros = (seconds: number) => ((seconds / (requestsAtOnce * turns)) * 1e6).toFixed(0);
  const ratio = (spent.ours / spent.bare).toFixed(2);
  test.diagnostic(`${method}: ${micros(spent.ours)} µs of CPU, bare ${micros(spent.bare)} µs: ${ratio} times`);
}
