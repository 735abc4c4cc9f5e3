import assert from "node:assert/strict";
import { it } from "node:test";
import { type Partition, PartitionError } from "../../src/partition.ts";
import type { Record } from "../../src/record.ts";
import { scrub } from "../../src/sync/scrub.ts";
import { stampAt } from "../../src/version.ts";
import { syncStore } from "../support/sync-store.ts";

it("a partition that is lost is named, and what the others hold is read and mended all the same", async (context) => {
  const { members, partitions, replicaSet, runtime, clock, close } = await syncStore(3);
  context.after(close);
  const version = { stamp: stampAt(clock.now), writer: 1 };
  const sound: Record = {
    key: "k",
    version,
    isTombstone: false,
    value: Buffer.from("x"),
    type: "",
    metadata: "",
    expires: 0,
  };
  for (const { partition } of partitions) await partition.apply([sound]);
  await partitions[1]!.partition.restore([{ ...sound, value: Buffer.from("broken") }]);
  const lose = async () => {
    throw new PartitionError("unreachable", "p1", "no answer");
  };
  const changes: Partial<Partition>[] = [
    { scrub: lose },
    { scrub: async () => ({ damaged: ["k"], rows: 1, last: undefined }) },
  ];
  for (const [index, change] of changes.entries()) {
    const { partition } = members[index]!;
    const changed = new Proxy(partition, { get: (_, name: keyof Partition) => change[name] ?? partition[name] });
    Object.assign(members[index]!, { partition: changed });
  }
  const found = await scrub({ replicas: replicaSet, runtime, isRepair: true });
  assert.deepEqual(found, {
    damaged: [{ partition: "p2", key: "k", isMended: true }],
    missing: ["p1: no answer"],
  });
  assert.deepEqual(partitions[1]!.state.records.get("k"), sound);
});
