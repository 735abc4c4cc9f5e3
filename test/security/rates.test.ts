import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Allowance } from "../../src/http/allowance.ts";
import { parseRate } from "../../src/rate.ts";
import { decodeToken, encodeToken } from "../../src/token.ts";
import { problem, type Serving, serve } from "../http/serving.ts";

const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });
const hourly = parseRate("3/h")!;

async function newToken({ store }: Serving, name: string, rate?: string): Promise<string> {
  return (await store.tokens.create({ name, scopes: ["read", "write"], prefixes: [], rate })).text;
}

async function statuses(serving: Serving, token: string, count: number): Promise<number[]> {
  const found: number[] = [];
  for (let sent = 0; sent < count; sent++) {
    found.push((await serving.request("/kv/a", { headers: bearer(token) })).status);
  }
  return found;
}

describe("a token that sends more than its rate", () => {
  it("gets 429 with Retry-After until there is room again, and nobody else does", async () => {
    const serving = await serve({ rateLimit: hourly });
    try {
      const [busy, other] = [await newToken(serving, "busy"), await newToken(serving, "other")];
      assert.deepEqual(await statuses(serving, busy, 5), [404, 404, 404, 429, 429]);
      const refused = await serving.request("/kv/a", { method: "PUT", body: "x", headers: bearer(busy) });
      assert.match(refused.headers.get("Retry-After")!, /^1[0-9]{3}$/);
      const { status, code, detail } = await problem(refused);
      assert.deepEqual([status, code], [429, "rate_limited"]);
      assert.match(detail, /may send 3\/h to a process; wait 1[0-9]{3} s/);
      assert.equal(await serving.store.get("a"), undefined);
      assert.deepEqual(await statuses(serving, other, 1), [404]);
      assert.equal((await serving.request("/healthz", { headers: bearer(busy) })).status, 200);
    } finally {
      await serving.close();
    }
  });

  it("has one rate however its header is spelled, and after other tokens were made", async () => {
    const serving = await serve({ rateLimit: hourly });
    try {
      const token = await newToken(serving, "one");
      const spellings = [
        `Bearer ${token}`,
        `bearer  ${token} `,
        `Basic ${Buffer.from(`ann:${token}`).toString("base64")}`,
      ];
      const found: number[] = [];
      for (const Authorization of [...spellings, `Basic ${Buffer.from(`bob:${token}`).toString("base64")}`]) {
        found.push((await serving.request("/kv/a", { headers: { Authorization } })).status);
      }
      assert.deepEqual(found, [404, 404, 404, 429]);
      await newToken(serving, "two");
      assert.deepEqual(await statuses(serving, token, 1), [429]);
    } finally {
      await serving.close();
    }
  });

  it("has its own rate instead of the general one, or none", async () => {
    const serving = await serve({ rateLimit: hourly });
    try {
      assert.deepEqual(await statuses(serving, await newToken(serving, "slow", "1/h"), 2), [404, 429]);
      const free = await statuses(serving, await newToken(serving, "free", "none"), 8);
      assert.deepEqual(new Set(free), new Set([404]));
    } finally {
      await serving.close();
    }
  });

  it("pays for each member of a batch, and for each key of a prefix that it deletes", async () => {
    const serving = await serve();
    try {
      const token = await newToken(serving, "batches", "4/h");
      const operations = ["a", "b", "c"].map((key) => ({ op: "put", key: `x/${key}`, value: "1" }));
      const init = {
        method: "POST",
        body: JSON.stringify(operations),
        headers: { ...bearer(token), "Content-Type": "application/json" },
      };
      assert.equal((await serving.request("/batch", init)).status, 200);
      assert.deepEqual(await statuses(serving, token, 2), [404, 429]);

      const deleter = await newToken(serving, "deleter", "4/h");
      const deleted = await serving.request("/kv?prefix=x/", { method: "DELETE", headers: bearer(deleter) });
      assert.deepEqual(await deleted.json(), { deleted: 3 });
      assert.deepEqual(await statuses(serving, deleter, 1), [429]);
    } finally {
      await serving.close();
    }
  });
});

describe("an allowance", () => {
  it("frees one request after the other, lets a refused one cost nothing, and never saves up more than all", () => {
    let now = 0;
    const allowance = new Allowance(parseRate("10/s")!, () => now);
    const take = (count: number) => {
      let taken = 0;
      for (; taken < count; taken++) {
        try {
          allowance.take();
        } catch {
          break;
        }
      }
      return taken;
    };
    assert.equal(take(20), 10);
    assert.equal(take(20), 0);
    now = 100;
    assert.equal(take(20), 1);
    now = 1_000_000;
    assert.equal(take(20), 10);
    now += 350;
    assert.equal(take(20), 3);
  });

  it("is in debt for what was worth more than it had", () => {
    let now = 0;
    const allowance = new Allowance(parseRate("10/s")!, () => now);
    allowance.take();
    allowance.spend(29);
    now = 2000;
    assert.throws(() => allowance.take(), { code: "rate_limited", details: { retry_after: 1 } });
    now = 2100;
    allowance.take();
  });
});

describe("the rate of a token", () => {
  const token = { digest: "d", name: "a", scopes: ["read"], prefixes: [], created: 1, revoked: 0 } as const;

  it("is stored with it", () => {
    for (const rate of ["100/s", "600/m", "5000/h", "none"]) {
      assert.deepEqual(decodeToken("d", encodeToken({ ...token, rate })), { ...token, rate });
    }
    assert.deepEqual(decodeToken("d", encodeToken(token)), token);
  });

  it("that nobody can read lets nobody in", () => {
    for (const rate of ["0/s", "1/d", "-1/s", "1.5/s", "1000001/s", "s", 7 as never]) {
      assert.notEqual(decodeToken("d", encodeToken({ ...token, rate })).revoked, 0);
    }
  });
});
