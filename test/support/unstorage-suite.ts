import assert from "node:assert/strict";
import { after, afterEach, before, it } from "node:test";
import { createStorage, type Driver, restoreSnapshot, type Storage, type StorageValue } from "unstorage";

/** What unstorage asks of any driver, as its own (unpublished) tests do. */
export function unstorageSuite(newDriver: () => Driver): void {
  let driver: Driver;
  let storage: Storage;
  before(() => {
    driver = newDriver();
    storage = createStorage({ driver });
  });
  afterEach(() => storage.clear());
  after(() => storage.dispose());

  const sortedKeys = async (base?: string, options?: { maxDepth: number }) =>
    (await storage.getKeys(base, options)).sort();

  it("is empty at first", async () => {
    assert.deepEqual(await storage.getKeys(), []);
    assert.equal(await storage.hasItem("s1:a"), false);
    assert.equal(await storage.getItem("s1:a"), null);
  });

  it("restores a snapshot", async () => {
    await restoreSnapshot(storage, { initial: "works" });
    assert.equal(await storage.getItem("initial"), "works");
  });

  it("has what was set, without the query in its key", async () => {
    await storage.setItem("s1:a", "test_data");
    await storage.setItem("s3:a?q=1", "other_data");
    assert.equal(await storage.hasItem("s1:a"), true);
    assert.equal(await storage.getItem("s1:a"), "test_data");
    assert.equal(await storage.getItem("s3:a?q=2"), "other_data");
  });

  it("lists all keys, those below a base, and those of a depth", async () => {
    for (const key of ["top", "s1:a", "s1:b:c", "s1:b:d", "s12:a"]) await storage.setItem(key, "x");
    assert.deepEqual(await sortedKeys(), ["s12:a", "s1:a", "s1:b:c", "s1:b:d", "top"]);
    assert.deepEqual(await sortedKeys("s1"), ["s1:a", "s1:b:c", "s1:b:d"]);
    assert.deepEqual(await sortedKeys("s1:b"), ["s1:b:c", "s1:b:d"]);
    assert.deepEqual(await sortedKeys("none"), []);
    assert.deepEqual(await sortedKeys(undefined, { maxDepth: 0 }), ["top"]);
    assert.deepEqual(await sortedKeys(undefined, { maxDepth: 1 }), ["s12:a", "s1:a", "top"]);
  });

  for (const [name, value] of [
    ["an object", { json: "works", list: [1, null] }],
    ["true", true],
    ["false", false],
    ["zero", 0],
    ["null", null],
    ["an empty text", ""],
    ["a text that looks like nothing else", "grüße <b>&amp;</b>\n"],
  ] as const) {
    it(`keeps ${name}`, async () => {
      await storage.setItem("/data/value.json", value);
      assert.deepEqual(await storage.getItem("/data/value.json"), value);
      assert.equal(await storage.hasItem("data:value.json"), true);
    });
  }

  it("keeps what toJSON gives, and refuses what has none", async () => {
    await storage.setItem("a", { toJSON: () => ({ serialized: "works" }) });
    assert.deepEqual(await storage.getItem("a"), { serialized: "works" });
    class Plain {}
    await assert.rejects(storage.setItem("b", new Plain() as never), /Cannot stringify value/);
  });

  it("keeps bytes", async () => {
    for (const bytes of [Uint8Array.of(0, 1, 255), Uint8Array.of(97, 98), new Uint8Array(100_000).fill(7)]) {
      await storage.setItemRaw("data:raw.bin", bytes);
      assert.deepEqual(new Uint8Array((await storage.getItemRaw("data:raw.bin"))!), bytes);
    }
    await storage.setItem("text", "as bytes");
    assert.equal(new TextDecoder().decode((await storage.getItemRaw("text"))!), "as bytes");
  });

  it("sets and gets many", async () => {
    await storage.setItems<StorageValue>([
      { key: "t:1", value: "one" },
      { key: "t:2", value: { two: 2 } },
    ]);
    assert.deepEqual(await storage.getItems(["t:1", { key: "t:2" }, "t:3?q=1"]), [
      { key: "t:1", value: "one" },
      { key: "t:2", value: { two: 2 } },
      { key: "t:3", value: null },
    ]);
  });

  it("has meta: the time of change, the time to live, and what was set beside it", async () => {
    await storage.setItem("a", "x", { ttl: 3600 });
    await storage.setMeta("a", { owner: "ann" });
    const { mtime, ttl, owner } = await storage.getMeta("a");
    assert.ok(Math.abs(mtime!.getTime() - Date.now()) < 60_000);
    assert.equal(ttl, 3600);
    assert.equal(owner, "ann");
    await storage.setItem("a", "x");
    assert.equal((await storage.getMeta("a", { nativeOnly: true })).ttl, undefined);
  });

  it("removes one item, those below a base, and all", async () => {
    for (const key of ["a", "s1:a", "s1:b", "s12:a"]) await storage.setItem(key, "x");
    await storage.removeItem("a");
    await storage.removeItem("a");
    assert.equal(await storage.hasItem("a"), false);
    // The storage itself gives bases of its mounts alone.
    await driver.clear!("s1:", {});
    assert.deepEqual(await sortedKeys(), ["s12:a"]);
    await storage.clear();
    await storage.clear();
    assert.deepEqual(await sortedKeys(), []);
  });

  it("keeps odd keys apart", async () => {
    const keys = ["ä:é", "x%2Fy", "x:y", "a b", "a+b", "a#b", "a&b=c", "🔑", "%", "a;b", "..a", "'\"<>"];
    for (const key of keys) await storage.setItem(key, `value of ${key}`);
    for (const key of keys) assert.equal(await storage.getItem(key), `value of ${key}`);
    assert.deepEqual(await sortedKeys(), keys.toSorted());
  });

  it("lists more keys than fit a page", async () => {
    const keys = Array.from({ length: 250 }, (_, index) => `many:${String(index).padStart(3, "0")}`);
    await storage.setItems(keys.map((key) => ({ key, value: "x" })));
    assert.deepEqual(await sortedKeys("many"), keys);
  });
}
