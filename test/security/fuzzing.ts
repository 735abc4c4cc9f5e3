import { connect } from "node:net";
import fc from "fast-check";

const connectionsAtOnce = 20;
/** One of `server.cors_origins` of the server that is fuzzed. */
export const fuzzedOrigin = "https://app.example";

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
    arbitrary: fc.constantFrom(
      "Access-Control-Request-Method",
      "Kvasir-Clock",
      "Kvasir-Meta-A",
      "X-TTL",
      "Idempotency-Key",
      "Authorization",
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom("Host", "Content-Length", "Transfer-Encoding", "Connection", "Expect", "Origin"),
  },
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
    fuzzedOrigin,
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

export interface Fuzzed {
  readonly sent: number;
  /** How often each status was answered. */
  readonly statuses: ReadonlyMap<string, number>;
  /** Requests that were answered with a fault of the server. */
  readonly faults: readonly string[];
}

/** Sends `count` requests that follow from `seed`, or as many as it can until `deadline` (of `performance.now`). */
export async function fuzz(port: number, seed: number, count: number, deadline: number): Promise<Fuzzed> {
  const inputs = fc.sample(sending, { seed, numRuns: count });
  const statuses = new Map<string, number>();
  const faults: string[] = [];
  let sent = 0;
  const worker = async () => {
    for (let input = inputs.pop(); input !== undefined && performance.now() < deadline; input = inputs.pop()) {
      const number = ++sent;
      const answer = await send(port, input);
      for (const [, status] of answer.matchAll(/^HTTP\/1\.1 ([0-9]{3})/gm)) {
        statuses.set(status!, (statuses.get(status!) ?? 0) + 1);
        const isFault = status!.startsWith("5") && status !== "501";
        if (isFault) faults.push(`request ${number}: ${status} to ${JSON.stringify(input.text.slice(0, 500))}`);
      }
    }
  };
  await Promise.all(Array.from({ length: connectionsAtOnce }, worker));
  return { sent, statuses, faults };
}
