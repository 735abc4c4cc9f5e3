import assert from "node:assert/strict";
import { describe } from "node:test";
import { type Bench, failure, suiteIdentity } from "./bench.ts";

export function openingClaims(bench: Bench): void {
  const { claim, key, writeOne, readOne } = bench;
  describe("open and initialise", () => {
    claim("say who the partition is and what it can take", async () => {
      const info = await bench.partition.open();
      assert.deepEqual(info.identity, suiteIdentity);
      assert.ok(info.schemaVersion >= 1);
      assert.equal(info.topology, undefined);
      assert.notEqual(info.engine, "");
      assert.equal(info.durability === "relaxed", info.durabilityNote !== "");
      assert.ok(info.valueBytesMax >= 2 ** 20 - 2 ** 16);
    });

    claim("may be repeated, and change nothing", async () => {
      await writeOne("kept");
      await bench.partition.initialise(suiteIdentity);
      await bench.partition.initialise(suiteIdentity);
      await Promise.all([bench.partition.open(), bench.partition.open()]);
      assert.notEqual(await readOne("kept"), undefined);
    });

    claim("refuse the database of another store", async () => {
      const error = await failure(bench.partition.initialise({ ...suiteIdentity, cluster: "other" }));
      assert.equal(error.kind, "refused");
      assert.deepEqual((await bench.partition.open()).identity, suiteIdentity);
    });

    claim("refuse the database of another partition", async () => {
      const west = bench.opened.renamed?.("west");
      if (west === undefined) return;
      assert.equal((await failure(west.open())).kind, "refused");
      assert.equal((await failure(west.initialise({ ...suiteIdentity, partition: "west" }))).kind, "refused");
      await west.close();
      assert.deepEqual((await bench.partition.open()).identity, suiteIdentity);
    });

    claim("call a database without schema uninitialised, until it has one", async () => {
      const handle = await bench.opened.bare();
      const bare = handle();
      const error = await failure(bare.open());
      assert.equal(error.kind, "uninitialised");
      assert.equal(error.outcome, "not_applied");
      await bare.initialise({ ...suiteIdentity, partition: bare.name });
      assert.deepEqual((await bare.open()).identity, { ...suiteIdentity, partition: bare.name });
      await bare.close();
    });
  });

  describe("close", () => {
    claim("may be repeated, and the partition opened again with what it had", async () => {
      const other = await bench.opened.second?.();
      if (other === undefined) return;
      await writeOne("kept");
      await other.close();
      await other.close();
      await other.open();
      const [record] = await other.read([key("kept")]);
      assert.equal(record?.key, key("kept"));
      await other.close();
    });
  });
}
