import assert from "node:assert/strict";
import { it } from "node:test";
import type { Progress } from "../../src/partition.ts";
import { isReceiving } from "../../src/sync/standing.ts";
import { syncStore } from "../support/sync-store.ts";

it("a partition is not taken for one that was set back when its answers come in another order", async (context) => {
  const { members, replicaSet, close } = await syncStore(2);
  context.after(close);
  const [replica] = members;
  const { partition } = replica!;
  const answers: ((progress: Progress) => void)[] = [];
  const slow = { ...replica!, name: replica!.name, passSeen: 0 } as (typeof members)[number];
  slow.use = (work) => work({ ...partition, progress: () => new Promise((resolve) => answers.push(resolve)) });
  const progress = await partition.progress();
  const earlier = isReceiving(slow, replicaSet);
  const later = isReceiving(slow, replicaSet);
  while (answers.length < 2) await new Promise((resolve) => setImmediate(resolve));
  answers[1]!({ ...progress, pass: 6 });
  assert.equal(await later, false);
  answers[0]!({ ...progress, pass: 5 });
  assert.equal(await earlier, false);
});
