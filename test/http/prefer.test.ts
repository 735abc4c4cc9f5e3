import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { preferredWait } from "../../src/http/prefer.ts";
import { eventually } from "../support/memory-store.ts";
import { problem, put, type Serving, serve } from "./serving.ts";

describe("preferredWait", () => {
  const fields: { readonly [field: string]: number | undefined } = {
    "wait=5": 5,
    "WAIT = 5": 5,
    'wait="5"': 5,
    "wait=0": 0,
    "wait=60": 60,
    "wait=61": 60,
    "wait=99999999999999999999": 60,
    "respond-async, wait=3;why=now, return=minimal": 3,
    "wait=1, wait=2": 1,
    'note="a, wait=9", wait=2': 2,
    "waiting=5": undefined,
    "wait=soon": undefined,
    "wait=1.5": undefined,
    "wait=-1": undefined,
    "wait=soon, wait=5": undefined,
    wait: undefined,
    "": undefined,
    ";;==,,": undefined,
  };
  for (const [field, seconds] of Object.entries(fields)) {
    it(`reads ${JSON.stringify(field)} as ${seconds}`, () => {
      assert.equal(preferredWait({ headers: { prefer: field } }), seconds);
    });
  }

  it("finds nothing where there is no such header", () => {
    assert.equal(preferredWait({ headers: {} }), undefined);
  });
});

describe("Prefer: wait", () => {
  const open: Serving[] = [];
  afterEach(async () => {
    await Promise.all(open.splice(0).map((serving) => serving.close()));
  });
  const start = async () => {
    const serving = await serve({}, { partitions: 2, requestTimeoutMs: 600_000 });
    open.push(serving);
    return serving;
  };
  const applied = (response: Response) => response.headers.get("Preference-Applied");

  it("ends the wait for confirmations, and says so", async () => {
    const serving = await start();
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    for (const { memory } of serving.partitions) {
      const apply = memory.apply.bind(memory);
      memory.apply = async (...parameters) => {
        await released;
        return apply(...parameters);
      };
    }
    const headers = { Prefer: "wait=0" };
    const unmet = await serving.request("/kv/a?w=2", { method: "PUT", body: "x", headers });
    assert.deepEqual([unmet.status, applied(unmet)], [503, "wait=0"]);
    assert.equal((await problem(unmet)).code, "write_concern_unmet");
    release();
    const met = await serving.request("/kv/a?w=all", { method: "PUT", body: "y", headers: { Prefer: "wait=99" } });
    assert.deepEqual([met.status, applied(met)], [204, "wait=60"]);
  });

  it("ends the wait for a version that is fresh enough", async () => {
    const serving = await start();
    const [first, second] = serving.partitions;
    for (const { faults } of serving.partitions) faults.refusesDeliveries = true;
    const headers = { "Kvasir-Clock": (await put(serving, "a", "x")).headers.get("Kvasir-Clock")!, Prefer: "wait=0" };
    const isFirst = (await first!.memory.read(["a"]))[0] !== undefined;
    const [home, other] = isFirst ? [first!, second!] : [second!, first!];
    const [record] = await home.memory.read(["a"]);
    home.faults.isDown = true;
    const stale = await serving.request("/kv/a", { headers });
    assert.deepEqual([stale.status, applied(stale)], [503, "wait=0"]);
    assert.equal((await problem(stale)).code, "not_fresh_enough");
    const asked = other.calls.get("read") ?? 0;
    const waiting = serving.request("/kv/a", { headers: { ...headers, Prefer: "wait=60" } });
    await eventually(() => (other.calls.get("read") ?? 0) > asked + 1);
    await other.memory.apply([record!]);
    const fresh = await waiting;
    assert.deepEqual([fresh.status, applied(fresh), await fresh.text()], [200, "wait=60", "x"]);
  });

  it("is not gone by where there is nothing to wait for, and never refused", async () => {
    const serving = await start();
    for (const Prefer of ["wait=5", "wait=soon", "??"]) {
      const written = await put(serving, "a", "x", { Prefer });
      assert.ok(written.ok);
      assert.equal(applied(written), null);
      const read = await serving.request("/kv/a", { headers: { Prefer } });
      assert.deepEqual([read.status, applied(read)], [200, null]);
    }
    const malformed = await serving.request("/kv/a?w=2", { method: "PUT", body: "x", headers: { Prefer: "wait=x" } });
    assert.deepEqual([malformed.status, applied(malformed)], [204, null]);
  });
});
