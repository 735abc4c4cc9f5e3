import assert from "node:assert/strict";
import { it } from "node:test";
import type { Hint } from "../../src/partition.ts";
import type { Record } from "../../src/record.ts";
import { stampAt } from "../../src/version.ts";
import { syncStore } from "../support/sync-store.ts";

it("catching up delivers what a stand-in took, by whatever clock it was stamped", async (context) => {
  const { partitions, members, handoff, clock, close } = await syncStore(2);
  context.after(close);
  const [home, standIn] = partitions;
  const hints = new Map<string, Hint>();
  standIn!.state.outbox.set("p1", hints);
  for (const [key, at] of Object.entries({ past: clock.now - 9000, ahead: clock.now + 9000 })) {
    const version = { stamp: stampAt(at), writer: 1 };
    const record: Record = {
      key,
      version,
      isTombstone: false,
      value: Buffer.from("x"),
      type: "",
      metadata: "",
      expires: 0,
    };
    standIn!.state.records.set(key, record);
    hints.set(key, { target: "p1", key, version, standIn: true });
  }
  handoff.noteStandIn(members[1]!, members[0]!);
  await handoff.catchUp(members[0]!);
  assert.deepEqual([...home!.state.records.keys()].sort(), ["ahead", "past"]);
  assert.equal(hints.size, 0);
  assert.ok(handoff.hasAll(members[0]!));
});
