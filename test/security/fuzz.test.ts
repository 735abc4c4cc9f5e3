import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, describe, it } from "node:test";
import fc from "fast-check";
import { type Serving, serve } from "../http/serving.ts";

const requestsMax = 20_000;
/** Of wall time, after which the rest is left out: the machine may be slow, and no time is asserted. */
const timeMaxMs = 30_000;
const connectionsAtOnce = 20;
const seed = Number(process.env.SEED ?? 20_260_101);

/** `usual`, and now and then something else. */
const mostly = (usual: string, ...others: string[]) =>
  fc.oneof({ weight: 40, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: fc.constantFrom(...others) });
const version = mostly("HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "HTTP/1", "");
const token = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom("GET", "GET", "PUT", "POST", "PATCH", "DELETE", "HEAD", "OPTIONS") },
  { weight: 1, arbitrary: fc.constantFrom("TRACE", "CONNECT", "get", "X", "") },
);
const path = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom("/kv/a", "/kv/a", "/kv", "/kv?key=a", "/batch", "/status", "/replicas/a") },
  {
    weight: 2,
    arbitrary: fc.constantFrom("/metrics", "/readyz", "http://localhost/kv/a", "/kv/b?ttl=1ms", "*", "/", "//"),
  },
  { weight: 1, arbitrary: fc.constantFrom("http://[::1/kv", "/kv/%ff", "/kv/%00", "/kv?prefix=%", "/kv?cursor=MQ") },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 20 }).map((text) => `/kv/${text}`) },
  { weight: 1, arbitrary: fc.stringMatching(/^\/[!-~]{0,30}$/) },
);
const name = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom("Range", "If-Match", "If-None-Match", "Accept", "Content-Type", "Prefer") },
  {
    weight: 4,
    arbitrary: fc.constantFrom("Kvasir-Clock", "Kvasir-Meta-A", "X-TTL", "Idempotency-Key", "Authorization"),
  },
  { weight: 1, arbitrary: fc.constantFrom("Host", "Content-Length", "Transfer-Encoding", "Connection", "Expect") },
  { weight: 1, arbitrary: fc.stringMatching(/^[!-~]{0,10}$/) },
);
const value = fc.oneof(
  fc.constantFrom(
    "localhost",
    "0",
    "1",
    "5",
    "-1",
    "chunked",
    "close",
    "keep-alive",
    "100-continue",
    "*",
    '"a"',
    "a,b",
  ),
  fc.constantFrom(
    "application/json",
    "application/merge-patch+json",
    "text/*;q=0",
    "bytes=0-",
    "bytes=-1,5-",
    "wait=1",
  ),
  mostly("a", "x".repeat(17_000), "\0", "é"),
  fc.stringMatching(/^[ -~]{0,30}$/),
);
const body = fc.oneof(
  fc.constantFrom(
    "",
    "hello",
    "5\r\nhello\r\n0\r\n\r\n",
    "{}",
    '[{"op":"get","key":"a"}]',
    '{"key":"b","value":1}',
    "\0\xff",
  ),
  fc.string({ unit: "binary-ascii", maxLength: 50 }),
  fc.json({ maxDepth: 3 }),
);
const lineEnd = mostly("\r\n", "\n", "\r", "", "\r\n ");
const field = fc.tuple(name, mostly(": ", ":", " : ", ""), value, lineEnd).map((parts) => parts.join(""));
const host = mostly("Host: localhost\r\n", "", "Host: localhost\r\nHost: localhost\r\n", "Host: a b\r\n");
const framing = mostly("length", "", "both", "chunks", "chunks", "chunks", "chunks");
const request = fc
  .tuple(token, path, version, lineEnd, host, fc.array(field, { maxLength: 3 }), framing, body)
  .map(([method, target, protocol, end, host, fields, framing, rest]) => {
    const length = `Content-Length: ${Buffer.byteLength(rest, "latin1")}\r\n`;
    const chunks = "Transfer-Encoding: chunked\r\n";
    const frame = { "": "", length, chunks, both: length + chunks }[framing]!;
    const sent = framing === "chunks" ? `${rest.length.toString(16)}\r\n${rest}\r\n0\r\n\r\n` : rest;
    return `${method} ${target} ${protocol}${end}${host}${fields.join("")}${frame}${end}${sent}`;
  });
const noise = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString("latin1"));
const sending = fc.record({
  text: fc.oneof({ weight: 9, arbitrary: request }, { weight: 1, arbitrary: noise }),
  cut: fc.nat({ max: 200 }),
  isReset: fc.boolean(),
});

/** Sends the bytes, in two parts, and gives what comes back until either side ends. */
function send(port: number, { text, cut, isReset }: { text: string; cut: number; isReset: boolean }): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    let received = "";
    socket.setEncoding("latin1").on("data", (chunk: string) => {
      received += chunk;
    });
    socket.on("error", () => {}).once("close", () => resolve(received));
    const bytes = Buffer.from(text, "latin1");
    socket.write(bytes.subarray(0, cut));
    if (isReset && cut % 8 === 0) setImmediate(() => socket.resetAndDestroy());
    else socket.end(bytes.subarray(cut));
  });
}

describe("a server that is sent anything at all", () => {
  let serving: Serving;
  const faults: unknown[] = [];
  const onFault = (error: unknown) => void faults.push(error);
  before(async () => {
    process.on("uncaughtExceptionMonitor", onFault).on("unhandledRejection", onFault);
    serving = await serve({ headersTimeoutMs: 500, requestTimeoutMs: 1000 });
  });
  after(async () => {
    process.off("uncaughtExceptionMonitor", onFault).off("unhandledRejection", onFault);
    await serving.close();
  });

  it("answers none of it with a fault of its own, and goes on", async (context) => {
    const inputs = fc.sample(sending, { seed, numRuns: requestsMax });
    const deadline = performance.now() + timeMaxMs;
    const statuses = new Map<string, number>();
    let sent = 0;
    const worker = async () => {
      for (let input = inputs.pop(); input !== undefined && performance.now() < deadline; input = inputs.pop()) {
        sent++;
        const answer = await send(serving.port, input);
        for (const [, status] of answer.matchAll(/^HTTP\/1\.1 ([0-9]{3})/gm)) {
          statuses.set(status!, (statuses.get(status!) ?? 0) + 1);
          const isFault = status!.startsWith("5") && status !== "501";
          assert.ok(
            !isFault,
            `SEED=${seed}, request ${sent}: ${status} to ${JSON.stringify(input.text.slice(0, 500))}`,
          );
        }
      }
    };
    await Promise.all(Array.from({ length: connectionsAtOnce }, worker));
    context.diagnostic(`seed ${seed}: ${sent} requests, ${JSON.stringify(Object.fromEntries([...statuses].sort()))}`);
    assert.deepEqual(faults, []);
    assert.deepEqual(
      serving.log.filter(({ level }) => level >= 50),
      [],
    );
    for (const expected of ["200", "201", "204", "400", "404"])
      assert.ok(statuses.has(expected), `no ${expected} among the answers`);
    assert.equal((await serving.request("/healthz")).status, 200);
    const metrics = async () => (await serving.request("/metrics")).text();
    while (!/^kvasir_http_requests_in_flight 1$/m.test(await metrics()));
  });
});
