import assert from "node:assert/strict";
import { it } from "node:test";
import { follow } from "../../src/cli/partition/follow.ts";
import { memoryStore } from "../support/memory-store.ts";

it("tells a change that somebody else cancels from one that is done", async () => {
  const { store, second } = await memoryStore({ partitions: 2, replicas: 1 });
  const other = await second();
  for (let number = 0; number < 300; number++) {
    await store.put(`${number}`, { value: Buffer.from("x"), type: "", metadata: "", expires: 0 });
  }
  await store.topology.begin({ kind: "weight", name: "p1", weight: 9, keysPerSecond: 1 });
  const followed = follow(store);
  await other.topology.refresh();
  await other.topology.cancel();
  assert.equal(await followed, "cancelled");
  await store.topology.begin({ kind: "weight", name: "p1", weight: 2 });
  assert.equal(await follow(store), "done");
  await Promise.all([store.close(), other.close()]);
});
