import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { KvasirClient, type KvasirError } from "../../src/client/index.ts";
import { serve } from "../http/serving.ts";
import { SeededRandom } from "../support/seeded-random.ts";

interface Sent {
  readonly method: string;
  readonly id: string | null;
  readonly clock: string | null;
  readonly body: string;
}

type Step = Response | Error | ((init: RequestInit) => Promise<Response>);

/** A client whose requests are answered by `steps` in turn, and what it sent. */
function scripted(
  steps: readonly Step[],
  options: { retries?: number; timeoutMs?: number; idempotent?: boolean } = {},
) {
  const sent: Sent[] = [];
  const fetch = async (url: unknown, init: RequestInit = {}): Promise<Response> => {
    const request = new Request(String(url), init);
    const { method, headers } = request;
    const [id, clock] = [headers.get("idempotency-key"), headers.get("kvasir-clock")];
    const step = steps[sent.push({ method, id, clock, body: await request.text() }) - 1];
    assert.ok(step, "there was a request too many");
    if (step instanceof Error) throw step;
    return step instanceof Response ? step : step(init);
  };
  return {
    sent,
    kv: new KvasirClient({ url: "http://127.0.0.1:7070", fetch: fetch as typeof globalThis.fetch, ...options }),
  };
}

function refused(code: string, status = 503, headers: { readonly [name: string]: string } = {}): Response {
  return new Response(JSON.stringify({ code, status, detail: "as the test says" }), { status, headers });
}

function written(headers: { readonly [name: string]: string } = {}): Response {
  return new Response(null, { status: 204, headers: { "Kvasir-Version": "v", "Kvasir-Replicas": "1/3", ...headers } });
}

const lost = new TypeError("fetch failed", { cause: Object.assign(new Error("reset"), { code: "ECONNRESET" }) });
const found = () => new Response("value", { headers: { "Kvasir-Version": "v" } });

describe("repetition", () => {
  it("brings a read through lost connections and servers that are away", async () => {
    const { kv, sent } = scripted([lost, refused("no_replica"), refused("proxy", 502), found()]);
    assert.equal((await kv.get("k"))!.text(), "value");
    assert.equal(sent.length, 4);
    assert.ok(sent.every(({ id }) => id === null));
  });

  it("has a bound", async () => {
    const { kv, sent } = scripted([lost, lost, lost], { retries: 2 });
    await assert.rejects(kv.get("k"), { code: "network", status: 0, message: /ECONNRESET/, mayHaveApplied: false });
    assert.equal(sent.length, 3);
    const none = scripted([refused("overloaded")], { retries: 0 });
    await assert.rejects(none.kv.get("k"), { code: "overloaded", status: 503 });
  });

  it("of a write whose answer was lost has the same Idempotency-Key and body", async () => {
    const { kv, sent } = scripted([lost, refused("outcome_unknown", 504), written()]);
    assert.equal((await kv.put("k", "value")).version, "v");
    assert.equal(new Set(sent.map(({ id }) => id)).size, 1);
    assert.match(sent[0]!.id!, /^[0-9a-f]{32}$/);
    assert.deepEqual(new Set(sent.map(({ body }) => body)), new Set(["value"]));
  });

  it("draws another Idempotency-Key for each write, or takes the one that is given", async () => {
    const { kv, sent } = scripted([written(), written(), written()]);
    await kv.put("k", "value");
    await kv.delete("k");
    await kv.delete("k", { idempotencyKey: "mine" });
    assert.notEqual(sent[0]!.id, sent[1]!.id);
    assert.equal(sent[2]!.id, "mine");
  });

  it("without an Idempotency-Key is only of what was surely not done", async () => {
    for (const failure of [lost, refused("outcome_unknown", 504), new Response("bad gateway", { status: 502 })]) {
      const { kv, sent } = scripted([failure], { idempotent: false });
      await assert.rejects(kv.put("k", "value"), { mayHaveApplied: true });
      assert.equal(sent[0]!.id, null);
    }
    const { kv, sent } = scripted([refused("overloaded"), written()], { idempotent: false });
    await kv.put("k", "value");
    assert.equal(sent.length, 2);
  });

  it("never is of a write that is stored with too few confirmations", async () => {
    const { kv } = scripted([refused("write_concern_unmet")]);
    await assert.rejects(kv.put("k", "value", { w: 3 }), { code: "write_concern_unmet", mayHaveApplied: true });
  });

  it("never is of what will not change, nor of deleting a prefix", async () => {
    for (const [code, status] of [
      ["precondition_failed", 412],
      ["invalid_header", 400],
      ["storage_full", 507],
    ] as const) {
      const { kv } = scripted([refused(code, status)]);
      await assert.rejects(kv.put("k", "value"), { code, status, mayHaveApplied: false });
    }
    const partly = new Response(JSON.stringify({ code: "no_replica", detail: "", deleted: 7 }), { status: 503 });
    const { kv } = scripted([refused("no_replica"), partly]);
    await assert.rejects(kv.deletePrefix("a/"), { code: "no_replica", mayHaveApplied: false });
    await assert.rejects(kv.deletePrefix("a/"), { details: { deleted: 7 }, mayHaveApplied: true });
  });

  it("goes without the Idempotency-Key to a stand-in when the home is away and nothing was written", async () => {
    const { kv, sent } = scripted([refused("home_unavailable"), written()]);
    await kv.put("k", "value");
    assert.ok(sent[0]!.id !== null && sent[1]!.id === null);
  });

  it("keeps the Idempotency-Key when an attempt may have been applied, a condition needs the home, or it was given", async () => {
    const unknown = scripted([lost, refused("home_unavailable"), written()]);
    await unknown.kv.put("k", "value");
    const conditional = scripted([refused("home_unavailable"), written()]);
    await conditional.kv.put("k", "value", { ifNoneMatch: "*" });
    const given = scripted([refused("home_unavailable"), written()]);
    await given.kv.put("k", "value", { idempotencyKey: "mine" });
    for (const { sent } of [unknown, conditional, given]) assert.equal(new Set(sent.map(({ id }) => id)).size, 1);
  });

  it("that ends in a refusal still says that an earlier attempt may have been applied", async () => {
    const { kv } = scripted([lost, refused("home_unavailable")], { retries: 1 });
    await assert.rejects(kv.put("k", "value"), { code: "home_unavailable", mayHaveApplied: true });
  });

  it("is not begun when Retry-After leads beyond the time-out", async () => {
    const { kv, sent } = scripted([refused("no_replica", 503, { "Retry-After": "60" })], { timeoutMs: 5000 });
    await assert.rejects(kv.get("k"), { code: "no_replica" });
    assert.equal(sent.length, 1);
  });
});

describe("a client that loses a third of all answers", () => {
  it("applies each write once, alone, in updates and in batches", async () => {
    const serving = await serve({}, { partitions: 2 });
    const random = new SeededRandom(7);
    let lostAnswers = 0;
    const lossy: typeof fetch = async (url, init) => {
      const answer = await fetch(url, init);
      if (!random.chance(1 / 3)) return answer;
      await answer.arrayBuffer();
      lostAnswers++;
      throw lost;
    };
    try {
      const kv = new KvasirClient({ url: serving.url, fetch: lossy, retries: 20, timeoutMs: 60_000 });
      const increment = () => kv.update("counter", (current) => (current?.json<number>() ?? 0) + 1, { attempts: 100 });
      await Promise.all(Array.from({ length: 10 }, increment));
      const counter = await serving.store.get("counter");
      assert.equal(new TextDecoder().decode(counter!.value), "10");

      const created = await Promise.all(
        Array.from({ length: 10 }, (_, index) => kv.put(`k${index}`, "x", { ifNoneMatch: "*" })),
      );
      assert.ok(created.every(({ existed }) => existed === false));
      const deleted = await kv.batch(Array.from({ length: 10 }, (_, index) => ({ op: "delete", key: `k${index}` })));
      assert.ok(deleted.every(({ written }) => written!.existed === true));
      assert.ok(lostAnswers > 5);
    } finally {
      await serving.close();
    }
  });
});

describe("a call", () => {
  const hanging = ({ signal }: RequestInit) =>
    new Promise<Response>((_, reject) => signal!.addEventListener("abort", () => reject(signal!.reason)));

  it("ends at its time-out, and a write says that it may have been applied", async () => {
    const { kv } = scripted([hanging, hanging], { timeoutMs: 20 });
    await assert.rejects(kv.get("k"), { code: "timeout", mayHaveApplied: false });
    await assert.rejects(kv.put("k", "value"), { code: "timeout", mayHaveApplied: true });
  });

  it("ends when its signal is aborted: before, on the way and while it waits", async () => {
    const { kv, sent } = scripted([hanging, refused("no_replica", 503, { "Retry-After": "5" })]);
    await assert.rejects(kv.put("k", "value", { signal: AbortSignal.abort("why") }), {
      code: "aborted",
      cause: "why",
      mayHaveApplied: false,
    });
    assert.equal(sent.length, 0);
    await assert.rejects(kv.put("k", "value", { signal: AbortSignal.timeout(10) }), {
      code: "aborted",
      mayHaveApplied: true,
    });
    await assert.rejects(kv.get("k", { signal: AbortSignal.timeout(10) }), { code: "aborted" });
    assert.equal(sent.length, 2);
  });

  it("names whoever answers in the server's place", async () => {
    const { kv } = scripted([
      new Response("<h1>Not here</h1>", { status: 404 }),
      new Response(null, { status: 302, headers: { Location: "/login" } }),
      new Response("[]", { status: 403 }),
    ]);
    await assert.rejects(kv.get("k"), { code: "unexpected_answer", status: 404, message: /Not here/ });
    await assert.rejects(kv.put("k", "x"), { code: "unexpected_answer", status: 302, mayHaveApplied: false });
    await assert.rejects(kv.get("k"), { code: "unexpected_answer", status: 403 });
  });
});

describe("the clock token", () => {
  const token = (hash: string, ms: number) => `${ms};${hash}.00000000000${ms}-1`;
  const clockOf = (text: string) => written({ "Kvasir-Clock": text });

  it("is sent back, and joined with those of answers in another order", async () => {
    const { kv, sent } = scripted([
      clockOf(token("b", 2)),
      clockOf(token("a", 1)),
      written(),
      found(),
      clockOf("new form"),
      found(),
    ]);
    for (const key of ["b", "a", "c"]) await kv.put(key, "x");
    await kv.get("a");
    const joined = "2;a.000000000001-1;b.000000000002-1";
    assert.deepEqual(
      sent.map(({ clock }) => clock),
      [null, "2;b.000000000002-1", joined, joined],
    );
    await kv.put("b", "x");
    assert.equal(kv.clock, "new form");
  });

  it("has the newer version of a key that both know, and the last 16 keys", async () => {
    const many = Array.from({ length: 16 }, (_, index) => `;${index.toString(36)}.00000000001${index.toString(36)}-1`);
    const { kv } = scripted([clockOf(token("0", 9)), clockOf(token("0", 3)), clockOf(`5${many.join("")}`)]);
    await kv.put("a", "x");
    await kv.put("a", "x");
    assert.equal(kv.clock, "9;0.000000000009-1");
    await kv.put("b", "x");
    assert.equal(kv.clock, `9${many.join("")}`);
  });
});

describe("a client of a store whose partition is away", () => {
  it("goes on writing and reading, alone and in batches", async () => {
    const serving = await serve({}, { partitions: 2 });
    try {
      const kv = new KvasirClient({ url: serving.url });
      const keys = Array.from({ length: 12 }, (_, index) => `k${index}`);
      await kv.batch(
        keys.map((key) => ({ op: "put", key, value: "before" })),
        { w: "all" },
      );
      serving.partitions[0]!.faults.isDown = true;
      for (const key of keys.slice(0, 6)) await kv.put(key, "after");
      const results = await kv.batch([
        ...keys.slice(6).map((key) => ({ op: "put", key, value: "after" }) as const),
        ...keys.map((key) => ({ op: "put", key, value: "never", ifNoneMatch: "*" }) as const),
      ]);
      assert.deepEqual(
        results.slice(0, 6).map(({ error }) => error),
        Array(6).fill(undefined),
      );
      const codes = new Set(results.slice(6).map(({ error }: { error?: KvasirError }) => error?.code));
      assert.deepEqual([...codes].sort(), ["home_unavailable", "precondition_failed"]);
      const found = await kv.batch(keys.map((key) => ({ op: "get", key })));
      assert.deepEqual(
        found.map(({ entry }) => entry?.text()),
        keys.map(() => "after"),
      );
    } finally {
      await serving.close();
    }
  });
});
