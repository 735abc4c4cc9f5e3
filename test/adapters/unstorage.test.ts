import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { createStorage } from "unstorage";
import httpDriver from "unstorage/drivers/http";
import kvasirDriver from "../../src/adapters/unstorage.ts";
import { KvasirClient } from "../../src/client/index.ts";
import { type Serving, serve } from "../http/serving.ts";
import { unstorageSuite } from "../support/unstorage-suite.ts";

let serving: Serving;
before(async () => {
  serving = await serve({ listLimitMax: 100 }, { partitions: 2 });
});
after(() => serving.close());

describe("the driver for unstorage", () => {
  unstorageSuite(() => kvasirDriver({ url: serving.url, namespace: "driver" }));

  it("shares its data with the http driver at the mount of the same namespace", async () => {
    const own = createStorage({ driver: kvasirDriver({ url: serving.url, namespace: "shared" }) });
    const stock = createStorage({ driver: httpDriver({ base: `${serving.url}/unstorage/shared` }) });
    await own.setItem("s1:a", { from: "own" });
    await stock.setItem("s1:b", { from: "stock" });
    assert.deepEqual(await stock.getItem("s1:a"), { from: "own" });
    assert.deepEqual(await own.getItem("s1:b"), { from: "stock" });
    assert.deepEqual(await own.getKeys("s1"), await stock.getKeys("s1"));
    await own.clear();
    assert.deepEqual(await stock.getKeys(), []);
  });

  it("is a Kvasir client with all of its errors", async () => {
    const storage = createStorage({ driver: kvasirDriver({ url: "http://127.0.0.1:1", retries: 0 }) });
    await assert.rejects(storage.getItem("a"), { code: "network" });
    await assert.rejects(storage.setItems([{ key: "a", value: "x" }]), { code: "network" });
    assert.ok(kvasirDriver({ url: serving.url }).getInstance!() instanceof KvasirClient);
    const small = createStorage({ driver: kvasirDriver({ url: serving.url }) });
    await assert.rejects(small.setItems([{ key: "a".repeat(1100), value: "x" }]), { code: "key_too_long" });
  });
});
