import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, beforeEach, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { keyBucket } from "../../src/replicas/hash.ts";
import { Placement } from "../../src/replicas/placement.ts";
import { openSocket, problem, put, receive, type Serving, serve } from "../http/serving.ts";
import { eventually } from "../support/memory-store.ts";

/** So long that no machine is too slow. */
const queueMs = 60_000;

/** Makes the reads and writes of a partition wait. Gives what lets them go on. */
function hold({ partitions }: Serving, index: number): () => void {
  const { promise, resolve } = Promise.withResolvers<void>();
  const { faults } = partitions[index]!;
  faults.hold = promise;
  return () => {
    faults.hold = undefined;
    resolve();
  };
}

const overloaded = async (response: Response) => {
  assert.equal(response.headers.get("Retry-After"), "1");
  const { status, code } = await problem(response);
  assert.deepEqual([status, code], [503, "overloaded"]);
};

async function metric(serving: Serving, name: string): Promise<number> {
  const text = await (await serving.request("/metrics")).text();
  return Number(new RegExp(`^${name} ([0-9]+)$`, "m").exec(text)![1]);
}

/** But for the one that asks. */
async function inFlight(serving: Serving): Promise<number> {
  return (await metric(serving, "kvasir_http_requests_in_flight")) - 1;
}

describe("a server that is asked for more than it can do", () => {
  let serving: Serving;
  before(async () => {
    serving = await serve({ requestsMax: 6, bodyBudgetBytes: 2 ** 20, valueBytesMax: 2 ** 20 }, { queueMs });
  });
  after(() => serving.close());

  it("refuses requests beyond the bound at once, still says that it is healthy, and serves all when there is room", async () => {
    const release = hold(serving, 0);
    const accepted = Array.from({ length: 5 }, (_, number) => serving.request(`/kv/${number}`));
    await eventually(async () => (await inFlight(serving)) === 5);
    const last = serving.request("/kv/last");
    await eventually(async () => (await serving.request("/kv/more")).status === 503);
    await overloaded(await serving.request("/kv/more"));
    await overloaded(await put(serving, "more", "value"));
    assert.equal((await serving.request("/healthz")).status, 200);
    assert.equal((await serving.request("/readyz")).status, 200);
    release();
    for (const answer of await Promise.all([...accepted, last])) assert.equal(answer.status, 404);
    assert.equal((await put(serving, "more", "value")).status, 201);
    const warnings = serving.log.filter(({ msg }) => msg.startsWith("too many requests are under way"));
    assert.equal(warnings.length, 1, "and its log does not grow with each of them");
  });

  it("counts the bytes of a body until its request is answered", async () => {
    const release = hold(serving, 0);
    const body = "x".repeat(600_000);
    const first = put(serving, "first", body);
    await eventually(async () => (await inFlight(serving)) === 1);
    await eventually(async () => {
      const second = await put(serving, "second", body);
      if (second.status === 503) await overloaded(second);
      return second.status === 503;
    });
    release();
    assert.equal((await first).status, 201);
    assert.equal((await put(serving, "second", body)).status, 201);
  });

  it("does not begin what waits behind another request of a client that is gone", async () => {
    const release = hold(serving, 0);
    const others = await metric(serving, "kvasir_http_connections");
    const socket = await openSocket(serving.port);
    const fields = "Host: localhost\r\nContent-Length: 1\r\n\r\n";
    socket.write(`PUT /kv/begun HTTP/1.1\r\n${fields}aPUT /kv/waiting HTTP/1.1\r\n${fields}b`);
    await eventually(async () => (await inFlight(serving)) === 1);
    socket.destroy();
    await eventually(async () => (await metric(serving, "kvasir_http_connections")) <= others);
    release();
    await eventually(async () => (await serving.store.get("begun")) !== undefined);
    await eventually(async () => (await inFlight(serving)) === 0);
    assert.equal(await serving.store.get("waiting"), undefined);
  });
});

describe("a request that its client sent behind others on one connection", () => {
  it("gets 503 when it has waited too long for them, and is not begun", async () => {
    const serving = await serve({ queueTimeoutMs: 1 }, { queueMs });
    try {
      const release = hold(serving, 0);
      const socket = await openSocket(serving.port);
      const put = (key: string) => `PUT /kv/${key} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\na`;
      socket.write(put("first") + put("second") + put("third"));
      await eventually(async () => (await inFlight(serving)) === 1);
      const other = serving.request("/kv/other", { method: "PUT", body: "a" });
      await eventually(async () => (await inFlight(serving)) === 2);
      // No machine is so quick that this is less than a millisecond.
      await sleep(10);
      release();
      const answers = await receive(socket, /503[\s\S]*503/);
      assert.deepEqual(answers.match(/(?<=HTTP\/1.1 )[0-9]+/g), ["201", "503", "503"]);
      assert.equal((await other).status, 201, "which waited for the partition alone");
      assert.equal(await serving.store.get("second"), undefined);
      socket.write(put("fourth"));
      await receive(socket, /HTTP\/1.1 201/);
      socket.destroy();
    } finally {
      await serving.close();
    }
  });
});

describe("one connection with more than 1000 requests that are not answered yet", () => {
  it("is closed, and fewer are all answered in their order", async () => {
    const serving = await serve({}, { queueMs });
    try {
      const get = "GET /kv/a HTTP/1.1\r\nHost: localhost\r\n\r\n";
      const patient = await openSocket(serving.port);
      const release = hold(serving, 0);
      patient.write(get.repeat(1000));
      const greedy = await openSocket(serving.port);
      greedy.write(get.repeat(1001));
      await once(greedy.resume(), "close");
      release();
      await receive(patient, /HTTP/);
      patient.destroy();
    } finally {
      await serving.close();
    }
  });
});

describe("a partition that answers slowly", () => {
  let serving: Serving;
  const keysOf: string[][] = [[], []];
  before(async () => {
    serving = await serve({}, { partitions: 2, replicas: 1, queueMs });
    const names = ["p1", "p2"].map((name) => ({ name, weight: 1 }));
    const placement = new Placement(names, 1);
    for (let number = 0; number < 2000; number++) {
      keysOf[placement.replica(keyBucket(`k${number}`), 0)]!.push(`k${number}`);
    }
  });
  beforeEach(() => assert.ok(keysOf.every((keys) => keys.length > 500)));
  after(() => serving.close());

  it("slows no request for the others: neither reads nor writes", async () => {
    const release = hold(serving, 0);
    let slowAnswers = 0;
    const count = async (answer: Promise<Response>) => {
      const { status } = await answer;
      slowAnswers++;
      return status;
    };
    const [slow, quick] = keysOf as [string[], string[]];
    const waiting = slow.slice(0, 50).map((key) => count(serving.request(`/kv/${key}`)));
    waiting.push(...slow.slice(50, 100).map((key) => count(put(serving, key, "value"))));
    for (const key of quick.slice(0, 40)) {
      assert.equal((await put(serving, key, "value")).status, 201);
      assert.equal((await serving.request(`/kv/${key}`)).status, 200);
    }
    assert.equal(slowAnswers, 0);
    release();
    assert.deepEqual(new Set(await Promise.all(waiting)), new Set([404, 201]));
  });
});
