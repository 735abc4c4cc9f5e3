import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Write, WriteOutcome } from "../../src/partition.ts";
import {
  moved,
  receivedApplied,
  receivedWrites,
  sentApplied,
  sentWrites,
} from "../../src/partitions/sql/sqlite-messages.ts";
import { tombstone } from "../../src/record.ts";
import { stampMax } from "../../src/version.ts";

const content = { isTombstone: false, value: Buffer.from("value"), type: "text/plain", metadata: "", expires: 0 };
const plain: Write = { key: "a", content, stamp: 1n, writer: 1, now: 1, owed: [], standIn: false, epoch: 3 };

describe("what travels to the thread of a SQLite file", () => {
  it("is what was sent, whatever a write has", () => {
    const writes: Write[] = [
      plain,
      { ...plain, key: "é\u{10000}", stamp: stampMax, writer: 2 ** 48 - 1, now: 2 ** 45 },
      { ...plain, content: tombstone },
      { ...plain, content: { ...content, value: new Uint8Array(0), metadata: '{"a":"b"}', expires: 2 ** 44 } },
      { ...plain, owed: ["west"] },
      { ...plain, owed: ["west"] },
      { ...plain, owed: ["east"], standIn: true },
      { ...plain, condition: { ifMatch: ["1-1"] } },
      { ...plain, condition: { ifNoneMatch: "*" }, request: { id: "i", digest: "d" } },
      { ...plain, attempted: { stamp: 5n, writer: 6 } },
    ];
    const sent = sentWrites(writes);
    const received = receivedWrites(structuredClone(sent, { transfer: moved(sent) }));
    const comparable = (write: Write) => ({
      ...write,
      content: { ...write.content, value: [...write.content.value] },
    });
    assert.deepEqual(received.map(comparable), writes.map(comparable));
    assert.deepEqual(Buffer.from(plain.content.value), Buffer.from("value"), "what was sent stays with its sender");
  });

  it("is the outcomes, when all were applied", () => {
    const outcomes: WriteOutcome[] = [
      { kind: "applied", version: { stamp: stampMax, writer: 2 ** 48 - 1 }, existed: true },
      { kind: "applied", version: { stamp: 1n, writer: 1 }, existed: false },
    ];
    assert.deepEqual(receivedApplied(structuredClone(sentApplied(outcomes)!)), outcomes);
    assert.equal(sentApplied([...outcomes, { kind: "unknown" }]), undefined);
  });
});
