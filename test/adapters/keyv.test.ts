import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import keyvTestSuite, { keyvIteratorTests } from "@keyv/test-suite";
import KeyvHq from "@keyvhq/core";
import keyvHqTestSuite from "@keyvhq/test-suite";
import { Keyv, type KeyvStoreAdapter } from "keyv";
import { KvasirStore } from "../../src/adapters/keyv.ts";
import { type Serving, serve } from "../http/serving.ts";
import { avaLike, vitestLike } from "../support/suite-runners.ts";

let serving: Serving;
before(async () => {
  serving = await serve({}, { partitions: 2 });
});
after(() => serving.close());

const store = () => new KvasirStore({ url: serving.url });
type Vitest = Parameters<typeof keyvTestSuite>[0];

describe("@keyv/test-suite", () => {
  keyvTestSuite(vitestLike() as unknown as Vitest, Keyv, store);
});

describe("@keyv/test-suite's iterator", () => {
  keyvIteratorTests(vitestLike() as unknown as Vitest, Keyv, store);
});

describe("@keyvhq/test-suite", () => {
  keyvHqTestSuite(avaLike(), KeyvHq, store);
});

describe("a Keyv with a KvasirStore", () => {
  it("takes it as the adapter that its types ask for", async () => {
    const adapter: KeyvStoreAdapter = store();
    const cache = new Keyv({ store: adapter, namespace: "typed" });
    assert.equal(await cache.set("a", { b: 1 }), true);
    assert.deepEqual(await cache.get("a"), { b: 1 });
  });

  it("keeps its entries below its prefix, where they expire too", async () => {
    const kvasir = store();
    const cache = new Keyv({ store: kvasir, namespace: "pages", ttl: 60_000 });
    await cache.set("a/../b", "x");
    await cache.set("gone", "x", 1);
    await new Promise((resolve) => setTimeout(resolve, 5));
    const entry = (await kvasir.client.get("keyv/pages:a/../b"))!;
    assert.match(entry.text(), /^\{"value":"x","expires":\d+\}$/);
    assert.ok(entry.expires! > new Date());
    assert.equal(await kvasir.client.has("keyv/pages:gone"), false);
    await kvasir.client.put("other", "x");
    await new Keyv({ store: store(), useKeyPrefix: false, namespace: "" }).clear();
    assert.equal(await kvasir.client.has("other"), true);
  });

  it("clears its namespace and no other that begins with the same letters", async () => {
    const [short, long] = ["env", "environment"].map((namespace) => new Keyv({ store: store(), namespace }));
    await short!.set("a", 1);
    await long!.set("a", 2);
    await short!.clear();
    assert.deepEqual([await short!.get("a"), await long!.get("a")], [undefined, 2]);
  });

  it("sets, gets and deletes many in one request", async () => {
    let requests = 0;
    const counted: typeof fetch = (...given) => {
      requests++;
      return fetch(...given);
    };
    const cache = new Keyv({ store: new KvasirStore({ url: serving.url, fetch: counted }), namespace: "many" });
    const entries = Array.from({ length: 50 }, (_, index) => ({ key: `k${index}`, value: index, ttl: 60_000 }));
    assert.deepEqual(await cache.setMany(entries), Array(50).fill(true));
    assert.deepEqual(await cache.getMany(["k1", "none", "k49"]), [1, undefined, 49]);
    assert.equal(await cache.deleteMany(["k1", "none"]), true);
    assert.equal(requests, 3);
    assert.equal(await cache.set("k2", 2, -1), true);
    assert.deepEqual(await cache.getMany(["k1", "k2", "k3"]), [undefined, undefined, 3]);
  });

  it("tells of a store that is away, in reads too", async () => {
    const away = new KvasirStore({ url: "http://127.0.0.1:1", retries: 0 });
    const cache = new Keyv({ store: away });
    const codes: unknown[] = [];
    cache.on("error", (error: { code: string }) => codes.push(error.code));
    assert.equal(await cache.get("a"), undefined);
    assert.equal(await cache.set("a", 1), false);
    assert.deepEqual(codes, ["network", "network"]);
    const strict = new Keyv({ store: away, throwOnErrors: true });
    await assert.rejects(strict.get("a"), { code: "network" });
  });

  it("refuses values that nobody made text of", async () => {
    await assert.rejects(store().set("a", { b: 1 } as unknown as string), /leave Keyv its serializer/);
  });
});
